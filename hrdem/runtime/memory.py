"""Memory of the process: short-lived buffers, how much is resident, a limit, returning the free."""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import os
from pathlib import Path
from typing import Any

from hrdem.runtime import windows_memory

resource: Any
try:
    import resource
except ImportError:  # on Windows
    resource = None

_mmap: Any = mmap  # type checkers know some of its names on POSIX only
_os: Any = os
_STATM = Path("/proc/self/statm")


def allocate_buffer(size: int) -> mmap.mmap:
    """Allocate zero bytes that go back to the system as soon as they are freed.

    The allocator would keep them in the arena of the thread. On Linux, huge pages are requested:
    mapping small pages for a tile takes as long as filling them.
    """
    if not hasattr(mmap, "MAP_ANONYMOUS"):
        return mmap.mmap(-1, size)  # on Windows
    memory: Any = _mmap.mmap(-1, size, flags=_mmap.MAP_PRIVATE | _mmap.MAP_ANONYMOUS)
    with contextlib.suppress(AttributeError, OSError):
        memory.madvise(_mmap.MADV_HUGEPAGE)
    buffer: mmap.mmap = memory
    return buffer


def resident_bytes() -> int:
    """Return the resident memory of the process in bytes; 0 if it is unknown, as on macOS."""
    try:
        pages = int(_STATM.read_text("ascii").split()[1])
        page_bytes: int = _os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError, AttributeError):
        return windows_memory.resident_bytes()
    return pages * page_bytes


def limit_memory(max_bytes: int) -> None:
    """Limit the memory of the process, as far as the system can: beyond, allocations fail.

    Linux limits the address space, and Windows what is committed. macOS accepts a limit without
    enforcing it.
    """
    if resource is None:
        windows_memory.limit_memory(max_bytes)
        return
    with contextlib.suppress(OSError, ValueError):  # a lower limit is set already
        resource.setrlimit(resource.RLIMIT_AS, (max_bytes, max_bytes))


def measure_baseline() -> int:
    """Return the resident memory in bytes, without what the allocator holds but nobody uses."""
    trim_allocator()
    return resident_bytes()


def trim_allocator(above: int = 0) -> None:
    """Return free memory of the allocator to the system, with glibc.

    glibc keeps the memory of one phase of a run; the next phase would allocate on top of it. For
    each thread it keeps the most that the thread has ever used, and more.

    Args:
        above: Bytes that may be resident without doing so.
    """
    if above and resident_bytes() <= above:
        return
    with contextlib.suppress(OSError, TypeError, AttributeError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)
