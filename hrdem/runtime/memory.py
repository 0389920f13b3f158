"""Memory of the process: short-lived buffers, how much is resident, returning what is free."""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import os
import sys
from pathlib import Path

_STATM = Path("/proc/self/statm")


def allocate_buffer(size: int) -> mmap.mmap:
    """Allocate zero bytes that go back to the system as soon as they are freed.

    The allocator would keep them in the arena of the thread. On Linux, huge pages are requested:
    mapping small pages for a tile takes as long as filling them.
    """
    if sys.platform == "win32":
        return mmap.mmap(-1, size)
    memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    with contextlib.suppress(AttributeError, OSError):
        memory.madvise(mmap.MADV_HUGEPAGE)
    return memory


def resident_bytes() -> int:
    """Return the resident memory of the process in bytes; 0 if it is unknown."""
    try:
        pages = int(_STATM.read_text("ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError, AttributeError):
        return 0


def measure_baseline() -> int:
    """Return the resident memory in bytes, without what the allocator holds but nobody uses."""
    trim_allocator()
    return resident_bytes()


def trim_allocator() -> None:
    """Return free memory of the allocator to the system, with glibc.

    glibc keeps the memory of one phase of a run; the next phase would allocate on top of it.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):  # another C library
            ctypes.CDLL(None).malloc_trim(0)
