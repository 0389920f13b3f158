"""File locks of Windows by `msvcrt.locking`, which locks bytes of a file and knows no shared lock.

A lock file has as many places for shared locks as bytes are set aside, which need not exist. An
exclusive lock takes them all.
"""

from __future__ import annotations

import errno
import msvcrt
import os
import random
from typing import Any

MAX_SHARES = 1_024  # shared locks of a file at a time
_MAX_ATTEMPTS = 64  # at a free byte
_ALL = 0, MAX_SHARES  # position and number of bytes

ByteRange = tuple[int, int]
_system: Any = msvcrt  # type checkers know it on Windows only


def lock(descriptor: int, *, shared: bool) -> tuple[ByteRange, ...] | None:
    """Lock a file; return the locked bytes, or None if another lock excludes it.

    Raises:
        OSError: If the file system has no locks.
    """
    if not shared:
        return (_ALL,) if _try_lock(descriptor, _ALL) else None
    for _ in range(_MAX_ATTEMPTS):
        byte = random.randrange(MAX_SHARES), 1  # noqa: S311 (no secret)
        if _try_lock(descriptor, byte):
            return (byte,)
    return None


def unlock(descriptor: int, locked: tuple[ByteRange, ...]) -> None:
    """Release locked bytes; closing the file releases them too, but perhaps later."""
    for position, count in locked:
        os.lseek(descriptor, position, os.SEEK_SET)
        _system.locking(descriptor, _system.LK_UNLCK, count)


def _try_lock(descriptor: int, locked: ByteRange) -> bool:
    position, count = locked
    os.lseek(descriptor, position, os.SEEK_SET)
    try:
        _system.locking(descriptor, _system.LK_NBLCK, count)
    except OSError as exc:
        if exc.errno in (errno.EACCES, errno.EDEADLOCK):
            return False
        raise
    return True
