"""The plugin: it registers the provider of algorithms."""

from __future__ import annotations

from qgis.core import QgsApplication, QgsProcessingProvider

from .extract import ExtractAlgorithm
from .sample import SampleAlgorithm
from .surveys import SurveysAlgorithm


class HrdemProvider(QgsProcessingProvider):
    """The algorithms, as ``hrdem:…``."""

    def id(self):
        return "hrdem"

    def name(self):
        return "hrdem"

    def supportedOutputRasterLayerExtensions(self):
        return ["tif", "vrt"]

    def supportedOutputVectorLayerExtensions(self):
        return ["gpkg"]

    def supportsNonFileBasedOutput(self):
        return False

    def loadAlgorithms(self):
        for algorithm in (ExtractAlgorithm, SampleAlgorithm, SurveysAlgorithm):
            self.addAlgorithm(algorithm())


class HrdemPlugin:
    """Registers the provider while the plugin is loaded."""

    def __init__(self):
        self._provider = None

    def initProcessing(self):
        """Register the provider; all that QGIS calls without a window, as `qgis_process` does."""
        self._provider = HrdemProvider()
        QgsApplication.processingRegistry().addProvider(self._provider)

    def initGui(self):
        self.initProcessing()

    def unload(self):
        QgsApplication.processingRegistry().removeProvider(self._provider)
