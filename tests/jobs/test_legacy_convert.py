"""Older DEMs as GeoTIFFs: the same pixels in the same places as GDAL reads them, and tags."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine

import hrdem
from hrdem.errors import OutputExistsError, RequestError
from hrdem.geo.nodata import VOID
from tests.legacy_dems import (
    NODES,
    add_corners,
    make_ascii,
    make_bc_dem,
    make_cell,
    write,
    write_zip,
)
from tests.usgs_dems import TextDem

HEIGHTS = np.random.default_rng(5).integers(-30, 900, (7, NODES), np.int16)
HEIGHTS[2:4, 1] = VOID


def gdal_translate(source: Path, target: Path, *options: str) -> Path:
    subprocess.run(["gdal_translate", "-q", *options, source, target], check=True)
    return target


@pytest.mark.parametrize(
    ("dem", "crs"),
    [
        (make_cell(HEIGHTS, edition="1021", producer="OMNR"), "EPSG:4269"),
        (make_bc_dem(HEIGHTS, 442_275, 6_539_800, albers=False), "EPSG:26909"),
        (make_bc_dem(HEIGHTS, 769_775, 1_558_675, albers=True), "EPSG:3005"),
    ],
    ids=["CDED", "UTM", "Albers"],
)
def test_a_dem_has_the_pixels_and_places_that_gdal_reads(
    tmp_path: Path, dem: TextDem, crs: str
) -> None:
    """GDAL takes Albers for NAD83, with metres divided by 3600: its places are multiplied."""
    path, output = write(tmp_path / "old.dem", add_corners(dem)), tmp_path / "new.tif"
    done = hrdem.legacy_convert(path, output=output)
    with rasterio.open(path) as old, rasterio.open(output) as new:
        factor = 3600 if crs == "EPSG:3005" else 1
        expected = Affine(*(factor * each for each in old.transform[:6]))
        assert np.array_equal(new.read(1), old.read(1))
        assert new.transform.almost_equals(expected, 1e-6 * abs(expected.a))
        assert new.crs.to_string() == crs
        assert (new.nodata, new.dtypes) == (VOID, ("int16",))
        assert new.tags()["AREA_OR_POINT"] == "Area"
        assert new.tags()["HRDEM_VERTICAL_DATUM"] == "CGVD28"
        assert new.descriptions == ("elevation, height above CGVD28",)
        assert new.units == ("metre",)
    assert done.statistics is not None
    assert done.statistics.valid == HEIGHTS.size - 2
    assert [file.name for file in tmp_path.iterdir() if file.suffix == ".json"] == []


def test_the_tags_repeat_what_the_files_say(tmp_path: Path) -> None:
    cells = {
        "031k01_e.dem": make_cell(HEIGHTS, NODES - 1, edition="1021", producer="OMNR"),
        "031k01_w.dem": make_cell(HEIGHTS[:, ::-1], edition="1021", producer="OMNR"),
    }
    path = write_zip(tmp_path / "031k01.zip", cells)
    hrdem.legacy_convert([path], output=tmp_path / "new.tif")
    with rasterio.open(tmp_path / "new.tif") as new:
        tags = new.tags()
        assert (new.width, new.height) == (2 * NODES - 1, 7)
    said = {"name": "031k01DEMe", "producer": "OMNR", "edition": "1021"}
    assert json.loads(tags["HRDEM_INPUTS"]) == [
        {"file": "031k01.zip", "format": "USGS DEM", "member": member} | said for member in cells
    ]
    description = "elevation, height above CGVD28. 031k01_e.dem and 1 more."
    assert tags["TIFFTAG_IMAGEDESCRIPTION"] == description


@pytest.mark.slow
def test_a_geotiff_comes_back_from_an_ascii_grid_of_gdal(tmp_path: Path) -> None:
    """GDAL writes a .prj beside it, and oblong pixels as dx and dy."""
    for number, dem in enumerate(
        (
            make_bc_dem(HEIGHTS, 769_775, 1_558_675, albers=True),
            make_cell(HEIGHTS, dx=6),
        )
    ):
        first = tmp_path / f"{number}.tif"
        hrdem.legacy_convert(write(tmp_path / "old.dem", dem), output=first)
        ascii_grid = gdal_translate(first, tmp_path / f"{number}.asc", "-of", "AAIGrid")
        again = tmp_path / f"again{number}.tif"
        hrdem.legacy_convert(ascii_grid, output=again)
        with rasterio.open(first) as old, rasterio.open(again) as new:
            assert np.array_equal(new.read(1), old.read(1))
            assert new.crs == old.crs
            assert new.transform.almost_equals(old.transform, 1e-9)
            assert "HRDEM_VERTICAL_DATUM" not in new.tags()  # no ASCII grid of others has one


def test_a_bc_grid_has_its_crs_by_its_name(tmp_path: Path) -> None:
    grid = np.where(HEIGHTS == VOID, -9999, HEIGHTS)
    path = write(tmp_path / "104p-utm-elevation.asc", make_ascii(grid, 442_262.5, 6_539_787.5))
    done = hrdem.legacy_convert(path, output=tmp_path / "new.tif")
    with rasterio.open(tmp_path / "new.tif") as new, rasterio.open(path) as old:
        assert new.crs.to_string() == "EPSG:26909"
        assert new.transform == old.transform
        assert np.array_equal(new.read(1), HEIGHTS)
        assert new.tags()["HRDEM_VERTICAL_DATUM"] == "CGVD28"
    assert done.as_dict()["vertical_datum"] == "CGVD28"


def test_other_than_whole_metres_are_float32(tmp_path: Path) -> None:
    """A file of whole metres comes first, so that only the second tells."""
    write(tmp_path / "92b-albers-elevation.dem", make_bc_dem(HEIGHTS, 25, 25, albers=True))
    grid = np.full((7, NODES), 1.5)
    write(tmp_path / "92c-albers-elevation.asc", make_ascii(grid, 12.5 + 25 * NODES, 12.5))
    done = hrdem.legacy_convert(tmp_path, output=tmp_path / "new.tif")
    with rasterio.open(tmp_path / "new.tif") as new:
        assert new.dtypes == ("float32",)
        assert np.array_equal(new.read(1), np.hstack([HEIGHTS, grid]))
    assert done.dtype == "float32"


def test_the_vertical_datum_is_in_the_crs_on_request(tmp_path: Path) -> None:
    path = write(tmp_path / "old.dem", make_cell(HEIGHTS))
    hrdem.legacy_convert(path, output=tmp_path / "new.tif", vertical_crs=True)
    with rasterio.open(tmp_path / "new.tif") as new:
        assert "CGVD28" in new.crs.to_wkt()
    other = write(tmp_path / "other.dem", make_cell(HEIGHTS, vertical=3))
    said = (
        r"`vertical_crs` adds CGVD28 to the CRS, and the vertical datum of other\.dem is NAVD88\."
    )
    with pytest.raises(RequestError, match=said):
        hrdem.legacy_convert(other, output=tmp_path / "other.tif", vertical_crs=True)


def test_an_all_void_cell_is_converted(tmp_path: Path) -> None:
    """CDED delivers one beside its other half: 2.1, 10.2."""
    path = write(tmp_path / "old.dem", make_cell(np.full((7, NODES), VOID, np.int16)))
    done = hrdem.legacy_convert(path, output=tmp_path / "new.tif")
    assert done.statistics is not None
    assert done.statistics.valid == 0
    with rasterio.open(tmp_path / "new.tif") as new:
        assert (new.read(1) == VOID).all()


def test_a_file_that_is_replaced_leaves_no_description(tmp_path: Path) -> None:
    path, output = write(tmp_path / "old.dem", make_cell(HEIGHTS)), tmp_path / "new.tif"
    hrdem.legacy_convert(path, output=output)
    with pytest.raises(OutputExistsError, match="give `overwrite` to replace it"):
        hrdem.legacy_convert(path, output=output)
    item = write(tmp_path / "new.stac.json", b'{"assets": {"dtm": {"href": "./new.tif"}}}')
    hrdem.legacy_convert(path, output=output, overwrite=True)
    assert not item.exists()


def test_an_input_is_not_replaced(tmp_path: Path) -> None:
    path = write(tmp_path / "old.tif", make_cell(HEIGHTS))
    with pytest.raises(RequestError, match=r"old\.tif is an input and would be replaced; choose"):
        hrdem.legacy_convert(path, output=path, overwrite=True)


def test_a_dry_run_reads_headers_and_writes_nothing(tmp_path: Path) -> None:
    path = write(tmp_path / "old.dem", make_cell(HEIGHTS))
    done = hrdem.legacy_convert(path, output=tmp_path / "new.tif", dry_run=True)
    assert (done.grid.width, done.grid.height, done.statistics) == (NODES, 7, None)
    assert [each.name for each in tmp_path.iterdir()] == ["old.dem"]


def test_nothing_is_left_of_a_conversion_that_failed(tmp_path: Path) -> None:
    """The heights of the second file are damaged; its headers are not."""
    content = bytearray(bytes(make_cell(HEIGHTS, NODES - 1)))
    content[-1024 + 144 : -1024 + 150] = b"   x12"
    first = write(tmp_path / "a.dem", make_cell(HEIGHTS))
    second = write(tmp_path / "b.dem", bytes(content))
    with pytest.raises(RequestError, match=r"b\.dem cannot be read: height 1 of profile 5"):
        hrdem.legacy_convert([first, second], output=tmp_path / "new.tif")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a.dem", "b.dem"]


def test_progress_ends_at_the_whole(tmp_path: Path) -> None:
    steps: list[hrdem.Progress] = []
    path = write(tmp_path / "old.dem", make_cell(HEIGHTS))
    hrdem.legacy_convert(path, output=tmp_path / "new.tif", on_progress=steps.append)
    assert (steps[-1].pixels, steps[-1].total_pixels) == (HEIGHTS.size, HEIGHTS.size)
