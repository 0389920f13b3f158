"""List the lidar surveys under an area as a layer."""

from __future__ import annotations

from qgis.core import QgsProcessingParameterVectorDestination

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
        self.add_product()
        self.add_more()
        self.addParameter(QgsProcessingParameterVectorDestination("OUTPUT", "Surveys"))

    def processAlgorithm(self, parameters, context, feedback):
        output = self.parameterAsOutputLayer(parameters, "OUTPUT", context)
        self.run_words(
            make_surveys_words,
            feedback,
            output=output,
            **self.read_area(parameters, context),
            **self.read_product(parameters, context),
        )
        return {"OUTPUT": output}
