"""How a run shares out the memory that it may take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from hrdem.encode import BLOCK
from hrdem.errors import RequestError
from hrdem.grid import Window
from hrdem.sources import CONNECTIONS

USUAL_MEMORY = 300_000_000

_LEAST = 240_000_000
# The interpreter with its libraries takes 90 MB; the rest is GDAL's cache, what threads hold for a
# moment while they decode and encode, and what the allocator keeps of what they gave back.
_BASE = 200_000_000
_BLOCKS_SHARE = 0.7
_MOST_BLOCKS = 64  # side by side: a border between stripes is read twice, 1.6 % of a stripe
_STORED = 1.1  # bytes of a compressed tile over those of its pixels; LZW makes noise larger
_PIECE_BLOCKS = (4, 3, 2, 1)  # of 512: requests of some 4 to 1 MB
_ENOUGH_PIECES = CONNECTIONS + 4  # that all connections share even a small area
_MOST_PIECES = 64


@dataclass(frozen=True, slots=True)
class Budget:
    """What a run may hold at a time.

    Attributes:
        blocks: Width of a stripe in blocks of the output: so many are unfinished at a time.
        piece_pixels: Most pixels that are fetched in one go, as far as whole blocks allow.
        pieces: How many pieces may be under way, from the request up to their place in a block.
    """

    blocks: int
    piece_pixels: int
    pieces: int

    @classmethod
    def of(
        cls, max_memory: int, output: Window, itemsize: int, source_block: int, *, merge: bool
    ) -> Self:
        """Share out memory.

        Args:
            max_memory: Bytes that the process may take at its peak.
            output: All of the output.
            itemsize: Bytes of a pixel.
            source_block: Pixels of the largest block of a source: no piece is smaller.
            merge: Whether blocks of the output are put together from pieces, and so have to wait
                for them.
        """
        room = max_memory - _BASE
        block = BLOCK * BLOCK * (itemsize + 1)  # pixels, and whose they are
        blocks = min(_MOST_BLOCKS, -(-output.width // BLOCK), int(room * _BLOCKS_SHARE) // block)
        room -= blocks * block if merge else 0
        for piece in _PIECE_BLOCKS:
            pixels = BLOCK * BLOCK * piece
            pieces = int(room / (max(pixels, source_block) * itemsize * _STORED))
            if pieces > CONNECTIONS and output.pixels >= _ENOUGH_PIECES * pixels:
                break
        return cls(max(1, blocks), pixels, max(1, min(_MOST_PIECES, pieces)))


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
