"""Shapes that a user gives: vector files, WKT, GeoJSON, geometries of other libraries."""

from __future__ import annotations

import logging
import os
import re
import sys
import warnings
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

import numpy as np
import shapely
import shapely.geometry
from rasterio.crs import CRS
from shapely.errors import ShapelyError
from shapely.geometry.base import BaseGeometry

from hrdem.errors import RequestError
from hrdem.geo.crs import assume_nad83, describe_crs, drop_vertical
from hrdem.request.aoi.geometry import check_coordinates
from hrdem.request.aoi.local_files import resolve_local_path

log = logging.getLogger(__name__)

STANDARD_INPUT = "-"
DEFAULT_CRS = "EPSG:4326"
_LONGEST_SHOWN = 60  # characters of WKT in a text
_TYPES = "POINT|LINESTRING|POLYGON|MULTIPOINT|MULTILINESTRING|MULTIPOLYGON|GEOMETRYCOLLECTION"
_WKT = re.compile(
    rf"\s*(SRID\s*=\s*(?P<srid>\d{{1,9}})\s*;)?\s*(?P<wkt>({_TYPES})\s*(Z|M|ZM)?\s*(\(|EMPTY).*)",
    re.IGNORECASE | re.DOTALL,
)
_UNDEFINED = re.compile(r'\w+\["Undefined ')  # srs_id -1 and 0 of a GeoPackage (1.3, 1.1.2)
_IN_ARCHIVES = (".shp", ".gpkg", ".geojson", ".json", ".kml", ".gml", ".fgb", ".tab")


class HasGeoInterface(Protocol):
    """What geometries and features of most Python libraries have."""

    @property
    def __geo_interface__(self) -> Mapping[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Shape:
    """What a user gave, as one geometry.

    Attributes:
        geometry: Of any type and two dimensions, valid, not empty.
        crs: What its coordinates are in.
        label: Its name or its beginning, for messages and provenance.
    """

    geometry: BaseGeometry
    crs: str
    label: str


def read_shape(
    given: str | os.PathLike[str] | Mapping[str, Any] | HasGeoInterface,
    crs: str | None = None,
    layer: str | None = None,
) -> Shape:
    """Read the shape that a user gives; several features are united.

    Args:
        given: Path of a vector file that GDAL reads, ``"-"`` for GeoJSON on standard input, WKT or
            EWKT, a GeoJSON mapping, or a geometry of shapely or another library.
        crs: CRS of its coordinates, where it does not say one itself: EPSG:4326 for geometries,
            which files have to be told. A file that says another one is refused.
        layer: Which layer of a file, if it has several.

    Raises:
        RequestError: If it is no such thing, cannot be read, is empty, or its coordinates make no
            sense in its CRS. The message says what to do.
    """
    if isinstance(given, str | os.PathLike):
        name = os.fspath(given)
        if name == STANDARD_INPUT:
            return _of_file(_standard_input(), "standard input", crs, layer)
        wkt = _WKT.fullmatch(name)
        if wkt is None or os.path.exists(name):  # noqa: PTH110 (a name may be too long for Path)
            path = resolve_local_path(given, "--aoi")
            return _of_file(_data_set(path), path.name, crs, layer)
        told = wkt["srid"] and f"EPSG:{wkt['srid']}"
        geometries = [_parsed(wkt["wkt"])]
    else:
        mapping = given if isinstance(given, Mapping) else _geo_interface(given)
        told = _old_crs(mapping)
        geometries = list(_geometries(mapping))
    if layer is not None:
        raise RequestError(
            f"--layer {layer} chooses from the layers of a file, but none was given."
        )
    text = _shortened(geometries)
    system = _agreed(told, crs, f"The shape {text}") or DEFAULT_CRS
    return _shape(geometries, system, f"{text} ({describe_crs(system)})", told)


def _of_file(source: Path | str | bytes, name: str, crs: str | None, layer: str | None) -> Shape:
    """Read a layer by GDAL; bytes are a file, too."""
    import pyogrio.raw  # noqa: PLC0415 (only those pay for it who have files)
    from pyogrio.errors import DataLayerError, DataSourceError  # noqa: PLC0415

    try:
        with warnings.catch_warnings(action="ignore"):  # of GDAL; what matters is checked below
            listed = enumerate(pyogrio.list_layers(source).tolist())
            layers = {each: place for place, (each, kind) in listed if kind is not None}
            chosen = _chosen_layer(list(layers), layer, name)
            meta, _, blobs, _ = pyogrio.raw.read(  # bytes get another name each time they are read
                source, layer=layers[chosen], columns=[], force_2d=True
            )
            geometries = shapely.from_wkb(blobs)
    except (DataSourceError, DataLayerError, ShapelyError) as exc:
        raise RequestError(
            f"{name} cannot be read as a vector file: {_said(exc, source, name)}. Give "
            "GeoJSON, a GeoPackage, a Shapefile (also zipped), KML, or what else GDAL reads."
        ) from exc
    text = name if len(layers) == 1 else f"{name}, layer {chosen}"
    told = None if _UNDEFINED.match(meta["crs"] or "") else meta["crs"]
    system = _agreed(told, crs, text)
    if system is None:
        raise RequestError(
            f"{text} does not say what its coordinates are in. Say it, for example --aoi-crs "
            "EPSG:4326 (degrees) or EPSG:2959 (metres)."
        )
    return _shape(geometries, system, text, told)


def _said(exc: Exception, source: object, name: str) -> str:
    """The words of GDAL without advice on its own options, and without folders."""
    said = re.split(r";|\. It might help", str(exc))[0]
    return said.rstrip(".").replace(str(source), name)


def _chosen_layer(layers: list[str], layer: str | None, name: str) -> str:
    listed = ", ".join(layers) or "none with geometries"
    if layer is None:
        if len(layers) == 1:
            return layers[0]
        raise RequestError(
            f"{name} has {len(layers)} layers: {listed}. Choose one by --layer."
            if layers
            else f"{name} has no layer with geometries. Give a file that has polygons."
        )
    if layer not in layers:
        raise RequestError(f"{name} has no layer {layer!r}. Choose from its layers: {listed}.")
    return layer


def _data_set(path: Path) -> Path | str:
    """The one data set in an archive, where GDAL does not look for it by itself."""
    if path.suffix.lower() != ".zip" or not zipfile.is_zipfile(path):
        return path
    with zipfile.ZipFile(path) as archive:
        inside = [
            name
            for name in map(PurePosixPath, archive.namelist())
            if name.suffix.lower() in _IN_ARCHIVES and "__MACOSX" not in name.parts
        ]
    return f"/vsizip/{{{path}}}/{inside[0]}" if len(inside) == 1 else path


def _standard_input() -> bytes:
    data = sys.stdin.buffer.read()
    if not data.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{"):
        raise RequestError(
            f"Standard input gave {len(data):,} bytes that are no GeoJSON. Pipe GeoJSON into it, "
            "or give --aoi the path of a file."
        )
    return data


def _parsed(wkt: str) -> BaseGeometry:
    try:
        with np.errstate(invalid="ignore"):  # what is not finite is told below
            return shapely.force_2d(shapely.from_wkt(wkt))
    except ShapelyError as exc:
        raise RequestError(
            f"{wkt[:_LONGEST_SHOWN]!r} is not the WKT of a geometry: {exc}. Give it like "
            "POLYGON((-75.7 45.4, -75.6 45.4, -75.6 45.5, -75.7 45.4))."
        ) from exc


def _geo_interface(given: object) -> Mapping[str, Any]:
    mapping = getattr(given, "__geo_interface__", None)
    if not isinstance(mapping, Mapping):
        raise RequestError(
            f"An area cannot be made of {type(given).__name__}. Give the path of a vector file, "
            "WKT, a GeoJSON mapping, or a geometry that has __geo_interface__."
        )
    return mapping


def _geometries(mapping: Mapping[str, Any]) -> Iterator[BaseGeometry]:
    """The geometries of any GeoJSON object (RFC 7946, 3)."""
    try:
        match mapping.get("type"):
            case "FeatureCollection":
                for feature in mapping["features"]:
                    yield from _geometries(feature)
            case "Feature":
                if mapping["geometry"] is not None:
                    yield from _geometries(mapping["geometry"])
            case _:
                yield shapely.force_2d(shapely.geometry.shape(mapping))
    except (ShapelyError, KeyError, TypeError, ValueError, AttributeError) as exc:
        raise RequestError(
            f"{str(mapping)[:_LONGEST_SHOWN]} is not GeoJSON. Give a geometry, a Feature or a "
            "FeatureCollection."
        ) from exc


def _old_crs(mapping: Mapping[str, Any]) -> str | None:
    """The CRS by the member that GeoJSON had until RFC 7946 (GeoJSON 2008, 3.1)."""
    try:
        return str(mapping["crs"]["properties"]["name"])
    except (KeyError, TypeError):
        return None


def _agreed(told: str | None, said: str | None, what: str) -> str | None:
    """The CRS of a shape, of which it and the user may tell."""
    if told is None:
        return None if said is None else drop_vertical(said)
    theirs = drop_vertical(told)
    ours = theirs if said is None else drop_vertical(said)
    if CRS.from_user_input(assume_nad83(ours)) != CRS.from_user_input(assume_nad83(theirs)):
        raise RequestError(
            f"{what} says that it is in {describe_crs(theirs)}, but --aoi-crs says {said}. Leave "
            "--aoi-crs out, or correct the file; GeoJSON that names no CRS is in longitude and "
            "latitude."
        )
    return theirs


def _shape(
    geometries: Iterable[BaseGeometry | None], crs: str, text: str, told: str | None
) -> Shape:
    """Unite what is not empty, and mend what is not valid."""
    found = np.array([each for each in geometries if each is not None and not each.is_empty])
    if not len(found):
        raise RequestError(f"The shape {text} is empty. Give one with a polygon.")
    if not np.isfinite(shapely.get_coordinates(found)).all():
        raise RequestError(f"The shape {text} holds a value that is not a finite number.")
    remedy = "Say --aoi-crs {} if that is what they are." if told is None else (
        "It says so itself: correct that to {} if that is what they are."
    )  # fmt: skip
    left, bottom, right, top = shapely.total_bounds(found).tolist()
    check_coordinates((left, bottom, right, top), crs, f"The shape {text}", remedy)
    if CRS.from_user_input(crs).is_geographic and right - left > 180:
        raise RequestError(
            f"The shape {text} goes around half of the earth, or across the antimeridian. Give the "
            "part of it that is in Canada."
        )
    broken = ~shapely.is_valid(found)
    if broken.any():
        reason = shapely.is_valid_reason(found[broken][0])
        log.warning(
            "The shape %s is not valid (%s) and was mended: look at whether the area is as meant.",
            text,
            reason,
        )
        found[broken] = shapely.make_valid(found[broken])
    return Shape(shapely.union_all(found), crs, text)


def _shortened(geometries: list[BaseGeometry]) -> str:
    text = shapely.to_wkt(geometries[0], rounding_precision=6) if geometries else "GEOJSON EMPTY"
    more = f" and {len(geometries) - 1} more" if len(geometries) > 1 else ""
    return (text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…") + more
