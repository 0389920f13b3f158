"""What an uploaded file is, by its content, and the part of it that is read.

Such a file may come from anyone. GDAL is given a file that has one of our names, of a kind that was
recognised here, and no archive.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import Any
from xml.etree.ElementTree import ParseError

from defusedxml import DefusedXmlException, ElementTree

from hrdem.errors import RequestError

CONTENT = "content"  # name of the uploaded bytes in their folder, without an ending
MAX_MEMBERS = 1_000  # of an archive
MAX_UNPACKED_BYTES = 200_000_000
FORMATS = "Choose GeoJSON, a GeoPackage, KML, or a ZIP archive with one Shapefile."
_HEAD_BYTES = 1_024
_CHUNK_BYTES = 1 << 20
_GEOJSON_TYPES = {
    *("FeatureCollection", "Feature", "GeometryCollection", "Polygon", "MultiPolygon"),
    *("Point", "MultiPoint", "LineString", "MultiLineString"),
}
_SHAPEFILE_PARTS = (".shx", ".prj")  # besides the .shp; attributes are not read


class Kind(StrEnum):
    """Format of a file, and the ending of its name."""

    GEOJSON = ".geojson"
    GEOPACKAGE = ".gpkg"
    SHAPEFILE = ".shp"
    KML = ".kml"

    @property
    def driver(self) -> str:
        """GDAL's driver for it."""
        return _DRIVERS[self]


_DRIVERS = {
    Kind.GEOJSON: "GeoJSON",
    Kind.GEOPACKAGE: "GPKG",
    Kind.SHAPEFILE: "ESRI Shapefile",
    Kind.KML: "KML",
}


def unpack_content(folder: Path, name: str) -> tuple[Path, Kind]:
    """Recognise the uploaded file in a folder, and give it a name that GDAL knows it by.

    Args:
        folder: Folder that holds it as ``content``.
        name: Name for messages.

    Returns:
        Path of the file to read, in the same folder, and its kind.

    Raises:
        RequestError: If it is of no kind that is read, or an archive is too large or damaged.
    """
    content = folder / CONTENT
    with content.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    if head.startswith(b"PK"):
        return _unpack_archive(content, name)
    kind = _recognise(head)
    if kind is None:
        raise RequestError(f"{name} is not a file of polygons that can be read here. {FORMATS}")
    path = content.rename(content.with_suffix(kind))
    _check(path, kind, name)
    return path, kind


def _recognise(head: bytes) -> Kind | None:
    if head.startswith(b"SQLite format 3\0"):
        return Kind.GEOPACKAGE
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith(b"{"):
        return Kind.GEOJSON
    if text.startswith(b"<") and b"<kml" in text:
        return Kind.KML
    return None


def _check(path: Path, kind: Kind, name: str) -> None:
    if kind is Kind.GEOJSON:
        _check_geojson(path, name)
    elif kind is Kind.KML:
        _check_kml(path, name)


def _check_geojson(path: Path, name: str) -> None:
    """Check that JSON is GeoJSON: GDAL reads other kinds, some of which refer to other files."""
    try:
        document = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as exc:
        raise RequestError(f"{name} is not valid GeoJSON: {exc}. Choose another file.") from exc
    found = document.get("type") if isinstance(document, dict) else None
    if found not in _GEOJSON_TYPES:
        raise RequestError(f"{name} is JSON, but not GeoJSON. {FORMATS}")


def _check_kml(path: Path, name: str) -> None:
    """Check that KML is XML without a document type, and has something to read itself."""
    refers = has_shapes = False
    try:
        for _, element in ElementTree.iterparse(path, forbid_dtd=True):
            tag = element.tag.rpartition("}")[2]
            refers |= tag == "NetworkLink"
            has_shapes |= tag in ("Polygon", "LineString", "Point", "MultiGeometry")
            element.clear()
    except (DefusedXmlException, ParseError, ValueError) as exc:
        raise RequestError(
            f"{name} is not KML that can be read here: {exc}. Save it again without a document "
            "type, or choose another file."
        ) from exc
    if refers and not has_shapes:
        raise RequestError(
            f"{name} has no shapes of its own, only links to other files, which are not followed. "
            "Choose the file that it links to."
        )


def _unpack_archive(archive: Path, name: str) -> tuple[Path, Kind]:
    """Unpack the only data set in a ZIP archive under our own name."""
    try:
        with zipfile.ZipFile(archive) as file:
            members = list(_list_members(file, name))
            sets = [each for each in members if _path(each).suffix.lower() in set(Kind)]
            if len(sets) != 1:
                found = f"{len(sets)} files" if sets else "no file"
                raise RequestError(
                    f"{name} has {found} of polygons that can be read here. Put one Shapefile "
                    "into an archive, with its .shx and .prj."
                )
            (main,) = sets
            kind = Kind(_path(main).suffix.lower())
            parts = {kind.value: main}
            if kind is Kind.SHAPEFILE:
                parts |= _find_parts(_path(main), members)
                if ".shx" not in parts:
                    raise RequestError(
                        f"{name} has a .shp without its .shx. Put both into the archive, and the "
                        ".prj."
                    )
            _check_size(parts, name)
            for suffix, member in parts.items():
                _unpack(file, member, archive.with_suffix(suffix), name)
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, NotImplementedError) as exc:
        raise RequestError(f"{name} is a damaged archive: {exc}. Make it again.") from exc
    except RuntimeError as exc:  # of zipfile, for a password
        raise RequestError(f"{name} is encrypted. Make it again without a password.") from exc
    path = archive.with_suffix(kind)
    _check(path, kind, name)
    return path, kind


def _path(member: zipfile.ZipInfo) -> PurePosixPath:
    return PurePosixPath(member.filename)


def _list_members(file: zipfile.ZipFile, name: str) -> Iterator[zipfile.ZipInfo]:
    """Yield the files of an archive, without those that macOS adds."""
    members = file.infolist()
    if len(members) > MAX_MEMBERS:
        raise RequestError(
            f"{name} has {len(members):,} files, and archives of up to {MAX_MEMBERS:,} are read. "
            "Put one Shapefile into an archive."
        )
    for member in members:
        path = _path(member)
        if not (member.is_dir() or "__MACOSX" in path.parts or path.name.startswith(".")):
            yield member


def _find_parts(main: PurePosixPath, members: list[zipfile.ZipInfo]) -> dict[str, zipfile.ZipInfo]:
    """Return the files that belong to a Shapefile, by their endings."""
    return {
        path.suffix.lower(): member
        for member in members
        if (path := _path(member)).with_suffix("") == main.with_suffix("")
        and path.suffix.lower() in _SHAPEFILE_PARTS
    }


def _check_size(parts: dict[str, Any], name: str) -> None:
    size = sum(member.file_size for member in parts.values())
    if size > MAX_UNPACKED_BYTES:
        raise _too_large(name)


def _unpack(file: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path, name: str) -> None:
    """Write a member; what an archive declares of its size need not be true."""
    size = 0
    with file.open(member) as source, target.open("wb") as output:
        while chunk := source.read(_CHUNK_BYTES):
            size += len(chunk)
            if size > MAX_UNPACKED_BYTES:
                raise _too_large(name)
            output.write(chunk)


def _too_large(name: str) -> RequestError:
    return RequestError(
        f"{name} unpacks to more than {MAX_UNPACKED_BYTES:,} bytes. Simplify its polygons, or use "
        "the command line."
    )
