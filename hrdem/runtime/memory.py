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
    """Return that many zero bytes, which the system gets back at once when they are free.

    Taken from the allocator instead, they would be kept by the thread that took them. Linux is
    asked for large pages: to get a tile's worth of small ones takes as long as to fill them.
    """
    if sys.platform == "win32":
        return mmap.mmap(-1, size)
    memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    with contextlib.suppress(AttributeError, OSError):
        memory.madvise(mmap.MADV_HUGEPAGE)
    return memory


def resident_bytes() -> int:
    """Return the bytes of memory that the process holds; 0 where the system does not tell."""
    try:
        pages = int(_STATM.read_text("ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError, AttributeError):
        return 0


def trim_allocator() -> None:
    """Have the allocator give back what is free, where it can be told to.

    glibc keeps what one phase of a run took; the next takes its own on top of it.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):  # another C library
            ctypes.CDLL(None).malloc_trim(0)
