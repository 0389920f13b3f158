"""Compute the overviews of a raster from halves of its tiles.

Tiles are halved when they are made, as their pixels are in memory then: to decode them later would
take several times as long. The halves wait in a file beside the output, so that their order does
not matter, and a few are in memory at a time.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

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
        self._numbers = np.zeros(base.counts.shape, np.int32)  # of them from 1; 0 for none

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def add(self, place: Place, half: Pixels) -> None:
        """Add the half of a tile of full resolution."""
        self._numbers[place] = self._store(half)

    def build(self, append: Callable[[bytes], int]) -> list[TileLevel]:
        """Compute overviews, each from the level before, until one tile holds a whole level.

        Args:
            append: Appends a tile to the output, and returns its position.

        Returns:
            All levels, full resolution first.
        """
        levels, numbers = [self._base], self._numbers
        width, height = self._tile_format.tile
        with thread_pool(_CODERS, "overview") as pool:
            while levels[-1].width > width or levels[-1].height > height:
                below = levels[-1]
                level = TileLevel.empty(
                    -(-below.width // 2),
                    -(-below.height // 2),
                    len(below.counts),
                    self._tile_format.tile,
                )
                halves = np.zeros(level.counts.shape, np.int32)
                read = self._read_quads(numbers)
                with contextlib.closing(
                    map_in_order(pool, self._make, read, 2 * _CODERS)
                ) as results:
                    for made in results:
                        if made.tile:
                            level.offsets[made.place] = append(made.tile)
                            level.counts[made.place] = len(made.tile)
                            halves[made.place] = self._store(made.half)
                levels.append(level)
                numbers = halves
        return levels

    def _make(self, quad: tuple[Place, Pixels]) -> _Made:
        place, pixels = quad
        has_data = valid_mask(pixels, self._nodata).any()
        tile = encode(pixels, self._tile_format, self._nodata) if has_data else b""
        return _Made(place, tile, halve(pixels, self._nodata, self._halving))

    def _read_quads(self, numbers: NDArray[np.int32]) -> Iterator[tuple[Place, Pixels]]:
        """Yield the tiles of the next level that any half of a tile belongs to."""
        bands, rows, columns = np.nonzero(numbers)
        places = np.unique(np.stack([bands, rows // 2, columns // 2], axis=1), axis=0)
        for band, row, column in places.tolist():
            yield (
                (band, row, column),
                self._read_quad(numbers[band, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2]),
            )

    def _read_quad(self, numbers: NDArray[np.int32]) -> Pixels:
        width, height = self._tile_format.tile
        pixels = np.full((height, width), self._nodata, self._tile_format.dtype)
        half = np.empty((height // 2, width // 2), self._tile_format.dtype)
        for (row, column), number in np.ndenumerate(numbers):
            if number:
                self._file.seek((int(number) - 1) * half.nbytes)
                self._file.readinto(half.data)
                top, left = row * half.shape[0], column * half.shape[1]
                pixels[top : top + half.shape[0], left : left + half.shape[1]] = half
        return pixels

    def _store(self, half: Pixels) -> int:
        """Append a half, padded to that of a whole tile; return its number in the file, from 1."""
        width, height = self._tile_format.tile
        if half.shape != (height // 2, width // 2):
            whole = np.full((height // 2, width // 2), self._nodata, self._tile_format.dtype)
            whole[: half.shape[0], : half.shape[1]] = half
            half = whole
        self._file.seek(0, os.SEEK_END)
        self._file.write(half.data)
        self._stored += 1
        return self._stored
