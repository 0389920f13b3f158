"""Memory for what arrives and is gone a moment later."""

from __future__ import annotations

import contextlib
import mmap
import sys


def buffer(size: int) -> mmap.mmap:
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
