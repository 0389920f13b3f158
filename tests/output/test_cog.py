"""Cloud-optimized GeoTIFFs: the layout, and overviews that GDAL computes too."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
import tifffile
from affine import Affine
from rasterio.enums import Resampling

from hrdem.geo.grid import Grid, Pixels, Window
from hrdem.http.run_context import RunContext
from hrdem.output.geotiff import GeoTiffWriter
from hrdem.output.geotiff_metadata import Band
from hrdem.processing.halve import Halving, halve
from hrdem.request.options import Format
from hrdem.sources.cog import CogSource, probe_cog
from hrdem.tiff.encode import BLOCK, DEFLATE, ZSTD, choose_tile_format, encode
from tests.cogs import URL, Bytes

NODATA = -32767.0
GRID = Grid("EPSG:3979", Affine(1, 0, 1_500_000, 0, -1, -170_000), 2048, 1024)


def make_pixels(bands: int, dtype: str) -> Pixels:
    """Return noise with holes, in four tiles of eight: shape (bands, rows, columns)."""
    noise = np.random.default_rng(4).normal(300, 50, (bands, GRID.height, GRID.width))
    pixels = noise.astype(dtype)
    pixels[:, 100:301, 50:100] = NODATA
    pixels[:, 512:, :1024] = pixels[:, :512, 1024:] = NODATA
    return pixels


def write_cog(
    path: Path,
    pixels: Pixels,
    encoding: tuple[int, int | None],
    nodata: float = NODATA,
    layout: Format = Format.COG,
    grid: Grid = GRID,
) -> None:
    tile_format = choose_tile_format(pixels.dtype.name, *encoding)
    bands = [Band("dtm", "metre"), Band("source", "1")][: len(pixels)]
    halving = Halving.AVERAGE if len(pixels) == 1 else Halving.NEAREST
    with GeoTiffWriter(path, grid, grid.crs, nodata, tile_format, bands, halving, layout) as writer:
        for window in grid.window.split(BLOCK, BLOCK):
            for number, band in enumerate(pixels):
                block = band[window.slices]
                if (block != nodata).any():
                    tile = encode(block, tile_format, nodata)
                    half = halve(block, nodata, halving)
                    column, row = window.column // BLOCK, window.row // BLOCK
                    writer.write(column, row, tile, number, half)
        writer.commit(None, {}, (path.with_suffix(".json"), lambda _: "{}"))


@pytest.mark.parametrize("layout", [Format.COG, Format.GTIFF])
@pytest.mark.parametrize("max_bytes", [2**32, 0])  # a classic TIFF and a BigTIFF
@pytest.mark.parametrize(
    ("bands", "dtype", "encoding"),
    [
        (1, "float32", (DEFLATE, None)),
        pytest.param(1, "int16", (ZSTD, 2), marks=[pytest.mark.slow, pytest.mark.long]),
        pytest.param(2, "float32", (DEFLATE, 1), marks=pytest.mark.slow),
    ],
)
def test_overviews_are_those_of_gdal(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    max_bytes: int,
    bands: int,
    dtype: str,
    encoding: tuple[int, int | None],
    layout: Format,
) -> None:
    """Full resolution is unchanged; an overview is the mean of the valid pixels, or one of them."""
    monkeypatch.setattr("hrdem.output.geotiff.MAX_CLASSIC_BYTES", max_bytes)
    pixels, path = make_pixels(bands, dtype), tmp_path / "a.tif"
    write_cog(path, pixels, encoding, layout=layout)
    with rasterio.open(
        tmp_path / "gdal.tif", "w", driver="GTiff", width=GRID.width, height=GRID.height,
        count=bands, dtype=dtype, nodata=NODATA, crs=GRID.crs, transform=GRID.transform,
    ) as dataset:  # fmt: skip
        dataset.write(pixels)
        dataset.build_overviews([2], Resampling.average)
    with rasterio.open(path) as dataset:
        np.testing.assert_array_equal(dataset.read(), pixels)
        assert dataset.overviews(1) == [2, 4]
        is_cog = dataset.tags(ns="IMAGE_STRUCTURE").get("LAYOUT") == "COG"
        assert is_cog is (layout is Format.COG)
        assert dataset.get_tag_item("BLOCK_OFFSET_0_1", "TIFF", 1) is None
    with (
        rasterio.open(path, overview_level=0) as ours,
        rasterio.open(tmp_path / "gdal.tif", overview_level=0) as theirs,
    ):
        expected = theirs.read() if bands == 1 else pixels[:, ::2, ::2]
        np.testing.assert_allclose(ours.read(), expected, atol=1 if dtype == "int16" else 0)
    with tifffile.TiffFile(path) as file:
        np.testing.assert_array_equal(
            file.series[0].levels[0].asarray().reshape(pixels.shape), pixels
        )
        assert len(file.series[0].levels) == 3


def test_overviews_leave_out_nan_as_nodata(tmp_path: Path) -> None:
    """As means of the other pixels; nodata is where all four are."""
    pixels = make_pixels(1, "float32")
    pixels[pixels == NODATA] = np.nan
    pixels[0, 700:, 1500::3] = np.nan
    write_cog(tmp_path / "a.tif", pixels, (DEFLATE, None), nodata=np.nan)
    fours = pixels[0].reshape(GRID.height // 2, 2, GRID.width // 2, 2).swapaxes(1, 2)
    means = np.ma.masked_invalid(fours.reshape(*fours.shape[:2], 4)).mean(axis=2)
    with rasterio.open(tmp_path / "a.tif", overview_level=0) as dataset:
        np.testing.assert_allclose(dataset.read(1), means.filled(np.nan), rtol=1e-6)


@pytest.mark.parametrize("bands", [1, 2])
def test_each_overview_is_that_of_the_level_before(tmp_path: Path, bands: int) -> None:
    """Of odd numbers of columns and rows, with data in three tiles of twelve."""
    grid = Grid(GRID.crs, GRID.transform, 2601, 701)
    pixels = np.full((bands, grid.height, grid.width), NODATA, np.float32)
    noise = np.random.default_rng(6).integers(0, 1 << 16, (bands, 600, 500)).astype("float32")
    pixels[:, 101:, 2101:] = noise
    pixels[:, 7, 1030] = 5.0
    write_cog(tmp_path / "a.tif", pixels, (DEFLATE, None), grid=grid)
    level = np.where(pixels == NODATA, np.nan, pixels)
    for number in range(3):
        with rasterio.open(tmp_path / "a.tif", overview_level=number) as dataset:
            found = dataset.read()
        if bands == 2:  # of the numbers of sources, no means
            level = level[:, ::2, ::2]
        else:
            odd = [(0, 0), (0, level.shape[1] % 2), (0, level.shape[2] % 2)]
            whole = np.pad(level, odd, constant_values=np.nan)
            fours = [whole[:, row::2, column::2] for row in (0, 1) for column in (0, 1)]
            level = np.ma.masked_invalid(fours).mean(axis=0).filled(np.nan).astype(np.float32)
        np.testing.assert_array_equal(found, np.where(np.isnan(level), NODATA, level))
    assert level.shape == (bands, 88, 326)
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        for name in ("GDAL_NODATA", "ExtraSamples"):  # as at full resolution
            tags = [page.tags.valueof(name) for page in file.pages]
            assert tags == 4 * tags[:1], name
            assert (tags[0] is None) is (name == "ExtraSamples" and bands == 1)


@pytest.mark.parametrize(
    ("width", "height", "factors"),
    [(100, 1_100, [2, 4]), (BLOCK, BLOCK, []), (BLOCK, BLOCK + 1, [2]), (BLOCK + 1, BLOCK, [2])],
)
def test_there_are_overviews_until_one_tile_holds_the_raster(
    tmp_path: Path, width: int, height: int, factors: list[int]
) -> None:
    grid = Grid(GRID.crs, GRID.transform, width, height)
    write_cog(
        tmp_path / "a.tif", np.full((1, height, width), 7, np.float32), (DEFLATE, None), grid=grid
    )
    with rasterio.open(tmp_path / "a.tif") as dataset:
        assert dataset.overviews(1) == factors
    for level in range(len(factors)):
        with rasterio.open(tmp_path / "a.tif", overview_level=level) as dataset:
            assert dataset.shape == (-(-height // factors[level]), -(-width // factors[level]))
            assert (dataset.read(1) == 7).all()


def test_own_reader_finds_every_guard(tmp_path: Path) -> None:
    """Each tile lies between its length and its last bytes, as a reader of COGs expects."""
    pixels = make_pixels(1, "float32")
    write_cog(tmp_path / "a.tif", pixels, (DEFLATE, None))
    content = Bytes((tmp_path / "a.tif").read_bytes())
    file = probe_cog(URL, RunContext(content).http)
    assert file.header.has_guards
    window = Window(0, 0, GRID.width, GRID.height)
    np.testing.assert_array_equal(CogSource(file, content).fetch(window).decode(), pixels[0])
