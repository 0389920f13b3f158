"""Publish a finished file together with the text file that describes it."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from hrdem.errors import OutputError, OutputExistsError
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


@dataclass(frozen=True, slots=True)
class PreparedFile:
    """A finished file and the text file that describes it, not yet under their names.

    Attributes:
        finished: The file, beside the output.
        output: Its path.
        path: Path of the text file.
        text: The text file, beside it; None for none.
        overwrite: Whether existing files may be replaced.
    """

    finished: Path
    output: Path
    path: Path
    text: Path | None
    overwrite: bool

    def publish(self) -> None:
        """Publish both, as `publish_described` does.

        Raises:
            OutputError: If the name was taken meanwhile, or the file system refuses.
        """
        try:
            publish_described(
                self.finished, self.output, self.path, self.text, overwrite=self.overwrite
            )
        except OSError as exc:
            raise OutputError(
                f"{self.output} cannot be written: {exc}. Check the folder's permissions and the "
                "space on the disk."
            ) from exc

    def set_aside(self) -> list[tuple[Path, Path]]:
        """Keep the files that will be replaced, until the finished one is removed.

        Returns:
            Their paths, and those of the copies.
        """
        companions = (f"{self.output.name}{each}" for each in COMPANION_SUFFIXES)
        kept: list[tuple[Path, Path]] = []
        for path in (self.output, self.path, *map(self.output.with_name, companions)):
            copy = self.finished.with_name(f"before{len(kept)}")
            if not path.exists():
                continue
            try:
                os.link(path, copy)
            except OSError:  # a file system without links
                shutil.copyfile(path, copy)
            kept.append((path, copy))
        return kept


def publish_together(files: Sequence[PreparedFile]) -> None:
    """Publish several files with their text files: all, or none if one cannot be published.

    Raises:
        OutputError: If one cannot be published. The others are as they were before.
    """
    with contextlib.ExitStack() as undo:
        for file in files:
            for path, copy in file.set_aside() if file.overwrite and len(files) > 1 else ():
                undo.callback(copy.replace, path)
        for file in files:
            file.publish()
            undo.callback(file.output.unlink, missing_ok=True)
            undo.callback(file.path.unlink, missing_ok=True)
        undo.pop_all()


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
