"""Level and kernel for the grid of an older DEM."""

from __future__ import annotations

import pytest
from affine import Affine

from hrdem.geo.grid import Grid
from hrdem.geo.resampling import FixedSampling
from hrdem.legacy.sampling import choose_sampling


def make_grid(crs: str, dx: float, dy: float, left: float, top: float) -> Grid:
    return Grid(crs, Affine(dx, 0, left, 0, -dy, top), 1201, 1201)


@pytest.mark.parametrize(
    ("across", "along", "top", "expected"),
    [
        (0.75, 0.75, 46, FixedSampling(8, 23.2)),
        (1.5, 0.75, 74, FixedSampling(8, 23.2)),
        (3, 0.75, 82, FixedSampling(8, 23.2)),
        (3, 3, 46, FixedSampling(32, 92.7)),
        (12, 3, 82, FixedSampling(32, 92.7)),
    ],
)
def test_cded_has_that_of_its_scale_everywhere(across, along, top, expected) -> None:
    for crs in ("EPSG:4269", "EPSG:4617"):
        grid = make_grid(crs, across / 3600, along / 3600, -76.0001, top)
        assert choose_sampling(grid) == expected


@pytest.mark.parametrize("crs", ["EPSG:3005", "EPSG:26910"])
def test_files_of_british_columbia_have_theirs(crs: str) -> None:
    assert choose_sampling(make_grid(crs, 25, 25, 569_987.5, 5_500_012.5)) == FixedSampling(16, 25)


def test_another_grid_starts_from_pixels_1_5_times_finer_than_its_nodes() -> None:
    """30 m in UTM, as the USGS has them, and 1 arc second at 50 N: 19.9 m by 30.8 m."""
    utm = choose_sampling(make_grid("EPSG:26910", 30, 30, 500_000, 5_500_000))
    assert (utm.max_source_pixel, utm.kernel_radius) == (20, 30)
    second = choose_sampling(make_grid("EPSG:4269", 1 / 3600, 1 / 3600, -120, 50))
    assert 19.9 / 2 / 1.5 < second.max_source_pixel < 30.8 / 1.5
    assert second.kernel_radius == pytest.approx(30.8, abs=0.1)
