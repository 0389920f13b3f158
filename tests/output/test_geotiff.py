"""What our writer writes, rasterio reads: the same bits, and the tags that tell what they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as of_numpy
from rasterio.crs import CRS

from hrdem.errors import RequestError
from hrdem.geo.grid import Grid, Pixels
from hrdem.output.geotiff import Band, GeoTiffWriter
from hrdem.tiff.encode import BLOCK, choose_tile_format, encode

DTYPES = ("float32", "float64", "uint8", "int16", "uint16", "int32", "uint32", "int64")
BANDS = [Band("dsm", "metre")]


def write(path: Path, pixels: Pixels, *, leave_out: tuple[int, int] | None = None) -> None:
    height, width = pixels.shape
    grid = Grid("EPSG:3979", Affine(2, 0, 1_500_000, 0, -2, -160_000), width, height)
    storage = choose_tile_format(pixels.dtype.name)
    with GeoTiffWriter(path, grid, grid.crs, 7, storage, BANDS, overwrite=True) as writer:
        for window in grid.window.split(BLOCK, BLOCK):
            place = window.column // BLOCK, window.row // BLOCK
            if place != leave_out:
                writer.write(*place, encode(pixels[window.slices], storage, 7))
        writer.commit(None, {"HRDEM_PRODUCT": "dsm"}, (path.with_suffix(".json"), "{}"))


def noise(dtype: str, shape: tuple[int, int]) -> Pixels:
    size = np.dtype(dtype).itemsize
    raw = np.random.default_rng(7).integers(0, 256, (*shape, size), np.uint8)
    return raw.reshape(shape[0], -1).view(dtype)


def bits(pixels: Pixels) -> Pixels:
    return pixels.view(f"u{pixels.itemsize}")


@pytest.mark.parametrize("shape", [(1, 1), (512, 512), (513, 700), (530, 1025)])
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_type_comes_back_bit_for_bit(
    tmp_path: Path, dtype: str, shape: tuple[int, int]
) -> None:
    pixels = noise(dtype, shape)  # with NaNs, infinities and denormal numbers
    write(tmp_path / "a.tif", pixels)
    with rasterio.open(tmp_path / "a.tif") as dataset:
        np.testing.assert_array_equal(bits(dataset.read(1)), bits(pixels))
        assert dataset.dtypes == (dtype,)


@pytest.mark.slow
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    of_numpy.arrays(
        np.float32,
        st.tuples(st.integers(1, 9), st.integers(1, 9)),
        elements=st.floats(width=32, allow_nan=True, allow_infinity=True),
    )
)
def test_no_float_is_altered(tmp_path: Path, pixels: Pixels) -> None:
    write(tmp_path / "a.tif", pixels)
    with rasterio.open(tmp_path / "a.tif") as dataset:
        np.testing.assert_array_equal(bits(dataset.read(1)), bits(pixels))


def test_a_reader_finds_what_the_pixels_are(tmp_path: Path) -> None:
    write(tmp_path / "a.tif", noise("float32", (600, 700)))
    with rasterio.open(tmp_path / "a.tif") as dataset:
        assert dataset.crs.to_epsg() == 3979
        assert dataset.transform == Affine(2, 0, 1_500_000, 0, -2, -160_000)
        assert (dataset.nodata, dataset.block_shapes) == (7, [(512, 512)])
        assert (dataset.descriptions, dataset.units) == (("dsm",), ("metre",))
        assert dataset.tags()["AREA_OR_POINT"] == "Area"
        assert dataset.tags()["HRDEM_PRODUCT"] == "dsm"
        structure = dataset.tags(ns="IMAGE_STRUCTURE")
        assert (structure["COMPRESSION"], structure["PREDICTOR"]) == ("DEFLATE", "3")


def test_a_tile_that_was_never_written_is_nodata(tmp_path: Path) -> None:
    pixels = noise("float32", (600, 700))
    write(tmp_path / "a.tif", pixels, leave_out=(1, 0))
    pixels[:512, 512:] = 7
    with rasterio.open(tmp_path / "a.tif") as dataset:
        np.testing.assert_array_equal(bits(dataset.read(1)), bits(pixels))


# the raster takes some 1.68 MB, and 32 bytes of index
@pytest.mark.parametrize(("most", "version"), [(2**32, 42), (1_000_000, 43)])
def test_it_is_a_bigtiff_only_where_it_has_to_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int, version: int
) -> None:
    """Not every program reads BigTIFFs."""
    monkeypatch.setattr("hrdem.output.geotiff.MAX_CLASSIC_BYTES", most)
    pixels = noise("float32", (600, 700))
    write(tmp_path / "a.tif", pixels)
    assert (tmp_path / "a.tif").read_bytes()[:4] == b"II" + bytes([version, 0])
    with rasterio.open(tmp_path / "a.tif") as dataset:
        np.testing.assert_array_equal(bits(dataset.read(1)), bits(pixels))


def test_an_unfinished_file_is_no_tiff(tmp_path: Path) -> None:
    """Whatever happens to a process, nothing that could be taken for a result is left."""
    grid = Grid("EPSG:3979", Affine(1, 0, 0, 0, -1, 0), 600, 600)
    storage = choose_tile_format("float32")
    with GeoTiffWriter(tmp_path / "a.tif", grid, grid.crs, 7, storage, BANDS) as writer:
        writer.write(0, 0, encode(noise("float32", (512, 512)), storage, 7))
        (room,) = tmp_path.iterdir()
        assert room.name.startswith(".")
        assert (room / "plain.tif").read_bytes()[:16] == bytes(16)
    assert not list(tmp_path.iterdir())


def test_what_is_beyond_the_raster_is_filled(tmp_path: Path) -> None:
    """Programs that read whole tiles see no other area's heights there."""
    write(tmp_path / "a.tif", np.full((600, 600), 5, "float32"))
    with rasterio.open(tmp_path / "a.tif") as dataset:
        offset = int(dataset.get_tag_item("BLOCK_OFFSET_1_1", "TIFF", 1))
        size = int(dataset.get_tag_item("BLOCK_SIZE_1_1", "TIFF", 1))
    corner = (tmp_path / "a.tif").read_bytes()[offset : offset + size]
    storage = choose_tile_format("float32")
    whole = np.full((512, 512), 7, "float32")
    whole[:88, :88] = 5
    assert corner == encode(whole, storage, 0)


def test_a_crs_that_a_geotiff_cannot_hold_is_refused_before_anything_is_written(
    tmp_path: Path,
) -> None:
    """GDAL would leave its origin out, and say nothing."""
    crs = CRS.from_user_input("+proj=mill +lat_0=60").to_wkt()
    grid = Grid(crs, Affine(0.1, 0, 10, 0, -0.1, 50), 20, 20)
    writer = GeoTiffWriter(
        tmp_path / "a.tif", grid, grid.crs, -32767, choose_tile_format("float32"), BANDS
    )
    with pytest.raises(RequestError, match="cannot hold the CRS"), writer:
        pass
    assert not list(tmp_path.iterdir())
