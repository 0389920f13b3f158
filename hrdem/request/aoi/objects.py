"""Shapes in memory: GeoDataFrames, GeoSeries, geometries, GeoJSON, and lists of them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from hrdem.errors import RequestError
from hrdem.request.aoi.attributes import check_selectable, choose_column
from hrdem.request.aoi.geojson import read_geojson
from hrdem.request.aoi.shape_part import Attributes, Selection, ShapePart, describe
from hrdem.request.convert import parse_crs


def read_object(
    source: Any, parameter: str, selection: Selection | None = None
) -> Iterator[ShapePart]:
    """Yield the shapes that an object of Python other than a path or a list holds.

    Args:
        source: A GeoDataFrame, a GeoSeries, or its array; a geometry of shapely, or another object
            with ``__geo_interface__``; a GeoJSON mapping.
        parameter: Name of the parameter that it was passed for, for messages.
        selection: Column of a GeoDataFrame that is read; None for none.

    Raises:
        RequestError: If it is none of these, or has no such column.
    """
    if hasattr(type(source), "total_bounds"):
        yield _read_frame(source, parameter, selection)
        return
    check_selectable(selection, parameter)
    if isinstance(source, BaseGeometry):
        yield from read_geometries([source])
    elif isinstance(source, Mapping):
        yield from read_geojson([source], as_features=selection is not None)
    elif hasattr(type(source), "columns"):
        raise _no_geometry_error(source, parameter)
    elif isinstance(mapping := getattr(source, "__geo_interface__", None), Mapping):
        crs = getattr(source, "crs", None)
        declared = None if crs is None else _convert_crs(crs, parameter)
        yield from read_geojson([mapping], declared=declared, as_features=selection is not None)
    else:
        raise RequestError(
            f"`{parameter}` is of the type {type(source).__name__}, which is no shape. Give the "
            "path of a vector file, WKT, a GeoDataFrame, a GeoJSON mapping, a geometry that has "
            "__geo_interface__, or a list of them."
        )


def read_geometries(
    geometries: Sequence[BaseGeometry | None], *, in_order: bool = False
) -> Iterator[ShapePart]:
    """Yield geometries of shapely, by the SRID that some of them have from a database.

    Args:
        geometries: Geometries, some of which may be None.
        in_order: Whether their order has to be that of the parts; else each SRID has one part.
    """
    found = np.array(geometries, dtype=object)
    srids = shapely.get_srid(found)
    if in_order:
        parts = np.split(found, np.flatnonzero(np.diff(srids)) + 1)
    else:
        parts = [found[srids == srid] for srid in np.unique(srids)]
    for same in parts:
        srid = shapely.get_srid(same[0])
        yield ShapePart(same, f"EPSG:{srid}" if srid > 0 else None, describe(same))


def _convert_crs(crs: object, parameter: str) -> str:
    """Return the CRS of an object as text.

    Raises:
        RequestError: If it is not a CRS.
    """
    try:
        return parse_crs(crs)
    except ValueError as exc:
        raise RequestError(f"The CRS of `{parameter}`: {exc}") from exc


def _read_frame(frame: Any, parameter: str, selection: Selection | None) -> ShapePart:
    """Return the geometries of a GeoDataFrame or a GeoSeries, and the column that is selected."""
    try:
        column = frame.geometry if hasattr(type(frame), "geometry") else frame
        crs = frame.crs
    except AttributeError as exc:  # of a GeoDataFrame without an active geometry
        raise _no_geometry_error(frame, parameter) from exc
    geometries = np.asarray(column, dtype=object)
    if not (shapely.is_geometry(geometries) | shapely.is_missing(geometries)).all():
        raise _no_geometry_error(frame, parameter)
    count = len(geometries)
    label = f"{type(frame).__name__} of {count:,} {'row' if count == 1 else 'rows'}"
    declared = None if crs is None else _convert_crs(crs, parameter)
    attributes = None
    if selection is not None:
        fields = [each for each in getattr(frame, "columns", ()) if isinstance(each, str)]
        field = choose_column(fields, selection, f"The {label}")
        ids = [str(each) for each in frame.index]
        if len(set(ids)) < len(ids):
            ids = [str(number) for number in range(len(ids))]
        values = [None] * len(ids) if field is None else list(frame[field])
        attributes = Attributes(ids, values)
    return ShapePart(geometries, declared, label, must_declare=True, attributes=attributes)


def _no_geometry_error(table: object, parameter: str) -> RequestError:
    return RequestError(
        f"`{parameter}` is a table of the type {type(table).__name__} without geometries of "
        "shapely. Give a GeoDataFrame that has an active geometry, or a GeoSeries."
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
