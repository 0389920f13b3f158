"""Divide the memory limit of a run."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

from hrdem.errors import RequestError
from hrdem.geo.grid import Window
from hrdem.http.connections import MAX_CONNECTIONS
from hrdem.tiff.encode import BLOCK

_MIN_MEMORY_BYTES = 240_000_000
_BASELINE_BYTES = 140_000_000  # the interpreter and its libraries; more if more is resident
_MAX_EXCESS_SHARE = 0.8  # of the memory beyond the baseline, that more may take
_CODER_BYTES = 14_000_000  # GDAL's blocks and temporary arrays of a thread that decodes and encodes
_SLACK_BYTES = 8_000_000  # freed memory that the allocator has not returned, and small objects
_TRIM_MARGIN_BYTES = 24_000_000
_RUN_BYTES = 40_000_000  # beside the baseline, for each of several runs of a process at a time
_STRIPE_SHARE = 0.52  # of the memory beyond the base
MAX_STRIPE_BLOCKS = 64  # the border between stripes is read twice, 1.6 % of a stripe
_STRIPE_STEP_BLOCKS = 8  # so that a command makes the same stripes if memory differs by some MB
_MAX_COMPRESSED_RATIO = 1.1  # size of a compressed tile; LZW expands noise
_READ_BLOCKS = (8, 6, 4, 3, 2, 1)  # of 512 pixels: requests of some 8 to 1 MB
_MIN_READS = MAX_CONNECTIONS + 4  # so that all connections share even a small area
_MAX_READS = 64


@dataclass(frozen=True, slots=True)
class Budget:
    """Limits on what a merge holds in memory at a time.

    Attributes:
        stripe_blocks: Width of a stripe in blocks of the output, which are unfinished together.
        read_pixels: Maximum pixels fetched in one go, unless a single source block has more.
        max_reads: Maximum reads in progress or waiting, still compressed, to be decoded.
        max_decoding: Maximum reads decoded ahead of their turn.
        trim_above: Resident bytes above which freed memory is returned to the system.
    """

    stripe_blocks: int
    read_pixels: int
    max_reads: int
    max_decoding: int
    trim_above: int

    @classmethod
    def of(
        cls,
        max_memory: int,
        output: Window,
        itemsize: int,
        source_block: tuple[int, int],
        coders: int,
        used_memory: int = 0,
    ) -> Self:
        """Divide memory.

        Args:
            max_memory: Peak memory of the process, bytes.
            output: The window to merge.
            itemsize: Bytes of a pixel.
            source_block: Width and height of the largest source block: no read is smaller, and
                the output's blocks in as many rows wait for one.
            coders: Threads that decode and encode; 0 if compressed tiles are copied, so that no
                block of the output waits for them.
            used_memory: Bytes that the process uses already; 0 if unknown.
        """
        free = max_memory - _BASELINE_BYTES - _SLACK_BYTES - _CODER_BYTES * max(2, coders)
        # e.g. by a second GDAL that read a shape, or by earlier phases; callers may hold memory too
        free -= min(int(free * _MAX_EXCESS_SHARE), max(0, used_memory - _BASELINE_BYTES))
        rows = -(-source_block[1] // BLOCK)
        block = BLOCK * BLOCK * (itemsize + 1) * rows  # pixels, and ranks where sources meet
        blocks = int(free * _STRIPE_SHARE) // block
        if blocks > _STRIPE_STEP_BLOCKS:
            blocks -= blocks % _STRIPE_STEP_BLOCKS
        blocks = min(MAX_STRIPE_BLOCKS, -(-output.width // BLOCK), blocks)
        free -= blocks * block if coders else 0
        for each in _READ_BLOCKS:
            pixels = BLOCK * BLOCK * each
            size = max(pixels, math.prod(source_block)) * itemsize
            decoding = max(1, min(coders, free // (3 * size)))
            reads = int((free - decoding * size) / (size * _MAX_COMPRESSED_RATIO))
            if reads > MAX_CONNECTIONS and output.pixels >= _MIN_READS * pixels:
                break
        return cls(
            stripe_blocks=max(1, blocks),
            read_pixels=pixels,
            max_reads=max(1, min(_MAX_READS, reads)),
            max_decoding=decoding,
            trim_above=max(max_memory - _TRIM_MARGIN_BYTES, used_memory + _TRIM_MARGIN_BYTES),
        )


def check_max_memory(max_memory: int) -> None:
    """Check that a memory limit is large enough for any run.

    Raises:
        RequestError: If it is not.
    """
    if max_memory < _MIN_MEMORY_BYTES:
        raise RequestError(
            f"A limit of {max_memory / 1e6:.0f} MB is too small: hrdem and its libraries need at "
            f"least {_MIN_MEMORY_BYTES / 1e6:.0f} MB. Give a larger `max_memory`."
        )


def divide_by_runs(max_memory: int, used_memory: int, max_runs: int) -> tuple[int, int]:
    """Divide the memory of a process among runs at the same time.

    Args:
        max_memory: Peak memory of the process, bytes.
        used_memory: Bytes that the process used before the first of them.
        max_runs: Maximum number of runs.

    Returns:
        Number of runs, and the peak memory of the process if each of them were the only one.
    """
    base = max(_BASELINE_BYTES, used_memory)
    runs = max(1, min(max_runs, (max_memory - base) // _RUN_BYTES))
    return runs, base + (max_memory - base) // runs
