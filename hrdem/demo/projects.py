"""The lidar projects of the demonstration: a patchwork of outlines, older ones under newer ones.

The field names of the live coverage files are not known, so each item uses one of several
plausible sets of names.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import tempfile
import threading
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

import numpy as np
import shapely
from rasterio.warp import transform as transform_points

from hrdem.demo.editions import published_at
from hrdem.demo.terrain import Float64, lattice, surveyed
from hrdem.demo.tiles import Tile

# seed, size of an outline (m), share that was flown, first year, number of years
_CAMPAIGNS = ((401, 90_000.0, 0.4, 2009, 7), (411, 40_000.0, 1.0, 2016, 8))
_NAMES = ("Lac", "Fork", "Pointe", "Creek", "Mont", "Bay", "Vallon", "Ridge")

_BUILD_LOCK = threading.Lock()  # OGR_CURRENT_DATE holds for the whole process


@dataclass(frozen=True, slots=True)
class LidarProject:
    """An area flown in one campaign.

    Attributes:
        name: Name of the project.
        first: First day of the flights.
        last: Last day of the flights.
        outline: Polygon in EPSG:3979.
    """

    name: str
    first: datetime.date
    last: datetime.date
    outline: shapely.Polygon


@dataclass(frozen=True)
class StoredFile:
    """A small file of the store.

    Attributes:
        content: Bytes of the file.
        media_type: Value of Content-Type.
    """

    content: bytes
    media_type: str

    @property
    def etag(self) -> str:
        """A strong ETag, in the form of an upload in one part."""
        return f'"{hashlib.md5(self.content, usedforsecurity=False).hexdigest()}"'

    @property
    def size(self) -> int:
        """Size in bytes."""
        return len(self.content)

    def read(self, start: int, stop: int) -> Iterator[bytes]:
        """Yield the bytes from ``start`` up to, not including, ``stop``."""
        yield self.content[start:stop]


@cache
def list_projects(tile: Tile) -> tuple[LidarProject, ...]:
    """Return the projects in a tile, clipped to it, oldest campaign first."""
    left, bottom, right, top = tile.bounds
    if tile.flown:
        first, last = (datetime.date(tile.flown, 7, day) for day in (1, 31))
        return (LidarProject(tile.name, first, last, shapely.box(*tile.bounds)),)
    found = []
    for number, (seed, side, flown, year, years) in enumerate(_CAMPAIGNS):
        columns = np.arange(left // side - 1, right // side + 2).astype(np.int64)
        rows = np.arange(bottom // side - 1, top // side + 2).astype(np.int64)
        corners_x, corners_y = _make_corners(columns, rows, side, seed)
        chance = lattice(columns, rows, seed + 2)
        there = surveyed((columns + 0.5) * side, (rows + 0.5) * side, 0, tile.collection)
        for row, column in zip(*np.nonzero(there & (chance < flown)), strict=True):
            if row == len(rows) - 1 or column == len(columns) - 1:
                continue
            around = [(row, column), (row, column + 1), (row + 1, column + 1), (row + 1, column)]
            corners = [(corners_x[corner], corners_y[corner]) for corner in around]
            outline = shapely.clip_by_rect(shapely.Polygon(corners), left, bottom, right, top)
            if outline.area > 0:
                share = float(chance[row, column]) / flown
                when = year + int(share * years)
                first = datetime.date(when, 5, 1) + datetime.timedelta(days=int(share * 3_000) % 90)
                place = f"{_NAMES[int(share * 800) % 8]}_{int(columns[column])}_{int(rows[row])}"
                last = first + datetime.timedelta(days=12 + 9 * number)
                found.append(LidarProject(f"{place}_{when}", first, last, outline))
    return tuple(found)


def make_coverage_file(tile: Tile, edition: int = 1) -> StoredFile:
    """Create the GeoPackage of the projects in a tile, one layer per product."""
    with _BUILD_LOCK:
        return _build_coverage_file(tile, edition)


@lru_cache(maxsize=4)
def _build_coverage_file(tile: Tile, edition: int) -> StoredFile:
    import pyogrio  # noqa: PLC0415 (the service starts without it)
    import pyogrio.raw  # noqa: PLC0415

    found = list_projects(tile)
    outlines = np.array([shapely.to_wkb(shapely.multipolygons([p.outline])) for p in found], object)
    fields = _make_fields(tile, found)
    when = f"{published_at(edition):%Y-%m-%dT%H:%M:%S}.000Z"  # the same bytes every time
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": when})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "coverage.gpkg"
        for layer in tile.products:
            pyogrio.raw.write(
                path,
                outlines,
                [np.array(values) for values in fields.values()],
                list(fields),
                layer=layer,
                driver="GPKG",
                geometry_type="MultiPolygon",
                crs="EPSG:3979",
                append=path.exists(),
            )
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": None})
        return StoredFile(path.read_bytes(), "application/geopackage+sqlite3")


@lru_cache(maxsize=16)
def make_extent_file(tile: Tile, edition: int = 1) -> StoredFile:
    """Create the GeoJSON Feature of all surveyed ground, longitude first."""
    union = shapely.union_all([project.outline for project in list_projects(tile)])
    parts = [part for part in shapely.get_parts(shapely.segmentize(union, 5_000)) if part.area > 0]
    feature = {
        "type": "Feature",
        "properties": {} if edition == 1 else {"updated": f"{published_at(edition):%Y-%m-%d}"},
        "geometry": {
            "type": "MultiPolygon",
            "coordinates": [[_project_ring(ring) for ring in _list_rings(part)] for part in parts],
        },
    }
    return StoredFile(json.dumps(feature).encode(), "application/geo+json")


def _make_corners(
    columns: np.ndarray, rows: np.ndarray, side: float, seed: int
) -> tuple[Float64, Float64]:
    """Return corners of outlines: a jittered lattice, so that outlines tile the plane."""
    x = (columns[None, :] + 0.7 * lattice(columns, rows, seed).astype(float)) * side
    y = (rows[:, None] + 0.7 * lattice(columns, rows, seed + 1).astype(float)) * side
    return x, y


def _make_fields(tile: Tile, found: tuple[LidarProject, ...]) -> dict[str, list[object]]:
    names: list[object] = [project.name for project in found]
    match zlib.crc32(tile.item_id.encode()) % 3:
        case 0:
            return {
                "Project": names,
                "Provider": ["hrdem demonstration"] * len(found),
                "Acquisition_Date_Start": [np.datetime64(p.first) for p in found],
                "Acquisition_Date_End": [np.datetime64(p.last) for p in found],
            }
        case 1:
            return {
                "Nom_du_projet": names,
                "Date_début": [f"{p.first:%Y/%m/%d}" for p in found],
                "Date_fin": [f"{p.last:%Y/%m/%d}" for p in found],
                "Densité_pts_m2": [2.0 + p.first.day for p in found],
            }
        case _:
            return {"NAME": names, "Year": [p.last.year for p in found]}


def _list_rings(polygon: shapely.Polygon) -> Iterator[shapely.LinearRing]:
    yield polygon.exterior
    yield from polygon.interiors


def _project_ring(ring: shapely.LinearRing) -> list[tuple[float, float]]:
    x, y = shapely.get_coordinates(ring).T
    lon, lat = transform_points("EPSG:3979", "EPSG:4617", x, y)
    return [(round(a, 6), round(b, 6)) for a, b in zip(lon, lat, strict=True)]
