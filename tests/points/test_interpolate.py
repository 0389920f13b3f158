"""Interpolation, compared with GDAL's own function."""

from __future__ import annotations

import ctypes
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine

import hrdem
from hrdem.points.interpolate import REACH, choose_interpolation, interpolate
from hrdem.request.options import Interpolation
from hrdem.request.products import get_product
from tests.relief import LEFT, TIERS, TOP, make_relief
from tests.stores import Store

ALGORITHMS = {"nearest": 0, "bilinear": 1, "cubic": 2}  # GDALRIOResampleAlg
NODATA = -32767.0


def load_gdal() -> ctypes.CDLL:
    """Load the GDAL that rasterio uses."""
    libraries = Path(rasterio.__file__).parent.parent / "rasterio.libs"
    found = next(iter(libraries.glob("libgdal*")), None)
    if found is None:
        pytest.skip("rasterio has no GDAL of its own")
    gdal = ctypes.CDLL(str(found))
    if not hasattr(gdal, "GDALRasterInterpolateAtPoint"):
        pytest.skip("GDAL before 3.10 does not interpolate")
    return gdal


def ask_gdal(path: Path, x: np.ndarray, y: np.ndarray, method: str) -> np.ndarray:
    """Return what GDAL interpolates; NaN where it has nothing."""
    gdal = load_gdal()
    gdal.GDALOpen.restype = ctypes.c_void_p
    gdal.GDALGetRasterBand.restype = ctypes.c_void_p
    gdal.GDALGetRasterBand.argtypes = [ctypes.c_void_p, ctypes.c_int]
    gdal.GDALClose.argtypes = [ctypes.c_void_p]
    function = gdal.GDALRasterInterpolateAtPoint
    double = ctypes.c_double
    function.argtypes = [ctypes.c_void_p, double, double, ctypes.c_int]
    function.argtypes += [ctypes.POINTER(double)] * 2
    dataset = gdal.GDALOpen(str(path).encode(), 0)
    band = gdal.GDALGetRasterBand(dataset, 1)
    values = []
    for column, row in zip(x, y, strict=True):
        real, imaginary = double(), double()
        error = function(band, column, row, ALGORITHMS[method], real, imaginary)
        values.append(np.nan if error else real.value)
    gdal.GDALClose(dataset)
    return np.array(values)


def test_directions_are_not_averaged(store: Store) -> None:
    """Between 350 and 10 degrees, a profile had 180."""
    store.add(TIERS["1m"], make_relief("1m", 64, 64), LEFT, TOP)
    line = f"LINESTRING({LEFT + 10} {TOP - 30.2}, {LEFT + 50} {TOP - 30.2})"
    given = {"product": "dtm-aspect", "http": store}
    made = hrdem.profile(line, line_crs="EPSG:3979", spacing=0.25, **given)
    points = made.table.points
    nearest = hrdem.sample(points, points_crs="EPSG:3979", **given)
    np.testing.assert_array_equal(made.values, nearest.values)
    for method in ("bilinear", "cubic"):
        with pytest.raises(hrdem.RequestError, match=f"`interpolation={method}` averages pixels"):
            hrdem.sample(points, interpolation=method, **given)
    for product in ("dtm", "dtm-slope", "chm"):
        assert choose_interpolation(None, get_product(product)) is Interpolation.BILINEAR


@pytest.mark.parametrize("method", ALGORITHMS)
def test_values_are_those_of_gdal(tmp_path: Path, method: str) -> None:
    """With holes, on pixel centres and on edges."""
    rng = np.random.default_rng(1)
    pixels = rng.uniform(100, 200, (40, 50)).astype(np.float32)
    pixels[rng.random(pixels.shape) < 0.2] = NODATA
    pixels[20:30, 20:30] = NODATA
    path = tmp_path / "heights.tif"
    with rasterio.open(
        path, "w", driver="GTiff", width=50, height=40, count=1, dtype="float32", nodata=NODATA,
        transform=Affine(1, 0, 0, 0, -1, 40), crs="EPSG:3979",
    ) as file:  # fmt: skip
        file.write(pixels, 1)
    x, y = rng.uniform(3, 47, 2000), rng.uniform(3, 37, 2000)
    x[:200], y[:200] = np.floor(x[:200]) + 0.5, np.floor(y[:200]) + 0.5
    x[200:400] = np.floor(x[200:400])
    found = interpolate(pixels, pixels != NODATA, x, y, Interpolation(method))
    np.testing.assert_allclose(found, ask_gdal(path, x, y, method), rtol=1e-9, atol=0)
    assert np.isnan(found).any()


@pytest.mark.parametrize(("method", "reach"), REACH.items())
def test_no_pixel_beyond_the_reach_matters(method: Interpolation, reach: int) -> None:
    """An array of a point's pixel and those within reach gives what a larger one does."""
    rng = np.random.default_rng(2)
    pixels = rng.uniform(100, 200, (20, 20))
    part = pixels[10 - reach : 11 + reach, 10 - reach : 11 + reach]
    x, y = 10 + rng.random((2, 50))
    found = interpolate(part, np.isfinite(part), x - 10 + reach, y - 10 + reach, method)
    np.testing.assert_allclose(found, interpolate(pixels, np.isfinite(pixels), x, y, method))
