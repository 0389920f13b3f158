"""What the map shows of a collection: its sub-tiles, and where they have data."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, Protocol

import shapely
from pyproj import Transformer

import hrdem
from hrdem.app.map_area import simplify
from hrdem.errors import RequestError

COLLECTIONS = ("1m", "2m", "30m")
MAX_COVERAGE_CORNERS = 20_000
COVERAGE_METRES, TILE_METRES = 250.0, 1.0  # by which simplified outlines may be off at least
MAX_EDGE_METRES = 25_000.0  # whose bend in the map is not seen
DECIMALS = 4  # of degrees: 10 m
_CANADA = (-141.0, 41.7, -52.7, 83.1)


class CatalogueServices(Protocol):
    """The services that list files."""

    @property
    def catalogue(self) -> Mapping[str, Any]:
        """Their address, and the cache, as parameters of `hrdem.search`."""


def outlines(
    collection: str, session: hrdem.Session, services: CatalogueServices
) -> dict[str, Any]:
    """Return GeoJSON of the sub-tiles of a collection, and of where it has data.

    Args:
        collection: ``"1m"``, ``"2m"`` or ``"30m"``.
        session: Client to use.
        services: The catalogue.

    Returns:
        A FeatureCollection, simplified for drawing. Features have the ``kind`` ``"tile"``, with a
        ``name``, or ``"coverage"``; there is none of the latter if the catalogue does not tell.

    Raises:
        RequestError: If there is no such collection.
        NetworkError: If the catalogue cannot be searched.
    """
    if collection not in COLLECTIONS:
        raise RequestError(
            f"There are no outlines of {collection!r}. Choose one of: {', '.join(COLLECTIONS)}."
        )
    found = hrdem.coverage(bbox=_CANADA, collection=collection, http=session, **services.catalogue)
    features = [
        _make_feature(item.footprint.simplify(TILE_METRES), "tile", item.id.partition("-")[0])
        for item in found.items
        if item.footprint is not None
    ]
    coverage = simplify(
        found.outline.simplify(COVERAGE_METRES), 2 * COVERAGE_METRES, MAX_COVERAGE_CORNERS
    )
    if not coverage.is_empty:
        features.append(_make_feature(coverage, "coverage", collection))
    return {"type": "FeatureCollection", "features": features}


def _make_feature(outline: shapely.Geometry, kind: str, name: str) -> dict[str, Any]:
    """Return a feature in degrees of an outline in EPSG:3979."""
    fine = shapely.segmentize(outline, MAX_EDGE_METRES)
    degrees = shapely.transform(fine, _get_transformer().transform, interleaved=False)
    rounded = shapely.transform(degrees, lambda points: points.round(DECIMALS))
    return {
        "type": "Feature",
        "properties": {"kind": kind, "name": name},
        "geometry": dict(shapely.geometry.mapping(rounded)),
    }


@functools.cache
def _get_transformer() -> Transformer:
    return Transformer.from_crs("EPSG:3979", "EPSG:4617", always_xy=True)
