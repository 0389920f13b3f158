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
from hrdem.geo.reproject import project_geometry


def read_extent_projects(
    path: str, name: str, area: shapely.Polygon, seconds: float
) -> list[Project]:
    """Return the projects in a local GeoJSON file that overlap an area, newest first.

    Args:
        path: Path of the file.
        name: Name of the file in messages.
        area: Polygon in EPSG:3979.
        seconds: Time limit.

    Raises:
        SourceError: If it is not GeoJSON of outlines.
        TransferError: If the process that reads it exceeds the time limit or fails.
    """
    return read_in_subprocess(
        "hrdem.catalog.surveys.geojson", {"path": path}, name, area, {}, seconds
    )


def read_outlines(arguments: Mapping[str, str], area: shapely.Polygon) -> Iterator[Outline]:
    """Yield the outlines in a GeoJSON file, in EPSG:3979.

    Args:
        arguments: ``path`` of the file.
        area: Polygon in EPSG:3979; not used, as all outlines are read.

    Raises:
        ValueError: If it is not GeoJSON of outlines.
    """
    try:
        document = json.loads(Path(arguments["path"]).read_bytes())
        features = document["features"] if document["type"] == "FeatureCollection" else [document]
        for feature in features:
            if feature["geometry"] is not None:
                shape = shapely.geometry.shape(feature["geometry"])
                attributes = feature.get("properties") or {}
                yield Outline(project_geometry(shape, LONLAT, NATIVE_CRS), dict(attributes))
    except (
        AttributeError, LookupError, OverflowError, RecursionError, TypeError, ValueError,
        HrdemError, shapely.errors.ShapelyError,
    ) as exc:  # fmt: skip
        raise ValueError(f"it is not GeoJSON of outlines ({type(exc).__name__}: {exc})") from exc


if __name__ == "__main__":
    answer_request(read_outlines, (ValueError,))
