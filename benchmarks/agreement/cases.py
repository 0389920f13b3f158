"""Random requests: area, product, collections and output grid."""

from __future__ import annotations

import json
import math
import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyproj
import shapely

from benchmarks.agreement.gdal_pipeline import LONLAT, Raster, run
from benchmarks.agreement.systems import NATIVE_SYSTEM, System, pick_system

#: collection and pixel size in metres by name
COLLECTIONS = {
    "1m": ("hrdem-mosaic-1m", 1.0),
    "2m": ("hrdem-mosaic-2m", 2.0),
    "30m": ("mrdem-30", 30.0),
}
METHODS = ("nearest", "bilinear", "cubic", "cubicspline", "lanczos", "average", "max", "med", "q1")
#: those that may start from an overview: a sheet at full resolution has a billion pixels
OVERVIEW_METHODS = METHODS[:6]
#: corners of sub-tiles, gaps in the lidar, lakes, north and south
PLACES = (
    (1_500_000, 0), (1_000_000, 0), (1_500_000, 500_000), (1_695_000, -400_500),
    (-278_220, 2_773_975), (1_510_000, -171_000), (-1_900_000, 500_000), (2_300_000, 1_200_000),
)  # fmt: skip


#: where a collection ends and the next goes on: 1m and 2m, on two sub-tiles and on one; 2m and 30m
SEAMS = ((-1_865_500, 500_200), (1_011_100, -47_500), (-1_845_600, 500_000))
_SEAM_TIERS = (["1m", "2m", "30m"], ["1m", "2m"], ["2m", "30m"])
_MAX_SHIFT_METRES = {PLACES: 900, SEAMS: 100}
Places = tuple[tuple[int, int], ...]


@dataclass
class Case:
    """A request, and what is known of its area.

    Attributes:
        options: Command line of `hrdem extract`, without output and services.
        product: Product.
        tiers: Collections in the order of filling.
        system: CRS of the output.
        method: Resampling method.
        resolution: Pixel size, or None for the source's own pixels.
        shape: Area in `shape_system`, or None for a circle.
        shape_system: CRS in which its edges are straight.
        crop: Whether pixels outside the area are nodata.
        circle: Longitude, latitude and radius in metres.
        like: Grid of the raster that gives the output's.
        feather: Distance over which collections are blended, metres.
        slack: How far the area may reach too far, metres: a buffer is drawn with chords.
        others: Further products of the same run.
    """

    options: list[str]
    product: str
    tiers: list[str]
    system: System
    method: str
    resolution: float | None
    shape: shapely.Geometry | None
    shape_system: System
    crop: bool
    circle: tuple[float, float, float] | None = None
    like: Raster | None = None
    feather: float = 0.0
    slack: float = 0.0
    others: tuple[str, ...] = ()


def make_star(chance: random.Random, x: float, y: float, radius: float) -> shapely.Polygon:
    """Make a polygon around a point, perhaps with a hole."""
    count = chance.randint(3, 40)
    angles = sorted(chance.uniform(0, 2 * math.pi) for _ in range(count))
    ring = [
        (x + math.cos(a) * radius * (r := chance.uniform(0.3, 1)), y + math.sin(a) * radius * r)
        for a in angles
    ]
    star = shapely.make_valid(shapely.Polygon(ring))
    if chance.random() < 0.3:
        star = star.difference(shapely.Point(x, y).buffer(radius / 5, 4))
    polygons = [part for part in shapely.get_parts(star) if part.geom_type == "Polygon"]
    return max(polygons, key=lambda part: part.area)


def pick_place(chance: random.Random, places: Places) -> tuple[float, float]:
    """Choose a longitude and a latitude near one of some places."""
    shift = _MAX_SHIFT_METRES[places]
    x, y = (axis + chance.uniform(-shift, shift) for axis in chance.choice(places))
    return NATIVE_SYSTEM.to_lonlat(x, y)


def pick_tiers(chance: random.Random) -> list[str]:
    """Choose a collection, and perhaps some to fill its gaps."""
    collection = chance.choice(["1m", "1m", "1m", "2m", "30m"])
    coarser = [*COLLECTIONS][[*COLLECTIONS].index(collection) + 1 :]
    fill = coarser[: chance.randint(0, len(coarser))] if chance.random() < 0.5 else []
    if fill and chance.random() < 0.3:
        fill = fill[-1:]
    return [collection, *fill]


def make_case(chance: random.Random, folder: Path, places: Places = PLACES) -> Case:
    """Make a random request near one of some places."""
    lon, lat = pick_place(chance, places)
    system = pick_system(chance, lon)
    collection, *fill = pick_tiers(chance) if places is PLACES else chance.choice(_SEAM_TIERS)
    themes = ["", "", ""]
    if system.conformal and not system.degrees:
        themes += ["-slope", "-aspect"]
    product = chance.choice(
        [f"{model}{theme}" for model in ("dtm", "dsm") for theme in themes] + ["chm"]
    )
    kind = chance.choice(["box", "box", "shape", "shape", "shape", "circle", "sheet", "like"])
    own = COLLECTIONS[collection][1]
    method = chance.choice(OVERVIEW_METHODS if kind == "sheet" else METHODS)
    pixels = chance.uniform(60, 500)
    resampled = system is not NATIVE_SYSTEM or chance.random() < 0.4 or kind == "sheet"
    resolution = None
    if resampled:
        metres = own * chance.choice([0.5, 1, 1, 1.2, 1.5, 2, 2.5, 2.7, 4, 5, 10, 12.5])
        if kind == "sheet":
            metres = chance.choice([50.0, 60.0, 75.0])
        resolution = float(f"{metres / 100_000:.1g}") if system.degrees else metres
    size = pixels * (
        (resolution * 100_000 if system.degrees else resolution) if resolution else own
    )
    options = ["--product", product, "--collection", collection]
    if fill:
        options += ["--fill", ",".join(fill)]
    case = Case(
        options,
        product,
        [collection, *fill],
        system,
        method,
        resolution,
        None,
        NATIVE_SYSTEM,
        crop=False,
    )
    if not resampled and kind != "like":
        case.method = "bilinear"  # of filling collections, by default
    if kind == "like":
        make_like(case, lon, lat, size, folder)
        return case
    if resampled:
        options += ["--resolution", repr(resolution), "--resampling", method]
        if system is not NATIVE_SYSTEM:
            options += ["--crs", system.code]
    {"box": make_box, "shape": make_shape, "circle": make_circle, "sheet": make_sheet}[kind](
        case, chance, lon, lat, size, folder
    )
    return case


def make_box(
    case: Case, chance: random.Random, lon: float, lat: float, size: float, folder: Path
) -> None:
    """Ask for a box in some CRS."""
    system = pick_system(chance, lon)
    x, y = system.from_lonlat(lon, lat)
    unit = 1 / 90_000 if system.degrees else 1.0
    half_x, half_y = (size * chance.uniform(0.2, 0.5) * unit for _ in range(2))
    corners = [x - half_x, y - half_y, x + half_x, y + half_y]
    if chance.random() < 0.4:
        corners = [round(value, 4 if system.degrees else 0) for value in corners]
        if corners[0] >= corners[2] or corners[1] >= corners[3]:
            corners = [x - half_x, y - half_y, x + half_x, y + half_y]
    case.options += [f"--bbox={','.join(map(repr, corners))}", "--bbox-crs", system.code]
    if chance.random() < 0.3:
        case.options += ["--crop"]
        case.crop = True
    case.shape, case.shape_system = shapely.box(*corners), system


def make_shape(
    case: Case, chance: random.Random, lon: float, lat: float, size: float, folder: Path
) -> None:
    """Ask for a polygon in a file or as WKT."""
    system = pick_system(chance, lon)
    x, y = system.from_lonlat(lon, lat)
    radius = size / 2 * (1 / 90_000 if system.degrees else 1.0)
    case.shape, case.shape_system, case.crop = make_star(chance, x, y, radius), system, True
    form = chance.choice(["wkt", "geojson", "gpkg"])
    if form == "wkt":
        case.options += [
            "--aoi",
            shapely.to_wkt(case.shape, rounding_precision=-1),
            "--aoi-crs",
            system.code,
        ]
        return
    path = folder / f"area.{form}"
    geojson = folder / "area.geojson"
    number = system.code.split(":")[1]
    geojson.write_text(
        json.dumps(
            {
                "type": "FeatureCollection",
                "crs": {"type": "name", "properties": {"name": f"urn:ogc:def:crs:EPSG::{number}"}},
                "features": [
                    {
                        "type": "Feature",
                        "properties": {},
                        "geometry": shapely.geometry.mapping(case.shape),
                    }
                ],
            }
        )
    )
    if form == "gpkg":
        path.unlink(missing_ok=True)
        run("ogr2ogr", "-q", "-f", "GPKG", "-a_srs", system.code, path, geojson)
    case.options += ["--aoi", str(path)]


def make_circle(
    case: Case, chance: random.Random, lon: float, lat: float, size: float, folder: Path
) -> None:
    """Ask for a circle."""
    case.options += [f"--point={lon!r},{lat!r}", "--radius", repr(size / 2)]
    case.circle, case.crop = (lon, lat, size / 2), True


def make_sheet(
    case: Case, chance: random.Random, lon: float, lat: float, size: float, folder: Path
) -> None:
    """Ask for an NTS sheet of 1:50 000, numbered from the south-east, boustrophedon."""
    lat = min(lat, 67.9)
    column, row = int((-48 - lon) // 8), int((lat - 40) // 4)
    east, south = -48 - 8 * column, 40 + 4 * row
    across, up = int((east - lon) // 2), int(lat - south)
    letter = "ABCDEFGHIJKLMNOP"[up * 4 + (across if up % 2 == 0 else 3 - across)]
    east, south = east - 2 * across, south + up
    across, up = int((east - lon) // 0.5), int((lat - south) // 0.25)
    number = up * 4 + (across if up % 2 == 0 else 3 - across) + 1
    east, south = east - 0.5 * across, south + 0.25 * up
    case.options += ["--nts", f"{column:02d}{row}{letter}{number:02d}"]
    case.shape, case.shape_system = (
        shapely.box(east - 0.5, south, east, south + 0.25),
        System("EPSG:4617", LONLAT),
    )
    if chance.random() < 0.5:  # sheets are not cropped unless requested
        case.options += ["--crop"]
        case.crop = True


def make_like(case: Case, lon: float, lat: float, size: float, folder: Path) -> None:
    """Ask for the grid of a raster."""
    own = COLLECTIONS[case.tiers[0]][1]
    unit = case.resolution or own
    x, y = case.system.from_lonlat(lon, lat)
    count = max(20, int(size / (unit * 90_000 if case.system.degrees else unit)))
    left, top = (x // unit * unit + unit * 0.37, y // unit * unit)
    right, bottom = left + count * unit, top - (count // 2 + 3) * unit
    path = folder / "like.tif"
    run(
        "gdal_create", "-q", "-outsize", count, count // 2 + 3, "-a_srs", case.system.code,
        "-a_ullr", *map(repr, (left, top, right, bottom)), path,
    )  # fmt: skip
    case.like, case.resolution = Raster.of(str(path)), unit
    case.options += ["--like", str(path), "--resampling", case.method]


def area_bounds(case: Case, system: System) -> tuple[float, ...]:
    """Return the bounds of the area in a CRS, by projecting many points of its outline."""
    if case.circle:
        lon, lat, radius = case.circle
        angles = np.linspace(0, 360, 20_001)
        ones = np.ones_like(angles)
        lons, lats, _ = pyproj.Geod(ellps="GRS80").fwd(
            lon * ones, lat * ones, angles, radius * ones
        )
        x, y = system.from_lonlat(lons, lats)
    elif case.like:
        left, bottom, right, top = case.like.bounds
        outline = shapely.segmentize(shapely.box(left, bottom, right, top), (right - left) / 1000)
        x, y = system.from_lonlat(*case.system.to_lonlat(*shapely.get_coordinates(outline).T))
    else:
        assert case.shape is not None
        span = max(
            case.shape.bounds[2] - case.shape.bounds[0], case.shape.bounds[3] - case.shape.bounds[1]
        )
        outline = shapely.segmentize(case.shape, span / 5_000)
        points = shapely.get_coordinates(outline).T
        x, y = (
            points
            if case.shape_system == system
            else system.from_lonlat(*case.shape_system.to_lonlat(*points))
        )
    return float(np.min(x)), float(np.min(y)), float(np.max(x)), float(np.max(y))
