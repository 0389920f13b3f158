"""Read GeoJSON (RFC 7946), and sequences of it (RFC 8142), in any encoding of JSON.

Any `crs` member counts (GeoJSON 2008, 3.1): of the document, of a Feature or of a geometry, where
PostGIS writes it. GDAL reports WGS 84 for GeoJSON that declares no CRS, and needs twice the memory.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.errors import ShapelyError
from shapely.geometry.base import BaseGeometry

from hrdem.errors import RequestError
from hrdem.request.aoi.shape_part import MAX_LABEL_CHARACTERS, ShapePart, describe

HEAD_BYTES = 256  # that show whether a file is JSON
# between records, and what PowerShell and C programs leave at the end
_SEPARATORS = "\ufeff \t\r\n\x1e\0"
_PARTS = {
    "MultiPoint": "Point",
    "MultiLineString": "LineString",
    "MultiPolygon": "Polygon",
}
# of values that are no GeoJSON
_INVALID = (
    ShapelyError, LookupError, TypeError, ValueError, AttributeError, OverflowError, RecursionError
)  # fmt: skip
_TYPES = {*_PARTS, *_PARTS.values(), "GeometryCollection", "Feature", "FeatureCollection"}
_EPSG_URN = re.compile(r"urn:(x-)?ogc:def:crs:EPSG:[\d.]*:(?P<code>\d+)", re.IGNORECASE)
_CRS84 = re.compile(r"(urn:ogc:def:crs:)?OGC:(1\.3:)?CRS84", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Crs:
    """What a `crs` member says; without a name, the CRS is one that cannot be read."""

    name: str | None


def is_json(text: str | bytes) -> bool:
    """Whether a text, or a file that starts with these bytes, is an object of JSON."""
    return decode_json(text).startswith("{")


def decode_json(data: str | bytes) -> str:
    """Return JSON as text: from UTF-8, -16 or -32, with a byte order mark or without.

    Bytes that are no text are replaced: only coordinates are used, not names in Latin-1.
    """
    if isinstance(data, bytes):
        data = data.decode(json.detect_encoding(data), "replace")
    return data.strip(_SEPARATORS)


def parse_json(text: str, label: str) -> list[Any]:
    """Return the JSON values of a text, one after the other.

    Geometries in them are made while the text is read, and properties are dropped, so that memory
    holds the coordinates of one geometry as Python's numbers.

    Raises:
        RequestError: If a part of it is not JSON.
    """
    decoder, start, values = json.JSONDecoder(object_hook=_shrink), 0, []
    while start < len(text):
        try:
            value, start = decoder.raw_decode(text, start)
        except (ValueError, RecursionError) as exc:
            cause = "it is nested too deeply"
            if isinstance(exc, json.JSONDecodeError):
                cause = f"{exc.msg} at line {exc.lineno}, column {exc.colno}"
            raise RequestError(
                f"{label} is not GeoJSON, as it is not valid JSON: {cause}. Correct it."
            ) from exc
        values.append(value)
        while start < len(text) and text[start] in _SEPARATORS:
            start += 1
    return values


def _shrink(value: dict[str, Any]) -> dict[str, Any]:
    """Make the geometry of a JSON object that has just been read; leave what is not valid."""
    kind = value.get("type")
    if kind == "Feature":
        value.pop("properties", None)
    elif "coordinates" in value:
        with contextlib.suppress(*_INVALID):
            value["coordinates"] = _make_geometry(kind, value["coordinates"])
    return value


def join_features(text: str) -> bytes:
    """Return valid GeoJSON, one or several objects, as one FeatureCollection with properties.

    GDAL reads the first of several objects that span several lines each.
    """
    decoder, start, features = json.JSONDecoder(), 0, []
    while start < len(text):
        value, start = decoder.raw_decode(text, start)
        match value["type"]:
            case "FeatureCollection":
                features += value["features"]
            case "Feature":
                features.append(value)
            case _:
                features.append({"type": "Feature", "properties": {}, "geometry": value})
        while start < len(text) and text[start] in _SEPARATORS:
            start += 1
    return json.dumps({"type": "FeatureCollection", "features": features}).encode()


def is_geojson(value: Any) -> bool:
    """Whether a JSON value has a type of GeoJSON; TopoJSON and Esri's JSON have others.

    JSON-FG has them too, with a second geometry in another CRS, which GDAL reads.
    """
    if not isinstance(value, Mapping) or "coordRefSys" in value:
        return False
    kind = value.get("type")
    return isinstance(kind, str) and kind in _TYPES


def read_geojson(
    values: Sequence[Any],
    label: str | None = None,
    declared: str | None = None,
    *,
    as_features: bool = False,
) -> Iterator[ShapePart]:
    """Yield the shapes of GeoJSON objects, one part for each CRS that is declared.

    Args:
        values: Geometries, Features or FeatureCollections.
        label: Name of the file; None for objects in memory.
        declared: CRS of those that declare none themselves.
        as_features: Whether each feature is one geometry, in the order of the features: None
            without one, and a collection if it has one. All have to be in one CRS.

    Raises:
        RequestError: If one is not GeoJSON, or features that have to be in one CRS are not.
    """
    outer = None if declared is None else _Crs(declared)
    shapes: list[tuple[BaseGeometry | None, _Crs | None]] = []
    for value in values:
        try:
            shapes += _parse(value, outer, as_features=as_features)
        except _INVALID as exc:
            subject = label or str(value)[:MAX_LABEL_CHARACTERS]
            cause = f"no {exc}" if isinstance(exc, KeyError) else exc
            raise RequestError(
                f"{subject} is not GeoJSON ({cause}). Give a geometry, a Feature or a "
                "FeatureCollection."
            ) from exc
    found: dict[_Crs | None, list[BaseGeometry | None]] = {}
    for geometry, crs in shapes:
        if geometry is not None:
            found.setdefault(crs, []).append(geometry)
    if as_features:
        if len(found) > 1:
            raise RequestError(
                f"{label or 'The GeoJSON'} has features in several CRSs. Bring them to one of "
                "them, and name it once, in the `crs` member of the FeatureCollection."
            )
        found = {next(iter(found), outer): [geometry for geometry, _ in shapes]}
    for crs, geometries in found.items() or {outer: []}.items():
        yield ShapePart(
            geometries,
            None if crs is None else crs.name,
            label or describe(geometries),
            must_declare=crs is not None and crs.name is None,
            is_file=label is not None,
        )


def _parse(
    value: Any, crs: _Crs | None, *, as_features: bool
) -> Iterator[tuple[BaseGeometry | None, _Crs | None]]:
    """Yield the geometries of a GeoJSON object with the CRS that each declares or inherits."""
    crs = _read_crs(value) or crs
    match value["type"]:
        case "FeatureCollection":
            for feature in value["features"]:
                yield from _parse(feature, crs, as_features=as_features)
        case "Feature":
            if value["geometry"] is not None:
                yield from _parse(value["geometry"], crs, as_features=as_features)
            elif as_features:
                yield None, crs
        case "GeometryCollection":
            parts = [
                part
                for geometry in value["geometries"]
                for part in _parse(geometry, crs, as_features=as_features)
            ]
            if as_features:
                whole = shapely.GeometryCollection([geometry for geometry, _ in parts])
                yield whole, next((own for _, own in parts), crs)
            else:
                yield from parts
        case kind:
            found = value["coordinates"]
            is_made = isinstance(found, BaseGeometry)
            yield found if is_made else _make_geometry(kind, found), crs


def _read_crs(value: Any) -> _Crs | None:
    """Return what the `crs` member of an object says; None without one."""
    member = value.get("crs")
    if member is None:
        return None
    properties = member.get("properties") if isinstance(member, Mapping) else None
    if isinstance(properties, Mapping):
        member = properties.get("name")
        if member is None and "code" in properties:  # as GeoJSON had it before 2008
            member = f"EPSG:{properties['code']}"
    if not isinstance(member, str) or not member.strip():
        return _Crs(None)
    if _CRS84.fullmatch(member):  # WGS 84, longitude first
        return _Crs("EPSG:4326")
    urn = _EPSG_URN.fullmatch(member)
    return _Crs(f"EPSG:{urn['code']}" if urn else member)


@np.errstate(invalid="ignore")  # coordinates that are not finite are reported later
def _make_geometry(kind: Any, coordinates: Any) -> BaseGeometry:
    if part := _PARTS.get(kind):
        parts = [_make_geometry(part, each) for each in coordinates]
        return getattr(shapely, kind)([each for each in parts if not each.is_empty])
    if kind not in _PARTS.values():
        raise ValueError(f"the type {kind!r}")
    if not len(coordinates):
        return getattr(shapely, kind)()
    if kind == "Point":
        return shapely.Point(_read_positions([coordinates])[0])
    if kind == "LineString":
        return shapely.LineString(_read_positions(coordinates))
    shell, *holes = (_read_positions(ring) for ring in coordinates)
    return shapely.Polygon(shell, [hole for hole in holes if len(hole)])


def _read_positions(positions: Any) -> NDArray[np.float64]:
    """Return positions as an array of shape (n, 2); what follows x and y is left out."""
    try:
        found = np.asarray(positions, np.float64)
    except ValueError:  # some with a height, some without
        found = np.asarray([position[:2] for position in positions], np.float64)
    if found.ndim != 2 or found.shape[1] < 2:
        if not found.size:
            return np.empty((0, 2))
        raise ValueError("positions that are not lists of two numbers or more")
    return found[:, :2]
