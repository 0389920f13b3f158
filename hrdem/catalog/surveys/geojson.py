"""Projects in GeoJSON (RFC 7946), longitude and latitude, read in a process of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import shapely

from hrdem.catalog.surveys.attributes import Outline, Project
from hrdem.catalog.surveys.worker import answer_request, read_in_subprocess
from hrdem.errors import HrdemError
from hrdem.geo.crs import LONLAT, NATIVE_CRS, project_shape


def read_extent_projects(
    path: str, name: str, area: shapely.Polygon, seconds: float
) -> list[Project]:
    """Tell which projects in a local GeoJSON share some of an area, the newest first.

    Args:
        path: Its path.
        name: What messages call it.
        area: Polygon in EPSG:3979.
        seconds: Longest time to take.

    Raises:
        SourceError: If it is no GeoJSON of outlines.
        TransferError: If the process that reads does not end in that time, or ends otherwise.
    """
    return read_in_subprocess(
        "hrdem.catalog.surveys.geojson", {"path": path}, name, area, {}, seconds
    )


def read_outlines(asked: Mapping[str, str], area: shapely.Polygon) -> Iterator[Outline]:
    """Read the outlines in a GeoJSON, in EPSG:3979.

    Raises:
        ValueError: If it is none.
    """
    try:
        read = json.loads(Path(asked["path"]).read_bytes())
        features = read["features"] if read["type"] == "FeatureCollection" else [read]
        for each in features:
            if each["geometry"] is not None:
                shape = shapely.geometry.shape(each["geometry"])
                attributes = each.get("properties") or {}
                yield Outline(project_shape(shape, LONLAT, NATIVE_CRS), dict(attributes))
    except (
        AttributeError, LookupError, OverflowError, RecursionError, TypeError, ValueError,
        HrdemError, shapely.errors.ShapelyError,
    ) as exc:  # fmt: skip
        raise ValueError(f"it is no GeoJSON of outlines ({type(exc).__name__}: {exc})") from exc


if __name__ == "__main__":
    answer_request(read_outlines, (ValueError,))
