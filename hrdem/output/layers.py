"""Layers: rasters beside an output, on its grid, with the source of each pixel."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hrdem.output.colours import Colour, get_source_colour
from hrdem.output.geotiff import Band, GeoTiffWriter
from hrdem.output.paths import get_layer_path
from hrdem.output.plan_writer import OutputOptions, make_output_crs
from hrdem.planning.plan import Plan
from hrdem.tiff.write_ifd import TileFormat

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

    def as_dict(self) -> dict[str, Any]:
        """Return it as the classification extension of STAC has it."""
        return {
            "value": self.value,
            "name": f"source-{self.value}",
            "title": self.name,
            "color_hint": bytes(self.colour).hex().upper(),
        }


@dataclass(frozen=True, slots=True)
class Layer:
    """A raster beside an output, 0 where the output has no data.

    Attributes:
        name: Its name in the file name, and as an asset.
        title: What it holds.
        dtype: Pixel type, a numpy name.
        classes: What its values from 1 on stand for.
    """

    name: str
    title: str
    dtype: str
    classes: tuple[LayerClass, ...]

    @property
    def colours(self) -> tuple[Colour, ...]:
        """Colours of the values from 0 on."""
        return _NO_DATA_COLOUR, *(each.colour for each in self.classes)

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the values from 0 on."""
        return NO_DATA_NAME, *(each.name for each in self.classes)

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
            "classification:classes": [each.as_dict() for each in self.classes],
        }


def list_layers(plan: Plan) -> tuple[Layer, ...]:
    """Return the layers of a plan's output."""
    classes = tuple(
        LayerClass(number, source.name, get_source_colour(number))
        for number, source in enumerate(plan.sources, 1)
    )
    surfaces = plan.request.product.surfaces
    kinds = [f"{each} source" for each in surfaces] if len(surfaces) > 1 else ["source"]
    return tuple(
        Layer(name, f"id of the {kind} of each pixel", "uint8", classes)
        for name, kind in zip(plan.request.source_layers, kinds, strict=False)
    )


def open_layer(
    layer: Layer, plan: Plan, options: OutputOptions, tile_format: TileFormat
) -> GeoTiffWriter:
    """Return a writer of a layer of a plan's output.

    Args:
        layer: From `list_layers`.
        plan: The plan.
        options: Where and how the output is written.
        tile_format: Compression and layout of the tiles that are written.
    """
    return GeoTiffWriter(
        layer.path_beside(options.output),
        plan.grid,
        make_output_crs(plan),
        0,
        tile_format,
        [Band(layer.name, "1")],  # without a unit, readers take that of the CRS
        smooth=False,
        layout=options.layout,
        overwrite=options.overwrite,
        colours=layer.colours,
    )
