"""Read the points that a user gives: a file, standard input, coordinates, or geometries."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from hrdem.errors import RequestError
from hrdem.points.csv_points import read_csv_points
from hrdem.points.layer_points import read_layer_points
from hrdem.points.table import Coordinates, PointTable
from hrdem.request.aoi.local_files import resolve_local_path

DEFAULT_CRS = "EPSG:4326"
TEXT_SUFFIXES = (".csv", ".txt", ".tsv")


@contextmanager
def open_points(
    source: Any,
    crs: str | None,
    layer: str | None = None,
    x_column: str | None = None,
    y_column: str | None = None,
) -> Iterator[PointTable]:
    """Read points; their rows can be read again as long as the context lasts.

    Args:
        source: Path of a CSV or a vector file, ``"-"`` for CSV or GeoJSON on standard input, an
            array or list of shape (n, 2), x or longitude first, a GeoDataFrame, or geometries.
        crs: CRS of the points, if they do not declare one; None for longitude and latitude, but a
            vector file has to declare one, or be given one.
        layer: Layer of a vector file, if it has several.
        x_column: Column of a CSV file that has the longitude or x; None to find it.
        y_column: Column of a CSV file that has the latitude or y; None to find it.

    Raises:
        RequestError: If it is none of these, or has no point.
    """
    if isinstance(source, str | os.PathLike) and os.fspath(source) == "-":
        with tempfile.TemporaryDirectory(prefix="hrdem-") as folder:
            path = _save_standard_input(Path(folder))
            if path.suffix == ".csv":
                chosen = crs or DEFAULT_CRS
                yield read_csv_points(path, "standard input", chosen, x_column, y_column)
            else:
                yield read_layer_points(path, crs, layer)
        return
    if isinstance(source, str | os.PathLike):
        path = resolve_local_path(source, "points")
        if path.suffix.lower() in TEXT_SUFFIXES:
            yield read_csv_points(path, path.name, crs or DEFAULT_CRS, x_column, y_column)
        else:
            yield read_layer_points(path, crs, layer)
        return
    yield _read_coordinates(source, crs)


def _save_standard_input(folder: Path) -> Path:
    """Copy standard input into a file, whose rows can be read twice."""
    path = folder / "points.csv"
    with path.open("wb") as file:
        shutil.copyfileobj(sys.stdin.buffer, file)
    with path.open("rb") as file:
        start = file.read(1024).lstrip()
    return path.rename(folder / "points.geojson") if start.startswith(b"{") else path


def _read_coordinates(source: Any, crs: str | None) -> PointTable:
    try:
        points = np.array(source, np.float64)
    except (TypeError, ValueError):
        return read_layer_points(source, crs)
    if points.shape == (2,):
        points = points[None]
    if points.ndim != 2 or points.shape[1] != 2 or not len(points):
        raise RequestError(
            f"Points of the shape {points.shape} were given. Give pairs of x (or longitude) and y, "
            "of the shape (n, 2)."
        )
    label = f"{len(points)} point{'s' if len(points) > 1 else ''}"
    chosen = crs or DEFAULT_CRS
    return PointTable(label, points, chosen, Coordinates(points, chosen))
