"""Paths of outputs: checks before any work, and safe file names."""

from __future__ import annotations

import contextlib
import errno
import os
import re
from pathlib import Path

from hrdem.errors import OutputError
from hrdem.runtime.atomic import check_creatable, check_replaceable, output_exists_error

_UNSAFE = re.compile(r"[^\w.-]", re.ASCII)
_MAX_NAME_CHARACTERS = 100  # without the suffix
_MAX_SHOWN_CHARACTERS = 40  # of a long name in a message
_DEVICES = {"CON", "PRN", "AUX", "NUL"} | {
    f"{device}{number}" for device in ("COM", "LPT") for number in range(10)
}  # reserved by Windows, with any suffix


def check_output(output: Path, overwrite: bool) -> None:
    """Check that a file can be written, before any work.

    Args:
        output: Path of the file.
        overwrite: Whether an existing file may be replaced.

    Raises:
        OutputExistsError: If it exists and ``overwrite`` is not set.
        OutputError: If it cannot be created or replaced.
    """
    check_name(output)
    folder = output.parent
    if output.is_dir():
        raise OutputError(f"{output} is a folder; give a file name, like {output / 'dtm.tif'}.")
    if output.exists() and not output.is_file():
        raise OutputError(f"{output} is a device or a pipe; give the name of a file.")
    if output.is_symlink():
        raise OutputError(
            f"{output} is a link to {output.readlink()}, and links are not replaced; remove it, or "
            "choose another `output`."
        )
    if not folder.is_dir():
        missing = "is not a folder" if folder.exists() else "does not exist; create it"
        raise OutputError(f"The folder {folder} {missing}, or choose another `output`.")
    if output.exists() and not overwrite:
        raise output_exists_error(output)
    try:
        check_creatable(output)
    except OSError as exc:
        raise OutputError(
            f"The folder {folder} is not writable ({_describe(exc)}); choose another `output`."
        ) from exc
    if output.exists():
        try:
            check_replaceable(output)
        except OSError as exc:
            raise OutputError(
                f"{output} cannot be replaced ({_describe(exc)}); close it in other programs, lift "
                "its protection, or choose another `output`."
            ) from exc


def check_name(path: Path) -> None:
    """Check that the file system allows a name and the length of its path.

    Raises:
        OutputError: If it does not.
    """
    try:
        path.name.encode()  # the STAC item cannot contain names that are not Unicode
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            path.lstat()
    except (OSError, ValueError) as exc:
        if isinstance(exc, OSError) and exc.errno == errno.ENAMETOOLONG:
            size = len(os.fsencode(path.name))
            raise OutputError(
                f"The name {path.name[:_MAX_SHOWN_CHARACTERS]}… of {size} bytes, or its path, is "
                "too long for the file system; choose a shorter `output`."
            ) from exc
        raise OutputError(f"{path} cannot be the name of a file: {exc}.") from exc


def _describe(error: OSError) -> str:
    return (error.strerror or str(error)).lower()


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
