"""Compare two rasters of heights on one lattice: the second minus the first."""

from __future__ import annotations

import contextlib
import json
import logging
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.io import DatasetReader

from hrdem._version import __version__
from hrdem.errors import NoDataError, RequestError
from hrdem.geo.band import CGVD2013_CODES, Band, find_band_problem
from hrdem.geo.crs import describe_crs
from hrdem.geo.grid import Grid, Pixels, Window
from hrdem.geo.nodata import DEFAULT_NODATA, valid_mask
from hrdem.output.geotiff import GeoTiffWriter
from hrdem.output.geotiff_metadata import Band as OutputBand
from hrdem.output.provenance import check_raster_output, get_stac_path
from hrdem.processing.differences import Differences, DifferenceTally
from hrdem.request.aoi.like import read_raster_grid
from hrdem.request.aoi.local_files import find_gdal_path, resolve_local_path
from hrdem.request.options import VerticalDatum
from hrdem.request.protocols import PathLike
from hrdem.runtime.gdal_errors import GDAL_ERRORS, gdal_message, raise_if_out_of_memory
from hrdem.runtime.progress import OnProgress, ProgressMeter
from hrdem.runtime.threads import map_in_order, thread_pool
from hrdem.sources.gdal_band import describe_band, read_band
from hrdem.tiff.encode import BLOCK, choose_tile_format, encode

_CGVD28_CODE = "EPSG:5713"
_TILE_FORMAT = choose_tile_format("float32")
_ENCODERS = min(4, os.cpu_count() or 1)  # threads

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class HeightRaster:
    """A raster of heights in a local file; its first band.

    Attributes:
        path: The file.
        grid: Its pixel grid.
        band: What it states about its numbers.
        vertical_datum: Vertical datum that it states, or empty.
    """

    path: Path
    grid: Grid
    band: Band
    vertical_datum: str

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready values."""
        return {
            "file": self.path.name,
            "grid": self.grid.as_dict(),
            "vertical_datum": self.vertical_datum or None,
        }


@dataclass(frozen=True, slots=True)
class PixelCounts:
    """Pixels that two rasters have in common, by which of them has a value.

    Attributes:
        both: Pixels with a value in both.
        only_a: Pixels with a value in the first alone.
        only_b: Pixels with a value in the second alone.
        neither: All others.
    """

    both: int = 0
    only_a: int = 0
    only_b: int = 0
    neither: int = 0

    def __add__(self, other: PixelCounts) -> PixelCounts:
        """Return the counts of both sets of pixels together."""
        return PixelCounts(
            self.both + other.both,
            self.only_a + other.only_a,
            self.only_b + other.only_b,
            self.neither + other.neither,
        )

    def as_dict(self) -> dict[str, int]:
        """Return it as JSON-ready values."""
        return {
            "both": self.both,
            "only_a": self.only_a,
            "only_b": self.only_b,
            "neither": self.neither,
        }


@dataclass(frozen=True, slots=True)
class RasterComparison:
    """The second raster minus the first.

    Attributes:
        a: The first raster.
        b: The second raster.
        grid: The pixels that both cover.
        counts: Those pixels, by which raster has a value.
        differences: Statistics of b minus a.
        output: Path of the GeoTIFF of the differences; None if none was written.
        quicklook: Path of the picture beside it; None if none was requested.
    """

    a: HeightRaster
    b: HeightRaster
    grid: Grid
    counts: PixelCounts
    differences: Differences
    output: Path | None
    quicklook: Path | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready values."""
        return {
            "a": self.a.as_dict(),
            "b": self.b.as_dict(),
            "grid": self.grid.as_dict(),
            "pixels": self.counts.as_dict(),
            "differences": self.differences.as_dict(),
            "output": None if self.output is None else str(self.output),
            "quicklook": None if self.quicklook is None else str(self.quicklook),
        }


def compare(
    a: PathLike, b: PathLike, output: Path | None, on_progress: OnProgress, *, overwrite: bool
) -> RasterComparison:
    """Subtract a raster from another where both have a value.

    Args:
        a: The first raster, which is subtracted.
        b: The second raster.
        output: GeoTIFF to write, float32; None for statistics alone.
        on_progress: Called after each block.
        overwrite: Whether an existing output may be replaced.

    Raises:
        RequestError: If a file is no raster of heights, or the two differ in lattice or datum.
        NoDataError: If no pixel has a value in both.
        OutputError: If the output exists or cannot be written.
    """
    one, other = _open_raster(a, "a"), _open_raster(b, "b")
    if output is not None:
        check_raster_output(output, overwrite, (one.path, other.path))
    _check_datums(one, other)
    subtraction = _Subtraction(one, other, *_find_common_windows(one, other), output)
    return subtraction.run(on_progress, overwrite=overwrite)


def _open_raster(name: PathLike, parameter: str) -> HeightRaster:
    # os.path.exists takes names that are too long for Path
    if not Path(name).suffix and not os.path.exists(name):  # noqa: PTH110
        raise RequestError(
            f"There is no file {os.fspath(name)}. Check the path that was given as `{parameter}`. "
            "Surveys are compared by name in an area: give `bbox` as well, for example."
        )
    path = find_gdal_path(resolve_local_path(name, parameter), parameter)
    grid = read_raster_grid(path, parameter)
    with _translate_errors(path), rasterio.open(path) as dataset:
        band = describe_band(dataset)
        stated = dataset.tags().get("HRDEM_VERTICAL_DATUM", "")
    if problem := find_band_problem(replace(band, vertical_crs=""), "metre"):
        raise RequestError(f"{path.name} {problem}. Give a raster of heights as `{parameter}`.")
    return HeightRaster(path, grid, band, stated or _name_datum(band.vertical_crs))


def _name_datum(vertical_crs: str) -> str:
    if vertical_crs in CGVD2013_CODES:
        return VerticalDatum.CGVD2013.value
    return VerticalDatum.CGVD28.value if vertical_crs == _CGVD28_CODE else vertical_crs


def _check_datums(a: HeightRaster, b: HeightRaster) -> None:
    """Refuse heights in two vertical datums; warn if only one is stated."""
    if a.vertical_datum == b.vertical_datum:
        return
    if a.vertical_datum and b.vertical_datum:
        raise RequestError(
            f"{a.path.name} has heights in {a.vertical_datum}, {b.path.name} in "
            f"{b.vertical_datum}, so their difference would contain what lies between the datums. "
            "Extract both in the same vertical datum."
        )
    stated, silent = (a, b) if a.vertical_datum else (b, a)
    log.warning(
        "%s states heights in %s, %s states no vertical datum: the differences contain what lies "
        "between the two, if they differ.",
        stated.path.name,
        stated.vertical_datum,
        silent.path.name,
    )


def _find_common_windows(a: HeightRaster, b: HeightRaster) -> tuple[Window, Window]:
    """Return the window of the common pixels in each raster.

    Raises:
        RequestError: If the rasters have other lattices.
        NoDataError: If they have no pixel in common.
    """
    located = a.grid.locate(b.grid)
    if located is None:
        raise RequestError(
            f"{a.path.name} and {b.path.name} are on different lattices: "
            f"{_describe_lattices(a.grid, b.grid)}. Nothing is resampled here: extract one again "
            "like the other, or warp it with gdalwarp."
        )
    common = a.grid.window.intersection(located)
    if common is None:
        raise NoDataError(
            f"{a.path.name} and {b.path.name} have no pixel in common: they cover "
            f"{_format_bounds(a.grid)} and {_format_bounds(b.grid)}."
        )
    return common, common.shifted(-located.column, -located.row)


def _describe_lattices(a: Grid, b: Grid) -> str:
    """Describe the first difference between two lattices."""
    if a.crs != b.crs:
        return f"{describe_crs(a.crs)} and {describe_crs(b.crs)}"
    if a.resolution != b.resolution:
        sizes = ("{:.10g} x {:.10g}".format(*each.resolution) for each in (a, b))
        return f"pixels of {' and '.join(sizes)}"
    right = (b.transform.c - a.transform.c) / a.resolution[0]
    down = (a.transform.f - b.transform.f) / a.resolution[1]
    off = (abs(each - round(each)) for each in (right, down))
    return "their edges are {:.3g} and {:.3g} pixels apart".format(*off)


def _format_bounds(grid: Grid) -> str:
    return f"{','.join(f'{edge:.10g}' for edge in grid.bounds)} ({describe_crs(grid.crs)})"


@dataclass(frozen=True, slots=True)
class _Tile:
    """Differences of a window, and the same compressed; empty if nothing is to be written."""

    window: Window
    values: NDArray[np.float32]
    counts: PixelCounts
    encoded: bytes


@dataclass(frozen=True, slots=True)
class _Subtraction:
    """The common pixels of two rasters, and what is done with them.

    Attributes:
        a: The first raster.
        b: The second raster.
        in_a: The common pixels in the first raster.
        in_b: The same in the second.
        output: GeoTIFF to write; None for none.
    """

    a: HeightRaster
    b: HeightRaster
    in_a: Window
    in_b: Window
    output: Path | None

    def run(self, on_progress: OnProgress, *, overwrite: bool) -> RasterComparison:
        grid = self.a.grid.crop(self.in_a)
        tally, counts = DifferenceTally(grid), PixelCounts()
        meter = ProgressMeter(grid.window.pixels, on_progress)
        with contextlib.ExitStack() as stack:
            writer = self._make_writer(grid, overwrite=overwrite)
            if writer is not None:
                stack.enter_context(writer)
            pool = stack.enter_context(thread_pool(_ENCODERS, "compare"))
            for tile in map_in_order(pool, self._subtract, self._read(grid), 2 * _ENCODERS):
                counts += tile.counts
                tally.add(tile.window, tile.values)
                if writer is not None and tile.encoded:
                    row = tile.window.row // BLOCK
                    writer.write(tile.window.column // BLOCK, row, tile.encoded)
                meter.add(tile.window.pixels, 0)
            if not counts.both:
                raise NoDataError(
                    f"No pixel has a height in both {self.a.path.name} and {self.b.path.name}: "
                    f"{counts.only_a:,} have one in the first, {counts.only_b:,} in the second."
                )
            differences = tally.finish()
            if writer is not None and self.output is not None:
                sidecar = get_stac_path(self.output), None
                writer.commit(differences.statistics, self._make_tags(), sidecar)
        return RasterComparison(self.a, self.b, grid, counts, differences, self.output)

    @property
    def name(self) -> str:
        """What is subtracted from what."""
        return f"{self.b.path.name} minus {self.a.path.name}"

    def _make_writer(self, grid: Grid, *, overwrite: bool) -> GeoTiffWriter | None:
        if self.output is None:
            return None
        return GeoTiffWriter(
            self.output,
            grid,
            grid.crs,
            DEFAULT_NODATA,
            _TILE_FORMAT,
            [OutputBand(self.name, "metre")],
            overwrite=overwrite,
        )

    def _read(self, grid: Grid) -> Iterator[tuple[Window, Pixels, Pixels]]:
        """Yield the numbers of both rasters, block by block; GDAL serves one thread."""
        with (
            _translate_errors(self.a.path),
            rasterio.open(self.a.path) as first,
            _translate_errors(self.b.path),
            rasterio.open(self.b.path) as second,
        ):
            for window in grid.window.split(BLOCK, BLOCK):
                yield (
                    window,
                    _read_window(first, self.a, window.shifted(self.in_a.column, self.in_a.row)),
                    _read_window(second, self.b, window.shifted(self.in_b.column, self.in_b.row)),
                )

    def _subtract(self, task: tuple[Window, Pixels, Pixels]) -> _Tile:
        window, first, second = task
        in_a, in_b = (
            valid_mask(values, raster.band.nodata)
            for values, raster in ((first, self.a), (second, self.b))
        )
        both = in_a & in_b
        values = np.full(both.shape, math.nan, np.float32)
        values[both] = second[both].astype(np.float64) - first[both].astype(np.float64)
        kinds = both, in_a & ~in_b, in_b & ~in_a, ~(in_a | in_b)
        counts = PixelCounts(*(int(np.count_nonzero(each)) for each in kinds))
        encoded = b""
        if self.output is not None and counts.both:
            pixels = np.where(both, values, np.float32(DEFAULT_NODATA))
            encoded = encode(pixels, _TILE_FORMAT, DEFAULT_NODATA)
        return _Tile(window, values, counts, encoded)

    def _make_tags(self) -> dict[str, str]:
        """Return the tags of the output: what was subtracted from what."""
        return {
            "TIFFTAG_SOFTWARE": f"hrdem {__version__}",
            "TIFFTAG_IMAGEDESCRIPTION": f"Heights of {self.name}, in metres.",
            "HRDEM_PRODUCT": "difference",
            "HRDEM_INPUTS": json.dumps([self.a.as_dict(), self.b.as_dict()], ensure_ascii=False),
        }


def _read_window(dataset: DatasetReader, raster: HeightRaster, window: Window) -> Pixels:
    with _translate_errors(raster.path):
        return read_band(dataset, raster.band, window)


@contextlib.contextmanager
def _translate_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except GDAL_ERRORS as exc:
        raise_if_out_of_memory(exc)
        raise RequestError(
            f"{path.name} cannot be read: {gdal_message(exc)} Check the file, or extract it again."
        ) from exc
