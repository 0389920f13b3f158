"""The last step of a block: what lies outside the area goes, pixels become compressed tiles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hrdem.geo.grid import Pixels, Window
from hrdem.processing.mask import AoiMask
from hrdem.processing.progress import TierSeam, TileResult, TileStats
from hrdem.processing.statistics import Statistics
from hrdem.tiff.encode import BLOCK, encode
from hrdem.tiff.write_ifd import TileFormat

SourceIds = NDArray[np.uint8]
"""What each pixel came from: number of a source, counted from 1; 0 where there is no data."""


@dataclass(frozen=True, slots=True)
class TileFinisher:
    """How blocks are finished.

    Attributes:
        storage: How tiles are stored.
        nodata: Value of pixels without data.
        empty: A tile of nothing but that.
        sources: How many sources there are.
        crop: The area, beyond which there is no data; None for all of the grid.
        source_band: Whether a second band tells the origin of pixels.
    """

    storage: TileFormat
    nodata: float
    empty: bytes
    sources: int
    crop: AoiMask | None
    source_band: bool

    @classmethod
    def of(
        cls,
        storage: TileFormat,
        nodata: float,
        sources: int,
        crop: AoiMask | None = None,
        *,
        source_band: bool = False,
    ) -> TileFinisher:
        """Prepare what all blocks share; arguments are the attributes."""
        empty = encode(np.empty((0, 0), storage.dtype), storage, nodata)
        return cls(storage, nodata, empty, sources, crop, source_band)

    def nothing(self, place: Window) -> TileResult:
        """Finish a block that the area does not touch."""
        pixels = np.full((place.height, place.width), self.nodata, self.storage.dtype)
        return self.step(place, pixels, [np.zeros(pixels.shape, np.uint8)], received_bytes=0)

    def step(
        self,
        place: Window,
        pixels: Pixels,
        origins: Sequence[SourceIds],
        received_bytes: int | None,
        seams: tuple[TierSeam, ...] = (),
    ) -> TileResult:
        """Finish a block.

        Args:
            place: Where it lies on the output's grid; it begins at a block.
            pixels: Array of shape (place.height, place.width); it may be written to.
            origins: Of each surface that the pixels were made of, arrays of the same shape, 0 at
                the same pixels.
            received_bytes: Bytes that came for it; None if that is not told.
            seams: What was seen at seams of tiers.
        """
        count = place.pixels
        valid = origins[0] > 0
        if self.crop is not None:
            inside = self.crop.inside(place)
            count = int(np.count_nonzero(inside))
            valid &= inside
            pixels[~valid] = self.nodata
        values = pixels.ravel() if valid.all() else pixels[valid]
        tiles = [encode(pixels, self.storage, self.nodata) if values.size else self.empty]
        if self.source_band:
            band = np.where(valid, origins[0], self.nodata).astype(self.storage.dtype)
            tiles.append(encode(band, self.storage, self.nodata) if values.size else self.empty)
        pixels_by_source = sum(
            np.bincount(origin[valid], minlength=self.sources + 1)[1:] for origin in origins
        )
        return TileResult(
            column=place.column // BLOCK,
            row=place.row // BLOCK,
            tiles=tuple(tiles),
            stats=TileStats(
                pixels=place.pixels,
                received_bytes=received_bytes,
                present=count,
                statistics=Statistics.of(values, count),
                pixels_by_source=tuple(np.asarray(pixels_by_source).tolist()),
                seams=seams,
            ),
        )
