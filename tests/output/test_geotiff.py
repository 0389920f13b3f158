"""GeoTIFFs read back with rasterio: bit-identical pixels, and metadata."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import rasterio
import tifffile
from affine import Affine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as of_numpy
from rasterio.crs import CRS

from hrdem.errors import RequestError
from hrdem.geo.grid import Grid, Pixels
from hrdem.output.geotiff import GeoTiffWriter
from hrdem.output.geotiff_metadata import Band
from hrdem.processing.statistics import Statistics
from hrdem.tiff.encode import (
    BLOCK,
    DEFLATE,
    DIFFERENCE,
    FLOATING_POINT,
    LZW,
    NO_COMPRESSION,
    NO_PREDICTOR,
    ZSTD,
    choose_tile_format,
    encode,
)
from tests.systems import IS_WINDOWS

DTYPES = ("float32", "float64", "uint8", "int16", "uint16", "int32", "uint32", "int64")
BANDS = [Band("dsm", "metre")]


def write_geotiff(
    path: Path,
    pixels: Pixels,
    *,
    leave_out: tuple[int, int] | None = None,
    encoding: tuple[int, int | None] = (DEFLATE, None),
) -> None:
    """Write pixels with nodata 7, tile by tile, without the tile at `leave_out`."""
    height, width = pixels.shape
    grid = Grid("EPSG:3979", Affine(2, 0, 1_500_000, 0, -2, -160_000), width, height)
    tile_format = choose_tile_format(pixels.dtype.name, *encoding)
    with GeoTiffWriter(path, grid, grid.crs, 7, tile_format, BANDS, overwrite=True) as writer:
        for window in grid.window.split(BLOCK, BLOCK):
            tile = window.column // BLOCK, window.row // BLOCK
            if tile != leave_out:
                writer.write(*tile, encode(pixels[window.slices], tile_format, 7))
        writer.commit(None, {"HRDEM_PRODUCT": "dsm"}, (path.with_suffix(".json"), lambda _: "{}"))


def make_noise(dtype: str, shape: tuple[int, int]) -> Pixels:
    """Return pixels of random bytes."""
    size = np.dtype(dtype).itemsize
    raw = np.random.default_rng(7).integers(0, 256, (*shape, size), np.uint8)
    return raw.reshape(shape[0], -1).view(dtype)


def view_bits(pixels: Pixels) -> Pixels:
    """View pixels as unsigned integers, so that NaNs compare equal."""
    return pixels.view(f"u{pixels.itemsize}")


@pytest.mark.parametrize("shape", [(1, 1), (512, 512), (513, 700), (530, 1025)])
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_dtype_round_trips_bit_for_bit(
    tmp_path: Path, dtype: str, shape: tuple[int, int]
) -> None:
    pixels = make_noise(dtype, shape)  # with NaNs, infinities and denormal numbers
    write_geotiff(tmp_path / "a.tif", pixels)
    with rasterio.open(tmp_path / "a.tif") as dataset:
        np.testing.assert_array_equal(view_bits(dataset.read(1)), view_bits(pixels))
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
def test_floats_round_trip_bit_for_bit(tmp_path: Path, pixels: Pixels) -> None:
    write_geotiff(tmp_path / "a.tif", pixels)
    with rasterio.open(tmp_path / "a.tif") as dataset:
        np.testing.assert_array_equal(view_bits(dataset.read(1)), view_bits(pixels))


def test_rasterio_reads_the_metadata(tmp_path: Path) -> None:
    """CRS, transform, nodata, band names, units and tags are in the file."""
    write_geotiff(tmp_path / "a.tif", make_noise("float32", (600, 700)))
    with rasterio.open(tmp_path / "a.tif") as dataset:
        assert dataset.crs.to_epsg() == 3979
        assert dataset.transform == Affine(2, 0, 1_500_000, 0, -2, -160_000)
        assert (dataset.nodata, dataset.block_shapes) == (7, [(512, 512)])
        assert (dataset.descriptions, dataset.units) == (("dsm",), ("metre",))
        assert dataset.tags()["AREA_OR_POINT"] == "Area"
        assert dataset.tags()["HRDEM_PRODUCT"] == "dsm"
        structure = dataset.tags(ns="IMAGE_STRUCTURE")
        assert (structure["COMPRESSION"], structure["PREDICTOR"]) == ("DEFLATE", "3")


def test_missing_tile_is_nodata(tmp_path: Path) -> None:
    pixels = make_noise("float32", (600, 700))
    write_geotiff(tmp_path / "a.tif", pixels, leave_out=(1, 0))
    pixels[:512, 512:] = 7
    with rasterio.open(tmp_path / "a.tif") as dataset:
        np.testing.assert_array_equal(view_bits(dataset.read(1)), view_bits(pixels))


# the file is about 1.68 MB, plus 32 bytes of index
@pytest.mark.parametrize(("max_bytes", "version"), [(2**32, 42), (1_000_000, 43)])
def test_bigtiff_only_above_the_size_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, max_bytes: int, version: int
) -> None:
    """Not every program reads BigTIFF, so small files stay classic TIFFs."""
    monkeypatch.setattr("hrdem.output.geotiff.MAX_CLASSIC_BYTES", max_bytes)
    pixels = make_noise("float32", (600, 700))
    write_geotiff(tmp_path / "a.tif", pixels)
    assert (tmp_path / "a.tif").read_bytes()[:4] == b"II" + bytes([version, 0])
    with rasterio.open(tmp_path / "a.tif") as dataset:
        np.testing.assert_array_equal(view_bits(dataset.read(1)), view_bits(pixels))


def test_unfinished_file_is_not_a_tiff(tmp_path: Path) -> None:
    """If the process dies, no file is left that could be mistaken for a result."""
    grid = Grid("EPSG:3979", Affine(1, 0, 0, 0, -1, 0), 600, 600)
    tile_format = choose_tile_format("float32")
    with GeoTiffWriter(tmp_path / "a.tif", grid, grid.crs, 7, tile_format, BANDS) as writer:
        writer.write(0, 0, encode(make_noise("float32", (512, 512)), tile_format, 7))
        (folder,) = tmp_path.iterdir()
        assert folder.name.startswith(".")
        assert (folder / "plain.tif").read_bytes()[:16] == bytes(16)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("exists", [False, True])
def test_files_are_on_the_disk_before_they_have_their_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exists: bool
) -> None:
    """After a power failure there is no raster, or a whole one; of the text beside it the same."""
    raster, text = tmp_path / "a.tif", tmp_path / "a.json"
    if exists:
        raster.write_text("old")
        text.write_text("old")
    synced: list[tuple[int, int, set[int]]] = []  # file, its bytes, files that have names by then

    def record(descriptor: int, sync=os.fsync) -> None:
        sync(descriptor)
        found = os.fstat(descriptor)
        named = {path.stat().st_ino for path in (raster, text) if path.exists()}
        synced.append((found.st_ino, found.st_size, named))

    monkeypatch.setattr(os, "fsync", record)
    write_geotiff(raster, make_noise("float32", (600, 700)))
    files = {path.stat().st_ino: path.stat().st_size for path in (raster, text)}
    for file, size in files.items():
        assert any(
            (number, length) == (file, size) and not named & files.keys()
            for number, length, named in synced
        )
    if not IS_WINDOWS:  # which flushes no folders
        folder, _, named = synced[-1]
        assert folder == tmp_path.stat().st_ino
        assert named == files.keys()


def test_edge_tiles_are_padded_with_nodata(tmp_path: Path) -> None:
    """Programs that read whole tiles find no heights of another area in the padding."""
    write_geotiff(tmp_path / "a.tif", np.full((600, 600), 5, "float32"))
    with rasterio.open(tmp_path / "a.tif") as dataset:
        offset = int(dataset.get_tag_item("BLOCK_OFFSET_1_1", "TIFF", 1))
        size = int(dataset.get_tag_item("BLOCK_SIZE_1_1", "TIFF", 1))
    corner = (tmp_path / "a.tif").read_bytes()[offset : offset + size]
    tile_format = choose_tile_format("float32")
    whole = np.full((512, 512), 7, "float32")
    whole[:88, :88] = 5
    assert corner == encode(whole, tile_format, 0)


def test_crs_unsupported_by_geotiff_is_an_error(
    tmp_path: Path,
) -> None:
    """The writer refuses before it writes; GDAL would silently drop the latitude of origin."""
    crs = CRS.from_user_input("+proj=mill +lat_0=60").to_wkt()
    grid = Grid(crs, Affine(0.1, 0, 10, 0, -0.1, 50), 20, 20)
    writer = GeoTiffWriter(
        tmp_path / "a.tif", grid, grid.crs, -32767, choose_tile_format("float32"), BANDS
    )
    with pytest.raises(RequestError, match="cannot hold the CRS"), writer:
        pass
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("dtype", ["float32", "int16"])
@pytest.mark.parametrize("compression", [NO_COMPRESSION, LZW, DEFLATE, ZSTD])
@pytest.mark.parametrize("predictor", [NO_PREDICTOR, DIFFERENCE, FLOATING_POINT])
def test_every_encoding_is_read_by_other_libraries(
    tmp_path: Path, dtype: str, compression: int, predictor: int
) -> None:
    """GDAL and tifffile, which decodes by itself, agree on every compression and predictor."""
    if (compression == NO_COMPRESSION and predictor > 1) or (dtype == "int16" and predictor == 3):
        with pytest.raises(RequestError, match="`predictor="):
            choose_tile_format(dtype, compression, predictor)
        return
    pixels = make_noise(dtype, (300, 530))
    write_geotiff(tmp_path / "a.tif", pixels, encoding=(compression, predictor))
    with rasterio.open(tmp_path / "a.tif") as dataset:
        np.testing.assert_array_equal(view_bits(dataset.read(1)), view_bits(pixels))
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        page = file.pages.first
        assert (page.compression, page.predictor) == (compression, predictor)
        np.testing.assert_array_equal(view_bits(page.asarray()), view_bits(pixels))


@pytest.mark.parametrize("holes", [0.223, 1e-6, 0])
def test_valid_percent_is_the_share_of_the_band_as_gdal_counts_it(
    tmp_path: Path, holes: float
) -> None:
    """The statistics of an area do not count the pixels outside of it; a band's do."""
    pixels = np.full((1_000, 1_100), 3, np.uint8)
    pixels.flat[: round(holes * pixels.size)] = 7
    grid = Grid("EPSG:3979", Affine(2, 0, 1_500_000, 0, -2, -160_000), 1_100, 1_000)
    tile_format = choose_tile_format("uint8")
    statistics = Statistics.of(pixels[pixels != 7], int((pixels != 7).sum()))
    with GeoTiffWriter(tmp_path / "a.tif", grid, grid.crs, 7, tile_format, BANDS) as writer:
        for window in grid.window.split(BLOCK, BLOCK):
            tile = encode(pixels[window.slices], tile_format, 7)
            writer.write(window.column // BLOCK, window.row // BLOCK, tile)
        writer.commit(statistics, {}, (tmp_path / "a.json", lambda _: "{}"))
    with rasterio.open(tmp_path / "a.tif") as dataset:
        ours = dataset.tags(1)["STATISTICS_VALID_PERCENT"]
        profile = dataset.profile
    with rasterio.open(tmp_path / "b.tif", "w", **profile) as dataset:
        dataset.write(pixels, 1)
    with rasterio.open(tmp_path / "b.tif", "r+") as dataset:
        dataset.update_stats(approx=False)
        assert ours == dataset.tags(1)["STATISTICS_VALID_PERCENT"]


KILLED = """
import hashlib, os, sys
from pathlib import Path
import numpy as np
from affine import Affine
from hrdem.geo.grid import Grid
from hrdem.output.geotiff import GeoTiffWriter
from hrdem.output.geotiff_metadata import Band
from hrdem.tiff.encode import choose_tile_format, encode

output = Path(sys.argv[1])
grid = Grid("EPSG:3979", Affine(2, 0, 1_500_000, 0, -2, -160_000), 512, 512)

def write(value, overwrite):
    tile_format = choose_tile_format("float32")
    with GeoTiffWriter(
        output, grid, grid.crs, 7, tile_format, [Band("dtm", "m")], overwrite=overwrite
    ) as writer:
        writer.write(0, 0, encode(np.full((512, 512), value, np.float32), tile_format, 7))
        writer.commit(None, {}, (output.with_suffix(".json"), lambda stored: stored.sha256))

def kill_at(step):
    steps = iter(range(1000))
    def dying(call):
        def die(*args, **keywords):
            if next(steps) == step:
                os._exit(9)
            return call(*args, **keywords)
        return die
    for name in ("replace", "rename", "link", "unlink", "fsync"):
        setattr(os, name, dying(getattr(os, name)))

overwrite = sys.argv[2] == "overwrite"
for step in range(1000):
    for path in (output, output.with_suffix(".json")):
        path.unlink(missing_ok=True)
    if overwrite:
        write(1, False)
    if not os.fork():
        kill_at(step)
        write(2, overwrite)
        os._exit(0)
    _, status = os.wait()
    raster = hashlib.sha256(output.read_bytes()).hexdigest() if output.exists() else "none"
    item = output.with_suffix(".json")
    print(step, raster[:8], item.read_text()[:8] if item.exists() else "none")
    if status == 0:
        break
"""


@pytest.mark.slow(each=True)
@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills a forked process")
@pytest.mark.parametrize("overwrite", [True, False])
def test_killed_at_any_step_no_item_describes_another_raster(
    tmp_path: Path, overwrite: bool
) -> None:
    """Between two renames, the item of the new raster stood beside the old one."""
    arguments = [tmp_path / "a.tif", "overwrite" if overwrite else "new"]
    done = subprocess.run(
        [sys.executable, "-c", KILLED, *arguments], capture_output=True, text=True, check=True
    )
    found = [line.split()[1:] for line in done.stdout.splitlines()]
    assert len(found) > 6
    for raster, item in found:
        if overwrite:
            assert raster != "none"
            assert item in (raster, "none")
        else:
            assert raster in (item, "none")  # no raster without its item
    assert found[-1][0] == found[-1][1] != found[0][0]


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_file_without_a_description_is_not_left_with_that_of_another(
    tmp_path: Path, overwrite: bool
) -> None:
    output, text = tmp_path / "a.tif", tmp_path / "a.json"
    if overwrite:
        write_geotiff(output, make_noise("uint8", (1, 1)))
        assert text.exists()
    grid = Grid("EPSG:3979", Affine(2, 0, 1_500_000, 0, -2, -160_000), 1, 1)
    tile_format = choose_tile_format("uint8")
    with GeoTiffWriter(
        output, grid, grid.crs, 7, tile_format, BANDS, overwrite=overwrite
    ) as writer:
        writer.commit(None, {}, (text, None))
    assert [path.name for path in tmp_path.iterdir()] == ["a.tif"]
    with rasterio.open(output) as dataset:
        assert dataset.read(1).tolist() == [[7]]
