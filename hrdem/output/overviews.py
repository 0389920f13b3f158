"""Compute the overviews of a raster from halves of its tiles.

Tiles are halved when they are made, as their pixels are in memory then: to decode them later would
take several times as long. The halves wait in a file beside the output, so that their order does
not matter, and a few are in memory at a time.
"""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hrdem.geo.grid import Pixels
from hrdem.geo.nodata import valid_mask
from hrdem.output.tile_level import TileLevel
from hrdem.processing.halve import Halving, halve
from hrdem.runtime.threads import map_in_order, thread_pool
from hrdem.tiff.encode import encode
from hrdem.tiff.write_ifd import TileFormat

_CODERS = min(4, os.cpu_count() or 1)  # threads; each holds a tile

Place = tuple[int, int, int]
"""Band, row and column of a tile."""


@dataclass(frozen=True, slots=True)
class _Made:
    """A tile of an overview.

    Attributes:
        place: Its place.
        tile: The tile, compressed; empty if it has no data.
        half: Its half, for the next overview.
    """

    place: Place
    tile: bytes
    half: Pixels


class OverviewBuilder:
    """Keeps the halves of tiles in a file, and computes overviews from them.

    Args:
        path: File to create.
        base: The level of full resolution.
        tile_format: Compression and layout of all tiles.
        nodata: Nodata value.
        halving: How tiles are halved.

    Raises:
        OSError: If the file cannot be written, as `add` and `build` do too.
    """

    def __init__(
        self,
        path: Path,
        base: TileLevel,
        tile_format: TileFormat,
        nodata: float,
        halving: Halving,
    ) -> None:
        self._base = base
        self._tile_format = tile_format
        self._nodata = nodata
        self._halving = halving
        self._file = path.open("x+b")
        self._stored = 0  # number of halves in the file

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def add(self, half: Pixels) -> None:
        """Add the half of the next tile of full resolution, in the order of the level's tiles."""
        self._store(half)

    def build(self, append: Callable[[bytes], int]) -> list[TileLevel]:
        """Compute overviews, each from the level before, until one tile holds a whole level.

        Args:
            append: Appends a tile to the output, and returns its position.

        Returns:
            All levels, full resolution first.
        """
        levels, first = [self._base], 0
        width, height = self._tile_format.tile
        with thread_pool(_CODERS, "overview") as pool:
            while levels[-1].width > width or levels[-1].height > height:
                below = levels[-1]
                level = TileLevel(
                    -(-below.width // 2),
                    -(-below.height // 2),
                    below.shape[0],
                    self._tile_format.tile,
                )
                quads = self._read_quads(below, first)
                first = self._stored
                with contextlib.closing(
                    map_in_order(pool, self._make, quads, 2 * _CODERS)
                ) as results:
                    for made in results:
                        if made.tile:
                            level.add(*made.place, append(made.tile), len(made.tile))
                            self._store(made.half)
                levels.append(level)
        return levels

    def _make(self, quad: tuple[Place, Pixels]) -> _Made:
        place, pixels = quad
        has_data = valid_mask(pixels, self._nodata).any()
        tile = encode(pixels, self._tile_format, self._nodata) if has_data else b""
        return _Made(place, tile, halve(pixels, self._nodata, self._halving))

    def _read_quads(self, level: TileLevel, first: int) -> Iterator[tuple[Place, Pixels]]:
        """Yield the tiles of the next level that any half of a tile belongs to.

        Args:
            level: The level of the tiles.
            first: Number in the file of the half of its first tile.
        """
        bands, rows, columns = np.unravel_index(level.places, level.shape)
        keys = np.ravel_multi_index((bands, rows // 2, columns // 2), level.shape)
        order = np.argsort(keys, kind="stable")
        starts = np.flatnonzero(np.diff(keys[order], prepend=-1))
        for begin, end in itertools.pairwise(np.append(starts, len(order))):
            tiles = order[begin:end]
            band, row, column = (int(each[tiles[0]]) for each in (bands, rows, columns))
            places = zip(rows[tiles] % 2, columns[tiles] % 2, first + tiles, strict=True)
            yield (band, row // 2, column // 2), self._read_quad(places)

    def _read_quad(self, places: Iterable[tuple[int, int, int]]) -> Pixels:
        """Return a tile of up to four halves: row and column in it, and number in the file."""
        width, height = self._tile_format.tile
        pixels = np.full((height, width), self._nodata, self._tile_format.dtype)
        half = np.empty((height // 2, width // 2), self._tile_format.dtype)
        for row, column, number in places:
            self._file.seek(int(number) * half.nbytes)
            self._file.readinto(half.data)
            top, left = row * half.shape[0], column * half.shape[1]
            pixels[top : top + half.shape[0], left : left + half.shape[1]] = half
        return pixels

    def _store(self, half: Pixels) -> None:
        """Append a half to the file, padded to that of a whole tile."""
        width, height = self._tile_format.tile
        if half.shape != (height // 2, width // 2):
            whole = np.full((height // 2, width // 2), self._nodata, self._tile_format.dtype)
            whole[: half.shape[0], : half.shape[1]] = half
            half = whole
        self._file.seek(0, os.SEEK_END)
        self._file.write(half.data)
        self._stored += 1
