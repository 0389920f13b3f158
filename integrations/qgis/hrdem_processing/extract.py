"""Extract an area as a GeoTIFF, or as a VRT over the remote files."""

from __future__ import annotations

from qgis.core import (
    QgsProcessingParameterCrs,
    QgsProcessingParameterNumber,
    QgsProcessingParameterRasterDestination,
)

from .algorithm import HrdemAlgorithm, name_crs
from .command import PRODUCTS, make_extract_words


class ExtractAlgorithm(HrdemAlgorithm):
    """``hrdem extract``."""

    PRODUCTS = PRODUCTS

    def name(self):
        return "extract"

    def displayName(self):
        return "Extract elevation"

    def shortHelpString(self):
        return (
            "Extracts an area of the HRDEM Mosaic (1 m, 2 m) or of MRDEM (30 m). Without a pixel "
            "size and a CRS the pixels are those of the source. An output that ends in .vrt refers "
            "to the remote files instead of copying them."
        )

    def initAlgorithm(self, configuration=None):
        self.add_area()
        self.add_product()
        self.add_fill()
        self.addParameter(QgsProcessingParameterCrs("CRS", "CRS of the output", optional=True))
        size = QgsProcessingParameterNumber.Double
        self.addParameter(
            QgsProcessingParameterNumber(
                "RESOLUTION", "Pixel size in units of the CRS", size, optional=True, minValue=0
            )
        )
        self.add_more()
        self.addParameter(QgsProcessingParameterRasterDestination("OUTPUT", "Elevation"))

    def processAlgorithm(self, parameters, context, feedback):
        output = self.parameterAsOutputLayer(parameters, "OUTPUT", context)
        resolution = None
        if parameters.get("RESOLUTION") is not None:
            resolution = self.parameterAsDouble(parameters, "RESOLUTION", context)
        self.run_words(
            make_extract_words,
            feedback,
            output=output,
            fill=self.parameterAsString(parameters, "FILL", context),
            resolution=resolution,
            target_crs=name_crs(self.parameterAsCrs(parameters, "CRS", context)),
            **self.read_area(parameters, context),
            **self.read_product(parameters, context),
        )
        return {"OUTPUT": output}
