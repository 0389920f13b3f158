"""Slope, aspect and hillshade: planes, whose angles are known, and gdaldem, if it is here."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine

from hrdem.demo.terrain import NODATA, heights
from hrdem.terrain import aspect, gradient, hillshade, slope

NORTH_WEST_SUN = np.array([-0.5, 0.5, np.sqrt(0.5)])  # east, north, up


def plane(east: float, north: float, dx: float = 2.0, dy: float = 3.0) -> np.ndarray:
    """Heights that rise by so many metres a metre."""
    rows, columns = np.indices((6, 7))
    return (2000 + east * columns * dx - north * rows * dy).astype("float32")


@pytest.mark.parametrize(
    ("east", "north", "towards"),
    [(0, -1, 0), (-1, -1, 45), (-1, 0, 90), (0, 1, 180), (1, 0, 270), (0.3, -0.3, 315)],
)
def test_a_plane_has_its_slope_and_falls_where_it_falls(east, north, towards) -> None:
    surface = gradient(plane(east, north), 2.0, 3.0)
    assert surface.right.shape == (4, 5)
    np.testing.assert_allclose(slope(surface), np.degrees(np.arctan(np.hypot(east, north))), 1e-4)
    turned = (aspect(surface) - towards + 180) % 360 - 180
    np.testing.assert_allclose(turned, 0, atol=1e-2)
    normal = np.array([-east, -north, 1]) / np.sqrt(1 + east**2 + north**2)
    np.testing.assert_allclose(hillshade(surface), max(0, normal @ NORTH_WEST_SUN), atol=1e-5)


def test_flat_ground_is_grey_and_falls_nowhere() -> None:
    surface = gradient(plane(0, 0), 2.0, 3.0)
    assert (slope(surface) == 0).all()
    assert np.isnan(aspect(surface)).all()
    np.testing.assert_allclose(hillshade(surface), np.sin(np.radians(45)), 1e-6)


def test_what_touches_nodata_is_not_known() -> None:
    surface = plane(1, 1)
    surface[2, 2] = np.nan
    unknown = np.isnan(slope(gradient(surface, 2.0, 3.0)))
    assert unknown[:3, :3].all()
    assert unknown.sum() == 9


def test_heights_far_above_zero_keep_their_digits() -> None:
    surface = gradient(plane(0.01, 0) + np.float32(4000), 2.0, 3.0)
    np.testing.assert_allclose(surface.right, 0.01, atol=2e-4)
    assert surface.right.dtype == np.float32


@pytest.mark.skipif(shutil.which("gdaldem") is None, reason="needs gdaldem")
@pytest.mark.parametrize("what", ["slope", "aspect", "hillshade"])
def test_gdaldem_finds_the_same(tmp_path: Path, what: str) -> None:
    z = heights(1_550_000, -150_000, 1, 300, 200)
    z[50:60, 70:80] = NODATA
    high = 1.0 if what == "aspect" else 1.5  # gdaldem takes all pixels for square in its aspect
    size = {"width": 300, "height": 200, "transform": Affine(1, 0, 9, 0, -high, 0)}
    with rasterio.open(
        tmp_path / "z.tif", "w", driver="GTiff", count=1, dtype="float32", nodata=NODATA,
        crs="EPSG:3979", **size,
    ) as dataset:  # fmt: skip
        dataset.write(z, 1)
    subprocess.run(["gdaldem", what, "z.tif", "out.tif", "-q"], cwd=tmp_path, check=True)
    with rasterio.open(tmp_path / "out.tif") as dataset:
        expected = dataset.read(1, masked=True).astype(float).filled(np.nan)[1:-1, 1:-1]
    surface = gradient(np.where(z == NODATA, np.float32(np.nan), z), 1.0, high)
    ours = {"slope": slope, "aspect": aspect, "hillshade": hillshade}[what](surface)
    if what == "hillshade":
        ours = 1 + 254 * ours  # gdaldem keeps 0 for nodata
    off = np.abs(ours - expected)
    np.testing.assert_array_equal(np.isnan(ours), np.isnan(expected))
    if what == "aspect":  # of level ground it is a matter of rounding, and gdaldem adds in float32
        off = np.minimum(off, 360 - off)[slope(surface) > 1]
    assert np.nanmax(off) < {"slope": 0.01, "aspect": 0.1, "hillshade": 0.51}[what]
