"""Layers: rasters beside an output, on its grid, with the source and the year of each pixel."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hrdem.output.colours import Colour, get_source_colour
from hrdem.output.geotiff import GeoTiffWriter
from hrdem.output.geotiff_metadata import Band
from hrdem.output.pam import format_class_pam, format_table_pam
from hrdem.output.paths import get_layer_path
from hrdem.output.plan_writer import OutputOptions, choose_halving
from hrdem.planning.plan import Plan
from hrdem.processing.halve import Halving
from hrdem.runtime.text import to_one_line

MAX_NAME_CHARACTERS = 300  # of a class
NO_DATA_NAME = "no data"
_NO_DATA_COLOUR = (255, 255, 255)


@dataclass(frozen=True, slots=True)
class LayerClass:
    """A value of a layer that stands for something.

    Attributes:
        value: The value.
        name: What it stands for, such as the name of a source.
        colour: Colour in which programs draw it.
    """

    value: int
    name: str
    colour: Colour


@dataclass(frozen=True, slots=True)
class Layer:
    """A raster beside an output, 0 where the output has no data.

    Attributes:
        name: Its name in the file name, and as an asset.
        title: What it holds.
        dtype: Pixel type, a numpy name.
        classes: What its values stand for, in ascending order.
    """

    name: str
    title: str
    dtype: str
    classes: tuple[LayerClass, ...]

    @property
    def has_colours(self) -> bool:
        """Whether a TIFF has a table of colours for its values: all that a byte can have."""
        return self.dtype == "uint8"

    @property
    def colours(self) -> tuple[Colour, ...]:
        """Colours of the values from 0 on; empty without a table."""
        if not self.has_colours:
            return ()
        return _NO_DATA_COLOUR, *(each.colour for each in self.classes)

    def format_pam(self) -> str:
        """Format GDAL's metadata file beside it, with the names of its classes."""
        if self.has_colours:
            return format_class_pam([NO_DATA_NAME, *(c.name for c in self.classes)], self.colours)
        return format_table_pam([(c.value, c.name, c.colour) for c in self.classes])

    def path_beside(self, output: Path) -> Path:
        """Return its path beside an output."""
        return get_layer_path(output, self.name)

    def describe_band(self) -> dict[str, Any]:
        """Return its band as STAC has it."""
        return {
            "name": self.name,
            "description": self.title,
            "data_type": self.dtype,
            "nodata": 0,
            "classification:classes": [
                {
                    "value": each.value,
                    "name": f"{self.name}-{each.value}",
                    "title": each.name,
                    "color_hint": bytes(each.colour).hex().upper(),
                }
                for each in self.classes
            ],
        }


def list_layers(plan: Plan) -> tuple[Layer, ...]:
    """Return the layers of a plan's output."""
    classes = tuple(
        LayerClass(number, source.name, get_source_colour(number))
        for number, source in enumerate(plan.sources, 1)
    )
    surfaces = plan.request.product.surfaces
    kinds = [f"{each} source" for each in surfaces] if len(surfaces) > 1 else ["source"]
    sources = (
        Layer(name, f"id of the {kind} of each pixel", "uint8", classes)
        for name, kind in zip(plan.request.source_layers, kinds, strict=False)
    )
    title = "year of the last flight of the newest survey at each pixel"
    years = [Layer("year", title, "uint16", _list_years(plan))] if plan.flights else []
    return *sources, *years


def _list_years(plan: Plan) -> tuple[LayerClass, ...]:
    """Return the years of surveys, with their names."""
    names: dict[int, list[str]] = {}
    for flight in plan.flights:
        names.setdefault(flight.year, []).append(flight.name)
    classes = []
    for number, (year, found) in enumerate(names.items(), 1):
        name = ", ".join([str(year), *filter(None, dict.fromkeys(found))])
        colour = get_source_colour(number)
        classes.append(LayerClass(year, to_one_line(name, MAX_NAME_CHARACTERS), colour))
    return tuple(classes)


def open_layer(layer: Layer, plan: Plan, options: OutputOptions) -> GeoTiffWriter:
    """Return a writer of a layer of a plan's output.

    Args:
        layer: From `list_layers`.
        plan: The plan.
        options: Where and how the output is written.
    """
    return GeoTiffWriter(
        layer.path_beside(options.output),
        plan.grid,
        plan.grid.crs,  # with a vertical part, `gdalwarp` would shift years and ids as if heights
        0,
        options.make_layer_format(layer.dtype),
        [Band(layer.name, "1")],  # without a unit, readers take that of the CRS
        None if choose_halving(plan, options) is None else Halving.NEAREST,
        layout=options.layout,
        overwrite=options.overwrite,
        colours=layer.colours,
    )
