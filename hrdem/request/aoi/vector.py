"""Read shapes from vector files, WKT, GeoJSON, and geometries of other libraries."""

from __future__ import annotations

import contextlib
import os
import sys
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import IO, Any

from shapely.geometry.base import BaseGeometry

from hrdem.errors import RequestError
from hrdem.geo.crs import describe_crs, drop_vertical
from hrdem.geo.datum import is_same_crs
from hrdem.request.aoi.attributes import check_selectable
from hrdem.request.aoi.geojson import (
    HEAD_BYTES,
    decode_json,
    is_geojson,
    is_json,
    join_features,
    parse_json,
    read_geojson,
)
from hrdem.request.aoi.local_files import find_gdal_path, resolve_local_path
from hrdem.request.aoi.objects import iterate, read_geometries, read_object
from hrdem.request.aoi.ogr import read_file
from hrdem.request.aoi.readings import DEGREES_CRS
from hrdem.request.aoi.shape_part import MAX_LABEL_CHARACTERS, Selection, ShapePart
from hrdem.request.aoi.unite import Shape, unite_shapes
from hrdem.request.aoi.wkt import read_wkt
from hrdem.request.protocols import AoiLike

STANDARD_INPUT = "-"
#: parameter that names the CRS of a shape which declares none, where it is not ``aoi_crs``
_CRS_PARAMETERS = {"points": "points_crs", "line": "line_crs"}
_SUFFIXES_OF_JSON = (".geojson", ".json")
_SUFFIXES_OF_DATA = (*_SUFFIXES_OF_JSON, ".shp", ".gpkg", ".kml", ".gml", ".fgb", ".tab", ".gdb")


def read_shape(
    source: AoiLike,
    crs: str | None = None,
    layer: str | None = None,
    parameter: str = "aoi",
    near: BaseGeometry | None = None,
) -> Shape:
    """Read a user-supplied shape; several features are united.

    Args:
        source: Path of a vector file that GDAL reads, ``"-"`` for GeoJSON on standard input, WKT,
            EWKT or GeoJSON, a GeoJSON mapping, a GeoDataFrame or GeoSeries, a geometry of shapely
            or another library, or a list of any of these.
        crs: CRS of the coordinates if they declare none. None for EPSG:4326, but a
            GeoDataFrame and a file, except GeoJSON, have to declare their CRS or be given one. It
            may not contradict a declared one.
        layer: Layer of the file, if it has several.
        parameter: Name of the parameter that it was passed for, for messages.
        near: Area in EPSG:4617. Of files that GDAL reads, features outside its box are left out,
            whose number may not matter; GeoJSON is read whole.

    Raises:
        RequestError: If it is none of these, cannot be read, is empty, its coordinates are
            implausible in its CRS, or its parts have different CRSs.
        NoDataError: If a file has features, but none near that area.
    """
    parts, agreed = read_parts(source, crs, layer, parameter, near)
    label, *more = dict.fromkeys(part.label for part in parts)
    if more:
        label = f"{label} and {len(parts) - 1} more"
    if not all(part.is_file for part in parts):
        label = f"{label} ({describe_crs(agreed)})"
    declared = next((part.declared for part in parts if part.declared), None)
    return unite_shapes([part.geometries for part in parts], agreed, label, declared)


def read_parts(
    source: AoiLike,
    crs: str | None = None,
    layer: str | None = None,
    parameter: str = "aoi",
    near: BaseGeometry | None = None,
    selection: Selection | None = None,
) -> tuple[list[ShapePart], str]:
    """Read a user-supplied shape as the geometries that it has, and the CRS of all of them.

    Args:
        source: As for `read_shape`.
        crs: As for `read_shape`.
        layer: As for `read_shape`.
        parameter: As for `read_shape`.
        near: As for `read_shape`.
        selection: Features that are read, and which attribute of them; None for all, without.

    Raises:
        RequestError: As for `read_shape`; or if there are no attributes to select by.
        NoDataError: As for `read_shape`.
    """
    parts = list(_read_parts(source, layer, parameter, near, selection))
    if layer is not None and not any(part.is_file for part in parts):
        raise RequestError(
            f"`layer={layer}` chooses from the layers of a file, but `{parameter}` is not a file. "
            "Leave `layer` out."
        )
    if not parts:
        raise RequestError(f"`{parameter}` is empty. Give at least one shape.")
    return parts, _agree_on_crs(parts, crs, parameter)


def _read_parts(
    source: Any,
    layer: str | None,
    parameter: str,
    near: BaseGeometry | None,
    selection: Selection | None,
) -> Iterator[ShapePart]:
    """Yield the shapes of a source, or of each item of a list."""
    if isinstance(source, str | os.PathLike):
        yield from _read_text(os.fspath(source), layer, parameter, near, selection)
    elif (items := iterate(source)) is None:
        yield from read_object(source, parameter, selection)
    else:
        if selection is None:
            items = [each for each in items if each is not None]
        if all(each is None or isinstance(each, BaseGeometry) for each in items):
            check_selectable(selection, parameter)
            yield from read_geometries(items, in_order=selection is not None)
            return
        for each in items:
            if each is None:
                yield ShapePart([None], None, "no geometry")
            else:
                yield from _read_parts(each, layer, parameter, near, selection)


def _read_text(
    name: str,
    layer: str | None,
    parameter: str,
    near: BaseGeometry | None,
    selection: Selection | None,
) -> Iterator[ShapePart]:
    """Yield the shapes of a file, of standard input, or of WKT or GeoJSON."""
    if name == STANDARD_INPUT:
        piped = _read_standard_input(parameter)
        yield from _read_json(piped, "standard input", layer, selection)
        return
    if not os.path.exists(name):  # noqa: PTH110 (a name may be too long for Path)
        if is_json(name):
            yield from _read_json(name, None, layer, selection)
            return
        if wkt := read_wkt(name):
            check_selectable(selection, parameter)
            yield wkt
            return
    file, bar, chosen = name.partition("|layername=")
    if bar and os.path.exists(file):  # noqa: PTH110
        raise RequestError(
            f"`{parameter}` names a layer in the way of QGIS. Give {file} as `{parameter}`, and "
            f"`layer={chosen}`."
        )
    path = resolve_local_path(name, parameter)
    member = _find_in_archive(path)
    if (data := _read_if_json(path, member)) is not None:
        yield from _read_json(data, path.name, layer, selection)
    else:
        found = find_gdal_path(path, parameter)
        source = f"/vsizip/{{{found}}}/{member}" if member else found
        yield read_file(source, path.name, layer, near, selection)


def _read_json(
    data: str | bytes, name: str | None, layer: str | None, selection: Selection | None
) -> Iterator[ShapePart]:
    """Yield the shapes of a GeoJSON file or text, or of another JSON that GDAL reads."""
    text = decode_json(data)
    label = name or repr(text[:MAX_LABEL_CHARACTERS])
    values = parse_json(text, label)
    if len(values) == 1 and not is_geojson(values[0]):
        yield read_file(text.encode(errors="replace"), label, layer, selection=selection)
        return
    if name and layer is not None:
        raise RequestError(f"{name} is GeoJSON, which has no layers. Leave `layer` out.")
    if selection is None:
        yield from read_geojson(values, name)
        return
    (first,) = read_geojson(values, name, as_features=True)
    features = read_file(join_features(text), label, None, selection=selection)
    yield replace(
        first,
        geometries=features.geometries,
        attributes=features.attributes,
        layer=features.layer,
    )


def _agree_on_crs(parts: Sequence[ShapePart], crs: str | None, parameter: str) -> str:
    """Return the CRS of all shapes.

    Raises:
        RequestError: If one has none, contradicts ``crs``, or has another than the others.
    """
    alike: dict[tuple[str | None, bool], ShapePart] = {}  # one of thousands of features
    for part in filter(_has_crs, parts):
        alike.setdefault((part.declared, part.must_declare), part)
    agreed: dict[str, ShapePart] = {}
    name = _CRS_PARAMETERS.get(parameter, "aoi_crs")
    for part in alike.values() or parts[:1]:
        own = _reconcile_crs(part.declared, crs, part.subject, name)
        if own is None and part.must_declare:
            raise RequestError(
                f"{part.subject} does not declare its CRS. Give it, for example "
                f"`{name}=EPSG:4326` (degrees) or `{name}=EPSG:2959` (metres)."
            )
        agreed.setdefault(own or DEGREES_CRS, part)
    first, *others = agreed
    for other in others:
        if not is_same_crs(first, other):
            raise RequestError(
                f"`{parameter}` has shapes in several CRSs: {agreed[first].label} in "
                f"{describe_crs(first)}, {agreed[other].label} in {describe_crs(other)}. Bring "
                "them to one of them, for example by to_crs of geopandas."
            )
    return first


def _has_crs(part: ShapePart) -> bool:
    """Whether a part has a CRS, if only by default: places of missing geometries have none."""
    is_declared = part.declared is not None or part.must_declare
    return is_declared or any(each is not None for each in part.geometries)


def _find_in_archive(path: Path) -> PurePosixPath | None:
    """Return the only data set in a ZIP archive; None for several, and for anything else."""
    if path.suffix.lower() != ".zip" or not zipfile.is_zipfile(path):
        return None
    with zipfile.ZipFile(path) as archive:
        names = map(PurePosixPath, archive.namelist())
    inside = {
        each
        for name in names
        if "__MACOSX" not in name.parts
        for each in (name, *name.parents)  # a file geodatabase is a folder
        if each.suffix.lower() in _SUFFIXES_OF_DATA
    }
    return inside.pop() if len(inside) == 1 else None


def _read_if_json(path: Path, member: PurePosixPath | None) -> bytes | None:
    """Return the bytes of a file, or of its member, if they are JSON.

    Raises:
        RequestError: If the file is empty or damaged.
    """
    if path.is_dir() or (member and member.suffix.lower() not in _SUFFIXES_OF_JSON):
        return None
    try:
        with contextlib.ExitStack() as stack:
            file: IO[bytes] = stack.enter_context(path.open("rb"))
            if member:
                archive = stack.enter_context(zipfile.ZipFile(file))
                file = stack.enter_context(archive.open(str(member)))
            head = file.read(HEAD_BYTES)
            data = head + file.read() if is_json(head) else None
    except (OSError, RuntimeError, zipfile.BadZipFile, zlib.error) as exc:  # RuntimeError: locked
        raise RequestError(f"{path.name} cannot be read: {exc}. Give another file.") from exc
    if not head.strip():
        raise RequestError(f"{path.name} is empty. Give a file that contains polygons.")
    return data


def _read_standard_input(parameter: str) -> bytes:
    if sys.stdin is None:
        raise RequestError(
            "Standard input is closed. Pipe GeoJSON into it, or give the path of a file as "
            f"`{parameter}`."
        )
    data = sys.stdin.buffer.read()
    if not is_json(data[:HEAD_BYTES]):
        raise RequestError(
            f"Standard input has {len(data):,} bytes that are not GeoJSON. Pipe GeoJSON into it, "
            f"or give the path of a file as `{parameter}`."
        )
    return data


def _reconcile_crs(
    declared: str | None, requested: str | None, what: str, parameter: str
) -> str | None:
    """Return the CRS of a shape from what it declares and what a parameter requests."""
    if declared is None:
        return None if requested is None else drop_vertical(requested)
    try:
        own = drop_vertical(declared)
    except RequestError as exc:
        raise RequestError(f"{what} declares a CRS that cannot be used: {exc}") from exc
    if requested is not None and not is_same_crs(own, drop_vertical(requested)):
        raise RequestError(
            f"{what} declares the CRS {describe_crs(own)}, but `{parameter}` is "
            f"{describe_crs(requested)}. Leave `{parameter}` out, or correct what is declared."
        )
    return own
