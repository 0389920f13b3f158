"""Paths of outputs: checks before any work, and safe file names."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path

from hrdem.errors import OutputError
from hrdem.runtime.atomic import output_exists_error

_UNSAFE = re.compile(r"[^\w.-]", re.ASCII)
_MAX_NAME_CHARACTERS = 100  # without the suffix
_DEVICES = {"CON", "PRN", "AUX", "NUL"} | {
    f"{device}{number}" for device in ("COM", "LPT") for number in range(10)
}  # reserved by Windows, with any suffix


def check_output(output: Path, overwrite: bool) -> None:
    """Check that a file can be written.

    Raises:
        OutputExistsError: If it exists and ``overwrite`` is not set.
        OutputError: If its folder is missing or not writable.
    """
    folder = output.parent
    try:
        output.name.encode()  # the STAC item cannot contain names that are not Unicode
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            output.lstat()
        if not folder.is_dir():
            missing = "is not a folder" if folder.exists() else "does not exist; create it"
            raise OutputError(f"The folder {folder} {missing}, or choose another `output`.")
        if output.is_dir():
            raise OutputError(f"{output} is a folder; give a file name, like {output}/dtm.tif.")
        if output.exists() and not output.is_file():
            raise OutputError(f"{output} is a device or a pipe; give the name of a file.")
        if output.exists() and not overwrite:
            raise output_exists_error(output)
    except (OSError, ValueError) as exc:
        if isinstance(exc, OutputError):
            raise
        raise OutputError(f"{output} cannot be the name of a file: {exc}.") from exc
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError(f"The folder {folder} is not writable; choose another `output`.")


def make_file_name(name: str, suffix: str) -> str:
    """Make a file name that is safe on any system from an untrusted one.

    Args:
        name: Name that a server supplied.
        suffix: Suffix of the file name, such as ``.vrt``.
    """
    stem = name[: -len(suffix)] if name.lower().endswith(suffix) else name
    stem = _UNSAFE.sub("_", stem)[:_MAX_NAME_CHARACTERS].strip(" ._-") or "file"
    if stem.partition(".")[0].rstrip().upper() in _DEVICES:
        stem = f"_{stem}"
    return f"{stem}{suffix}"
