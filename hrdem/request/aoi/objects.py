"""Shapes in memory: GeoDataFrames, GeoSeries, geometries, GeoJSON, and lists of them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
import shapely.geometry
from numpy.typing import NDArray
from shapely.errors import ShapelyError
from shapely.geometry.base import BaseGeometry

from hrdem.errors import RequestError
from hrdem.request.convert import parse_crs

MAX_LABEL_CHARACTERS = 60  # of WKT or GeoJSON in a message
MAX_LABEL_CORNERS = 100  # of a geometry whose WKT is made for a label

Geometries = NDArray[Any] | Sequence[BaseGeometry | None]


@dataclass(frozen=True, slots=True)
class ShapePart:
    """Geometries with one CRS, before they are checked.

    Attributes:
        geometries: Geometries, some of which may be None or have heights.
        declared: CRS that they declare; None if they declare none.
        label: Short description.
        must_declare: Whether their CRS has to be declared or given, because what they come from
            has a place for it, as a file and a GeoDataFrame have. For others it is EPSG:4326.
        is_file: Whether they come from a file.
    """

    geometries: Geometries
    declared: str | None
    label: str
    must_declare: bool = False
    is_file: bool = False

    @property
    def subject(self) -> str:
        """The subject of a message about them."""
        if self.is_file:
            return self.label
        return f"The {self.label}" if self.must_declare else f"The shape {self.label}"


def read_object(source: Any) -> Iterator[ShapePart]:
    """Yield the shapes that an object of Python other than a path or a list holds.

    Args:
        source: A GeoDataFrame, a GeoSeries, or its array; a geometry of shapely, or another object
            with ``__geo_interface__``; a GeoJSON mapping.

    Raises:
        RequestError: If it is none of these.
    """
    if isinstance(source, BaseGeometry):
        yield from read_geometries([source])
    elif isinstance(source, Mapping):
        yield _read_mapping(source, _get_geojson_crs(source))
    elif hasattr(type(source), "total_bounds"):
        yield _read_frame(source)
    elif hasattr(type(source), "columns"):
        raise _no_geometry_error(source)
    elif isinstance(mapping := getattr(source, "__geo_interface__", None), Mapping):
        crs = getattr(source, "crs", None)
        yield _read_mapping(mapping, _get_geojson_crs(mapping) if crs is None else convert_crs(crs))
    else:
        raise RequestError(
            f"`aoi` is of the type {type(source).__name__}, which is not an area. Give the path of "
            "a vector file, WKT, a GeoDataFrame, a GeoJSON mapping, a geometry that has "
            "__geo_interface__, or a list of them."
        )


def read_geojson_text(text: str) -> ShapePart:
    """Return the shapes of a GeoJSON text.

    Raises:
        RequestError: If it is not GeoJSON.
    """
    try:
        mapping = json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise _not_geojson_error(text) from exc
    return _read_mapping(mapping, _get_geojson_crs(mapping))


def read_geometries(geometries: Sequence[BaseGeometry]) -> Iterator[ShapePart]:
    """Yield geometries of shapely, by the SRID that some of them have from a database."""
    found = np.array(geometries, dtype=object)
    srids = shapely.get_srid(found)
    for srid in np.unique(srids).tolist():
        same = found[srids == srid]
        yield ShapePart(same, f"EPSG:{srid}" if srid > 0 else None, describe(same))


def convert_crs(crs: object) -> str:
    """Return the CRS of an object as text.

    Raises:
        RequestError: If it is not a CRS.
    """
    try:
        return parse_crs(crs)
    except ValueError as exc:
        raise RequestError(f"The CRS of `aoi`: {exc}") from exc


def describe(geometries: Geometries) -> str:
    """Return a short description of geometries, for messages and provenance."""
    if not len(geometries):
        return "GEOJSON EMPTY"
    first = geometries[0]
    text = str(first)
    if first is not None:
        corners = shapely.get_num_coordinates(first)
        text = f"{first.geom_type} of {corners:,} corners"
        if corners <= MAX_LABEL_CORNERS:
            text = shapely.to_wkt(first, rounding_precision=6)
    if len(text) > MAX_LABEL_CHARACTERS:
        text = f"{text[:MAX_LABEL_CHARACTERS]}…"
    return text + (f" and {len(geometries) - 1} more" if len(geometries) > 1 else "")


def _read_frame(frame: Any) -> ShapePart:
    """Return the geometries of a GeoDataFrame or a GeoSeries, without its other columns."""
    try:
        column = frame.geometry if hasattr(type(frame), "geometry") else frame
        crs = frame.crs
    except AttributeError as exc:  # of a GeoDataFrame without an active geometry
        raise _no_geometry_error(frame) from exc
    geometries = np.asarray(column, dtype=object)
    if not (shapely.is_geometry(geometries) | shapely.is_missing(geometries)).all():
        raise _no_geometry_error(frame)
    count = len(geometries)
    label = f"{type(frame).__name__} of {count:,} {'row' if count == 1 else 'rows'}"
    declared = None if crs is None else convert_crs(crs)
    return ShapePart(geometries, declared, label, must_declare=True)


def _no_geometry_error(table: object) -> RequestError:
    return RequestError(
        f"`aoi` is a table of the type {type(table).__name__} without geometries of shapely. Give "
        "a GeoDataFrame that has an active geometry, or a GeoSeries."
    )


def _read_mapping(mapping: Any, declared: str | None) -> ShapePart:
    geometries = list(_parse_geojson(mapping))
    return ShapePart(geometries, declared, describe(geometries))


def _parse_geojson(mapping: Any) -> Iterator[BaseGeometry]:
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
                yield shapely.geometry.shape(mapping)
    except (ShapelyError, KeyError, TypeError, ValueError, AttributeError) as exc:
        raise _not_geojson_error(mapping) from exc


def _get_geojson_crs(mapping: Any) -> str | None:
    """Return the CRS member that GeoJSON had before RFC 7946 (GeoJSON 2008, 3.1)."""
    try:
        return str(mapping["crs"]["properties"]["name"])
    except (KeyError, TypeError):
        return None


def _not_geojson_error(source: object) -> RequestError:
    return RequestError(
        f"{str(source)[:MAX_LABEL_CHARACTERS]} is not GeoJSON. Give a geometry, a Feature or a "
        "FeatureCollection."
    )


def iterate(source: Any) -> Sequence[Any] | None:
    """Return the items of a list, an array or another iterable; None for anything else."""
    if isinstance(source, np.ndarray):
        return list(source.ravel())
    if isinstance(source, str | bytes | os.PathLike | Mapping | BaseGeometry):
        return None
    # in this order, and of the type: a GeoDataFrame writes all its rows for __geo_interface__
    if any(hasattr(type(source), name) for name in ("total_bounds", "columns")):
        return None
    if hasattr(source, "__geo_interface__") or not isinstance(source, Iterable):
        return None
    return list(source)
