"""Levels: the coarsest that keeps the detail and that all files share on one lattice."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine

from hrdem.geo.band import Band
from hrdem.geo.crs import NATIVE_CRS
from hrdem.geo.grid import Grid, Window
from hrdem.http.source_version import SourceVersion
from hrdem.planning.overviews import select_levels
from hrdem.sources.cog import CogFile, probe_cog
from hrdem.sources.gdal import GdalFile
from hrdem.sources.protocol import RasterFile
from hrdem.sources.wcs.coverage import WcsCoverage
from tests.cogs import URL, Bytes

LEFT, TOP = 1_500_000, -160_000
HEIGHTS = Band("float32", -32767)


@pytest.fixture
def cog(tmp_path: Path):
    """Write a file with overviews and read its header."""

    def make(
        width: int, height: int, factors: list[int], left: float = LEFT, top: float = TOP
    ) -> CogFile:
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.tif"
        with rasterio.open(
            path, "w", "GTiff", width=width, height=height, count=1, dtype="float32",
            crs=NATIVE_CRS, transform=Affine(1, 0, left, 0, -1, top), nodata=-32767,
            tiled=True, blockxsize=64, blockysize=64,
        ) as dataset:  # fmt: skip
            dataset.write(np.zeros((height, width), np.float32), 1)
        with rasterio.open(path, "r+") as dataset:
            dataset.build_overviews(factors)
        return probe_cog(URL, Bytes(path.read_bytes()))

    return make


def grid(left: float = LEFT, top: float = TOP, edge: int = 512) -> Grid:
    return Grid(NATIVE_CRS, Affine(1, 0, left, 0, -1, top), edge, edge)


def by_gdal(left: float = LEFT) -> RasterFile:
    version = SourceVersion(URL, '"1"', 1, "", "")
    return GdalFile(
        URL, f"/vsicurl/{URL}", version, (), grid(left), HEIGHTS, (512, 512), is_cog=True
    )


def coverage(left: float = LEFT) -> WcsCoverage:
    return WcsCoverage(
        "http://wcs.invalid/", "dtm", "", grid(left), HEIGHTS, "metre", "", ("dtm",), 1, 300
    )


def sizes(files: Sequence[RasterFile], largest: float) -> list[float]:
    return [level.grid.resolution[0] for level in select_levels(files, largest)]


@pytest.mark.parametrize(
    ("largest", "size"),
    [(0, 1), (0.3, 1), (1, 1), (1.99, 1), (2, 2), (3.999, 2), (4 - 1e-10, 4), (7, 4), (1e9, 8)],
)
def test_the_coarsest_level_with_the_detail_is_read(cog, largest, size) -> None:
    assert sizes([cog(512, 512, [2, 4, 8])], largest) == [size]


def test_missing_levels_are_no_problem(cog) -> None:
    file = cog(512, 512, [4, 16])
    assert [sizes([file], size)[0] for size in (2, 3, 4, 15, 16, 99)] == [1, 1, 4, 4, 16, 16]
    assert select_levels([file], 16)[0].level == 2


def test_an_odd_overview_fills_its_image(cog) -> None:
    """125 pixels become 63 of 1.98."""
    file = cog(500, 500, [2, 4, 8])
    assert [level.width for level in file.header.levels] == [500, 250, 125, 63]
    (level,) = select_levels([file], 8)
    assert (level.level, level.grid.width) == (3, 63)
    assert level.grid.resolution == (500 / 63, 500 / 63)
    assert level.grid.bounds == pytest.approx(file.grid.bounds, abs=1e-9)


def test_odd_overviews_of_equal_files_share_a_lattice(cog) -> None:
    files = [cog(500, 500, [2, 4, 8]), cog(500, 500, [2, 4, 8], left=LEFT - 500)]
    levels = select_levels(files, 8)
    assert [level.level for level in levels] == [3, 3]
    assert levels[0].grid.locate(levels[1].grid) == Window(-63, 0, 63, 63)


def test_odd_overviews_of_unequal_files_do_not(cog) -> None:
    """A file of 510 pixels has 64 of 7.97 where its neighbour has 63 of 7.94."""
    files = [cog(500, 500, [2, 4, 8]), cog(510, 510, [2, 4, 8], left=LEFT + 500)]
    assert sizes(files, 8) == [2, 2]


def test_a_single_file_may_have_oblong_overview_pixels(cog) -> None:
    (level,) = select_levels([cog(512, 501, [2, 4])], 4.01)
    assert (level.level, level.grid.resolution) == (2, (4, 501 / 126))


def test_origins_off_the_coarse_lattice_take_a_finer_level(cog) -> None:
    """Two pixels apart: levels of 2 m line up, those of 4 and 8 m do not."""
    files = [cog(512, 512, [2, 4, 8]), cog(512, 512, [2, 4, 8], left=LEFT + 514)]
    assert sizes(files, 8) == [2, 2]
    files[1] = cog(512, 512, [2, 4, 8], top=TOP - 511)
    assert sizes(files, 8) == [1, 1]
    files[1] = cog(512, 512, [2, 4, 8], left=LEFT + 512)
    assert sizes(files, 8) == [8, 8]


def test_a_level_must_exist_in_all_files(cog) -> None:
    files = [cog(512, 512, [2, 4, 8]), cog(512, 512, [4], left=LEFT + 512)]
    assert sizes(files, 8) == [4, 4]
    assert [level.level for level in select_levels(files, 8)] == [2, 1]
    assert sizes(files, 3) == [1, 1]


def test_files_without_a_common_lattice_stay_as_they_are(cog) -> None:
    """The merge refuses them by name."""
    files = [cog(512, 512, [2]), cog(512, 512, [2], left=LEFT + 512.5)]
    assert [level.grid for level in select_levels(files, 8)] == [file.grid for file in files]


def test_gdal_reads_full_resolution(cog) -> None:
    assert sizes([by_gdal()], 100) == [1]
    assert sizes([cog(512, 512, [2, 4]), by_gdal()], 100) == [1, 1]


def test_a_coverage_has_levels_of_all_powers_of_two() -> None:
    found = [sizes([coverage()], size)[0] for size in (0.5, 1, 3, 200, 1_023, 1_024)]
    assert found == [1, 1, 2, 128, 512, 1_024]


def test_a_coverage_takes_the_lattice_of_a_file(cog) -> None:
    files = [coverage(LEFT + 512), cog(512, 512, [2, 4])]
    one, other = select_levels(files, 100)
    assert (one.level, one.grid.resolution) == (0, (4, 4))
    assert other.grid.locate(one.grid) == Window(128, 0, 128, 128)


def test_a_coverage_at_an_odd_origin_is_read_whole() -> None:
    """Its coarse pixels are on multiples of their size and extend beyond it."""
    grid = coverage(LEFT + 3).coarsen(8).grid
    assert grid.bounds[0] == LEFT
    assert grid.bounds[2] == LEFT + 520
