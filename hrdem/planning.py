"""From a request to a plan: which files will be read, which pixels of them, onto which grid."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import as_completed
from dataclasses import dataclass
from typing import Any

import numpy as np

from hrdem.catalog import Asset, Item, items_near
from hrdem.errors import NoDataError, RequestError, ServerError, SourceError
from hrdem.grid import Grid, Window
from hrdem.http.client import Http
from hrdem.products import NATIVE_CRS, AssetKind
from hrdem.request import Align, Engine, Request
from hrdem.sources import Source
from hrdem.sources.cog import CogFile, CogSource, meet_cog
from hrdem.sources.gdal import GdalFile, GdalSource, Handles, meet_gdal_cog, meet_vrt
from hrdem.statistics import json_number
from hrdem.threads import workers

log = logging.getLogger(__name__)

_HEADERS_AT_ONCE = 8
_MISSING = (403, 404)  # a bucket that may not be listed says 403 for what is missing
_MOST_SOURCES = 254  # they are counted in a byte
_MOST_PIXELS = 2**38
_USUAL_NODATA = -32767.0

RasterFile = CogFile | GdalFile


@dataclass(frozen=True, slots=True)
class Met:
    """A file whose header was read.

    Attributes:
        item: The catalogue's item.
        asset: The item's asset.
        file: The file, as its own header describes it, and its version.
    """

    item: Item
    asset: Asset
    file: RasterFile


@dataclass(frozen=True, slots=True)
class Under:
    """The files that share an area with a request's.

    Attributes:
        files: The files, sorted by sub-tile; at least one.
        lacking: Ids of items under the area that do not have the product.
        left_out: Ids of neighbours whose file is missing, and whose outline in the catalogue does
            not reach the area.
    """

    files: tuple[Met, ...]
    lacking: tuple[str, ...]
    left_out: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PlannedSource:
    """One file to read from.

    Attributes:
        item: The catalogue's item.
        asset: The item's asset.
        file: The file, as its own header describes it, and its version.
        window: Pixels to read, counted on its own grid.
        place: Where they go, counted on the output grid.
    """

    item: Item
    asset: Asset
    file: RasterFile
    window: Window
    place: Window


@dataclass(frozen=True, slots=True)
class Plan:
    """What an extraction will read and write.

    Attributes:
        request: What was asked for.
        grid: Grid of the output.
        dtype: Pixel type of the output.
        nodata: Nodata value of the output; None only where blocks are copied from a file that
            declares none.
        sources: Files to read, sorted by sub-tile.
        lacking: Ids of items under the area that do not have the product.
        left_out: Ids of neighbours whose file is missing, and whose outline in the catalogue does
            not reach the area.
    """

    request: Request
    grid: Grid
    dtype: str
    nodata: float | None
    sources: tuple[PlannedSource, ...]
    lacking: tuple[str, ...]
    left_out: tuple[str, ...]

    @property
    def ranked(self) -> list[PlannedSource]:
        """The sources from the one that wins where they overlap, the newest, to the last."""
        return sorted(self.sources, key=lambda source: source.item.datetime, reverse=True)

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready values."""
        return {
            "request": self.request.as_dict(),
            "grid": grid_as_dict(self.grid),
            "dtype": self.dtype,
            "nodata": json_number(self.nodata),
            "items_lacking_the_product": list(self.lacking),
            "neighbours_left_out": list(self.left_out),
            "sources": [source_as_dict(source) for source in self.sources],
        }


def files_under(request: Request, http: Http) -> Under:
    """Look up the catalogue and the headers of the files.

    Every file that the catalogue names near the area is opened, for only its own header tells
    where it lies; those that share no area with the area of interest are left out.

    Raises:
        NoDataError: If nothing lies under the area.
        NetworkError: If the catalogue or a header cannot be read.
    """
    items = items_near(request.aoi, request.collection, request.stac_url, http)
    if not items:
        raise _nothing_there(request)
    assets = [(item, item.asset(request.product, request.kind)) for item in items]
    published = [(item, asset) for item, asset in assets if asset is not None]
    lacking = [item for item, asset in assets if asset is None]
    met, left_out = _met(published, request, http)
    files = tuple(each for each in met if _share_area(each.file.grid, request))
    lacking_here = [item for item in lacking if _is_under(item, request)]
    if not files:
        raise _lacking(request, lacking_here) if lacking_here else _nothing_there(request)
    return Under(files, tuple(item.id for item in lacking_here), left_out)


def make_plan(request: Request, http: Http) -> Plan:
    """Find the files under the area, and decide everything.

    Raises:
        NoDataError: If nothing lies under the area.
        RequestError: If the area is too large for one file.
        NetworkError: If the catalogue or a header cannot be read.
    """
    found = files_under(request, http)
    under = found.files
    grid = _output_grid(under, request)
    if len(under) > _MOST_SOURCES:
        raise SourceError(f"{len(under)} files lie under the area; ask for a smaller one.")
    if grid.window.pixels > _MOST_PIXELS:
        raise RequestError(
            f"The area is {grid.width} x {grid.height} pixels at {request.collection.resolution} "
            "m, more than a whole 500 km tile and more than one file should hold. Split it, or "
            "take a coarser --collection."
        )
    dtype = _only_dtype(under, request)
    return Plan(
        request=request,
        grid=grid,
        dtype=dtype,
        nodata=_output_nodata(under, dtype, request),
        sources=tuple(_planned(each, grid, request) for each in under),
        lacking=found.lacking,
        left_out=found.left_out,
    )


def open_source(planned: PlannedSource, handles: Handles, http: Http) -> Source:
    """Open a planned file for reading.

    Args:
        planned: The file, and which of its pixels will be read.
        handles: Where GDAL's open datasets are kept; the caller closes it.
        http: Client to read with.
    """
    match planned.file:
        case CogFile() as file:
            return CogSource(file, http, within=planned.window)
        case GdalFile() as file:
            return GdalSource(file, handles, http)


def grid_as_dict(grid: Grid) -> dict[str, Any]:
    """Return a grid as JSON-ready values."""
    return {
        "crs": grid.crs,
        "width": grid.width,
        "height": grid.height,
        "resolution": list(grid.resolution),
        "bounds": list(grid.bounds),
    }


def source_as_dict(source: PlannedSource) -> dict[str, Any]:
    """Return a planned source as JSON-ready values."""
    return {
        "item": source.item.id,
        "asset": source.asset.key,
        "href": source.file.version.url,
        "updated": source.item.updated,
        **source.file.version.as_dict(),
        "window": _window_as_list(source.window),
        "place": _window_as_list(source.place),
    }


def _met(
    published: list[tuple[Item, Asset]], request: Request, http: Http
) -> tuple[list[Met], tuple[str, ...]]:
    """Read the headers of all files, several at a time; the first error ends it.

    A file that is missing is no error if the catalogue says that it is a neighbour's: the second
    result has the ids of those items.
    """
    met, left_out = [], []
    with workers(_HEADERS_AT_ONCE, "header") as pool:
        reading = {pool.submit(_meet, *each, request, http): each for each in published}
        for done in as_completed(reading):
            item, asset = reading[done]
            try:
                met.append(Met(item, asset, done.result()))
            except ServerError as exc:
                if exc.status not in _MISSING or item.footprint is None or _is_under(item, request):
                    raise
                log.warning("%s It is left out: its outline does not reach the area.", exc)
                left_out.append(item.id)
    order = {item.id: number for number, (item, _) in enumerate(published)}
    for each in met:
        log.info("%s: %s", each.item.id, each.file.version)
        if not each.file.version.condition:
            log.warning(
                "%s has neither ETag nor Last-Modified: only its size tells whether it changes.",
                each.file.version.url,
            )
    return sorted(met, key=lambda each: order[each.item.id]), tuple(sorted(left_out))


def _meet(item: Item, asset: Asset, request: Request, http: Http) -> RasterFile:
    try:
        if request.kind is AssetKind.COG and request.engine is Engine.AUTO:
            return meet_cog(asset.href, http)
        if request.kind is AssetKind.COG:
            return meet_gdal_cog(asset.href, http)
        return meet_vrt(asset.href, http)
    except ServerError as exc:
        raise ServerError(
            f"The catalogue lists {asset.key} of item {item.id}, but {exc} The file may have "
            "been moved or withdrawn: try later, another --collection, or --via vrt.",
            exc.status,
        ) from exc


def _share_area(grid: Grid, request: Request) -> bool:
    """Whether a raster holds pixels of the area of interest's bounding box."""
    if grid.crs != NATIVE_CRS:
        raise SourceError(
            f"The files of {request.collection.id} are in {grid.crs}, not in {NATIVE_CRS} as they "
            "should be. Check --stac-url."
        )
    left, bottom, right, top = grid.bounds
    west, south, east, north = request.aoi.bounds
    return left < east and west < right and bottom < north and south < top


def _output_grid(under: Sequence[Met], request: Request) -> Grid:
    """The window that was asked for, on the lattice of the files."""
    lattice = under[0].file.grid
    window = lattice.touched_by(request.aoi.bounds)
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
            boxes.append(f"--bbox {box} ({met.item.id})")
    return RequestError(
        f"The box {request.aoi.text} lies across {len(under)} files, whose blocks do not line up, "
        "so --align blocks cannot copy them into one. Leave it out to have them merged, or take "
        f"them one by one with --bbox-crs {NATIVE_CRS}: {'; '.join(boxes)}."
    )


def _planned(met: Met, grid: Grid, request: Request) -> PlannedSource:
    """Place a file on the output grid."""
    whole = grid.place_of(met.file.grid)
    place = whole and whole.intersection(grid.window)
    if whole is None or place is None:
        raise SourceError(
            f"{met.file.version.url} is not on the pixel lattice of the other files of "
            f"{request.collection.id} (pixels of {met.file.grid.resolution[0]:g} m from "
            f"{met.file.grid.bounds[0]:.3f}, {met.file.grid.bounds[3]:.3f}), so it cannot be "
            "merged without resampling. Extract the two sides of the border one by one."
        )
    return PlannedSource(
        item=met.item,
        asset=met.asset,
        file=met.file,
        window=place.shifted(-whole.column, -whole.row),
        place=place,
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


def _is_under(item: Item, request: Request) -> bool:
    outline = item.footprint
    return outline is None or outline.intersection(request.aoi.geometry).area > 0


def _nothing_there(request: Request) -> NoDataError:
    return NoDataError(
        f"The collection {request.collection.id} has no item under the box {request.aoi.text}: "
        "it lies outside the coverage. Check the order west,south,east,north, or try another "
        "--collection; 30m covers all of Canada, and none covers more."
    )


def _lacking(request: Request, items: list[Item]) -> NoDataError:
    names = ", ".join(item.id for item in items)
    return NoDataError(
        f"{names} has no {request.product.name}. In the north there may be a dsm only: try "
        "--product dsm, or --collection 30m."
    )


def _window_as_list(window: Window) -> list[int]:
    """Column, row, width, height."""
    return [window.column, window.row, window.width, window.height]
