"""The heights of an area at the detail of a picture, from the overviews of its files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import rasterio
from rasterio.warp import Resampling, reproject

from hrdem.errors import SourceError
from hrdem.geo.crs import NATIVE_CRS, assume_nad83
from hrdem.geo.grid import Bounds, Grid, Pixels, Window
from hrdem.geo.resampling import Resampling as Kernel
from hrdem.geo.resampling import Sampling
from hrdem.http.client import CONNECTIONS
from hrdem.http.protocol import Http
from hrdem.planning.query import Lookup, MosaicQuery
from hrdem.planning.resolve import resolve_sources
from hrdem.planning.resolved import ResolvedSource
from hrdem.request.request import Request
from hrdem.runtime.threads import map_in_order, thread_pool
from hrdem.sources.protocol import TileSource

_BORDER = 3  # pixels of the grid around it, that smoothing looks at
_PIECE_BLOCKS = 2  # along the edge of what is fetched in one go
_MOST_PIXELS = 1 << 28
_SAME = 1e-3  # of a pixel: as fine as


@dataclass(frozen=True, slots=True)
class _Piece:
    source: TileSource
    window: Window


def heights_on(grid: Grid, request: Request, http: Http) -> Pixels:
    """Read the heights of an area onto a grid.

    The files' pixels are merged first, the newest item's on top, then smoothed onto the grid
    (bilinear), so that no seam shows. Each file is read at the coarsest level that is as fine as
    the grid.

    Args:
        grid: Where to; in any CRS.
        request: The same area, product and collection. Its files are COGs.
        http: Client to read with.

    Returns:
        float32 array of shape (grid.height, grid.width), metres; NaN where there is no data.

    Raises:
        NoDataError: If nothing lies under the area.
        NetworkError: If a file cannot be read.
        SourceChangedError: If a file changed while it was read.
    """
    detail = Sampling(grid, NATIVE_CRS, Kernel.BILINEAR).min_spacing
    area = _widened(request.aoi.bounds, _BORDER * detail)
    query = MosaicQuery.of(request, request.collection, request.product)
    merged, lattice = _merged(resolve_sources(query, area, Lookup(http)).files, area, detail, http)
    heights = np.empty((grid.height, grid.width), np.float32)
    _warp(merged, lattice, heights, grid, Resampling.bilinear)
    return heights


def _merged(
    under: Sequence[ResolvedSource], bounds: Bounds, detail: float, http: Http
) -> tuple[Pixels, Grid]:
    """Lay a level of each file onto the lattice of the newest."""
    pieces: list[_Piece] = []
    for met in sorted(under, key=lambda met: met.items[0].datetime):  # the last one is on top
        file = next(met.file.levels(detail * (1 + _SAME)))
        whole = file.grid
        lattice = whole.crop(whole.touched_by(bounds))
        window = whole.touched_by(bounds).intersection(whole.window)
        if window is not None:
            assert file.tiled is not None
            source = file.tiled.open_tiles(window, http)
            across, down = (edge * _PIECE_BLOCKS for edge in source.block)
            pieces += [_Piece(source, each) for each in window.split(across, down)]
    if max(lattice.window.pixels, sum(piece.window.pixels for piece in pieces)) > _MOST_PIXELS:
        raise SourceError(
            f"The files of {under[0].items[0].collection} have no overviews coarse enough for a "
            f"picture of this area: it would take {lattice.width} x {lattice.height} pixels of "
            "them. Ask for a smaller area."
        )
    merged = np.full((lattice.height, lattice.width), np.nan, np.float32)
    with thread_pool(CONNECTIONS, "overview") as pool:
        read = map_in_order(pool, _read, pieces, CONNECTIONS + 4)
        for piece, pixels in zip(pieces, read, strict=True):
            _lay(pixels, piece.source.grid.crop(piece.window), merged, lattice)
    return merged, lattice


def _lay(pixels: Pixels, grid: Grid, merged: Pixels, lattice: Grid) -> None:
    """Lay pixels onto those of the lattice; nearest, as overviews of odd sizes are a little off."""
    place = lattice.touched_by(grid.bounds).intersection(lattice.window)
    if place is None:
        return
    part = np.empty((place.height, place.width), np.float32)
    _warp(pixels, grid, part, lattice.crop(place), Resampling.nearest)
    known = ~np.isnan(part)
    merged[place.slices][known] = part[known]


def _read(piece: _Piece) -> Pixels:
    """Fetch and decode; NaN where there is no data."""
    pixels = piece.source.fetch(piece.window).decode()
    heights = pixels.astype(np.float32, copy=False)
    nodata = piece.source.nodata
    if nodata is not None:
        heights[pixels == pixels.dtype.type(nodata)] = np.nan
    return heights


def _warp(pixels: Pixels, grid: Grid, onto: Pixels, target: Grid, resampling: Resampling) -> None:
    """Bring pixels onto another grid, NaN wherever they are or end."""
    with rasterio.Env():
        reproject(
            pixels,
            onto,
            src_transform=grid.transform,
            src_crs=NATIVE_CRS,
            src_nodata=np.nan,
            dst_transform=target.transform,
            dst_crs=assume_nad83(target.crs),
            dst_nodata=np.nan,
            resampling=resampling,
        )


def _widened(bounds: Bounds, margin: float) -> Bounds:
    left, bottom, right, top = bounds
    return left - margin, bottom - margin, right + margin, top + margin
