"""An ArcGIS Pro toolbox that runs the command ``hrdem``.

What it runs is in the module of the QGIS plugin, which needs neither of the two programs.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "qgis" / "hrdem_processing"))

import arcpy
from command import (
    COLLECTIONS,
    PRODUCTS,
    SURFACES,
    CommandError,
    make_extract_words,
    make_surveys_words,
    run_hrdem,
)


class Toolbox:
    """The tools."""

    def __init__(self):
        self.label = "hrdem"
        self.alias = "hrdem"
        self.tools = [Extract, Surveys]


class _Tool:
    """A tool that runs ``hrdem`` for an area."""

    PRODUCTS = ()
    OUTPUT_TYPE = ""

    def getParameterInfo(self):
        """Return area, product, collection, output and further options."""
        return [
            _make_parameter("extent", "Area", "GPExtent"),
            _make_parameter("product", "Product", "GPString", choices=self.PRODUCTS),
            _make_parameter("collection", "Collection", "GPString", choices=COLLECTIONS),
            _make_parameter("output", "Output", self.OUTPUT_TYPE, direction="Output"),
            _make_parameter("options", "Further options of hrdem", "GPString", is_required=False),
        ]

    def execute(self, parameters, messages):
        """Run the command; its messages and errors are those of the tool."""
        extent, product, collection, output, options = parameters
        box = extent.value
        crs = box.spatialReference
        try:
            words = self.make_words(
                bounds=(box.XMin, box.YMin, box.XMax, box.YMax),
                crs=f"EPSG:{crs.factoryCode}" if crs.factoryCode else crs.exportToString(),
                product=product.valueAsText,
                collection=collection.valueAsText,
                output=output.valueAsText,
                more=options.valueAsText or "",
            )
            run_hrdem(words, messages.addMessage, lambda: arcpy.env.isCancelled)
        except CommandError as exc:
            messages.addErrorMessage(str(exc))
            raise arcpy.ExecuteError from exc


class Extract(_Tool):
    """``hrdem extract``."""

    PRODUCTS = PRODUCTS
    OUTPUT_TYPE = "DEFile"

    def __init__(self):
        self.label = "Extract elevation"
        self.description = (
            "Extracts an area as a GeoTIFF; an output that ends in .vrt refers to the remote files."
        )

    def make_words(self, **area):
        """Return the words of the command; addresses of a VRT are plain ones."""
        return make_extract_words(**area, vrt_format="vrt-https")


class Surveys(_Tool):
    """``hrdem surveys``."""

    PRODUCTS = SURFACES
    OUTPUT_TYPE = "DEFile"

    def __init__(self):
        self.label = "Lidar surveys under an area"
        self.description = "Outlines of the lidar surveys under an area, as a GeoPackage."

    def make_words(self, **area):
        """Return the words of the command."""
        return make_surveys_words(**area)


def _make_parameter(name, label, kind, choices=(), direction="Input", is_required=True):
    parameter = arcpy.Parameter(
        name=name,
        displayName=label,
        datatype=kind,
        parameterType="Required" if is_required else "Optional",
        direction=direction,
    )
    if choices:
        parameter.filter.type = "ValueList"
        parameter.filter.list = list(choices)
        parameter.value = choices[0]
    return parameter
