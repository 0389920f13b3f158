"""Check what a raster holds against the item that describes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import rasterio
from affine import Affine
from rasterio.io import DatasetReader

from hrdem.geo.nodata import valid_mask
from hrdem.output.provenance import MULTIHASH_SHA256
from hrdem.output.publish import StoredFile
from hrdem.processing.statistics import Statistics
from hrdem.runtime.gdal_errors import gdal_message, raise_if_out_of_memory
from hrdem.runtime.progress import OnProgress, ProgressMeter, ignore_progress


@dataclass(frozen=True, slots=True)
class DescribedRaster:
    """What an item says of a raster.

    Attributes:
        stored: Size and checksum of the file.
        pixels: Percentage of valid pixels of the first band, minimum and maximum; None if they
            were not computed.
    """

    stored: StoredFile
    pixels: tuple[Any, Any, Any] | None

    @classmethod
    def of(cls, asset: Mapping[str, Any]) -> Self:
        """Read an asset of an item; raise one of several errors if it is invalid."""
        stored = StoredFile(
            asset["file:size"], asset["file:checksum"].removeprefix(MULTIHASH_SHA256)
        )
        ranges = asset["bands"][0].get("statistics")
        if ranges is None:
            return cls(stored, None)
        return cls(stored, (ranges["valid_percent"], ranges["minimum"], ranges["maximum"]))

    def check_file(self, path: Path) -> str:
        """Compare size and checksum; return what differs, as a sentence.

        Raises:
            OSError: If the file cannot be read.
        """
        found = StoredFile.of(path)
        if found.size != self.stored.size:
            return f"It has {found.size:,} bytes, and {self.stored.size:,} according to its item."
        if found != self.stored:
            return f"Its SHA-256 is {found.sha256}, and {self.stored.sha256} according to its item."
        return ""

    def check_pixels(
        self, dataset: DatasetReader, on_progress: OnProgress = ignore_progress
    ) -> str:
        """Compare the valid pixels of the first band; return what differs, as a sentence."""
        if self.pixels is None:
            return ""
        statistics = _measure(dataset, on_progress)
        valid = statistics.percent_of(dataset.width * dataset.height)
        found = valid, statistics.minimum, statistics.maximum
        if found == self.pixels:
            return ""
        return (
            "Its valid pixels (percent, minimum and maximum) are "
            f"{_format(found)}, and {_format(self.pixels)} according to its item."
        )


def check_grid(dataset: DatasetReader, shape: tuple[int, int], transform: Affine) -> str:
    """Compare the grid of a raster with rows and columns, and a transform."""
    if dataset.shape == shape and dataset.transform.almost_equals(transform):
        return ""
    return (
        f"Its grid has {dataset.height} rows and {dataset.width} columns from "
        f"{_format_corner(dataset.transform)}, and {shape[0]} and {shape[1]} from "
        f"{_format_corner(transform)} according to its item."
    )


def describe_unreadable(exc: BaseException) -> str:
    """Say that GDAL cannot read a raster; raise an error again that is about memory."""
    raise_if_out_of_memory(exc)
    return f"GDAL cannot read it: {gdal_message(exc)}"


def _measure(dataset: DatasetReader, on_progress: OnProgress) -> Statistics:
    """Return the statistics of the first band, by rows of blocks."""
    statistics, height, nodata = Statistics(), dataset.block_shapes[0][0], dataset.nodata
    meter = ProgressMeter(dataset.width * dataset.height, on_progress)
    for row in range(0, dataset.height, height):
        window = rasterio.windows.Window(0, row, dataset.width, min(height, dataset.height - row))
        pixels = dataset.read(1, window=window)
        statistics += Statistics.of(pixels[valid_mask(pixels, nodata)], pixels.size)
        meter.add(pixels.size, 0)
    return statistics


def _format(values: tuple[Any, ...]) -> str:
    return ", ".join(map(str, values))


def _format_corner(transform: Affine) -> str:
    return f"{transform.c:.10g},{transform.f:.10g}"
