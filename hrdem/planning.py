"""From a request to a plan: which files will be read, which pixels of them, onto which grid."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from hrdem.catalog import Item
from hrdem.crs import unit_of
from hrdem.errors import NetworkError, RequestError, SourceError
from hrdem.grid import Bounds, Grid, Window, snapped
from hrdem.http.protocol import Http
from hrdem.levels import at_factor, coarsest_factor
from hrdem.meeting import NOTHING_BROKEN, Met, files_under, nothing_there
from hrdem.products import NATIVE_CRS
from hrdem.request import Align, Request
from hrdem.resampling import bounds_needed, spacing
from hrdem.sources.cog import CogFile
from hrdem.sources.opening import RasterFile
from hrdem.statistics import json_number
from hrdem.wcs.coverage import WcsCoverage

log = logging.getLogger(__name__)

_MOST_SOURCES = 254  # they are counted in a byte
_MOST_PIXELS = 2**38
_MOST_ACROSS = 500  # pixels of the source in one of the output: more take more than the memory
_USUAL_NODATA = -32767.0


@dataclass(frozen=True, slots=True)
class PlannedSource:
    """One file, or one coverage of a WCS, to read from.

    Attributes:
        name: What it is called: the id of its item, as a rule.
        items: The catalogue's items that it holds.
        asset: Key of the asset, or identifier of the coverage.
        file: The file, as its own header describes it, and its version.
        level: Which of a COG's levels is read; 0 is full resolution.
        window: Pixels of that level to read, counted on its own grid.
        place: Where they go, counted on the grid that sources are merged on.
        instead_of: What is wrong with the COG in whose place it is read, or empty.
    """

    name: str
    items: tuple[Item, ...]
    asset: str
    file: RasterFile
    level: int
    window: Window
    place: Window
    instead_of: str = ""

    @property
    def url(self) -> str:
        """Address of the file, or of the WCS, without credentials."""
        return self.file.url if isinstance(self.file, WcsCoverage) else self.file.version.url

    @property
    def block(self) -> tuple[int, int]:
        """Width and height of the blocks that it is stored in, pixels."""
        if isinstance(self.file, CogFile):
            return self.file.header.levels[self.level].tile
        return self.file.block

    @property
    def grid(self) -> Grid:
        """The pixels that its window is counted in."""
        return self.file.grid_of(self.level) if isinstance(self.file, CogFile) else self.file.grid

    @property
    def detail(self) -> str:
        """Which of its pixels are read, in words."""
        if isinstance(self.file, WcsCoverage):
            coarser = self.file.grid.resolution[0] > self.file.native
            return "made by the WCS" if coarser else "full resolution, through the WCS"
        return f"overview {self.level}" if self.level else "full resolution"

    @property
    def newest(self) -> str:
        """Date of the newest survey that its items hold, or empty."""
        return max((item.datetime for item in self.items), default="")

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready values."""
        told: dict[str, Any] = {
            "name": self.name,
            "items": [{"id": item.id, "updated": item.updated} for item in self.items],
        }
        if isinstance(self.file, WcsCoverage):
            told |= {"via": "wcs", "coverage": self.asset, "href": self.url}
            told |= {"offered": list(self.file.offered)}
        else:
            told |= {"via": "files", "asset": self.asset, "href": self.url}
            told |= self.file.version.as_dict()
        told |= {
            "level": self.level,
            "resolution": self.grid.resolution[0],
            "detail": self.detail,
            "window": _window_as_list(self.window),
            "place": _window_as_list(self.place),
        }
        return told | ({"instead_of": self.instead_of} if self.instead_of else {})


@dataclass(frozen=True, slots=True)
class Plan:
    """What an extraction will read and write.

    Attributes:
        request: What was asked for.
        grid: Grid of the output.
        native: Grid in EPSG:3979 that sources are merged on; the output's own, unless that is
            resampled from it.
        dtype: Pixel type of the output.
        nodata: Nodata value of the output; None only where blocks are copied from a file that
            declares none.
        sources: Files to read, sorted by sub-tile.
        lacking: Ids of items under the area that do not have the product.
        left_out: Ids of neighbours whose file is missing, and whose outline in the catalogue does
            not reach the area.
        area: Left, bottom, right, top in EPSG:3979 of all that was looked for.
    """

    request: Request
    grid: Grid
    native: Grid
    dtype: str
    nodata: float | None
    sources: tuple[PlannedSource, ...]
    lacking: tuple[str, ...]
    left_out: tuple[str, ...]
    area: Bounds

    @property
    def resampled(self) -> bool:
        """Whether the output's pixels are computed from the source's."""
        return self.grid != self.native

    @property
    def ranked(self) -> list[PlannedSource]:
        """The sources from the one that wins where they overlap, the newest COG, to the last."""
        newest_first = sorted(self.sources, key=lambda source: source.newest, reverse=True)
        return sorted(newest_first, key=lambda source: isinstance(source.file, WcsCoverage))

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready values."""
        return {
            "request": self.request.as_dict(),
            "grid": grid_as_dict(self.grid),
            "resampled_from": grid_as_dict(self.native) if self.resampled else None,
            "dtype": self.dtype,
            "nodata": json_number(self.nodata),
            "items_lacking_the_product": list(self.lacking),
            "neighbours_left_out": list(self.left_out),
            "sources": [source.as_dict() for source in self.sources],
        }


def make_plan(
    request: Request, http: Http, broken: Mapping[str, NetworkError] = NOTHING_BROKEN
) -> Plan:
    """Look up the catalogue and the headers of the files, and decide everything.

    Args:
        request: What was asked for.
        http: Client to ask with.
        broken: What went wrong with files that are not to be read, by the ids of their items; the
            WCS takes their place.

    Raises:
        NoDataError: If nothing lies under the area.
        RequestError: If the area is too large for one file, or the pixels of the output for the
            memory.
        NetworkError: If the catalogue or a header cannot be read.
    """
    asked = _asked_grid(request)
    detail = 0.0 if asked is None else spacing(asked, NATIVE_CRS)
    # no level that has the detail needs more around the output than pixels of twice the size
    area = _area(request, asked, 2 * max(detail, request.collection.resolution))
    found = files_under(replace(request, aoi=request.aoi.widened(area)), area, http, broken)
    under = found.files
    if len(under) > _MOST_SOURCES:
        raise SourceError(f"{len(under)} files lie under the area; ask for a smaller one.")
    if not request.resampling.takes_overviews:
        detail = 0.0
    factor = coarsest_factor([each.file for each in under], detail)
    lattice = at_factor(under[0].file, factor)[2]
    if asked is not None:
        _check_detail(asked, lattice)
    native = _native_grid(under, lattice, _area(request, asked, lattice.resolution[0]), request)
    grid = native if asked is None else asked
    for each in (grid, native):
        _check_size(each)
    dtype = _only_dtype(under, request)
    planned = (_planned(each, factor, native, request) for each in under)
    sources = tuple(source for source in planned if source is not None)
    if not sources:
        raise nothing_there(request)
    if factor > 1 and any(isinstance(source.file, WcsCoverage) for source in sources):
        log.warning(
            "The WCS makes the pixels of %g m that this is made of, and does not say how; servers "
            "take single pixels, up to half of that away. --via cog takes the files' overviews.",
            native.resolution[0],
        )
    return Plan(
        request=request,
        grid=grid,
        native=native,
        dtype=dtype,
        nodata=_output_nodata(under, dtype, request),
        sources=sources,
        lacking=found.lacking,
        left_out=found.left_out,
        area=area,
    )


def grid_as_dict(grid: Grid) -> dict[str, Any]:
    """Return a grid as JSON-ready values."""
    return {
        "crs": grid.crs,
        "unit": unit_of(grid.crs).name,
        "width": grid.width,
        "height": grid.height,
        "resolution": list(grid.resolution),
        "bounds": list(grid.bounds),
    }


def _asked_grid(request: Request) -> Grid | None:
    """The output's grid, where it is not the source's own."""
    if request.resolution is None:
        return None
    return snapped(request.crs, request.resolution, request.aoi.bounds_in(request.crs))


def _area(request: Request, asked: Grid | None, resolution: float) -> Bounds:
    """Bounds in EPSG:3979 of all that the output is made of, from pixels of so many metres."""
    if asked is None:
        return request.aoi.bounds
    return bounds_needed(asked, NATIVE_CRS, resolution, request.resampling)


def _native_grid(under: Sequence[Met], lattice: Grid, area: Bounds, request: Request) -> Grid:
    """The pixels that the output is made of, on the lattice of the files."""
    window = lattice.touched_by(area)
    if request.align is Align.PIXELS:
        return lattice.crop(window)
    if len(under) > 1:
        raise _across_files(under, window, request)
    within = window.intersection(lattice.window)
    assert within is not None
    if within != window:
        log.warning(
            "%s of %s pixels of the box lie beyond the only file under it; blocks are copied up "
            "to its edge.",
            f"{window.pixels - within.pixels:,}",
            f"{window.pixels:,}",
        )
    width, height = under[0].file.block
    left, top = within.column // width * width, within.row // height * height
    right, bottom = -(-within.right // width) * width, -(-within.bottom // height) * height
    blocks = Window(left, top, right - left, bottom - top).intersection(lattice.window)
    assert blocks is not None
    return lattice.crop(blocks)


def _across_files(under: Sequence[Met], window: Window, request: Request) -> RequestError:
    """Blocks of several files do not line up; tell the box of each one's share."""
    lattice = under[0].file.grid
    boxes = []
    for met in under:
        whole = lattice.place_of(met.file.grid)
        share = whole and window.intersection(whole)
        if share is not None:
            box = ",".join(f"{edge:.10g}" for edge in lattice.crop(share).bounds)
            boxes.append(f"--bbox {box} ({met.name})")
    return RequestError(
        f"The box {request.aoi.text} lies across {len(under)} files, whose blocks do not line up, "
        "so --align blocks cannot copy them into one. Leave it out to have them merged, or take "
        f"them one by one with --bbox-crs {NATIVE_CRS}: {'; '.join(boxes)}."
    )


def _check_size(grid: Grid) -> None:
    if grid.window.pixels > _MOST_PIXELS:
        raise RequestError(
            f"The area is {grid.width} x {grid.height} pixels, more than a whole 500 km tile at "
            "1 m and more than one file should hold. Split it, or take a coarser --resolution or "
            "--collection."
        )


def _check_detail(grid: Grid, lattice: Grid) -> None:
    """Make sure that a pixel is not made of more than the memory holds."""
    size = spacing(grid, NATIVE_CRS)
    if size > _MOST_ACROSS * lattice.resolution[0]:
        raise RequestError(
            f"Pixels of {size:,.0f} m would be made of pixels of {lattice.resolution[0]:g} m, more "
            f"than {_MOST_ACROSS} x {_MOST_ACROSS} of them. Ask for a finer --resolution; or read "
            "overviews, which needs --via cog without --engine gdal, and --resampling "
            "bilinear, cubic or average."
        )


def _planned(met: Met, factor: int, native: Grid, request: Request) -> PlannedSource | None:
    """Place a file on the grid that sources are merged on; None if it has nothing there."""
    file, level, grid = at_factor(met.file, factor)
    whole = native.place_of(grid)
    if whole is None:
        raise SourceError(
            f"{met.name} is not on the pixel lattice of the other files of "
            f"{request.collection.id} (pixels of {grid.resolution[0]:g} m from "
            f"{grid.bounds[0]:.3f}, {grid.bounds[3]:.3f}), so it cannot be merged without "
            "resampling. Extract the two sides of the border one by one."
        )
    place = whole.intersection(native.window)
    if place is not None and met.share is not None:
        place = place.intersection(native.touched_by(met.share))
    if place is None:
        return None
    return PlannedSource(
        name=met.name,
        items=met.items,
        asset=met.asset,
        file=file,
        level=level,
        window=place.shifted(-whole.column, -whole.row),
        place=place,
        instead_of=met.instead_of,
    )


def _only_dtype(under: Sequence[Met], request: Request) -> str:
    dtypes = sorted({each.file.dtype for each in under})
    if len(dtypes) > 1:
        raise SourceError(
            f"The files of {request.collection.id} hold different types of pixels "
            f"({', '.join(dtypes)}), which one output cannot. Extract the tiles one by one."
        )
    if np.dtype(dtypes[0]).kind not in "fiu":
        raise SourceError(f"The files of {request.collection.id} hold {dtypes[0]}, not heights.")
    return dtypes[0]


def _output_nodata(under: Sequence[Met], dtype: str, request: Request) -> float | None:
    """The value that the files declare; one of our own only where they declare none."""
    declared = [each.file.nodata for each in under if each.file.nodata is not None]
    if declared:
        return declared[0]
    if request.align is Align.BLOCKS:
        return None
    if np.dtype(dtype).kind != "f" and np.iinfo(dtype).min > _USUAL_NODATA:
        raise SourceError(
            f"The files of {request.collection.id} declare no nodata value, and {dtype} leaves "
            "none for pixels that no file holds. Try --align blocks, which copies one file."
        )
    return _USUAL_NODATA


def _window_as_list(window: Window) -> list[int]:
    """Column, row, width, height."""
    return [window.column, window.row, window.width, window.height]
