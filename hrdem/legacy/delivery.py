"""Delivery of sets: the files of a sheet or a block appear together, as one zip or in one folder.

Files are made in a hidden folder beside the set, which gets its name by one rename when all of them
are on the disk. Whatever ends the run, under the name of a set there is a whole one or none.
"""

from __future__ import annotations

import contextlib
import datetime
import os
import shutil
import time
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from hrdem.errors import HrdemError, OutputError
from hrdem.legacy.bc.names import FileName
from hrdem.legacy.cded.names import parse_cell_name
from hrdem.legacy.check.cded_names import parse_metadata_name
from hrdem.output.paths import check_name, check_output
from hrdem.runtime.atomic import (
    check_creatable,
    output_exists_error,
    publish,
    staging_dir,
    sync_folder,
    sync_to_disk,
)

ARCHIVE = ".zip"  # ending of the name of a set that is one file
_FIRST_DOS_TIME = (1980, 1, 1, 0, 0, 0)  # the first that a zip can hold
_LAST_DOS_TIME = (2107, 12, 31, 23, 59, 58)
_DEFLATE_LEVEL = 6
_UNIX = 3  # "made by" of the members: the same bytes on every system
_MODE = 0o100644  # a regular file that everyone may read
_COPIED_BYTES = 1 << 20  # at a time
_PAM = ".aux.xml"  # of statistics, when somebody opens a raster
_MAX_LISTED = 3  # names in a message


def make_time_stamp() -> int:
    """Return the time since 1970 in milliseconds, as in purchasers' names (CDED 2.1, 10.2.2)."""
    return time.time_ns() // 1_000_000


def check_sets(targets: Sequence[Path], overwrite: bool) -> None:
    """Check that sets can be written, before any work; nothing is created or changed.

    Args:
        targets: Path of each set: of a zip if it ends in ``.zip``, else of a folder. The folder
            that they are in need not exist.
        overwrite: Whether existing sets may be replaced.

    Raises:
        OutputExistsError: If one exists and ``overwrite`` is not set.
        OutputError: If one cannot be created or replaced, or a folder has other files in it than
            those of the set.
    """
    for target in targets:
        check_name(target)
        parent = target.parent
        if not parent.exists():
            _check_missing(parent)
        elif not parent.is_dir():
            raise OutputError(f"{parent} is not a folder; choose another `output`.")
        elif target.suffix == ARCHIVE and not target.is_dir():
            check_output(target, overwrite)
        else:
            _check_folder(target, overwrite)


@contextlib.contextmanager
def stage_set(target: Path, overwrite: bool, time_stamp: int | None = None) -> Iterator[Path]:
    """Yield an empty folder for the files of a set; publish what is in it when the block ends.

    The members of a zip are sorted by name and have one time, so that the same files give the same
    bytes. An existing set is replaced as a whole. If the block raises, nothing is published.

    Args:
        target: Path of the set: of a zip if it ends in ``.zip``, else of a folder. The folder that
            it is in is created.
        overwrite: Whether an existing set may be replaced.
        time_stamp: Time of the members of a zip, milliseconds since 1970; None for 1980-01-01.

    Yields:
        Path of the folder, which is on the file system of the target.

    Raises:
        OutputExistsError: If the set was written meanwhile and may not be replaced.
        OutputError: If it cannot be written.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with staging_dir(target) as staging:
            files = staging / "set"
            files.mkdir()
            yield files
            if target.suffix == ARCHIVE:
                packed = staging / "packed"
                pack(files, packed, time_stamp)
                publish(packed, target, overwrite)
            else:
                _publish_folder(files, target, staging / "replaced" if overwrite else None)
    except HrdemError:
        raise
    except OSError as exc:
        raise OutputError(f"{target} cannot be written: {exc.strerror or exc}.") from exc


def pack(folder: Path, archive: Path, time_stamp: int | None) -> None:
    """Write the files of a folder into a zip, deflated, sorted by name.

    Args:
        folder: Folder of regular files.
        archive: Zip to write.
        time_stamp: Time of the members, milliseconds since 1970, as UTC; None for 1980-01-01.

    Raises:
        OSError: If a file cannot be read, or the zip not be written.
    """
    date_time = _FIRST_DOS_TIME if time_stamp is None else _to_dos_time(time_stamp)
    with zipfile.ZipFile(archive, "w") as packed:
        for path in sorted(folder.iterdir()):
            member = zipfile.ZipInfo(path.name, date_time)
            member.compress_type = zipfile.ZIP_DEFLATED
            member.create_system = _UNIX
            member.external_attr = _MODE << 16
            member.file_size = path.stat().st_size
            with path.open("rb") as source, packed.open(member, "w") as written:
                shutil.copyfileobj(source, written, _COPIED_BYTES)


def _to_dos_time(time_stamp: int) -> tuple[int, int, int, int, int, int]:
    """Return a time in the form of a zip, within the years that it has."""
    seconds = time_stamp // 1_000
    try:
        moment = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    except (ValueError, OverflowError, OSError):  # beyond the year 9999
        return _LAST_DOS_TIME
    return max(_FIRST_DOS_TIME, min(moment.timetuple()[:6], _LAST_DOS_TIME))


def _check_missing(folder: Path) -> None:
    """Check that a folder that is missing can be created, by what is there above it."""
    missing = folder
    while not missing.parent.exists():
        missing = missing.parent
    if not missing.parent.is_dir():
        raise OutputError(f"{missing.parent} is not a folder; choose another `output`.")
    check_name(missing)
    _try_to_create(missing)


def _check_folder(target: Path, overwrite: bool) -> None:
    if target.is_symlink():
        raise OutputError(
            f"{target} is a link to {target.readlink()}, and links are not replaced; remove it, or "
            "choose another `output`."
        )
    if target.is_dir() == (target.suffix == ARCHIVE) and target.exists():
        found, wanted = ("folder", "file") if target.is_dir() else ("file", "folder")
        raise OutputError(
            f"{target} is a {found}, where a {wanted} is to be written; remove it, or choose "
            "another `output`."
        )
    if target.exists():
        if not overwrite:
            raise output_exists_error(target)
        _check_only_set(target)
    _try_to_create(target)


def _check_only_set(target: Path) -> None:
    """Check that a folder that is to be replaced has nothing in it that belongs to someone else."""
    others = sorted(
        path.name
        for path in target.iterdir()
        if not _is_of_set(path.name, target.name) or path.is_dir()
    )
    if others:
        listed = ", ".join(others[:_MAX_LISTED]) + (", …" if len(others) > _MAX_LISTED else "")
        raise OutputError(
            f"The folder {target} is to be replaced, and has other things in it than the files of "
            f"{target.name}: {listed}; move them, or choose another `output`."
        )


def _is_of_set(name: str, folder: str) -> bool:
    """Whether a file has a name that those of a set have, or is what GDAL writes beside one."""
    name, folder = name.lower().removesuffix(_PAM), folder.lower()
    is_known = any(parse(name) for parse in (FileName.parse, parse_cell_name, parse_metadata_name))
    return is_known and name.startswith((f"{folder}-", f"{folder}_"))


def _try_to_create(path: Path) -> None:
    try:
        check_creatable(path)
    except OSError as exc:
        raise OutputError(
            f"The folder {path.parent} is not writable ({(exc.strerror or str(exc)).lower()}); "
            "choose another `output`."
        ) from exc


def _publish_folder(files: Path, target: Path, replaced: Path | None) -> None:
    """Flush a folder to the disk and give it its name.

    Args:
        files: The folder.
        target: Its name.
        replaced: Where a folder of that name is moved; None if it may not be replaced.

    Raises:
        OutputExistsError: If a folder of that name exists and may not be replaced.
        OSError: If the file system refuses.
    """
    for path in files.iterdir():
        sync_to_disk(path)
    sync_folder(files)
    if os.path.lexists(target):
        if replaced is None:
            raise output_exists_error(target)
        _check_only_set(target)
        target.rename(replaced)
    try:
        files.rename(target)
    except OSError:
        if replaced is not None and replaced.exists() and not os.path.lexists(target):
            replaced.rename(target)
        elif os.path.lexists(target):  # written since it was looked for
            raise output_exists_error(target) from None
        raise
    sync_folder(target.parent)
