"""Finished tiles: the nodata value of a file stays, and so do its pixels."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine

import hrdem
from hrdem.geo.grid import Grid, Window
from hrdem.geo.mask import PolygonMask
from hrdem.http.run_context import RunContext
from hrdem.jobs.extract import run_plan
from hrdem.output.plan_writer import OutputOptions
from hrdem.processing.finish import TileFinisher
from hrdem.processing.halve import Halving
from hrdem.processing.statistics import Statistics
from hrdem.tiff.encode import NO_COMPRESSION, choose_tile_format
from tests.cogs import HEIGHT, TRANSFORM, WIDTH, Bytes, plan_only_file, write_cog


@pytest.mark.parametrize("align", ["pixels", "blocks"])
@pytest.mark.parametrize(
    ("dtype", "nodata"),
    [
        ("float32", float("nan")),
        ("float32", float("-inf")),
        ("float32", None),
        ("float32", 0),
        ("int32", -32767),
        ("int16", -32767),
        ("int16", None),
    ],
)
def test_output_keeps_the_nodata_of_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dtype: str, nodata: float | None, align: str
) -> None:
    """Pixels and nodata of the file are those of the output, its item and its reports."""
    path, output = tmp_path / "file.tif", tmp_path / "out.tif"
    write_cog(path, dtype=dtype, nodata=nodata, compress="deflate")
    content = Bytes(path.read_bytes())
    result = run_plan(
        plan_only_file(monkeypatch, content, align=align),
        RunContext(content),
        OutputOptions(output),
    )
    with rasterio.open(path) as source, rasterio.open(output) as copy:
        np.testing.assert_array_equal(copy.read(1)[:120, :200], source.read(1)[:120, :200])
        if nodata is not None or align == "blocks":
            np.testing.assert_equal(copy.nodata, source.nodata)
    item = json.loads((tmp_path / "out.stac.json").read_text())
    band = item["assets"]["dtm"]["bands"][0]
    if nodata is None and align == "blocks":
        assert "nodata" not in band
    else:
        assert float(band["nodata"]) == result.plan.nodata or np.isnan(float(band["nodata"]))
    for document in (result.as_dict(), result.plan.as_dict()):
        json.dumps(document, allow_nan=False)


@pytest.mark.parametrize("dtype", ["uint16", "uint32"])
def test_dtype_without_free_value_is_only_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dtype: str
) -> None:
    """A type that cannot represent the nodata value cannot be merged; its blocks can be copied."""
    path, output = tmp_path / "file.tif", tmp_path / "out.tif"
    with rasterio.open(
        path, "w", driver="GTiff", dtype=dtype, count=1, width=WIDTH, height=HEIGHT, tiled=True,
        crs="EPSG:3979", transform=TRANSFORM, blockxsize=128, blockysize=128, compress="deflate",
    ) as dataset:  # fmt: skip
        dataset.write(np.full((HEIGHT, WIDTH), 7, dtype), 1)
    content = Bytes(path.read_bytes())
    with pytest.raises(hrdem.SourceError, match=f"{dtype} leaves none free.*align=blocks"):
        plan_only_file(monkeypatch, content)
    run_plan(
        plan_only_file(monkeypatch, content, align="blocks"),
        RunContext(content),
        OutputOptions(output),
    )
    with rasterio.open(output) as copy:
        assert copy.nodata is None


@pytest.mark.parametrize("mask", [None, shapely.box(0, -300, 700, 0), shapely.box(20, -30, 90, 0)])
def test_one_number_stands_for_the_source_of_all_pixels(mask: shapely.Geometry | None) -> None:
    """The pixels may be those of a reader: they are not modified."""
    window = Window(512, 0, 100, 50)
    grid = Grid("EPSG:3979", Affine(1, 0, -512, 0, -1, 0), 612, 50)
    area = None if mask is None else PolygonMask.of(mask, "EPSG:3979", grid)
    heights, ids = (choose_tile_format(dtype, NO_COMPRESSION) for dtype in ("int16", "uint8"))
    finisher = TileFinisher(heights, -32767, 3, area, ids)
    pixels = np.arange(5_000, dtype=np.int16).reshape(50, 100)
    pixels.flags.writeable = False
    found = finisher.finish_block(window, pixels, [2], 9)
    assert found == finisher.finish_block(window, pixels, [np.full((50, 100), 2, np.uint8)], 9)
    inside = np.ones((50, 100), np.bool_) if area is None else area.rasterize(window)
    for tile, expected, nodata in zip(found.tiles, (pixels, np.uint8(2)), (-32767, 0), strict=True):
        band = np.frombuffer(tile, expected.dtype).reshape(512, 512)[:50, :100]
        np.testing.assert_array_equal(band, np.where(inside, expected, nodata))
    assert found.stats.pixels_by_source == (0, np.count_nonzero(inside), 0)
    assert found.stats.statistics == Statistics.of(pixels[inside], int(inside.sum()))


def test_heights_are_averaged_for_overviews_and_numbers_of_sources_are_not() -> None:
    heights, ids = (choose_tile_format(each, NO_COMPRESSION) for each in ("int16", "uint8"))
    finisher = TileFinisher(heights, -32767, 3, None, ids, halving=Halving.AVERAGE)
    pixels = np.arange(0, 5_000, dtype=np.int16).reshape(50, 100)
    numbers = (pixels % 3 + 1).astype(np.uint8)
    found = finisher.finish_block(Window(0, 0, 100, 50), pixels, [numbers], 9)
    of_heights, of_numbers = found.halves
    # four pixels: n, n + 1, n + 100, n + 101; their mean is n + 50.5, of even n
    np.testing.assert_array_equal(of_heights, pixels[::2, ::2] + 50)
    np.testing.assert_array_equal(of_numbers, numbers[::2, ::2])
