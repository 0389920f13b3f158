"""From a request to a plan: which files will be read, which pixels of them, onto which grid."""

from __future__ import annotations

import contextlib
import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from hrdem.aoi import NATIVE_CRS
from hrdem.catalog import Asset, Item, items_near
from hrdem.errors import NetworkError, NoDataError, RequestError, ServerError, SourceError
from hrdem.grid import Grid, Window
from hrdem.http.client import Http
from hrdem.http.ranges import SourceVersion, check_unchanged, version_of
from hrdem.products import AssetKind
from hrdem.request import Request
from hrdem.sources.gdal import GdalSource, Handles

log = logging.getLogger(__name__)

_HEADERS_AT_ONCE = 8
_MOST_PIXELS = 2**38
_USUAL_NODATA = -32767.0


@dataclass(frozen=True, slots=True)
class PlannedSource:
    """One file to read from.

    Attributes:
        item: The catalogue's item.
        asset: The item's asset.
        version: The version of the file that was met.
        grid: Its pixel grid, from its own header.
        block: Width and height of its blocks, pixels.
        nodata: Its nodata value, as declared.
        window: Pixels to read, counted on its own grid.
        place: Where they go, counted on the output grid.
    """

    item: Item
    asset: Asset
    version: SourceVersion
    grid: Grid
    block: tuple[int, int]
    nodata: float | None
    window: Window
    place: Window


@dataclass(frozen=True, slots=True)
class Plan:
    """What an extraction will read and write.

    Attributes:
        request: What was asked for.
        grid: Grid of the output.
        dtype: Pixel type of the output.
        nodata: Nodata value of the output.
        sources: Files to read, sorted by sub-tile.
        lacking: Ids of items under the area that do not have the product.
    """

    request: Request
    grid: Grid
    dtype: str
    nodata: float
    sources: tuple[PlannedSource, ...]
    lacking: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready values."""
        return {
            "request": self.request.as_dict(),
            "grid": grid_as_dict(self.grid),
            "dtype": self.dtype,
            "nodata": self.nodata,
            "items_lacking_the_product": list(self.lacking),
            "sources": [source_as_dict(source) for source in self.sources],
        }


def make_plan(request: Request, http: Http) -> Plan:
    """Look up the catalogue and the headers of the files, and decide everything.

    Every file that the catalogue names near the area is opened, for only its own header tells
    where it lies; those that share no area with the area of interest are left out.

    Raises:
        NoDataError: If nothing lies under the area.
        RequestError: If the area is too large for one file.
        NetworkError: If the catalogue or a header cannot be read.
    """
    items = items_near(request.aoi, request.collection, request.stac_url, http)
    if not items:
        raise _nothing_there(request)
    assets = [(item, item.asset(request.product, request.kind)) for item in items]
    published = [(item, asset) for item, asset in assets if asset is not None]
    lacking = [item for item, asset in assets if asset is None]
    with ThreadPoolExecutor(_HEADERS_AT_ONCE) as pool:
        tried = [
            pool.submit(_header_if_needed, item, asset, request, http) for item, asset in published
        ]
    headers = [header for header in (each.result() for each in tried) if header is not None]
    under = [each for each in headers if _share_area(each.grid, request)]
    lacking_here = [item for item in lacking if _is_under(item, request)]
    if not under:
        raise _lacking(request, lacking_here) if lacking_here else _nothing_there(request)
    lattice = under[0].grid
    grid = lattice.crop(lattice.touched_by(request.aoi.bounds))
    if grid.window.pixels > _MOST_PIXELS:
        raise RequestError(
            f"The area is {grid.width} x {grid.height} pixels at {request.collection.resolution} "
            "m, more than a whole 500 km tile and more than one file should hold. Split it, or "
            "take a coarser --collection."
        )
    return Plan(
        request=request,
        grid=grid,
        dtype=_only_dtype(under, request),
        nodata=next((each.nodata for each in under if each.nodata is not None), _USUAL_NODATA),
        sources=tuple(_planned(each, grid, request) for each in under),
        lacking=tuple(item.id for item in lacking_here),
    )


def open_source(
    asset: Asset, kind: AssetKind, version: SourceVersion, handles: Handles, http: Http
) -> GdalSource:
    """Open the file of an asset for reading under a version.

    Args:
        asset: The asset.
        kind: Whether it is a COG or a VRT.
        version: The version to read.
        handles: Where open datasets are kept; the caller closes it.
        http: Client to find out with why a read failed.

    Raises:
        SourceChangedError: If it is another version by now.
        NetworkError: If it cannot be opened.
    """
    ranged = kind is AssetKind.COG
    return GdalSource(
        asset.href,
        version if ranged else None,
        handles,
        explain=lambda: check_unchanged(asset.href, version, http, ranged=ranged),
    )


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
        "href": source.version.url,
        "updated": source.item.updated,
        **source.version.as_dict(),
        "window": _window_as_list(source.window),
        "place": _window_as_list(source.place),
    }


@dataclass(frozen=True, slots=True)
class _Header:
    item: Item
    asset: Asset
    version: SourceVersion
    grid: Grid
    block: tuple[int, int]
    dtype: str
    nodata: float | None


def _header_if_needed(item: Item, asset: Asset, request: Request, http: Http) -> _Header | None:
    """Read a header; None if it cannot be read and the catalogue says that it is a neighbour's."""
    try:
        return _header(item, asset, request.kind, http)
    except NetworkError as exc:
        if item.footprint is None or _is_under(item, request):
            raise
        log.warning("%s This tile is left out: its outline does not reach the area.", exc)
        return None


def _header(item: Item, asset: Asset, kind: AssetKind, http: Http) -> _Header:
    try:
        version = version_of(asset.href, http, ranged=kind is AssetKind.COG)
    except ServerError as exc:
        raise ServerError(
            f"The catalogue lists {asset.key} of item {item.id}, but {exc} The file may be moved "
            "or withdrawn for now: try later, another --collection, or --via vrt.",
            exc.status,
        ) from exc
    with contextlib.closing(Handles(most=1)) as handles:
        source = open_source(asset, kind, version, handles, http)
    return _Header(item, asset, version, source.grid, source.block, source.dtype, source.nodata)


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


def _planned(header: _Header, grid: Grid, request: Request) -> PlannedSource:
    """Place a file on the output grid."""
    whole = grid.place_of(header.grid)
    place = whole and whole.intersection(grid.window)
    if whole is None or place is None:
        raise SourceError(
            f"{header.version.url} is not on the pixel lattice of the other files of "
            f"{request.collection.id} (pixels of {header.grid.resolution[0]:g} m, upper left "
            f"corner at {header.grid.bounds[0]:.3f}, {header.grid.bounds[3]:.3f}), so it cannot "
            "be merged without resampling. Extract the two sides of the border one by one."
        )
    return PlannedSource(
        item=header.item,
        asset=header.asset,
        version=header.version,
        grid=header.grid,
        block=header.block,
        nodata=header.nodata,
        window=place.shifted(-whole.column, -whole.row),
        place=place,
    )


def _only_dtype(headers: list[_Header], request: Request) -> str:
    dtypes = sorted({header.dtype for header in headers})
    if len(dtypes) > 1:
        raise SourceError(
            f"The files of {request.collection.id} hold different types of pixels "
            f"({', '.join(dtypes)}), which one output cannot. Extract the tiles one by one."
        )
    return dtypes[0]


def _is_under(item: Item, request: Request) -> bool:
    outline = item.footprint
    return outline is None or outline.intersection(request.aoi.geometry).area > 0


def _nothing_there(request: Request) -> NoDataError:
    return NoDataError(
        f"The collection {request.collection.id} has no item under the box {request.aoi.text}: "
        "it lies outside the coverage. Check the order west,south,east,north, or try another "
        "--collection (30m covers all of Canada)."
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
