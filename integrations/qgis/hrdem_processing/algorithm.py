"""What the algorithms have in common: area, product and collection, and how hrdem is run."""

from __future__ import annotations

from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsProcessingAlgorithm,
    QgsProcessingException,
    QgsProcessingParameterDefinition,
    QgsProcessingParameterEnum,
    QgsProcessingParameterExtent,
    QgsProcessingParameterString,
)

from .command import COLLECTIONS, CommandError, run_hrdem


class HrdemAlgorithm(QgsProcessingAlgorithm):
    """An algorithm that runs ``hrdem``."""

    PRODUCTS = ()

    def createInstance(self):
        return type(self)()

    def add_area(self):
        """Add the parameter of the area."""
        self.addParameter(QgsProcessingParameterExtent("EXTENT", "Area"))

    def add_product(self):
        """Add the parameters of product and collection."""
        self.add_choice("PRODUCT", "Product", self.PRODUCTS)
        self.add_choice(
            "COLLECTION", "Collection, by pixel size, or single lidar surveys", COLLECTIONS
        )

    def add_choice(self, name, label, options):
        """Add a parameter with a list of values, of which the first is the default."""
        parameter = QgsProcessingParameterEnum(
            name, label, list(options), defaultValue=options[0], usesStaticStrings=True
        )
        self.addParameter(parameter)

    def add_fill(self):
        """Add the parameter of collections for empty pixels."""
        self.addParameter(
            QgsProcessingParameterString(
                "FILL", "Collections for empty pixels, such as 2m,30m, or all", "", optional=True
            )
        )

    def add_more(self):
        """Add the parameter of further options."""
        more = QgsProcessingParameterString(
            "OPTIONS", "Further options of hrdem", "", optional=True
        )
        more.setFlags(more.flags() | QgsProcessingParameterDefinition.FlagAdvanced)
        self.addParameter(more)

    def read_area(self, parameters, context):
        """Return bounds and CRS."""
        box = self.parameterAsExtent(parameters, "EXTENT", context)
        crs = self.parameterAsExtentCrs(parameters, "EXTENT", context)
        bounds = (box.xMinimum(), box.yMinimum(), box.xMaximum(), box.yMaximum())
        return {"bounds": bounds, "crs": name_crs(crs)}

    def read_product(self, parameters, context):
        """Return product, collection and further options."""
        return {
            "product": self.parameterAsEnumString(parameters, "PRODUCT", context),
            "collection": self.parameterAsEnumString(parameters, "COLLECTION", context),
            "more": self.parameterAsString(parameters, "OPTIONS", context),
        }

    def run_words(self, make_words, feedback, **wanted):
        """Run ``hrdem``, and return its document.

        Args:
            make_words: Returns the words of the command.
            feedback: Takes its messages.
            **wanted: Arguments of `make_words`.
        """
        try:
            words = make_words(**wanted)
            feedback.pushCommandInfo(" ".join(["hrdem", *words]))
            return run_hrdem(words, feedback.pushInfo, feedback.isCanceled)
        except CommandError as exc:
            raise QgsProcessingException(str(exc)) from exc


def name_crs(crs):
    """Return the name of a CRS, or WKT if it is one of the user's own; "" if it is not valid."""
    if not crs.isValid() or crs.authid().startswith("EPSG:"):
        return crs.authid()
    return crs.toWkt(QgsCoordinateReferenceSystem.WKT_PREFERRED)
