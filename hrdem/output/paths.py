"""Paths of outputs: checks before any work, and safe file names."""

from __future__ import annotations

import contextlib
import errno
import os
import re
from collections.abc import Iterable
from enum import Enum
from pathlib import Path

from hrdem.errors import OutputError, RequestError
from hrdem.request.file_uris import read_file_uri
from hrdem.runtime.atomic import check_creatable, check_replaceable, output_exists_error
from hrdem.runtime.shell import join_command

LAYER_NAMES = ("source", "source-dsm", "source-dtm", "year")  # of rasters beside an output
_UNSAFE = re.compile(r"[^\w.-]", re.ASCII)
_MAX_NAME_CHARACTERS = 100  # without the suffix
_MAX_SHOWN_CHARACTERS = 40  # of a long name in a message
# formats that GDAL's tools write from heights, knowing them by the ending alone
_CONVERTED_BY_GDAL = {".asc", ".bil", ".gpkg", ".img", ".nc", ".vrt", ".xyz"}
_PICTURES = {".jpeg", ".jpg", ".png"}
_COMPRESSED = {".7z", ".bz2", ".gz", ".xz", ".zip", ".zst"}
_OTHER_ENDINGS = {
    *_CONVERTED_BY_GDAL, *_PICTURES, *_COMPRESSED, ".cog", ".dem", ".geotiff", ".gtiff"
}  # fmt: skip
_DEVICES = {"CON", "PRN", "AUX", "NUL"} | {
    f"{device}{number}" for device in ("COM", "LPT") for number in range(10)
}  # reserved by Windows, with any suffix


class FileKind(Enum):
    """Kinds of output, each with the endings of its names; the first is suggested."""

    GEOTIFF = (".tif", ".tiff")
    PNG = (".png",)
    VRT = (".vrt",)
    GEOPACKAGE = (".gpkg",)


_DESCRIPTIONS = {
    FileKind.PNG: "The picture is a PNG",
    FileKind.VRT: "The output is a VRT",
    FileKind.GEOPACKAGE: "The layer is a GeoPackage",
}


def get_layer_path(output: Path, name: str) -> Path:
    """Return the path of a layer beside an output, such as ``ottawa.source.tif``.

    Args:
        output: Path of the output.
        name: One of `LAYER_NAMES`.
    """
    return output.with_name(f"{output.stem}.{name}{output.suffix}")


def check_output(output: Path, overwrite: bool, kind: FileKind | None = None) -> None:
    """Check that a file can be written, before any work.

    Args:
        output: Path of the file.
        overwrite: Whether an existing file may be replaced.
        kind: Kind of the file, if a user chose the name.

    Raises:
        RequestError: If the name ends otherwise than those of its kind.
        OutputExistsError: If it exists and ``overwrite`` is not set.
        OutputError: If it cannot be created or replaced.
    """
    check_name(output)
    folder = output.parent
    if output.is_dir():
        example = output / f"dtm{(kind or FileKind.GEOTIFF).value[0]}"
        raise OutputError(f"{output} is a folder; give a file name, like {example}.")
    if output.exists() and not output.is_file():
        raise OutputError(f"{output} is a device or a pipe; give the name of a file.")
    if kind is not None:
        _check_ending(output, kind)
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
    _try_out(output)


def check_no_input(written: Iterable[Path], inputs: Iterable[object]) -> None:
    """Check that no file that is read would be replaced.

    Args:
        written: Paths that are written.
        inputs: What is read, of which some may be paths.

    Raises:
        RequestError: If one is the other.
    """
    paths = [each for each in inputs if isinstance(each, str | os.PathLike)]
    for path in written:
        if any(is_same_file(path, each) for each in paths):
            raise RequestError(
                f"{path} is an input and would be replaced; choose another `output`."
            )


def is_same_file(path: Path, other: str | os.PathLike[str]) -> bool:
    """Whether a path and another, or a file URI, lead to the same file."""
    with contextlib.suppress(OSError, ValueError):
        return path.samefile(read_file_uri(os.fspath(other)))
    return False


def _try_out(output: Path) -> None:
    """Check what only the system knows: that a file can be created, or replaced."""
    try:
        check_creatable(output)
    except OSError as exc:
        if os.name == "nt" and isinstance(exc, FileNotFoundError):
            raise OutputError(
                f"The path of {output.name} is too long for Windows; choose a shorter `output`, or "
                "enable long paths."
            ) from exc
        raise OutputError(
            f"The folder {output.parent} is not writable ({_describe(exc)}); choose another "
            "`output`."
        ) from exc
    if output.exists():
        try:
            check_replaceable(output)
        except OSError as exc:
            raise OutputError(
                f"{output} cannot be replaced ({_describe(exc)}); close it in other programs, lift "
                "its protection, or choose another `output`."
            ) from exc


def _check_ending(output: Path, kind: FileKind) -> None:
    ending = output.suffix.lower()
    if ending in kind.value:
        return
    is_format = ending in _OTHER_ENDINGS or any(ending in each.value for each in FileKind)
    stem = Path(output.stem if is_format else output.name)
    if stem.suffix.lower() not in kind.value:  # otherwise zipped, for example
        stem = Path(f"{stem}{kind.value[0]}")
    proper = output.with_name(str(stem))
    advice = f"Give `output={proper}`"
    if kind is not FileKind.GEOTIFF:
        what = _DESCRIPTIONS[kind]
        raise RequestError(f"{what}, and {output} does not end in {kind.value[0]}. {advice}.")
    if ending in _CONVERTED_BY_GDAL:
        command = ["gdal_translate", "-b", "1", str(proper), str(output)]
        advice += f"; {join_command(command)} then converts it"
    elif ending in _COMPRESSED:
        advice += ", then compress it"
    elif ending in _PICTURES:
        advice += ", or use hrdem preview, which draws a picture"
    way = (
        " With `format=vrt` it refers to the remote files." if ending in FileKind.VRT.value else ""
    )
    raise RequestError(
        f"The output is a GeoTIFF, and {output} ends in neither .tif nor .tiff. {advice}.{way}"
    )


def check_name(path: Path) -> None:
    """Check that the file system allows a name and the length of its path.

    Raises:
        OutputError: If it does not.
    """
    if os.name == "nt" and is_reserved_by_windows(path.name):
        raise OutputError(f"Windows reserves the name {path.name}; choose another `output`.")
    try:
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


def is_reserved_by_windows(name: str) -> bool:
    """Whether a name is that of a device, or of a stream within a file, and not of a file."""
    return ":" in name or name.partition(".")[0].rstrip().upper() in _DEVICES


def make_file_name(name: str, suffix: str) -> str:
    """Make a file name that is safe on any system from an untrusted one.

    Args:
        name: Name that a server supplied.
        suffix: Suffix of the file name, such as ``.vrt``.
    """
    stem = name[: -len(suffix)] if name.lower().endswith(suffix) else name
    stem = _UNSAFE.sub("_", stem)[:_MAX_NAME_CHARACTERS].strip(" ._-") or "file"
    if is_reserved_by_windows(stem):
        stem = f"_{stem}"
    return f"{stem}{suffix}"
