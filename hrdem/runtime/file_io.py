"""Reads and writes at positions of open files, and the disk space that files take."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

#: Whether files take no space for what was never written. NTFS requires that each one says so.
HAS_SPARSE_FILES = hasattr(os.stat_result, "st_blocks")

_BINARY = getattr(os, "O_BINARY", 0)  # otherwise Windows changes line ends
_STATUS_BLOCK_BYTES = 512  # of `st_blocks`, whatever the file system has
_system: Any = os  # type checkers know `pread` and `pwrite` on POSIX only


def open_descriptor(path: Path, flags: int) -> int:
    """Open an existing file; return its descriptor, which one thread uses.

    Args:
        path: The file.
        flags: As of `os.open`, such as `os.O_RDONLY`.

    Raises:
        OSError: If it cannot be opened.
    """
    return os.open(path, flags | _BINARY)


def read_at(descriptor: int, size: int, position: int) -> bytes:
    """Read bytes at a position; fewer at the end of the file.

    Raises:
        OSError: If the disk cannot be read.
    """
    if hasattr(os, "pread"):
        content: bytes = _system.pread(descriptor, size, position)
        return content
    os.lseek(descriptor, position, os.SEEK_SET)
    return os.read(descriptor, size)


def write_at(descriptor: int, content: bytes | memoryview, position: int) -> None:
    """Write all bytes at a position.

    Raises:
        OSError: If the disk cannot be written.
    """
    left = memoryview(content)
    while left:
        if hasattr(os, "pwrite"):
            written: int = _system.pwrite(descriptor, left, position)
        else:
            os.lseek(descriptor, position, os.SEEK_SET)
            written = os.write(descriptor, left)
        left, position = left[written:], position + written


def allocated_bytes(path: Path) -> int:
    """Return the bytes that a file takes on the disk, without its holes if that is known.

    Raises:
        OSError: If it cannot be examined.
    """
    status: Any = path.stat()
    if HAS_SPARSE_FILES:
        blocks: int = status.st_blocks
        return blocks * _STATUS_BLOCK_BYTES
    size: int = status.st_size
    return size
