"""Which level is read: the coarsest that all files share, lattice and all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine

from hrdem.grid import Grid, Window
from hrdem.http.ranges import SourceVersion
from hrdem.levels import at_factor, coarsest_factor
from hrdem.products import NATIVE_CRS
from hrdem.sources.cog import CogFile, meet_cog
from hrdem.sources.gdal import GdalFile
from hrdem.sources.opening import RasterFile
from hrdem.wcs.coverage import WcsCoverage
from tests.cogs import URL, Bytes

LEFT, TOP = 1_500_000, -160_000


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
        return meet_cog(URL, Bytes(path.read_bytes()))

    return make


def grid(left: float = LEFT, top: float = TOP, edge: int = 512) -> Grid:
    return Grid(NATIVE_CRS, Affine(1, 0, left, 0, -1, top), edge, edge)


def by_gdal(left: float = LEFT) -> RasterFile:
    version = SourceVersion(URL, '"1"', 1, "")
    return GdalFile(URL, version, (), grid(left), "float32", -32767, (512, 512))


def coverage(left: float = LEFT) -> WcsCoverage:
    return WcsCoverage(
        "http://wcs.invalid/", "dtm", "", grid(left), "float32", -32767, "", ("dtm",), 1, 300
    )


@pytest.mark.parametrize(
    ("finest", "factor"),
    [(0, 1), (0.3, 1), (1, 1), (1.99, 1), (2, 2), (3.999, 2), (4 - 1e-10, 4), (7, 4), (1e9, 8)],
)
def test_the_coarsest_level_that_still_has_the_detail_is_read(cog, finest, factor) -> None:
    assert coarsest_factor([cog(512, 512, [2, 4, 8])], finest) == factor


def test_levels_that_are_left_out_are_not_missed(cog) -> None:
    file = cog(512, 512, [4, 16])
    assert [coarsest_factor([file], size) for size in (2, 3, 4, 15, 16, 99)] == [1, 1, 4, 4, 16, 16]
    assert at_factor(file, 16)[1] == 2


def test_an_overview_of_an_odd_size_is_no_lattice(cog) -> None:
    """125 pixels make 63 of 1.98: only what divides evenly counts."""
    file = cog(500, 500, [2, 4, 8])
    assert [level.width for level in file.header.levels] == [500, 250, 125, 63]
    assert coarsest_factor([file], 8) == 4


def test_both_edges_must_divide_evenly_and_by_the_same(cog) -> None:
    assert coarsest_factor([cog(512, 501, [2, 4])], 4) == 1
    assert coarsest_factor([cog(512, 510, [2, 4])], 4) == 2


def test_a_level_knows_its_grid(cog) -> None:
    file, level, coarse = at_factor(cog(512, 256, [2, 4]), 4)
    assert (file.grid.width, level) == (512, 2)
    assert (coarse.width, coarse.height, coarse.resolution) == (128, 64, (4, 4))
    assert coarse.bounds == file.grid.bounds


def test_files_whose_origins_are_off_the_coarser_lattice_are_read_finer(cog) -> None:
    """Two pixels apart: levels of 2 m line up, those of 4 and 8 m do not."""
    files = [cog(512, 512, [2, 4, 8]), cog(512, 512, [2, 4, 8], left=LEFT + 514)]
    assert coarsest_factor(files, 8) == 2
    files[1] = cog(512, 512, [2, 4, 8], top=TOP - 511)
    assert coarsest_factor(files, 8) == 1
    files[1] = cog(512, 512, [2, 4, 8], left=LEFT + 512)
    assert coarsest_factor(files, 8) == 8


def test_only_levels_that_all_files_have_count(cog) -> None:
    files = [cog(512, 512, [2, 4, 8]), cog(512, 512, [4], left=LEFT + 512)]
    assert coarsest_factor(files, 8) == 4
    assert [at_factor(file, 4)[1] for file in files] == [2, 1]
    assert coarsest_factor(files, 3) == 1


def test_what_gdal_reads_is_read_at_full_resolution(cog) -> None:
    assert coarsest_factor([by_gdal()], 100) == 1
    assert coarsest_factor([cog(512, 512, [2, 4]), by_gdal()], 100) == 1
    file = by_gdal()
    assert at_factor(file, 1) == (file, 0, file.grid)


def test_a_coverage_can_be_asked_for_any_power_of_two() -> None:
    factors = [coarsest_factor([coverage()], size) for size in (0.5, 1, 3, 200, 1_023, 1_024)]
    assert factors == [1, 1, 2, 128, 512, 1_024]


def test_a_coverage_beside_a_file_is_asked_for_the_files_pixels(cog) -> None:
    files = [cog(512, 512, [2, 4]), coverage(LEFT + 512)]
    assert coarsest_factor(files, 100) == 4
    file, level, coarse = at_factor(files[1], 4)
    assert (file.grid, level, coarse.resolution) == (coarse, 0, (4, 4))
    assert at_factor(files[0], 4)[2].place_of(coarse) == Window(128, 0, 128, 128)


def test_a_coverage_at_an_odd_origin_is_asked_for_all_of_it() -> None:
    """Its coarser pixels lie on multiples of their size and reach beyond it."""
    _, _, coarse = at_factor(coverage(LEFT + 3), 8)
    assert coarse.bounds[0] == LEFT
    assert coarse.bounds[2] == LEFT + 520
