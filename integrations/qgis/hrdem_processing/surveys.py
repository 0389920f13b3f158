"""List the lidar surveys under an area as a layer."""

from __future__ import annotations

from qgis.core import QgsProcessingParameterFileDestination

from .algorithm import HrdemAlgorithm
from .command import SURFACES, make_surveys_words


class SurveysAlgorithm(HrdemAlgorithm):
    """``hrdem surveys``."""

    PRODUCTS = SURFACES

    def name(self):
        return "surveys"

    def displayName(self):
        return "Lidar surveys under an area"

    def shortHelpString(self):
        return (
            "Outlines of the lidar surveys under an area, with name, years and share of the area."
        )

    def initAlgorithm(self, configuration=None):
        self.add_area()
        self.add_more()
        self.addParameter(
            QgsProcessingParameterFileDestination("OUTPUT", "Surveys", "GeoPackage (*.gpkg)")
        )

    def processAlgorithm(self, parameters, context, feedback):
        output = self.parameterAsFileOutput(parameters, "OUTPUT", context)
        words = make_surveys_words(output=output, **self.read_area(parameters, context))
        self.run_words(words, feedback)
        return {"OUTPUT": output}
