"""What the algorithms have in common: area, product and collection, and how hrdem is run."""

from __future__ import annotations

from qgis.core import (
    QgsProcessingAlgorithm,
    QgsProcessingException,
    QgsProcessingParameterDefinition,
    QgsProcessingParameterEnum,
    QgsProcessingParameterExtent,
    QgsProcessingParameterString,
)

from .command import COLLECTIONS, CommandError, run_hrdem


class HrdemAlgorithm(QgsProcessingAlgorithm):
    """An algorithm that runs ``hrdem`` for an area."""

    PRODUCTS = ()

    def createInstance(self):
        return type(self)()

    def add_area(self):
        """Add the parameters of area, product and collection."""
        self.addParameter(QgsProcessingParameterExtent("EXTENT", "Area"))
        for name, label, options in (
            ("PRODUCT", "Product", self.PRODUCTS),
            ("COLLECTION", "Collection, by pixel size", COLLECTIONS),
        ):
            parameter = QgsProcessingParameterEnum(
                name, label, list(options), defaultValue=options[0], usesStaticStrings=True
            )
            self.addParameter(parameter)

    def add_more(self):
        """Add the parameter of further options."""
        more = QgsProcessingParameterString(
            "OPTIONS", "Further options of hrdem", "", optional=True
        )
        more.setFlags(more.flags() | QgsProcessingParameterDefinition.FlagAdvanced)
        self.addParameter(more)

    def read_area(self, parameters, context):
        """Return bounds, CRS, product and collection."""
        box = self.parameterAsExtent(parameters, "EXTENT", context)
        crs = self.parameterAsExtentCrs(parameters, "EXTENT", context)
        return {
            "bounds": (box.xMinimum(), box.yMinimum(), box.xMaximum(), box.yMaximum()),
            "crs": crs.authid() or crs.toWkt(),
            "product": self.parameterAsEnumString(parameters, "PRODUCT", context),
            "collection": self.parameterAsEnumString(parameters, "COLLECTION", context),
            "more": self.parameterAsString(parameters, "OPTIONS", context),
        }

    def run_words(self, words, feedback):
        """Run ``hrdem``, and return its document."""
        feedback.pushCommandInfo(" ".join(["hrdem", *words]))
        try:
            return run_hrdem(words, feedback.pushInfo, feedback.isCanceled)
        except CommandError as exc:
            raise QgsProcessingException(str(exc)) from exc
