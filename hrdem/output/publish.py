"""Publish a finished file together with the text file that describes it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import unquote_to_bytes

from hrdem.errors import OutputError, OutputExistsError
from hrdem.output.paths import LAYER_NAMES, get_layer_path
from hrdem.output.raster_tags import read_raster_tags
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
class StagedFile:
    """A finished file that is not yet under its name.

    Attributes:
        finished: The file, beside that name.
        path: Path that it will have.
    """

    finished: Path
    path: Path


@dataclass(frozen=True, slots=True)
class PreparedFile:
    """A finished file and the text file that describes it, not yet under their names.

    Attributes:
        finished: The file, beside the output.
        output: Its path.
        path: Path of the text file.
        text: The text file, beside it; None for none.
        overwrite: Whether existing files may be replaced.
        layers: Further files that the text file describes.
    """

    finished: Path
    output: Path
    path: Path
    text: Path | None
    overwrite: bool
    layers: tuple[StagedFile, ...] = ()

    def publish(self) -> None:
        """Publish all, as `publish_described` does.

        Raises:
            OutputError: If the name was taken meanwhile, or the file system refuses.
        """
        try:
            publish_described(
                self.finished,
                self.output,
                self.path,
                self.text,
                self.layers,
                overwrite=self.overwrite,
            )
        except OutputError:
            raise
        except OSError as exc:
            raise _describe_failure(self.output, exc) from exc

    def set_aside(self) -> list[tuple[Path, Path]]:
        """Keep the files that will be replaced, until the finished one is removed.

        Returns:
            Their paths, and those of the copies.

        Raises:
            OutputError: If they cannot be kept, as copies on a disk that is full.
        """
        kept: list[tuple[Path, Path]] = []
        before = list_described_layers(self.path, self.output)
        layers = (layer.path for layer in self.layers)
        for path in _list_with_companions(self.path, self.output, *before, *layers):
            copy = self.finished.with_name(f"before{len(kept)}")
            if not path.exists():
                continue
            try:
                _link_or_copy(path, copy)
            except OSError as exc:
                raise _describe_failure(self.output, exc) from exc
            kept.append((path, copy))
        return kept


def publish_together(files: Sequence[PreparedFile]) -> None:
    """Publish several files with their text files: all, or none if one cannot be published.

    Raises:
        OutputError: If one cannot be published. The others are as they were before.
    """
    with contextlib.ExitStack() as undo:
        for file in files:
            if file.overwrite and (len(files) > 1 or file.layers):
                for path, copy in file.set_aside():
                    undo.callback(copy.replace, path)
                for layer in file.layers:
                    undo.callback(layer.path.unlink, missing_ok=True)
        for file in files:
            file.publish()
            for path in (file.output, file.path, *(layer.path for layer in file.layers)):
                _remove_if_undone(undo, path)
        undo.pop_all()


def publish_described(
    finished: Path,
    output: Path,
    path: Path,
    text: Path | None,
    layers: Sequence[StagedFile] = (),
    *,
    overwrite: bool,
) -> None:
    """Publish a finished file, the layers beside it, and the text file that describes them.

    A new file is published last, so it is never without its description. Where a file is replaced,
    its description is removed first, then its layers: a killed run leaves the old file or the new
    one, with its own description and layers or none.

    Args:
        finished: The file, beside the output.
        output: Its path.
        path: Path of the text file.
        text: The text file, beside it; None for none, so that one of a file that is replaced is
            only removed.
        layers: Further files that the text file describes.
        overwrite: Whether existing files may be replaced.

    Raises:
        OutputExistsError: If the name was taken meanwhile and may not be replaced.
        OSError: If the file system refuses.
    """
    if overwrite:
        _replace(finished, output, path, text, layers)
    else:
        _publish_new(finished, output, path, text, layers)


def _replace(
    finished: Path, output: Path, path: Path, text: Path | None, layers: Sequence[StagedFile]
) -> None:
    """Replace a file, its layers and its text file, which never describes other files."""
    before = list_described_layers(path, output)
    path.unlink(missing_ok=True)
    for stale in _list_with_companions(output, *before, *(layer.path for layer in layers)):
        if stale != output:  # GDAL would read the others with the new file
            stale.unlink(missing_ok=True)
    sync_folder(output.parent)
    publish(finished, output, overwrite=True)
    for layer in layers:
        publish(layer.finished, layer.path, overwrite=True)
    if text is not None:
        publish(text, path, overwrite=True)


def _publish_new(
    finished: Path, output: Path, path: Path, text: Path | None, layers: Sequence[StagedFile]
) -> None:
    """Publish the text file and the layers, then the file, which is never without them."""
    if text is None:
        publish(finished, output, overwrite=False)
        return
    try:
        os.utime(text)  # now: another run takes an old one without its file for one that was left
        publish(text, path, overwrite=False)
    except OutputExistsError as exc:  # another run published it meanwhile
        raise output_exists_error(output) from exc
    with contextlib.ExitStack() as undo:
        _remove_if_undone(undo, path)
        for layer in layers:
            publish(layer.finished, layer.path, overwrite=False)
            _remove_if_undone(undo, layer.path)
        publish(finished, output, overwrite=False)
        undo.pop_all()


def _remove_if_undone(undo: contextlib.ExitStack, path: Path) -> None:
    """Let a stack remove a file that was published, unless another run has replaced it by then."""
    with contextlib.suppress(FileNotFoundError):
        ours = _identify(path)

        def remove() -> None:
            with contextlib.suppress(FileNotFoundError):
                if _identify(path) == ours:
                    path.unlink()

        undo.callback(remove)


def _identify(path: Path) -> tuple[int, ...]:
    found = path.stat()
    # numbers of removed files are used again
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _link_or_copy(path: Path, copy: Path) -> None:
    try:
        os.link(path, copy)
    except OSError:  # a file system without links
        shutil.copyfile(path, copy)


def _describe_failure(output: Path, why: OSError) -> OutputError:
    return OutputError(
        f"{output} cannot be written: {why}. Check the folder's permissions and the space on the "
        "disk."
    )


def list_described_files(item: Path) -> list[Path]:
    """Return the files beside a STAC item that it describes; none if it is no such item."""
    try:
        assets = json.loads(item.read_bytes())["assets"].values()
        names = [unquote_to_bytes(asset["href"].removeprefix("./")) for asset in assets]
        return [item.with_name(os.fsdecode(name)) for name in names]
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return []


def list_described_layers(item: Path, output: Path) -> list[Path]:
    """Return the layers beside an output that its STAC item describes.

    Where it has no item, because a run was killed while it published, they are those that say so.
    """
    layers = {get_layer_path(output, name): name for name in LAYER_NAMES}
    if not item.exists():
        return [path for path, name in layers.items() if path.exists() and _is_layer(path, name)]
    described = list_described_files(item)
    return [path for path in layers if output in described and path in described]


def _is_layer(path: Path, name: str) -> bool:
    tags = read_raster_tags(path)
    return tags.get("HRDEM_PRODUCT") == name and "HRDEM_SOURCES" in tags


def _list_with_companions(*paths: Path) -> list[Path]:
    """Return files, each once, with those that GDAL reads with them."""
    suffixes = ("", *COMPANION_SUFFIXES)
    unique = dict.fromkeys(paths)
    return [path.with_name(f"{path.name}{suffix}") for path in unique for suffix in suffixes]
