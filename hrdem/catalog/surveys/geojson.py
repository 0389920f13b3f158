"""Read projects from GeoJSON (RFC 7946), in longitude and latitude, in a separate process."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import shapely

from hrdem.catalog.surveys.attributes import Outline, Project
from hrdem.catalog.surveys.worker import answer_request, read_in_subprocess
from hrdem.errors import HrdemError
from hrdem.geo.crs import LONLAT, NATIVE_CRS
from hrdem.geo.reproject import MAX_CHORD_ERROR_METRES, project_geometry


def read_extent_projects(
    path: str,
    name: str,
    area: shapely.Polygon,
    seconds: float,
    tolerance: float = MAX_CHORD_ERROR_METRES,
) -> list[Project]:
    """Return the projects in local GeoJSON that overlap an area, newest first.

    Args:
        path: Path of the file, or of a folder of such files.
        name: Name of the file in messages.
        area: Polygon in EPSG:3979.
        seconds: Time limit.
        tolerance: Largest error of the outlines' edges, metres.

    Raises:
        SourceError: If it is not GeoJSON of outlines.
        TransferError: If the process that reads it exceeds the time limit or fails.
    """
    arguments = {"path": path, "tolerance": str(tolerance)}
    module = "hrdem.catalog.surveys.geojson"
    return read_in_subprocess(module, arguments, name, area, {}, seconds)


def read_outlines(arguments: Mapping[str, str], area: shapely.Polygon) -> Iterator[Outline]:
    """Yield the outlines in GeoJSON files, in EPSG:3979.

    Args:
        arguments: ``path`` of the file, or of a folder of such files, and ``tolerance``, metres.
        area: Polygon in EPSG:3979; not used, as all outlines are read.

    Raises:
        ValueError: If it is not GeoJSON of outlines.
    """
    path = Path(arguments["path"])
    for file in sorted(path.iterdir()) if path.is_dir() else [path]:
        yield from _read_file(file, float(arguments["tolerance"]))


def _read_file(path: Path, tolerance: float) -> Iterator[Outline]:
    try:
        document = json.loads(path.read_bytes())
        features = document["features"] if document["type"] == "FeatureCollection" else [document]
        for feature in features:
            if feature["geometry"] is not None:
                shape = shapely.geometry.shape(feature["geometry"])
                attributes = feature.get("properties") or {}
                native = project_geometry(shape, LONLAT, NATIVE_CRS, tolerance)
                yield Outline(native, dict(attributes))
    except (
        AttributeError, LookupError, OverflowError, RecursionError, TypeError, ValueError,
        HrdemError, shapely.errors.ShapelyError,
    ) as exc:  # fmt: skip
        raise ValueError(f"it is not GeoJSON of outlines ({type(exc).__name__}: {exc})") from exc


if __name__ == "__main__":
    answer_request(read_outlines, (ValueError,))
