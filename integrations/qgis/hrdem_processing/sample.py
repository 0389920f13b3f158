"""Sample heights, or another product, at the points of a layer."""

from __future__ import annotations

from qgis.core import (
    QgsProcessing,
    QgsProcessingException,
    QgsProcessingParameterFeatureSource,
    QgsProcessingParameterVectorDestination,
    QgsProcessingUtils,
    QgsVectorFileWriter,
)

from .algorithm import HrdemAlgorithm, name_crs
from .command import INTERPOLATIONS, PRODUCTS, make_sample_words


class SampleAlgorithm(HrdemAlgorithm):
    """``hrdem sample``."""

    PRODUCTS = PRODUCTS

    def name(self):
        return "sample"

    def displayName(self):
        return "Heights at points"

    def shortHelpString(self):
        return (
            "The points of a layer with the height, or another product, at each of them, the item "
            "it comes from, and its vertical datum. Points without data have empty cells."
        )

    def initAlgorithm(self, configuration=None):
        self.addParameter(
            QgsProcessingParameterFeatureSource("INPUT", "Points", [QgsProcessing.TypeVectorPoint])
        )
        self.add_product()
        self.add_choice("INTERPOLATION", "Interpolation", INTERPOLATIONS)
        self.add_fill()
        self.add_more()
        self.addParameter(QgsProcessingParameterVectorDestination("OUTPUT", "Heights"))

    def processAlgorithm(self, parameters, context, feedback):
        source = self.parameterAsSource(parameters, "INPUT", context)
        if source is None:
            raise QgsProcessingException(self.invalidSourceError(parameters, "INPUT"))
        output = self.parameterAsOutputLayer(parameters, "OUTPUT", context)
        self.run_words(
            make_sample_words,
            feedback,
            points=_save_points(source, context, feedback),
            crs=name_crs(source.sourceCrs()),
            output=output,
            interpolation=self.parameterAsEnumString(parameters, "INTERPOLATION", context),
            fill=self.parameterAsString(parameters, "FILL", context),
            **self.read_product(parameters, context),
        )
        return {"OUTPUT": output}


def _save_points(source, context, feedback):
    """Write the features that QGIS shows: those selected, filtered or edited, in the layer's CRS.

    Returns:
        Path of a temporary GeoPackage, which QGIS removes.
    """
    path = QgsProcessingUtils.generateTempFilename("points.gpkg")
    options = QgsVectorFileWriter.SaveVectorOptions()
    options.driverName = "GPKG"
    options.layerOptions = ["FID=hrdem_fid"]  # a field fid of the layer may have a value twice
    writer = QgsVectorFileWriter.create(
        path,
        source.fields(),
        source.wkbType(),
        source.sourceCrs(),
        context.transformContext(),
        options,
    )
    for feature in source.getFeatures():
        if feedback.isCanceled():
            break
        if not writer.addFeature(feature):
            raise QgsProcessingException(f"The points cannot be copied: {writer.errorMessage()}.")
    del writer  # closes the file
    return path
