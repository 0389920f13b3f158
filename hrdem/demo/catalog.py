"""The demonstration STAC API, with the quirks of the live one.

Links have another prefix than the requested one, ``proj:transform`` is in GDAL order, footprints
are those of whole sub-tiles, some items have no DTM, and pages are linked by token.
"""

from __future__ import annotations

import datetime
import zlib
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any
from urllib.parse import urlencode

import shapely
from rasterio.warp import transform as transform_points

from hrdem.demo.editions import published_at
from hrdem.demo.tiles import Tile, list_tiles

LINKS_PREFIX = "/pgstac/api"
STORE_PREFIX = "/canelevation-dem"
_COG_TYPE = "image/tiff; application=geotiff; profile=cloud-optimized"
_VERTEX_EVERY = 5_000  # metres along a footprint's edge

# key, file name ending, media type, role, title; in the order of the live service
_ASSETS = (
    ("dsm", "dsm.tif", _COG_TYPE, "data", "Digital Surface Model (COG)"),
    ("dtm", "dtm.tif", _COG_TYPE, "data", "Digital Terrain Model (COG)"),
    ("extent", "extent.geojson", "application/geo+json", "metadata", "Extent of the surveys"),
    ("dsm-vrt", "dsm.vrt", "application/xml", "metadata", "Digital Surface Model (VRT)"),
    ("dtm-vrt", "dtm.vrt", "application/xml", "metadata", "Digital Terrain Model (VRT)"),
    ("coverage", "coverage.gpkg", "application/geopackage+sqlite3", "metadata", "Coverage"),
    ("thumbnail", "thumbnail.png", "image/png", "thumbnail", "Thumbnail"),
    ("hillshade-dsm", "dsm_hillshade.tif", _COG_TYPE, "data", "Hillshade of the DSM"),
    ("hillshade-dtm", "dtm_hillshade.tif", _COG_TYPE, "data", "Hillshade of the DTM"),
)

Json = dict[str, Any]


class BadQueryError(ValueError):
    """A query that gets status 400."""


def make_landing_page(base: str) -> Json:
    """Return the landing page. ``base`` is scheme and host, here and below."""
    root = f"{base}{LINKS_PREFIX}/"
    return {
        "type": "Catalog",
        "id": "stac-fastapi",
        "title": "hrdem demonstration service",
        "description": "Synthetic terrain in the form of the HRDEM Mosaic.",
        "stac_version": "1.0.0",
        "conformsTo": [
            "https://api.stacspec.org/v1.0.0/core",
            "https://api.stacspec.org/v1.0.0/item-search",
            "https://api.stacspec.org/v1.0.0/ogcapi-features",
        ],
        "links": [
            {"rel": "self", "type": "application/json", "href": root},
            {"rel": "root", "type": "application/json", "href": root},
            {"rel": "data", "type": "application/json", "href": f"{root}collections"},
            _make_search_link(base, "GET"),
            _make_search_link(base, "POST"),
        ],
    }


def list_collections(base: str, collection_id: str | None = None) -> list[Json]:
    """Return the collections, or only the one with an id."""
    found = []
    for each in dict.fromkeys(tile.collection_id for tile in list_tiles()):
        if collection_id not in (None, each):
            continue
        boxes = [_outline(tile).bounds for tile in list_tiles() if tile.collection_id == each]
        west, south, east, north = zip(*boxes, strict=True)
        found.append(
            {
                "type": "Collection",
                "id": each,
                "stac_version": "1.0.0",
                "title": f"Demonstration of {each}",
                "description": "Synthetic terrain in EPSG:3979, heights in CGVD2013.",
                "license": "OGL-Canada-2.0",
                "extent": {
                    "spatial": {"bbox": [[min(west), min(south), max(east), max(north)]]},
                    "temporal": {"interval": [["2017-04-14T12:00:00Z", None]]},
                },
                "links": [
                    _make_link(base, "root", ""),
                    _make_link(base, "self", f"collections/{each}"),
                ],
            }
        )
    return found


def list_items(base: str, edition: int = 1) -> list[Json]:
    """Return every item, newest first, then by descending id, as the API sorts them."""
    return [_make_item(tile, base, edition) for tile in _newest_first()]


def search(base: str, query: Mapping[str, Any], method: str, edition: int = 1) -> Json:
    """Respond to an item search.

    Args:
        base: Scheme and host for links.
        query: ``collections``, ``ids``, ``bbox``, ``intersects``, ``limit``, ``token``.
        method: ``"GET"`` or ``"POST"``; the next link has the same.
        edition: Decides when items were updated.

    Raises:
        BadQueryError: If a value is invalid.
    """
    area = _parse_area(query)
    matched = [
        tile
        for tile in _newest_first()
        if tile.collection_id in (query.get("collections") or [tile.collection_id])
        and tile.item_id in (query.get("ids") or [tile.item_id])
        and (area is None or shapely.intersects(_outline(tile), area))
    ]
    try:
        limit = min(int(query.get("limit") or 10), 10_000)
    except ValueError as exc:
        raise BadQueryError("limit must be a number") from exc
    names = [f"next:{tile.collection_id}:{tile.item_id}" for tile in matched]
    token = query.get("token")
    if token is not None and token not in names:
        raise BadQueryError(f"unknown token {token}")
    first = names.index(token) + 1 if token else 0
    page = [_make_item(tile, base, edition) for tile in matched[first : first + limit]]
    links = [_make_link(base, "root", ""), _make_link(base, "self", "search")]
    if first + limit < len(matched):
        links.append(_make_next_link(base, query, method, names[first + limit - 1]))
    return {
        "type": "FeatureCollection",
        "links": links,
        "features": page,
        "numberMatched": len(matched),
        "numberReturned": len(page),
    }


def _parse_area(query: Mapping[str, Any]) -> shapely.Geometry | None:
    if (bbox := query.get("bbox")) is not None:
        if len(bbox) != 4 or bbox[1] > bbox[3]:
            raise BadQueryError("Invalid bbox")
        return shapely.box(*bbox)
    if (geometry := query.get("intersects")) is not None:
        try:
            return shapely.geometry.shape(geometry)
        except (shapely.errors.ShapelyError, AttributeError, KeyError, TypeError) as exc:
            raise BadQueryError("Invalid geometry") from exc
    return None


def _make_next_link(base: str, query: Mapping[str, Any], method: str, token: str) -> Json:
    href = f"{base}{LINKS_PREFIX}/search"
    link: Json = {"rel": "next", "type": "application/geo+json", "method": method, "href": href}
    if method == "POST":
        link["body"] = {**query, "token": token}
    else:
        plain = {k: ",".join(map(str, v)) if _is_list(v) else v for k, v in query.items()}
        link["href"] += "?" + urlencode({**plain, "token": token})
    return link


def _is_list(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _make_item(tile: Tile, base: str, edition: int) -> Json:
    left, bottom, right, top = tile.bounds
    outline = _outline(tile)
    here = f"collections/{tile.collection_id}"
    return {
        "id": tile.item_id,
        "bbox": [*outline.bounds],
        "type": "Feature",
        "links": [
            _make_link(base, "collection", here),
            _make_link(base, "parent", here),
            _make_link(base, "root", ""),
            _make_link(base, "self", f"{here}/items/{tile.item_id}"),
        ],
        "assets": _make_assets(tile, base),
        "geometry": shapely.geometry.mapping(outline),
        "collection": tile.collection_id,
        "properties": {
            "created": "2024-02-06T19:38:07Z",
            "updated": f"{published_at(edition):%Y-%m-%dT%H:%M:%S.%fZ}",
            "datetime": f"{_made(tile):%Y-%m-%dT%H:%M:%SZ}",
            "proj:epsg": 3979,
            "collection": tile.collection_id,
            "proj:shape": [tile.height, tile.width],
            "proj:geometry": {
                "type": "Polygon",
                "coordinates": [
                    [[right, bottom], [right, top], [left, top], [left, bottom], [right, bottom]]
                ],
            },
            "proj:transform": [left, tile.resolution, 0, top, 0, -tile.resolution],
        },
        "stac_version": "1.0.0",
        "stac_extensions": [
            "https://stac-extensions.github.io/projection/v1.0.0/schema.json"
        ],
    }  # fmt: skip


def list_file_paths(tile: Tile) -> dict[str, str]:
    """Return the paths of a tile's files in the store, by asset key."""
    stem = "mrdem-30" if tile.collection == "30m" else tile.item_id
    joined = "-" if tile.collection == "30m" else "_"  # MRDEM's names differ in this
    return {
        key: f"{tile.collection_id}/{stem}-{ending.replace('_', joined)}"
        for key, ending, *_ in _ASSETS
        if ("dtm" not in key or "dtm" in tile.products)
        and not (tile.flown and key.startswith("hillshade"))
    }


def _make_assets(tile: Tile, base: str) -> dict[str, Json]:
    paths = list_file_paths(tile)
    return {
        key: {
            "href": f"{base}{STORE_PREFIX}/{paths[key]}",
            "type": media_type,
            "roles": [role],
            "title": title,
            "description": title,
        }
        for key, _, media_type, role, title in _ASSETS
        if key in paths
    }


def _make_link(base: str, rel: str, path: str) -> Json:
    kind = "application/geo+json" if rel == "self" and "collections" not in path else None
    return {
        "rel": rel,
        "type": kind or "application/json",
        "href": f"{base}{LINKS_PREFIX}/{path}",
    }


def _make_search_link(base: str, method: str) -> Json:
    return {
        **_make_link(base, "search", "search"),
        "type": "application/geo+json",
        "method": method,
    }


@cache
def _newest_first() -> tuple[Tile, ...]:
    return tuple(sorted(list_tiles(), key=lambda tile: (_made(tile), tile.item_id), reverse=True))


def _made(tile: Tile) -> datetime.datetime:
    if tile.flown:
        return datetime.datetime(tile.flown, 8, 1, 12, tzinfo=datetime.UTC)
    days = datetime.timedelta(days=zlib.crc32(tile.item_id.encode()) % 1500)
    return datetime.datetime(2023, 1, 1, 12, tzinfo=datetime.UTC) - days


@cache
def _outline(tile: Tile) -> shapely.Polygon:
    """The tile's outline in longitude and latitude, degrees."""
    outline = shapely.segmentize(shapely.box(*tile.bounds), _VERTEX_EVERY)
    x, y = shapely.get_coordinates(outline).T
    lon, lat = transform_points("EPSG:3979", "EPSG:4617", x, y)
    return shapely.Polygon(_round_points(zip(lon, lat, strict=True)))


def _round_points(points: Iterable[tuple[float, float]]) -> Iterable[tuple[float, float]]:
    return ((round(lon, 6), round(lat, 6)) for lon, lat in points)
