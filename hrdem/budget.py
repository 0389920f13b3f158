"""How a run shares out the memory that it may take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from hrdem.encode import BLOCK
from hrdem.errors import RequestError

USUAL_MEMORY = 300_000_000

_LEAST = 220_000_000
# The interpreter with its libraries takes 90 MB; the rest is GDAL's cache, what threads hold for a
# moment while they decode and encode, and what the allocator keeps of what they gave back.
_BASE = 175_000_000
_MOST_BLOCKS = 64  # side by side: a border between stripes is read twice, 1.6 % of a stripe
_MOST_PIECES = 64
_BLOCKS_SHARE = 0.65
_STORED = 1.15  # bytes of a compressed tile over those of its pixels; LZW makes noise larger


@dataclass(frozen=True, slots=True)
class Budget:
    """What a run may hold at a time.

    Attributes:
        blocks: Width of a stripe in blocks of the output: so many are unfinished at a time.
        pieces: How many pieces may be under way, from the request up to their place in a block.
    """

    blocks: int
    pieces: int

    @classmethod
    def of(cls, max_memory: int, width: int, itemsize: int, piece_pixels: int) -> Self:
        """Share out memory.

        Args:
            max_memory: Bytes that the process may take at its peak.
            width: Of the output, pixels.
            itemsize: Bytes of a pixel.
            piece_pixels: Pixels that are fetched in one go.
        """
        room = max_memory - _BASE
        block = BLOCK * BLOCK * (itemsize + 1)  # pixels, and whose they are
        blocks = min(_MOST_BLOCKS, -(-width // BLOCK), int(room * _BLOCKS_SHARE) // block)
        pieces = int((room - blocks * block) / (piece_pixels * itemsize * _STORED))
        return cls(blocks=max(1, blocks), pieces=max(1, min(_MOST_PIECES, pieces)))


def check_limit(max_memory: int) -> None:
    """Make sure that a run fits into a memory.

    Raises:
        RequestError: If it does not.
    """
    if max_memory < _LEAST:
        raise RequestError(
            f"A limit of {max_memory / 1e6:.0f} MB is too small: hrdem and its libraries need at "
            f"least {_LEAST / 1e6:.0f} MB. Give a larger --max-memory."
        )
