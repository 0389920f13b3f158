"""How a run shares out the memory that it may take."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

from hrdem.errors import RequestError
from hrdem.geo.grid import Window
from hrdem.http.client import CONNECTIONS
from hrdem.tiff.encode import BLOCK

_LEAST = 240_000_000
# The interpreter with its libraries takes 90 MB; the rest is GDAL's cache, what is held for a
# moment while it is decoded and encoded, and what the allocator keeps of what was given back.
_BASE = 200_000_000
_USUALLY_HELD = 105_000_000  # when a run begins: part of the base
_MOST_HELD = 0.8  # of the room
_CODER = 14_000_000  # for each thread that decodes and encodes, beyond two
_BLOCKS_SHARE = 0.7
_MOST_BLOCKS = 64  # side by side: a border between stripes is read twice, 1.6 % of a stripe
_EVEN_BLOCKS = 8  # the same command makes the same stripes, though memory differs by some MB
_STORED = 1.1  # bytes of a compressed tile over those of its pixels; LZW makes noise larger
_PIECE_BLOCKS = (4, 3, 2, 1)  # of 512: requests of some 4 to 1 MB
_ENOUGH_PIECES = CONNECTIONS + 4  # that all connections share even a small area
_MOST_PIECES = 64
_USUAL_PIECE = 3 << 20  # bytes, of which several are decoded at a time


@dataclass(frozen=True, slots=True)
class Budget:
    """What a run may hold at a time.

    Attributes:
        blocks: Width of a stripe in blocks of the output: so many are unfinished at a time.
        piece_pixels: Most pixels that are fetched in one go, as far as whole blocks allow.
        pieces: How many pieces may be under way or wait, still compressed, for being decoded.
        coding: How many pieces may be decoded, and blocks encoded, ahead of their turn.
    """

    blocks: int
    piece_pixels: int
    pieces: int
    coding: int

    @classmethod
    def of(
        cls,
        max_memory: int,
        output: Window,
        itemsize: int,
        source_block: tuple[int, int],
        coders: int,
        held: int = 0,
    ) -> Self:
        """Share out memory.

        Args:
            max_memory: Bytes that the process may take at its peak.
            output: All of the output.
            itemsize: Bytes of a pixel.
            source_block: Width and height of the largest block of a source: no piece is smaller,
                and as many rows of the output's blocks wait for one.
            coders: Threads that decode and encode; 0 if pieces are only copied, so that no block
                of the output has to wait for them.
            held: Bytes that the process holds already; 0 if that is not known.
        """
        room = max_memory - _BASE - _CODER * max(0, coders - 2)
        # a second GDAL that read a shape, or phases before; not all, as callers hold things too
        room -= min(int(room * _MOST_HELD), max(0, held - _USUALLY_HELD))
        rows = -(-source_block[1] // BLOCK)
        block = BLOCK * BLOCK * (itemsize + 1) * rows  # pixels, and whose they are
        most = int(room * _BLOCKS_SHARE) // block
        if most > _EVEN_BLOCKS:
            most -= most % _EVEN_BLOCKS
        blocks = min(_MOST_BLOCKS, -(-output.width // BLOCK), most)
        room -= blocks * block if coders else 0
        for each in _PIECE_BLOCKS:
            pixels = BLOCK * BLOCK * each
            piece = max(pixels, math.prod(source_block)) * itemsize
            pieces = int(room / (piece * _STORED))
            if pieces > CONNECTIONS and output.pixels >= _ENOUGH_PIECES * pixels:
                break
        return cls(
            blocks=max(1, blocks),
            piece_pixels=pixels,
            pieces=max(1, min(_MOST_PIECES, pieces)),
            coding=1 + (coders + 1) * _USUAL_PIECE // max(piece, _USUAL_PIECE),
        )


def check_max_memory(max_memory: int) -> None:
    """Make sure that a run fits into a memory.

    Raises:
        RequestError: If it does not.
    """
    if max_memory < _LEAST:
        raise RequestError(
            f"A limit of {max_memory / 1e6:.0f} MB is too small: hrdem and its libraries need at "
            f"least {_LEAST / 1e6:.0f} MB. Give a larger --max-memory."
        )
