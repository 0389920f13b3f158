"""QGIS opens outputs at their place, with their style, and takes the statistics in them."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
import rasterio
import shapely

import hrdem
from hrdem.demo import Addresses, running
from hrdem.output.colours import SOURCE_COLOURS
from hrdem.pictures.ramps import ASPECT, CANOPY, ELEVATION, HILLSHADE, SLOPE, format_colour
from tests.readers.conftest import require_module, require_program

SCRIPT = Path(__file__).with_name("scripts") / "open_in_qgis.py"
BOX = (1_505_000, -176_000, 1_505_600, -175_500)
RAMPS = {
    "dtm": ELEVATION, "dsm-slope": SLOPE, "dtm-aspect": ASPECT, "dtm-hillshade": HILLSHADE,
    "chm": CANOPY,
}  # fmt: skip


def open_in_qgis(*paths: Path) -> list[dict]:
    """Return how QGIS opens files."""
    done = subprocess.run(
        [require_module("qgis.core"), SCRIPT, *paths],
        env=os.environ | {"QT_QPA_PLATFORM": "offscreen"},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def test_each_product_has_its_place_and_its_style(demo: Addresses, tmp_path: Path) -> None:
    outputs = [
        hrdem.extract(
            bbox=BOX, bbox_crs="EPSG:3979", product=product, qml=True, stac_url=demo.stac,
            output=tmp_path / f"{product}.tif",
        ).output
        for product in RAMPS
    ]  # fmt: skip
    for opened, ramp in zip(open_in_qgis(*outputs), RAMPS.values(), strict=True):
        assert (opened["crs"], tuple(opened["extent"])) == ("EPSG:3979", BOX)
        colours = [colour for _, colour in opened["colours"]]
        assert colours == [*map(format_colour, ramp.colours)]


def test_sources_are_classes_with_names_and_colours(demo: Addresses, tmp_path: Path) -> None:
    """All that there are, and no others: of a GeoTIFF and of a COG."""
    for form in ("gtiff", "cog"):
        result = hrdem.extract(
            bbox=BOX, bbox_crs="EPSG:3979", product="chm", fill="30m", source_band=True,
            format=form, output=tmp_path / f"{form}.tif", stac_url=demo.stac,
        )  # fmt: skip
        names = ["no data", *(source.name for source in result.plan.sources)]
        colours = [format_colour(colour) for colour in SOURCE_COLOURS[: len(names) - 1]]
        for opened in open_in_qgis(*result.layers[:2]):  # the third has years
            assert (opened["renderer"], tuple(opened["extent"])) == ("paletted", BOX)
            assert [name for _, name, _ in opened["classes"]] == names
            assert [colour for *_, colour in opened["classes"]][1:] == colours


def test_gdal_has_the_names_of_sources_and_of_surveys_by_year(
    demo: Addresses, tmp_path: Path
) -> None:
    gdalinfo = require_program("gdalinfo")
    result = hrdem.extract(
        bbox=BOX, bbox_crs="EPSG:3979", product="dtm", source_band=True, output=tmp_path / "a.tif",
        stac_url=demo.stac,
    )  # fmt: skip
    sources, years = (
        json.loads(subprocess.run([gdalinfo, "-json", path], capture_output=True).stdout)
        for path in result.layers
    )
    (source,) = result.plan.sources
    assert sources["bands"][0]["categories"] == ["no data", source.name]
    rows = [row["f"][:2] for row in years["rat"]["row"]]
    assert rows == sorted(rows)
    assert all(name.startswith(f"{year}, ") for year, name in rows)


def test_a_preview_has_its_crs(demo: Addresses, tmp_path: Path) -> None:
    places = {"EPSG:3979": BOX, "EPSG:4326": (-75.72, 45.40, -75.66, 45.44)}
    pictures = [
        hrdem.preview(
            bbox=box, bbox_crs=crs, product="dtm", output=tmp_path / f"{crs[5:]}.png",
            wms_url=demo.wms, stac_url=demo.stac,
        ).output
        for crs, box in places.items()
    ]  # fmt: skip
    for opened, (crs, box) in zip(open_in_qgis(*pictures), places.items(), strict=True):
        assert opened["crs"] == crs
        assert opened["extent"] == pytest.approx(box)


def test_statistics_are_taken_from_the_file(tmp_path: Path) -> None:
    """Of a VRT whose store is gone, QGIS could not compute any."""
    left, _, right, top = BOX
    wide = (left, top - 3_000, right + 3_000, top)
    with running() as service:
        outputs = [
            hrdem.extract(
                bbox=box, bbox_crs="EPSG:3979", product="dtm", format=form, output=tmp_path / name,
                stac_url=service.stac,
            ).output
            for form, name, box in (
                ("vrt", "a.vrt", BOX), ("vrt", "b.vrt", wide), ("gtiff", "c.tif", BOX)
            )
        ]  # fmt: skip
    for opened, path in zip(open_in_qgis(*outputs), outputs, strict=True):
        with rasterio.open(path) as dataset:
            tags = dataset.tags(1)
        ends = [float(tags[f"STATISTICS_{name}"]) for name in ("MINIMUM", "MAXIMUM")]
        assert opened["range"] == ends


def test_points_profiles_and_surveys_are_layers_at_their_place(
    demo: Addresses, tmp_path: Path
) -> None:
    (left, bottom, right, top), middle = BOX, (1_505_300, -175_750)
    request = {"product": "dtm", "stac_url": demo.stac}
    points = hrdem.sample(
        [middle], points_crs="EPSG:3979", output=tmp_path / "points.gpkg", **request
    )
    line = shapely.LineString([(left, middle[1]), (right, middle[1])])
    profile = hrdem.profile(
        line, line_crs="EPSG:3979", spacing=100, output=tmp_path / "line.gpkg", **request
    )
    hrdem.surveys(bbox=BOX, bbox_crs="EPSG:3979", output=tmp_path / "surveys.gpkg", **request)
    opened = dict(
        zip(
            ("points", "line", "surveys"),
            open_in_qgis(*(tmp_path / f"{name}.gpkg" for name in ("points", "line", "surveys"))),
            strict=True,
        )
    )
    assert {each["crs"] for each in opened.values()} == {"EPSG:3979"}
    assert opened["points"]["extent"][:2] == [*middle]
    assert float(points.values[0]) in opened["points"]["rows"][0]
    assert opened["line"]["extent"] == pytest.approx([left, middle[1], right, middle[1]], abs=0.01)
    assert len(opened["line"]["rows"]) == len(profile.distance)
    west, south, east, north = opened["surveys"]["extent"]
    assert left <= west < east <= right
    assert bottom <= south < north <= top
