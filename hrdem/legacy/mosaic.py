"""Many DEMs merged on the lattice that they share; adjacent ones have a row of nodes in common."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from hrdem.errors import RequestError
from hrdem.geo.crs import describe_crs, get_unit, is_geographic
from hrdem.geo.grid import Pixels, Window
from hrdem.geo.nodata import VOID
from hrdem.legacy.pixel_store import PixelStore
from hrdem.legacy.raster import LegacyRaster, find_void_zeros

MAX_PIXELS = 1 << 34  # of the merged grid; empty tiles of the output take no space
ARC_SECONDS = 3600  # in a degree
TILE = 512  # pixels along the edge of a tile


class LegacyMosaic:
    """DEMs on one lattice; each is read when a window needs it.

    A node that several have is that of the latest edition (element 28) that has a value there, and
    of the first DEM among equal editions.

    Attributes:
        rasters: The DEMs, in order of precedence.
        grid: The smallest grid that holds all.
        windows: Window of each on the grid.
        unequal_nodes: Number of nodes in the windows read so far at which a DEM has another value
            than one before it.
        largest_difference: The largest such difference, in units of the pixels.
    """

    def __init__(self, rasters: Sequence[LegacyRaster], *, zero_is_void: bool = False) -> None:
        """Place DEMs on their lattice.

        Args:
            rasters: At least one.
            zero_is_void: Whether zeros become void in those whose zeros may stand for no data; see
                `hrdem.legacy.raster.find_void_zeros`.

        Raises:
            RequestError: If their CRS, spacing or nodes are not the same, their pixels are
                different things, or they are spread too far.
        """
        self.rasters = tuple(sorted(rasters, key=_get_edition, reverse=True))  # stable
        _check_alike(self.rasters)
        first = self.rasters[0]
        located = [first.grid.locate(raster.grid) for raster in self.rasters]
        placed = [window for window in located if window is not None]
        if len(placed) < len(located):
            raise _lattice_error(self.rasters, located)
        extent = _unite(placed)
        if extent.pixels > MAX_PIXELS:
            raise RequestError(
                f"The {len(rasters):,} DEMs are spread over {extent.width:,} x {extent.height:,} "
                f"nodes, and at most {MAX_PIXELS:,} are written to one file. Take those that "
                "are close to each other together."
            )
        self.grid = first.grid.crop(extent)
        self.windows = tuple(each.shifted(-extent.column, -extent.row) for each in placed)
        self.unequal_nodes = 0
        self.largest_difference = 0.0
        self._zero_is_void = zero_is_void
        self._void_zeros: dict[int, int] = {}
        self._store = PixelStore()
        self._under: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
        for index, window in enumerate(self.windows):
            for tile in _list_tiles(window):
                self._under[tile.row, tile.column].append(index)

    @property
    def vertical_datum(self) -> str:
        """Datum of the heights; empty if a DEM does not say its own."""
        datums = {raster.vertical_datum for raster in self.rasters}
        return datums.pop() if len(datums) == 1 else ""

    @property
    def void_zeros(self) -> int:
        """Number of zeros of the DEMs read so far that became void, or may stand for it."""
        return sum(self._void_zeros.values())

    @property
    def tiles(self) -> list[Window]:
        """The tiles of `TILE` pixels that a DEM touches, clipped to the grid.

        They begin at column 0 and row 0, and are ordered by the DEMs under them, so that each DEM
        is read about once.
        """
        places = sorted(self._under, key=lambda place: (self._under[place], place))
        whole = (Window(column, row, TILE, TILE) for row, column in places)
        return [tile for each in whole if (tile := each.intersection(self.grid.window))]

    def read_rasters(self, window: Window) -> Iterator[tuple[int, Window, Pixels]]:
        """Yield index, common window and own pixels of each DEM in a window, as they are merged.

        Args:
            window: Window within the grid.

        Raises:
            RequestError: If a file is damaged.
            OutputError: If there is no room for temporary files.
        """
        places = ((tile.row, tile.column) for tile in _list_tiles(window))
        for index in sorted({index for place in places for index in self._under.get(place, ())}):
            place = self.windows[index]
            common = place.intersection(window)
            if common is not None:
                pixels = self._read_raster(index, common.shifted(-place.column, -place.row))
                yield index, common, pixels

    def read(self, window: Window) -> Pixels:
        """Read a window of the grid; see `merge` and `read_rasters`."""
        return self.merge(window, self.read_rasters(window))

    def merge(self, window: Window, rasters: Iterable[tuple[int, Window, Pixels]]) -> Pixels:
        """Merge the DEMs in a window.

        Args:
            window: Window within the grid. Unequal nodes are counted once each if no two windows
                overlap.
            rasters: What `read_rasters` yields of it.

        Returns:
            int16 array of shape (rows, columns), with `VOID` for no data; float32 if one of the
            DEMs under the window is.
        """
        pixels: Pixels = np.full((window.height, window.width), VOID, np.int16)
        for _, common, source in rasters:
            if source.dtype != np.int16:
                pixels = pixels.astype(np.float32, copy=False)
            target = pixels[common.shifted(-window.column, -window.row).slices]
            is_taken = target != VOID
            self._count_unequal(target, source, is_taken)
            np.copyto(target, source, where=~is_taken)
        return pixels

    def _count_unequal(self, target: Pixels, source: Pixels, is_taken: NDArray[np.bool_]) -> None:
        unequal = is_taken & (source != VOID) & (source != target)
        if unequal.any():
            self.unequal_nodes += int(np.count_nonzero(unequal))
            steps = np.abs(source[unequal].astype(np.float64) - target[unequal])
            self.largest_difference = max(self.largest_difference, float(steps.max()))

    def _read_raster(self, index: int, window: Window) -> Pixels:
        """Return a window of a raster, which is read whole."""
        if index not in self._store:
            self._store.put(index, self._decode(index))
        return self._store.get(index, window)

    def _decode(self, index: int) -> Pixels:
        pixels = self.rasters[index].read()
        zeros = find_void_zeros(self.rasters[index], pixels)
        if zeros is not None:
            self._void_zeros[index] = int(np.count_nonzero(zeros))
            if self._zero_is_void:
                pixels[zeros] = VOID
        return pixels


def _get_edition(raster: LegacyRaster) -> str:
    return "" if raster.header is None else raster.header.edition


def _unite(windows: Sequence[Window]) -> Window:
    left, top = min(each.column for each in windows), min(each.row for each in windows)
    right, bottom = max(each.right for each in windows), max(each.bottom for each in windows)
    return Window(left, top, right - left, bottom - top)


def _list_tiles(window: Window) -> Iterator[Window]:
    return window.expand_to_blocks(TILE, TILE).split(TILE, TILE)


def _check_alike(rasters: Sequence[LegacyRaster]) -> None:
    """Check that pixels are the same thing in all: heights above one datum, or slopes."""
    themes = {raster.theme for raster in rasters}
    datums = {raster.vertical_datum for raster in rasters} - {""}
    for what, found in (("pixels", themes), ("vertical datums", datums)):
        if len(found) > 1:
            raise RequestError(
                f"The {len(rasters):,} DEMs cannot be merged: their {what} are "
                f"{' and '.join(sorted(found))}. Take each kind separately."
            )


def _lattice_error(
    rasters: Sequence[LegacyRaster], windows: Sequence[Window | None]
) -> RequestError:
    """Return the error for DEMs that are not on the lattice of the first."""
    alike: defaultdict[str, list[str]] = defaultdict(list)
    for raster in rasters:
        alike[_describe_lattice(raster)].append(raster.file.label)
    if len(alike) == 1:
        other = rasters[list(windows).index(None)]
        return RequestError(
            f"The nodes of {other.file.label} lie between those of {rasters[0].file.label}, so "
            "they cannot be merged without resampling. Take each separately."
        )
    listed = "; ".join(
        f"{len(names):,}, such as {names[0]}, with {lattice}" for lattice, names in alike.items()
    )
    return RequestError(
        f"The {len(rasters):,} DEMs are on several lattices: {listed}. Take those of each "
        "lattice separately."
    )


def _describe_lattice(raster: LegacyRaster) -> str:
    (dx, dy), crs = raster.grid.resolution, raster.grid.crs
    if is_geographic(crs):
        dx, dy, unit = dx * ARC_SECONDS, dy * ARC_SECONDS, "arc seconds"
    else:
        unit = f"{get_unit(crs).name}s"
    return f"nodes {dx:.9g} x {dy:.9g} {unit} apart in {describe_crs(crs)}"
