"""Memory of the process: reused buffers, how much is resident, a limit, returning the free."""

from __future__ import annotations

import collections
import contextlib
import ctypes
import mmap
import os
import weakref
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
_STEP_BYTES = 256 << 10  # sizes of buffers are multiples, so that one fits the next use
_MAX_WASTE_BYTES = 1 << 20
_MAX_SPARE_BYTES = 8 << 20  # larger ones are not kept
_MAX_SPARE = 8
_spare: collections.deque[mmap.mmap] = collections.deque(maxlen=_MAX_SPARE)


def allocate_buffer(size: int) -> memoryview:
    """Allocate memory with any content for bytes or pixels on their way through a run.

    It is used again as soon as nobody refers to it: mapping pages takes the system several times as
    long as filling them. The allocator of C would keep freed memory for each thread.
    """
    memory = _take_spare(size) or _map_memory(-(-size // _STEP_BYTES) * _STEP_BYTES)
    array = (ctypes.c_ubyte * len(memory)).from_buffer(memory)  # its views keep it alive
    if len(memory) <= _MAX_SPARE_BYTES:
        weakref.finalize(array, _keep_spare, memory).atexit = False
    return memoryview(array).cast("B")[:size]


def _take_spare(size: int) -> mmap.mmap | None:
    """Take memory that is large enough, but not much larger; threads may do so at a time."""
    for _ in range(len(_spare)):
        try:
            memory = _spare.popleft()
        except IndexError:
            break
        if size <= len(memory) <= size + _MAX_WASTE_BYTES:
            return memory
        _spare.append(memory)
    return None


def _keep_spare(memory: mmap.mmap) -> None:
    _spare.append(memory)


def _map_memory(size: int) -> mmap.mmap:
    """Map memory, on Linux of huge pages where it can have them."""
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
    """Return free memory to the system: unused buffers and, with glibc, that of its allocator.

    glibc keeps the memory of one phase of a run; the next phase would allocate on top of it. For
    each thread it keeps the most that the thread has ever used, and more.

    Args:
        above: Bytes that may be resident without doing so.
    """
    if above and resident_bytes() <= above:
        return
    _spare.clear()
    with contextlib.suppress(OSError, TypeError, AttributeError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)
