"""Walk through a folder so that nothing below it is left out unnoticed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from hrdem.errors import RequestError


def walk_folder(folder: Path) -> Iterator[Path]:
    """Yield what is in a folder and in those below it, except the folders, in a fixed order.

    Links to folders are followed. A folder that is found several times, as links can lead to one
    above them, is read once.

    Args:
        folder: The folder.

    Raises:
        RequestError: If one of the folders cannot be read.
    """
    known: set[tuple[int, int]] = set()

    def is_new(path: str) -> bool:
        try:
            found = os.stat(path)  # noqa: PTH116 (this is a path of os.walk)
        except OSError as exc:
            _refuse(exc)
        key = found.st_dev, found.st_ino
        if key in known:
            return False
        known.add(key)
        return True

    is_new(os.fspath(folder))
    for root, folders, names in os.walk(folder, onerror=_refuse, followlinks=True):
        folders[:] = [name for name in sorted(folders) if is_new(os.path.join(root, name))]  # noqa: PTH118
        yield from (Path(root, name) for name in sorted(names))


def _refuse(exc: OSError) -> NoReturn:
    raise RequestError(
        f"The folder {exc.filename} cannot be read: {exc.strerror}. Check its permissions."
    ) from exc
