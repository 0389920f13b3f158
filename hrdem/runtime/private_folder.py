"""Folders that only their user can write to."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

grp: Any
pwd: Any
try:
    import grp
    import pwd
except ImportError:  # on Windows
    grp = pwd = None


@dataclass(frozen=True, slots=True)
class Exposure:
    """Why others can change what is in a folder.

    Attributes:
        path: The folder, or a folder above it.
        owner: Id of its owner, if that is neither the user nor root; else None.
    """

    path: Path
    owner: int | None


def find_exposure(folder: Path) -> Exposure | None:
    """Return why others can change what is in a folder; None if they cannot.

    Others can if they own the folder or one above it, or may write there. In a sticky folder, such
    as ``/tmp``, nobody can rename the folders of others, so one above may be sticky. A group that
    has only the user does not count. On Windows, folders are not examined.

    Args:
        folder: Folder, which may be missing.
    """
    if not hasattr(os, "geteuid"):
        return None
    folder = folder.resolve()
    for path, status in _existing(folder):
        if status.st_uid not in (os.geteuid(), 0):
            return Exposure(path, status.st_uid)
        writable = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
        if writable == stat.S_IWGRP and _has_only(status.st_gid, status.st_uid):
            writable = 0
        if writable and (path == folder or not status.st_mode & stat.S_ISVTX):
            return Exposure(path, None)
    return None


def make_private_folder(folder: Path) -> None:
    """Create a folder, and those above it that are missing, for the user alone.

    Raises:
        OSError: If it cannot be created.
    """
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    for path in reversed(missing):
        path.mkdir(mode=0o700, exist_ok=True)


def _existing(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Return the status of a folder and of those above it, as far as they can be examined."""
    for path in (folder, *folder.parents):
        try:
            yield path, path.stat()
        except OSError:
            continue


def _has_only(group: int, user: int) -> bool:
    """Whether a group is the user's own, as many systems create one for each user."""
    try:
        owner, members = pwd.getpwuid(user), grp.getgrgid(group)
    except KeyError:
        return False
    own = members.gr_gid == owner.pw_gid and members.gr_name == owner.pw_name
    return own and set(members.gr_mem) <= {owner.pw_name}
