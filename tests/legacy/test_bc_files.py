"""The files of BC Gridded DEM: a piece of 104P in both projections, read by GDAL and by hand."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import numpy as np
import pyproj
import pytest
import rasterio
from numpy.typing import NDArray

from hrdem.geo.grid import Grid, Window
from hrdem.geo.nodata import VOID
from hrdem.legacy.bc.blocks import Projection, parse_blocks
from hrdem.legacy.bc.coverage import BcCoverage, measure_coverage
from hrdem.legacy.bc.files import count_pixels, write_files
from hrdem.legacy.bc.products import parse_products
from hrdem.legacy.bc.projected import ProjectedBlock
from hrdem.legacy.stored_pixels import StoredPixels
from tests.legacy.test_bc_names import COMPLETE

(BLOCK,) = parse_blocks("104P")
RAMP = (
    (0, (26, 16, 129)),
    (0.1, (106, 201, 129)),
    (1120, (240, 230, 140)),
    (2150, (233, 133, 106)),
    (3200, (255, 255, 255)),
)
NORTH = (0.0, 2.4281)  # degrees, in UTM and in BC Albers

pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")


def cut_grid(projection: Projection) -> Grid:
    """Return 70 rows of 50 pixels at the block's north-eastern corner."""
    whole = BLOCK.make_grid(projection)
    system = "EPSG:3005" if projection is Projection.ALBERS else "EPSG:26909"
    to_plane = pyproj.Transformer.from_crs(4269, system, always_xy=True)
    x, y = to_plane.transform(-128, 60)
    left, top = whole.centre(0, 0)
    column, row = round((x - left) / 25), round((top - y) / 25)
    return whole.crop(Window(column - 30, row - 25, 50, 70))


def make_heights() -> NDArray[np.int16]:
    """Return steep hills with voids, in several strips."""
    east, south = np.arange(52) / 4, np.arange(72)[:, None] / 5
    heights = 1150 + 400 * np.sin(east) * np.cos(south) + 900 * (east > 6) - 30 * south
    heights = np.rint(heights).astype(np.int16)
    heights[30:34, 9] = heights[40, 10:20] = heights[71, 20] = heights[60, 0] = VOID
    return heights


def write(
    heights: NDArray[np.int16],
    grid: Grid,
    projection: Projection,
    products: str,
    folder: Path,
) -> BcCoverage:
    """Write files from heights, and return how much of them is void."""
    stored = StoredPixels.write(folder.with_suffix(".heights"), [heights])
    projected = ProjectedBlock.of(BLOCK, projection, grid, stored)
    coverage = measure_coverage(projected)
    chosen, done = parse_products(products), list[int]()
    folder.mkdir()
    write_files(projected, chosen, (coverage.lowest, coverage.highest), folder, done.append)
    assert sum(done) == count_pixels(grid, chosen)
    return coverage


def read(path: Path) -> NDArray[np.int64]:
    with rasterio.open(path) as opened:
        return opened.read().squeeze().astype(int)


def find_inside(grid: Grid) -> NDArray[np.bool_]:
    """Which pixels of BC Albers are in the block, by their longitude and latitude."""
    columns, rows = np.meshgrid(np.arange(grid.width), np.arange(grid.height))
    x, y = grid.centre(columns, rows)  # type: ignore[arg-type]
    to_degrees = pyproj.Transformer.from_crs(3005, 4269, always_xy=True)
    lon, lat = to_degrees.transform(x, y)
    return (lon >= -130) & (lon <= -128) & (lat >= 59) & (lat <= 60)


Written = tuple[Path, Grid, NDArray[np.int64], NDArray[np.bool_]]


@pytest.fixture(scope="module", params=list(Projection))
def written(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Written:
    """The stem of the files, their grid, heights, and which pixels have a height."""
    heights, grid = make_heights(), cut_grid(request.param)
    folder = tmp_path_factory.mktemp("bc") / "set"
    coverage = write(heights, grid, request.param, "", folder)
    there = heights[1:-1, 1:-1] != VOID
    inside = np.ones_like(there)
    if request.param is Projection.ALBERS:
        inside = find_inside(grid)
        assert 0 < np.count_nonzero(inside) < inside.size
        there &= inside
    assert coverage.pixels == np.count_nonzero(inside)
    assert coverage.void == np.count_nonzero(inside & ~there)
    return folder / f"104p-{request.param}", grid, heights.astype(int), there


def name(stem: Path, rest: str) -> Path:
    return stem.with_name(f"{stem.name}-{rest}")


def test_the_files_have_the_names_of_the_document(written: Written) -> None:
    stem, *_ = written
    assert {each.name for each in stem.parent.iterdir()} == {f"{stem.name}-{x}" for x in COMPLETE}


def test_heights_come_back_bit_for_bit(written: Written) -> None:
    stem, grid, heights, there = written
    expected = np.where(there, heights[1:-1, 1:-1], VOID)
    np.testing.assert_array_equal(read(name(stem, "elevation.dem")), expected)
    asc = read(name(stem, "elevation.asc"))
    np.testing.assert_array_equal(asc, np.where(there, expected, -9999))
    with rasterio.open(name(stem, "elevation.asc")) as opened:
        assert opened.transform == grid.transform
        assert opened.nodata == -9999


def test_the_header_has_the_range_of_the_heights_in_the_file(written: Written) -> None:
    stem, _, heights, there = written
    header = name(stem, "elevation.dem").read_bytes()[:1024]
    found = [float(header[at : at + 24].replace(b"D", b"e")) for at in (738, 762)]
    delivered = heights[1:-1, 1:-1][there]
    assert found == [delivered.min(), delivered.max()]


def compute(heights: NDArray[np.int64], row: int, column: int) -> tuple[int, int]:
    """Rises east and north over 50 m of a pixel that has a height, by the rule for voids."""
    z = heights[row + 1, column + 1]
    pairs = (
        (heights[row + 1, column + 2], heights[row + 1, column]),
        (heights[row, column + 1], heights[row + 2, column + 1]),
    )
    rises = []
    for ahead, behind in pairs:
        known = [each for each in (ahead - z, z - behind) if abs(each) < 20_000]
        rises.append(sum(known) * 2 // len(known) if known else 0)
    return rises[0], rises[1]


def test_every_pixel_with_a_height_has_the_derivatives_of_the_document(written: Written) -> None:
    stem, _, heights, there = written
    north = NORTH["albers" in stem.name]
    percent, degrees, aspect = (
        read(name(stem, f"{each}.asc")) for each in ("slope-pct", "slope-deg", "aspect")
    )
    shades = {sun: read(name(stem, f"hillshd-bw-{sun}.tif")) for sun in (315, 225)}
    colours = {sun: read(name(stem, f"hillshd-clr-{sun}.tif")) for sun in (315, 225)}
    for row, column in np.argwhere(there):
        at = row, column
        dx, dy = compute(heights, row, column)
        tangent = math.hypot(dx, dy) / 50
        slope = math.degrees(math.atan(tangent))
        assert percent[at] == math.floor(100 * tangent + 0.5)
        assert degrees[at] == math.floor(slope + 0.5)
        faces = math.degrees(math.atan2(-dx, -dy)) - north
        # the north of 104P is known to 0.00005 degrees
        expected = {math.floor(faces % 360 + 0.5 + d) % 360 for d in (-5e-5, 5e-5)}
        assert aspect[at] in ({-1} if slope < 2 else expected)
        for sun in (315, 225):
            azimuth, root = math.radians(sun), math.sqrt(0.5)
            light = 50 * root - root * (math.sin(azimuth) * dx + math.cos(azimuth) * dy)
            byte = math.floor(1 + 254 * max(0, light) / math.sqrt(dx**2 + dy**2 + 2500) + 0.5)
            assert shades[sun][:, row, column].tolist() == [byte] * 3
            z = heights[row + 1, column + 1]
            low, high = next((a, b) for a, b in itertools.pairwise(RAMP) if z <= b[0])
            part = (z - low[0]) / (high[0] - low[0])
            mixed = [a + (b - a) * part for a, b in zip(low[1], high[1], strict=True)]
            expected_colour = [math.floor(each * byte / 255 + 0.5) for each in mixed]
            assert colours[sun][:, row, column].tolist() == expected_colour


def test_all_files_have_no_data_at_the_same_pixels(written: Written) -> None:
    stem, _, _, there = written
    for each in ("slope-pct", "slope-deg", "aspect"):
        np.testing.assert_array_equal(read(name(stem, f"{each}.asc")) != -9999, there)
    for kind in ("bw", "clr"):
        for sun in (315, 225):
            black = (read(name(stem, f"hillshd-{kind}-{sun}.tif")) == 0).all(axis=0)
            np.testing.assert_array_equal(~black, there)


def test_world_files_place_the_centre_of_the_upper_left_pixel(written: Written) -> None:
    stem, grid, *_ = written
    x, y = grid.centre(0, 0)
    for kind in ("bw-315", "bw-225", "clr-315", "clr-225"):
        text = name(stem, f"hillshd-{kind}.tfw").read_text()
        assert text == f"25\n0.0\n0.0\n-25\n{x:.0f}\n{y:.0f}\n"


def test_a_choice_of_products_is_all_that_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file alone has the bytes that it has in the whole set; the DEM also in several parts."""
    alone, whole = tmp_path / "alone", tmp_path / "whole"
    grid = cut_grid(Projection.ALBERS)
    for folder, products in ((whole, ""), (alone, "elevation.dem,aspect")):
        write(make_heights(), grid, Projection.ALBERS, products, folder)
        monkeypatch.setattr("hrdem.legacy.bc.files.MAX_COLUMN_PIXELS", 600)
    assert sorted(each.name for each in alone.iterdir()) == [
        "104p-albers-aspect.asc",
        "104p-albers-elevation.dem",
    ]
    for each in alone.iterdir():
        assert each.read_bytes() == (whole / each.name).read_bytes()


def test_a_set_without_heights_is_void_to_the_last_pixel(tmp_path: Path) -> None:
    heights, folder = np.full_like(make_heights(), VOID), tmp_path / "set"
    write(heights, cut_grid(Projection.UTM), Projection.UTM, "", folder)
    header = (folder / "104p-utm-elevation.dem").read_bytes()[:1024]
    assert header[738:786] == b"  -0.327670000000000D+05" * 2
    assert not read(folder / "104p-utm-hillshd-clr-315.tif").any()


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize(
    ("projection", "size"), [(Projection.UTM, 127_707_136), (Projection.ALBERS, 136_049_664)]
)
def test_whole_files_have_the_size_of_an_independent_computation(
    tmp_path: Path, projection: Projection, size: int
) -> None:
    grid = BLOCK.make_grid(projection)
    heights = np.full((grid.height + 2, grid.width + 2), 4, np.int16)
    write(heights, grid, projection, "elevation.dem", tmp_path / "set")
    assert (tmp_path / "set" / f"104p-{projection}-elevation.dem").stat().st_size == size
