"""Read shapes from vector files, WKT, GeoJSON, and geometries of other libraries."""

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
from hrdem.geo.crs import describe_crs, drop_vertical
from hrdem.geo.datum import is_same_crs
from hrdem.request.aoi.geometry import check_coordinates
from hrdem.request.aoi.local_files import resolve_local_path

log = logging.getLogger(__name__)

STANDARD_INPUT = "-"
DEFAULT_CRS = "EPSG:4326"
MAX_LABEL_CHARACTERS = 60  # of WKT or GeoJSON in a message
_TYPES = "POINT|LINESTRING|POLYGON|MULTIPOINT|MULTILINESTRING|MULTIPOLYGON|GEOMETRYCOLLECTION"
_WKT = re.compile(
    rf"\s*(SRID\s*=\s*(?P<srid>\d{{1,9}})\s*;)?\s*(?P<wkt>({_TYPES})\s*(Z|M|ZM)?\s*(\(|EMPTY).*)",
    re.IGNORECASE | re.DOTALL,
)
_UNDEFINED_CRS = re.compile(r'\w+\["Undefined ')  # srs_id -1 and 0 of a GeoPackage (1.3, 1.1.2)
_SUFFIXES_IN_ARCHIVES = (".shp", ".gpkg", ".geojson", ".json", ".kml", ".gml", ".fgb", ".tab")


class HasGeoInterface(Protocol):
    """A geometry or feature of another Python library."""

    @property
    def __geo_interface__(self) -> Mapping[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Shape:
    """A user-supplied shape as one geometry.

    Attributes:
        geometry: Valid geometry of any type and two dimensions, not empty.
        crs: CRS of its coordinates.
        label: File name or start of the WKT, for messages and provenance.
    """

    geometry: BaseGeometry
    crs: str
    label: str


def read_shape(
    source: str | os.PathLike[str] | Mapping[str, Any] | HasGeoInterface,
    crs: str | None = None,
    layer: str | None = None,
) -> Shape:
    """Read a user-supplied shape; several features are united.

    Args:
        source: Path of a vector file that GDAL reads, ``"-"`` for GeoJSON on standard input, WKT or
            EWKT, a GeoJSON mapping, or a geometry of shapely or another library.
        crs: CRS of its coordinates if it declares none. None for EPSG:4326, but a file has to
            declare its CRS or be given one. It may not contradict a declared one.
        layer: Layer of the file, if it has several.

    Raises:
        RequestError: If it is none of these, cannot be read, is empty, or its coordinates are
            implausible in its CRS.
    """
    if isinstance(source, str | os.PathLike):
        name = os.fspath(source)
        if name == STANDARD_INPUT:
            return _read_file(_read_standard_input(), "standard input", crs, layer)
        wkt = _WKT.fullmatch(name)
        if wkt is None or os.path.exists(name):  # noqa: PTH110 (a name may be too long for Path)
            path = resolve_local_path(source, "aoi")
            return _read_file(_find_in_archive(path), path.name, crs, layer)
        declared = wkt["srid"] and f"EPSG:{wkt['srid']}"
        geometries = [_parse_wkt(wkt["wkt"])]
    else:
        mapping = source if isinstance(source, Mapping) else _get_geo_interface(source)
        declared = _get_geojson_crs(mapping)
        geometries = list(_parse_geojson(mapping))
    if layer is not None:
        raise RequestError(
            f"`layer={layer}` chooses from the layers of a file, but `aoi` is not a file. Leave "
            "`layer` out."
        )
    label = _shorten(geometries)
    agreed = _reconcile_crs(declared, crs, f"The shape {label}") or DEFAULT_CRS
    return _unite(geometries, agreed, f"{label} ({describe_crs(agreed)})", declared)


def _read_file(source: Path | str | bytes, name: str, crs: str | None, layer: str | None) -> Shape:
    """Read a layer of a file, or of the bytes of one, through GDAL."""
    import pyogrio.raw  # noqa: PLC0415 (slow to import, and only files need it)
    from pyogrio.errors import DataLayerError, DataSourceError  # noqa: PLC0415

    try:
        with warnings.catch_warnings(action="ignore"):  # the result is checked below
            listed = enumerate(pyogrio.list_layers(source).tolist())
            layers = {each: index for index, (each, kind) in listed if kind is not None}
            chosen = _choose_layer(list(layers), layer, name)
            meta, _, blobs, _ = pyogrio.raw.read(  # by index: layers of bytes change their names
                source, layer=layers[chosen], columns=[], force_2d=True
            )
            geometries = shapely.from_wkb(blobs)
    except (DataSourceError, DataLayerError, ShapelyError) as exc:
        raise RequestError(
            f"{name} cannot be read as a vector file: {_describe_cause(exc, source, name)}. Give "
            "GeoJSON, a GeoPackage, a Shapefile (zipped or not), KML, or another format of GDAL."
        ) from exc
    label = name if len(layers) == 1 else f"{name}, layer {chosen}"
    declared = None if _UNDEFINED_CRS.match(meta["crs"] or "") else meta["crs"]
    agreed = _reconcile_crs(declared, crs, label)
    if agreed is None:
        raise RequestError(
            f"{label} does not declare its CRS. Give it, for example `aoi_crs=EPSG:4326` (degrees) "
            "or `aoi_crs=EPSG:2959` (metres)."
        )
    return _unite(geometries, agreed, label, declared)


def _describe_cause(exc: Exception, source: object, name: str) -> str:
    """Return GDAL's message without advice on GDAL's options and without folders."""
    message = re.split(r";|\. It might help", str(exc))[0]
    return message.rstrip(".").replace(str(source), name)


def _choose_layer(layers: list[str], layer: str | None, name: str) -> str:
    if not layers:
        raise RequestError(
            f"{name} has no layer with geometries. Give a file that contains polygons."
        )
    listed = ", ".join(layers)
    if layer is None and len(layers) > 1:
        raise RequestError(f"{name} has {len(layers)} layers: {listed}. Choose one with `layer`.")
    if layer is not None and layer not in layers:
        raise RequestError(f"{name} has no layer {layer!r}. Choose one of: {listed}.")
    return layers[0] if layer is None else layer


def _find_in_archive(path: Path) -> Path | str:
    """Return the path of the only data set in a ZIP archive; of anything else its own."""
    if path.suffix.lower() != ".zip" or not zipfile.is_zipfile(path):
        return path
    with zipfile.ZipFile(path) as archive:
        inside = [
            name
            for name in map(PurePosixPath, archive.namelist())
            if name.suffix.lower() in _SUFFIXES_IN_ARCHIVES and "__MACOSX" not in name.parts
        ]
    return f"/vsizip/{{{path}}}/{inside[0]}" if len(inside) == 1 else path


def _read_standard_input() -> bytes:
    data = sys.stdin.buffer.read()
    if not data.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{"):
        raise RequestError(
            f"Standard input has {len(data):,} bytes that are not GeoJSON. Pipe GeoJSON into it, "
            "or give the path of a file as `aoi`."
        )
    return data


def _parse_wkt(wkt: str) -> BaseGeometry:
    try:
        with np.errstate(invalid="ignore"):  # coordinates that are not finite are reported below
            return shapely.force_2d(shapely.from_wkt(wkt))
    except ShapelyError as exc:
        raise RequestError(
            f"{wkt[:MAX_LABEL_CHARACTERS]!r} is not valid WKT: {exc}. Give a geometry like "
            "POLYGON((-75.7 45.4, -75.6 45.4, -75.6 45.5, -75.7 45.4))."
        ) from exc


def _get_geo_interface(source: object) -> Mapping[str, Any]:
    mapping = getattr(source, "__geo_interface__", None)
    if not isinstance(mapping, Mapping):
        raise RequestError(
            f"`aoi` is of the type {type(source).__name__}, which is not an area. Give the path of "
            "a vector file, WKT, a GeoJSON mapping, or a geometry that has __geo_interface__."
        )
    return mapping


def _parse_geojson(mapping: Mapping[str, Any]) -> Iterator[BaseGeometry]:
    """Yield the geometries of any GeoJSON object (RFC 7946, 3)."""
    try:
        match mapping.get("type"):
            case "FeatureCollection":
                for feature in mapping["features"]:
                    yield from _parse_geojson(feature)
            case "Feature":
                if mapping["geometry"] is not None:
                    yield from _parse_geojson(mapping["geometry"])
            case _:
                yield shapely.force_2d(shapely.geometry.shape(mapping))
    except (ShapelyError, KeyError, TypeError, ValueError, AttributeError) as exc:
        raise RequestError(
            f"{str(mapping)[:MAX_LABEL_CHARACTERS]} is not GeoJSON. Give a geometry, a Feature or "
            "a FeatureCollection."
        ) from exc


def _get_geojson_crs(mapping: Mapping[str, Any]) -> str | None:
    """Return the CRS member that GeoJSON had before RFC 7946 (GeoJSON 2008, 3.1)."""
    try:
        return str(mapping["crs"]["properties"]["name"])
    except (KeyError, TypeError):
        return None


def _reconcile_crs(declared: str | None, requested: str | None, what: str) -> str | None:
    """Return the CRS of a shape from what it declares and what the user requests."""
    if declared is None:
        return None if requested is None else drop_vertical(requested)
    own = drop_vertical(declared)
    other = own if requested is None else drop_vertical(requested)
    if not is_same_crs(own, other):
        raise RequestError(
            f"{what} declares the CRS {describe_crs(own)}, but `aoi_crs` is {requested}. Leave "
            "`aoi_crs` out, or correct the file. GeoJSON that declares no CRS is in longitude and "
            "latitude."
        )
    return own


def _unite(
    geometries: Iterable[BaseGeometry | None], crs: str, label: str, declared: str | None
) -> Shape:
    """Check geometries, repair the invalid ones and unite them."""
    found = np.array([each for each in geometries if each is not None and not each.is_empty])
    if not len(found):
        raise RequestError(f"The shape {label} is empty. Give one that has a polygon.")
    if not np.isfinite(shapely.get_coordinates(found)).all():
        raise RequestError(
            f"The shape {label} contains a value that is not a finite number. Correct it."
        )
    if declared is None:
        remedy = "Give `aoi_crs={}` if that is their CRS."
    else:
        remedy = "It declares that CRS itself: correct it to {} if that is the right one."
    left, bottom, right, top = shapely.total_bounds(found).tolist()
    check_coordinates((left, bottom, right, top), crs, f"The shape {label}", remedy)
    if CRS.from_user_input(crs).is_geographic and right - left > 180:
        raise RequestError(
            f"The shape {label} spans more than 180 degrees, or crosses the antimeridian. Give "
            "only the part of it that is in Canada."
        )
    invalid = ~shapely.is_valid(found)
    if invalid.any():
        reason = shapely.is_valid_reason(found[invalid][0])
        log.warning(
            "The shape %s was not valid (%s) and was repaired. Check that the area is as intended.",
            label,
            reason,
        )
        found[invalid] = shapely.make_valid(found[invalid])
    return Shape(shapely.union_all(found), crs, label)


def _shorten(geometries: list[BaseGeometry]) -> str:
    text = shapely.to_wkt(geometries[0], rounding_precision=6) if geometries else "GEOJSON EMPTY"
    more = f" and {len(geometries) - 1} more" if len(geometries) > 1 else ""
    return (text if len(text) <= MAX_LABEL_CHARACTERS else f"{text[:MAX_LABEL_CHARACTERS]}…") + more
