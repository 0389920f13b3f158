"""Publish a finished file together with the text file that describes it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from hrdem.errors import OutputExistsError
from hrdem.runtime.atomic import output_exists_error, publish, sync_folder

COMPANION_SUFFIXES = (".ovr", ".aux.xml", ".msk")  # of GDAL, after the whole name


@dataclass(frozen=True, slots=True)
class StoredFile:
    """What identifies a finished file.

    Attributes:
        size: Its size in bytes.
        sha256: Its SHA-256, in hexadecimal digits.
    """

    size: int
    sha256: str

    @classmethod
    def of(cls, path: Path) -> Self:
        """Measure a file.

        Raises:
            OSError: If it cannot be read.
        """
        with path.open("rb") as file:
            return cls(path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest())


def publish_described(
    finished: Path, output: Path, path: Path, text: Path | None, *, overwrite: bool
) -> None:
    """Publish a finished file and the text file that describes it.

    A new file is published after its description, so it is never without. Where a file is replaced,
    its description is removed first: a killed run leaves the old file or the new one, with its own
    description or none.

    Args:
        finished: The file, beside the output.
        output: Its path.
        path: Path of the text file.
        text: The text file, beside it; None for none, so that one of a file that is replaced is
            only removed.
        overwrite: Whether existing files may be replaced.

    Raises:
        OutputExistsError: If the name was taken meanwhile and may not be replaced.
        OSError: If the file system refuses.
    """
    if overwrite:
        _replace(finished, output, path, text)
    else:
        _publish_new(finished, output, path, text)


def _replace(finished: Path, output: Path, path: Path, text: Path | None) -> None:
    """Replace a file and its text file, which never describes the other file."""
    path.unlink(missing_ok=True)
    for stale in COMPANION_SUFFIXES:  # GDAL would read them with the new file
        output.with_name(f"{output.name}{stale}").unlink(missing_ok=True)
    sync_folder(output.parent)
    publish(finished, output, overwrite=True)
    if text is not None:
        publish(text, path, overwrite=True)


def _publish_new(finished: Path, output: Path, path: Path, text: Path | None) -> None:
    """Publish the text file, then the file, which is never without it."""
    if text is None:
        publish(finished, output, overwrite=False)
        return
    try:
        publish(text, path, overwrite=False)
    except OutputExistsError as exc:  # another run published it meanwhile
        raise output_exists_error(output) from exc
    try:
        publish(finished, output, overwrite=False)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
