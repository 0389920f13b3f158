"""Open DEMs of the older products: files, ZIP archives, and folders of both."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

from hrdem.errors import RequestError
from hrdem.legacy.archive import list_members, open_member, show_member
from hrdem.legacy.bc.names import FileName
from hrdem.legacy.bc.products import ELEVATION
from hrdem.legacy.cded.cells import Half
from hrdem.legacy.cded.names import parse_cell_name
from hrdem.legacy.raster import ASCII_SUFFIX, LegacyRaster, RasterFile, open_raster
from hrdem.request.aoi.ascii_crs import MAX_PRJ_BYTES, find_prj
from hrdem.request.aoi.local_files import resolve_local_path
from hrdem.runtime.walk_folder import walk_folder
from hrdem.usgsdem.ascii_grid import is_ascii_grid
from hrdem.usgsdem.elements import RECORD_BYTES

MAX_FILES = 20_000  # of a folder; there are 13,000 sheets at 1:50,000
SUFFIXES = (".dem", ASCII_SUFFIX)
ZIP_SUFFIX = ".zip"
PRJ_SUFFIX = ".prj"
_ONE_CELL = ".dem.zip"  # GeoBC: 082g01_e.dem.zip
_ZIP_MARKS = (b"PK\3\4", b"PK\5\6")
_HALVES = {Half.EAST: "eastern", Half.WEST: "western"}


def open_inputs(
    paths: Sequence[str | os.PathLike[str]], crs: str | None = None
) -> tuple[LegacyRaster, ...]:
    """Open all DEMs under some paths, each once, in the order of the paths and then of the names.

    In archives and folders, BC's grids of slope and aspect are left out: they are no heights.

    Args:
        paths: Files of any name; ZIP archives of both namings of CDED and of GeoBC, or of other
            files; folders, with the .dem, .asc and .zip files at any depth.
        crs: What to take for the CRS of files that have none, from `hrdem.geo.crs.normalize_crs`.

    Raises:
        RequestError: If there is none, one cannot be read, or an archive has not what it should:
            both cells of one sheet, or other files.
    """
    files: dict[RasterFile, None] = {}
    for path in paths:
        files |= dict.fromkeys(_list_files(resolve_local_path(path, "inputs")))
    if not files:
        raise RequestError("No DEM was given. Give files, archives or folders.")
    prjs = _PrjFinder()
    return tuple(open_raster(file, prjs.find(file), crs) for file in files)


def _list_files(path: Path) -> Iterable[RasterFile]:
    if path.is_dir():
        return _list_folder(path)
    return _list_archive(path) if _is_archive(path) else [RasterFile(path)]


def _is_archive(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(_ZIP_MARKS[0])) in _ZIP_MARKS


def _list_folder(folder: Path) -> list[RasterFile]:
    found: list[Path] = []
    for path in walk_folder(folder):
        if _suffix(path.name) in (*SUFFIXES, ZIP_SUFFIX):
            found.append(path)
        if len(found) > MAX_FILES:
            raise RequestError(
                f"{folder.name} has more than {MAX_FILES:,} DEMs and archives. Give a smaller "
                "folder."
            )
    files: list[RasterFile] = []
    for path in found:
        if _suffix(path.name) != ZIP_SUFFIX:
            files += filter(_may_be_dem, [RasterFile(path)])
        elif list_members(path, SUFFIXES):  # others are of other data
            files += _list_archive(path)
    heights = list(filter(_has_heights, files))
    if not heights:
        raise RequestError(
            f"{folder.name} has no DEM: no file in it ends in .dem or .asc, and no .zip has one. "
            "Give another folder."
        )
    return heights


def _may_be_dem(file: RasterFile) -> bool:
    """Whether a file is not one of the others that end in .asc, such as keys and signatures."""
    if _suffix(file.name) != ASCII_SUFFIX:
        return True
    with file.open() as opened:
        return is_ascii_grid(opened.read(RECORD_BYTES))


def _list_archive(path: Path) -> list[RasterFile]:
    members = list_members(path, SUFFIXES)
    if not members:
        raise RequestError(
            f"{path.name} has no DEM: no file in it ends in .dem or .asc. Give another archive."
        )
    _check_cells(path, members)
    files = [RasterFile(path, member) for member in members]
    return list(filter(_has_heights, files)) or files


def _check_cells(path: Path, members: Sequence[str]) -> None:
    """Check that an archive of CDED has both cells of one sheet (CDED 2.1, 10.2), each once."""
    cells = Counter(filter(None, (parse_cell_name(show_member(each)) for each in members)))
    sheets = sorted({cell.sheet.name for cell in cells})
    if not cells:
        return
    if len(sheets) > 1:
        problem = f"{len(sheets)} sheets, {sheets[0]} to {sheets[-1]}, not of one"
    elif max(cells.values()) > 1:
        problem = f"{sheets[0]} more than once"
    elif len(cells) == 1 and not path.name.lower().endswith(_ONE_CELL):
        (cell,) = cells
        problem = f"{sheets[0]} by half, the {_HALVES[cell.half]} one"
    else:
        return
    raise RequestError(
        f"{path.name} has cells of {problem}; CDED has the western and the eastern cell of one "
        "sheet in each archive. Unpack it and give the .dem files, if they are what you want."
    )


def _has_heights(file: RasterFile) -> bool:
    name = FileName.parse(file.name)
    return name is None or name.variant == ELEVATION


class _PrjFinder:
    """Finds the .prj beside a file, or beside a member in its archive, which is listed once."""

    def __init__(self) -> None:
        self._members: dict[Path, dict[PurePosixPath, str]] = {}

    def find(self, file: RasterFile) -> tuple[bytes, str] | None:
        """Return content and name of the .prj of a raster; None if there is none."""
        if file.member is None:
            return find_prj(file.path)
        if file.path not in self._members:
            names = list_members(file.path, (PRJ_SUFFIX,))
            self._members[file.path] = {_stem(name): name for name in names}
        member = self._members[file.path].get(_stem(file.member))
        if member is None:
            return None
        with open_member(file.path, member) as opened:
            return opened.read(MAX_PRJ_BYTES), show_member(member)


def _stem(member: str) -> PurePosixPath:
    return PurePosixPath(member).with_suffix("")


def _suffix(name: str) -> str:
    return PurePosixPath(name).suffix.lower()
