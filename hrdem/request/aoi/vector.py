"""Read shapes from vector files, WKT, GeoJSON, and geometries of other libraries."""

from __future__ import annotations

import logging
import os
import re
import sys
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import shapely
from rasterio.crs import CRS
from shapely.errors import ShapelyError
from shapely.geometry.base import BaseGeometry

from hrdem.errors import RequestError
from hrdem.geo.crs import describe_crs, drop_vertical
from hrdem.geo.datum import is_same_crs
from hrdem.request.aoi.geometry import check_coordinates
from hrdem.request.aoi.local_files import resolve_local_path
from hrdem.request.aoi.objects import (
    MAX_LABEL_CHARACTERS,
    Geometries,
    ShapePart,
    describe,
    iterate,
    read_geojson_text,
    read_geometries,
    read_object,
)
from hrdem.request.protocols import AoiLike
from hrdem.runtime.gdal_env import pinned_pyogrio
from hrdem.runtime.memory import trim_allocator

log = logging.getLogger(__name__)

STANDARD_INPUT = "-"
DEFAULT_CRS = "EPSG:4326"
_TYPES = "POINT|LINESTRING|POLYGON|MULTIPOINT|MULTILINESTRING|MULTIPOLYGON|GEOMETRYCOLLECTION"
_WKT = re.compile(
    rf"\s*(SRID\s*=\s*(?P<srid>\d{{1,9}})\s*;)?\s*(?P<wkt>({_TYPES})\s*(Z|M|ZM)?\s*(\(|EMPTY).*)",
    re.IGNORECASE | re.DOTALL,
)
_UNDEFINED_CRS = re.compile(r'\w+\["Undefined ')  # srs_id -1 and 0 of a GeoPackage (1.3, 1.1.2)
_SUFFIXES_IN_ARCHIVES = (".shp", ".gpkg", ".geojson", ".json", ".kml", ".gml", ".fgb", ".tab")


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


def read_shape(source: AoiLike, crs: str | None = None, layer: str | None = None) -> Shape:
    """Read a user-supplied shape; several features are united.

    Args:
        source: Path of a vector file that GDAL reads, ``"-"`` for GeoJSON on standard input, WKT,
            EWKT or GeoJSON, a GeoJSON mapping, a GeoDataFrame or GeoSeries, a geometry of shapely
            or another library, or a list of any of these.
        crs: CRS of the coordinates if they declare none. None for EPSG:4326, but a file and a
            GeoDataFrame have to declare their CRS or be given one. It may not contradict a
            declared one.
        layer: Layer of the file, if it has several.

    Raises:
        RequestError: If it is none of these, cannot be read, is empty, its coordinates are
            implausible in its CRS, or its parts have different CRSs.
    """
    parts = list(_read_parts(source, layer))
    if layer is not None and not any(part.is_file for part in parts):
        raise RequestError(
            f"`layer={layer}` chooses from the layers of a file, but `aoi` is not a file. Leave "
            "`layer` out."
        )
    if not parts:
        raise RequestError("`aoi` is empty. Give an area that has a polygon.")
    agreed = _agree_on_crs(parts, crs)
    label = parts[0].label if len(parts) == 1 else f"{parts[0].label} and {len(parts) - 1} more"
    if not all(part.is_file for part in parts):
        label = f"{label} ({describe_crs(agreed)})"
    declared = next((part.declared for part in parts if part.declared), None)
    return _unite([part.geometries for part in parts], agreed, label, declared)


def _read_parts(source: Any, layer: str | None) -> Iterator[ShapePart]:
    """Yield the shapes of a source, or of each item of a list."""
    if isinstance(source, str | os.PathLike):
        yield _read_text(os.fspath(source), layer)
    elif (items := iterate(source)) is None:
        yield from read_object(source)
    elif len(items) and all(isinstance(each, BaseGeometry) for each in items):
        yield from read_geometries(items)
    else:
        for each in items:
            if each is not None:
                yield from _read_parts(each, layer)


def _read_text(name: str, layer: str | None) -> ShapePart:
    """Return the shapes of a file, of standard input, or of WKT or GeoJSON."""
    if name == STANDARD_INPUT:
        return _read_file(_read_standard_input(), "standard input", layer)
    if not os.path.exists(name):  # noqa: PTH110 (a name may be too long for Path)
        if name.lstrip().startswith("{"):
            return read_geojson_text(name)
        if wkt := _WKT.fullmatch(name):
            geometries = [_parse_wkt(wkt["wkt"])]
            declared = wkt["srid"] and f"EPSG:{wkt['srid']}"
            return ShapePart(geometries, declared, describe(geometries))
    path = resolve_local_path(name, "aoi")
    return _read_file(_find_in_archive(path), path.name, layer)


def _agree_on_crs(parts: Sequence[ShapePart], crs: str | None) -> str:
    """Return the CRS of all shapes.

    Raises:
        RequestError: If one has none, contradicts ``crs``, or has another than the others.
    """
    alike: dict[tuple[str | None, bool], ShapePart] = {}  # one of thousands of features
    for part in parts:
        alike.setdefault((part.declared, part.must_declare), part)
    agreed: dict[str, ShapePart] = {}
    for part in alike.values():
        own = _reconcile_crs(part.declared, crs, part.subject)
        if own is None and part.must_declare:
            raise RequestError(
                f"{part.subject} does not declare its CRS. Give it, for example "
                "`aoi_crs=EPSG:4326` (degrees) or `aoi_crs=EPSG:2959` (metres)."
            )
        agreed.setdefault(own or DEFAULT_CRS, part)
    first, *others = agreed
    for other in others:
        if not is_same_crs(first, other):
            raise RequestError(
                f"`aoi` has shapes in several CRSs: {agreed[first].label} in "
                f"{describe_crs(first)}, {agreed[other].label} in {describe_crs(other)}. Bring "
                "them to one of them, for example by to_crs of geopandas."
            )
    return first


def _read_file(source: Path | str | bytes, name: str, layer: str | None) -> ShapePart:
    """Read a layer of a file, or of the bytes of one, through GDAL."""
    import pyogrio.raw  # noqa: PLC0415 (slow to import, and only files need it)
    from pyogrio.errors import DataLayerError, DataSourceError  # noqa: PLC0415

    try:
        # the result is checked below
        with pinned_pyogrio(), warnings.catch_warnings(action="ignore"):
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
    trim_allocator()  # GDAL parses 12 MB of GeoJSON into 130 MB
    label = name if len(layers) == 1 else f"{name}, layer {chosen}"
    declared = None if _UNDEFINED_CRS.match(meta["crs"] or "") else meta["crs"]
    return ShapePart(geometries, declared, label, must_declare=True, is_file=True)


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
            return shapely.from_wkt(wkt)
    except ShapelyError as exc:
        raise RequestError(
            f"{wkt[:MAX_LABEL_CHARACTERS]!r} is not valid WKT: {exc}. Give a geometry like "
            "POLYGON((-75.7 45.4, -75.6 45.4, -75.6 45.5, -75.7 45.4))."
        ) from exc


def _reconcile_crs(declared: str | None, requested: str | None, what: str) -> str | None:
    """Return the CRS of a shape from what it declares and what the user requests."""
    if declared is None:
        return None if requested is None else drop_vertical(requested)
    own = drop_vertical(declared)
    if requested is not None and not is_same_crs(own, drop_vertical(requested)):
        raise RequestError(
            f"{what} declares the CRS {describe_crs(own)}, but `aoi_crs` is "
            f"{describe_crs(requested)}. Leave `aoi_crs` out, or correct what is declared. GeoJSON "
            "that declares no CRS is in longitude and latitude."
        )
    return own


def _unite(geometries: Sequence[Geometries], crs: str, label: str, declared: str | None) -> Shape:
    """Check geometries, repair the invalid ones and unite them."""
    found = np.concatenate([np.asarray(each, dtype=object) for each in geometries])
    found = found[~(shapely.is_missing(found) | shapely.is_empty(found))]
    if shapely.has_z(found).any():
        found = shapely.force_2d(found)
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
