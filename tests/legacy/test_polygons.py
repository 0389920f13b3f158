"""Polygons of lakes, sea and border from files."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio.raw
import pyproj
import pytest
import shapely

from hrdem.errors import RequestError
from hrdem.legacy.polygons import read_lakes, read_polygons
from hrdem.request import legacy_fields

WEST, EAST = shapely.box(-76, 45, -75.5, 45.5), shapely.box(-75.5, 45, -75, 45.5)
LEGACY_LAKES = next(field for field in legacy_fields.BC if field.name == "lakes")
POND = shapely.Point(-74, 45).buffer(0.1)


@pytest.fixture(autouse=True)
def in_an_empty_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def write(name: str, *shapes: shapely.Geometry, crs: str = "EPSG:4617", **layer: Any) -> str:
    blobs = np.array([shapely.to_wkb(shape) for shape in shapes], dtype=object)
    pyogrio.raw.write(
        name, blobs, [np.arange(len(blobs))], ["id"], crs=crs, driver="GPKG",
        geometry_type="Unknown", **layer,
    )  # fmt: skip
    return name


def test_a_lake_that_map_sheets_cut_is_one_and_others_stay_apart() -> None:
    read = read_polygons(write("lakes.gpkg", POND, EAST, WEST), "lakes")
    assert [part.bounds for part in read.geoms] == [(-76, 45, -75, 45.5), POND.bounds]


def test_lakes_that_touch_at_a_point_are_two() -> None:
    read = read_polygons(write("lakes.gpkg", WEST, shapely.box(-75.5, 45.5, -75, 46)), "lakes")
    assert len(read.geoms) == 2


def test_the_order_is_that_of_places_not_of_the_file() -> None:
    pair = [
        read_polygons(write(name, *shapes), "lakes")
        for name, shapes in (("a.gpkg", (WEST, POND)), ("b.gpkg", (POND, WEST)))
    ]
    assert pair[0].equals_exact(pair[1], 0)


def test_metres_become_degrees() -> None:
    to_utm = pyproj.Transformer.from_crs(4617, 2959, always_xy=True)
    in_utm = shapely.transform(POND, lambda points: np.column_stack(to_utm.transform(*points.T)))
    read = read_polygons(write("lakes.gpkg", in_utm, crs="EPSG:2959"), "lakes")
    assert shapely.hausdorff_distance(read, POND) < 1e-6


def test_a_layer_is_named_after_the_file() -> None:
    for layer, shape in (("lakes", POND), ("rivers", WEST)):
        write("water.gpkg", shape, layer=layer)
    assert read_polygons(Path("water.gpkg|layername=lakes"), "lakes").bounds == POND.bounds
    with pytest.raises(RequestError) as info:
        read_polygons("water.gpkg", "lakes")
    assert str(info.value) == (
        "water.gpkg has 2 layers: lakes, rivers. Give `lakes` as FILE or FILE|layername=LAYER, "
        "and declare the CRS in it."
    )


def test_a_geodatabase_is_a_folder() -> None:
    blobs = np.array([shapely.to_wkb(POND)], dtype=object)
    pyogrio.raw.write(
        "water.gdb", blobs, [np.arange(1, dtype=np.int32)], ["id"], crs="EPSG:4617",
        driver="OpenFileGDB", geometry_type="Polygon", layer="FWA_LAKES_POLY",
    )  # fmt: skip
    assert LEGACY_LAKES.parse("water.gdb|layername=FWA_LAKES_POLY") == Path(
        "water.gdb|layername=FWA_LAKES_POLY"
    )
    read = read_polygons(LEGACY_LAKES.parse("water.gdb"), "lakes")
    assert shapely.hausdorff_distance(read, POND) < 1e-8


def test_a_missing_file_is_named_with_its_parameter() -> None:
    with pytest.raises(RequestError, match=r"no file a\.gpkg\. Check the path .* as `sea`\.$"):
        read_polygons("a.gpkg", "sea")


def test_points_and_lines_are_not_outlines() -> None:
    points = write("points.gpkg", shapely.Point(-76, 45), shapely.Point(-75, 45))
    with pytest.raises(RequestError, match=r"points\.gpkg, given as `lakes`, has no polygon"):
        read_polygons(points, "lakes")
    mixed = write("mixed.gpkg", shapely.LineString([(-76, 45), (-75, 46)]), POND)
    assert read_polygons(mixed, "lakes").bounds == POND.bounds


def test_an_empty_layer_is_refused() -> None:
    Path("none.geojson").write_text('{"type": "FeatureCollection", "features": []}', "utf-8")
    with pytest.raises(RequestError, match=r"none\.geojson is empty\. Give one that has a po"):
        read_polygons("none.geojson", "border")


def test_a_file_without_a_crs_is_refused_without_naming_options_of_others() -> None:
    blobs = np.array([shapely.to_wkb(POND)], dtype=object)
    with pytest.warns(UserWarning, match="crs"):
        pyogrio.raw.write("lakes.shp", blobs, [np.arange(1)], ["id"], geometry_type="Polygon")
    with pytest.raises(RequestError, match=r"lakes\.shp does not declare its CRS\. Give `lak"):
        read_polygons("lakes.shp", "lakes")


def count_read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Number of features of each reading."""
    counts: list[int] = []
    read = pyogrio.raw.read

    def record(*args: Any, **options: Any) -> Any:
        found = read(*args, **options)
        counts.append(len(found[2]))
        return found

    monkeypatch.setattr(pyogrio.raw, "read", record)
    return counts


@pytest.mark.parametrize("crs", ["EPSG:4617", "EPSG:2959", "EPSG:3979"])
def test_only_what_is_near_the_area_is_read(monkeypatch: pytest.MonkeyPatch, crs: str) -> None:
    ponds = [shapely.Point(-76 + x / 20, 45.5).buffer(0.01) for x in range(40)]
    to_crs = pyproj.Transformer.from_crs(4617, crs, always_xy=True).transform
    written = [shapely.transform(pond, to_crs, interleaved=False) for pond in ponds]
    name, counts = write("lakes.gpkg", *written, crs=crs), count_read(monkeypatch)
    read = read_polygons(name, "lakes", shapely.box(-75, 45, -74.93, 46))
    assert shapely.hausdorff_distance(read, shapely.MultiPolygon(ponds[20:22])) < 0.0002
    assert counts[0] < 12  # a box in degrees is slanted in EPSG:3979


def cut_lake(number: int) -> list[shapely.Polygon]:
    """Pieces of a lake from 76 W, an eighth of a degree long each."""
    return [shapely.box(-76 + x / 8, 45, -76 + (x + 1) / 8, 45.01) for x in range(number)]


def test_all_pieces_of_a_lake_are_read_however_far_it_reaches(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pieces = cut_lake(5)
    far = [shapely.box(-70 + x, 45, -69.9 + x, 46) for x in range(5)]
    beside = shapely.box(-75.6, 45.005, -75.5, 45.015)  # overlaps the lake, away from the area
    name, counts = write("lakes.gpkg", *pieces, *far, beside), count_read(monkeypatch)
    lakes = read_lakes(name, "lakes", shapely.box(-76.2, 44.9, -75.95, 45.1))
    assert lakes.equals(shapely.union_all([*pieces, beside]))
    assert len(lakes.geoms) == 1
    assert counts[0] < counts[-1] == 6


def test_the_chain_of_pieces_may_be_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each reading finds one more piece; in the end the file is read whole."""
    pieces = cut_lake(30)
    name, counts = write("lakes.gpkg", *pieces), count_read(monkeypatch)
    lakes = read_lakes(name, "lakes", shapely.box(-76.2, 44.9, -75.95, 45.1))
    assert [lake.bounds for lake in lakes.geoms] == [(-76, 45, -72.25, 45.01)]
    assert len(counts) == 9


@pytest.mark.parametrize("suffix", ["gpkg", "geojson"])
def test_nothing_in_the_area_is_a_warning(caplog: pytest.LogCaptureFixture, suffix: str) -> None:
    area = shapely.box(-60, 50, -59, 51)
    name = write("lakes.gpkg", WEST)
    if suffix == "geojson":
        name = "lakes.geojson"
        Path(name).write_text(shapely.to_geojson(WEST), "utf-8")
    for read in (read_lakes, read_polygons):
        caplog.clear()
        assert read(name, "lakes", area).is_empty
        assert caplog.messages == [f"{name}, given as `lakes`, has no polygon in the area."]


@pytest.mark.skipif(sys.platform != "linux", reason="others have no /proc")
@pytest.mark.slow
@pytest.mark.long
def test_ten_thousand_lakes_take_seconds_and_little_memory() -> None:
    """A buffer around all their corners took 8 GB, and did not end in minutes."""
    rng = np.random.default_rng(6)
    turn = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    ring = np.column_stack([np.cos(turn), np.sin(turn)])
    lakes = [
        shapely.Polygon(0.004 * rng.uniform(0.5, 1, (40, 1)) * ring + [x / 50 - 130, y / 100 + 59])
        for x in range(100)
        for y in range(100)
    ]
    write("lakes.gpkg", *lakes)
    program = (
        "import shapely; from pathlib import Path; from hrdem.legacy.polygons import read_lakes; "
        "from hrdem.legacy.lakes import find_read_area; area = shapely.box(-130, 59, -128, 60); "
        "lakes = read_lakes('lakes.gpkg', 'lakes', area); find_read_area(lakes, area); "
        "status = Path('/proc/self/status').read_text().split(); "  # without the parent's peak
        "print(len(lakes.geoms), status[status.index('VmHWM:') + 1])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=120
    )
    number, kilobytes = map(int, done.stdout.split())
    assert 9_900 < number <= 10_000
    assert kilobytes < 285_000  # pyogrio imports pyarrow if it is there
