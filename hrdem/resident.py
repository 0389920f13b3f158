"""The memory that the process holds: how much it is, and giving back what is free."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from pathlib import Path

_STATM = Path("/proc/self/statm")


def resident() -> int:
    """Return the bytes of memory that the process holds; 0 where the system does not tell."""
    try:
        pages = int(_STATM.read_text("ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError, AttributeError):
        return 0


def give_back() -> None:
    """Have the allocator give back what is free, where it can be told to.

    glibc keeps what one phase of a run took; the next takes its own on top of it.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):  # another C library
            ctypes.CDLL(None).malloc_trim(0)
