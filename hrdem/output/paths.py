"""Names of outputs: checked before any work, taken in one step when a file is whole."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path

from hrdem.errors import OutputError
from hrdem.runtime.atomic import output_exists_error

_NO_NAME = re.compile(r"[^\w.-]", re.ASCII)
_LONGEST_NAME = 100  # characters, without the ending
_DEVICES = {"CON", "PRN", "AUX", "NUL"} | {
    f"{device}{number}" for device in ("COM", "LPT") for number in range(10)
}  # of Windows, whatever the ending


def check_output(output: Path, overwrite: bool) -> None:
    """Make sure, before any work, that a file can be written.

    Raises:
        OutputExistsError: If it exists and may not be replaced.
        OutputError: If its folder is missing or not writable.
    """
    folder = output.parent
    try:
        output.name.encode()  # names of other bytes cannot be told in the STAC item
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


def make_file_name(words: str, ending: str) -> str:
    """Return a name for a file, made of a stranger's words: a plain one, on any system.

    Args:
        words: What it is to be called after.
        ending: What it has to end in, such as ``.vrt``.
    """
    stem = words[: -len(ending)] if words.lower().endswith(ending) else words
    stem = _NO_NAME.sub("_", stem)[:_LONGEST_NAME].strip(" ._-") or "file"
    if stem.partition(".")[0].rstrip().upper() in _DEVICES:
        stem = f"_{stem}"
    return f"{stem}{ending}"
