"""Compressed blocks copied unchanged, and read back with rasterio."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.windows import from_bounds

import hrdem
from hrdem.catalog.items import Item
from hrdem.demo import Addresses
from hrdem.demo.terrain import heights
from hrdem.geo.grid import Window
from hrdem.http.run_context import RunContext
from hrdem.jobs.extract import run_plan
from hrdem.output.plan_writer import OutputOptions
from hrdem.planning.feather import Feather
from hrdem.planning.mosaic import Mosaic, PlannedSource
from hrdem.planning.plan import Plan, Tier
from hrdem.planning.query import MosaicQuery
from hrdem.request.request import Request
from hrdem.sources.cog import probe_cog
from tests.cogs import HEIGHT, KINDS, TRANSFORM, URL, WIDTH, Bytes, plan_only_file, write_cog

FAST = {"LZW 3", "LERC ZSTD", "int16", "big-endian BigTIFF", "sparse", "COG"}
REQUEST = {"bbox": (-75.72, 45.40, -75.70, 45.41), "product": "dtm"}


def plan_blocks(content: Bytes, window: Window) -> Plan:
    """Plan a copy of blocks of the only file of a client."""
    file = probe_cog(URL, content)
    item = Item("9_2-mosaic-2m", "hrdem-mosaic-2m", "", "", None, ())
    dst_window = Window(0, 0, window.width, window.height)
    request = Request.of(bbox=REQUEST["bbox"], product="dtm", align="blocks")
    grid = file.grid.crop(window)
    source = PlannedSource(item.id, request.collection, (item,), "dtm", file, window, dst_window)
    mosaic = Mosaic(
        query=MosaicQuery.of(request, request.collection, request.product),
        grid=grid,
        whole=grid,
        dtype=file.dtype,
        nodata=file.nodata,
        sources=(source,),
        items_without_product=(),
        skipped_neighbours=(),
        gaps=(),
        search_bounds=grid.bounds,
        region=None,
        reach_m=0,
    )
    return Plan(
        request=request,
        grid=grid,
        whole=grid,
        tiers=(Tier(request.collection, (mosaic,)),),
        tiers_without_data={},
        is_computed=False,
        feather=Feather(0, 1, 1),
        border=0,
        dtype=file.dtype,
        nodata=file.nodata,
    )


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=() if kind in FAST else pytest.mark.slow) for kind in KINDS]
)
def test_copied_blocks_equal_the_source(tmp_path: Path, kind: str) -> None:
    """Every supported kind of file keeps its pixels, compression, nodata and block size."""
    path = tmp_path / "file.tif"
    write_cog(path, **KINDS[kind])
    content = Bytes(path.read_bytes())
    width, height = probe_cog(URL, content).block
    for number, window in enumerate(
        [
            Window(0, 0, WIDTH, HEIGHT),
            Window(width, height, width, height),
            Window(2 * width, 0, WIDTH - 2 * width, height),
        ]
    ):
        output = tmp_path / f"{number}.tif"
        if kind == "sparse" and window.row == 0 and window.height == height:
            with pytest.raises(hrdem.NoDataError):
                run_plan(plan_blocks(content, window), RunContext(content), OutputOptions(output))
            continue
        run_plan(plan_blocks(content, window), RunContext(content), OutputOptions(output))
        with rasterio.open(path) as source, rasterio.open(output) as copy:
            expected = source.read(1)[window.slices]
            np.testing.assert_array_equal(copy.read(1), expected)
            left, top = source.bounds.left + 2 * window.column, source.bounds.top - 2 * window.row
            assert copy.transform == Affine(2, 0, left, 0, -2, top)
            keys = "COMPRESSION", "PREDICTOR"
            ours, theirs = (each.tags(ns="IMAGE_STRUCTURE") for each in (copy, source))
            assert [ours.get(key) for key in keys] == [theirs.get(key) for key in keys]
            assert (copy.nodata, copy.dtypes) == (source.nodata, source.dtypes)
            assert copy.block_shapes == source.block_shapes


@pytest.mark.slow
def test_area_grows_to_blocks_and_keeps_the_tags(demo: Addresses, tmp_path: Path) -> None:
    """The output covers whole blocks, has the pixels of a usual run and the same tags."""
    request = {**REQUEST, "stac_url": demo.stac, "no_cache": True}
    hrdem.extract(**request, output=tmp_path / "usual.tif")
    result = hrdem.extract(**request, align="blocks", output=tmp_path / "blocks.tif")
    assert (result.statistics, result.pixels_by_source) == (None, None)
    (source,) = result.plan.sources
    assert (source.src_window.column % 512, source.src_window.row % 512) == (0, 0)
    assert (source.src_window.width % 512, source.src_window.height % 512) == (0, 0)
    assert result.received_bytes == hrdem.estimate(result.plan).transfer_bytes
    with (
        rasterio.open(tmp_path / "usual.tif") as clip,
        rasterio.open(tmp_path / "blocks.tif") as copy,
    ):
        inside = from_bounds(*clip.bounds, copy.transform)
        np.testing.assert_array_equal(copy.read(1, window=inside), clip.read(1))
        different = {"HRDEM_REQUEST", "HRDEM_SOURCES"}  # windows differ
        ours, usual = copy.tags(), clip.tags()
        assert ours.keys() == usual.keys()
        assert {k: v for k, v in ours.items() if k not in different} == {
            k: v for k, v in usual.items() if k not in different
        }
        (ours, usual) = (json.loads(each["HRDEM_SOURCES"])[0] for each in (ours, usual))
        assert (ours["name"], ours["etag"]) == (usual["name"], usual["etag"])
        assert (copy.descriptions, copy.units) == (clip.descriptions, clip.units)
        assert json.loads(copy.tags()["HRDEM_REQUEST"])["align"] == "blocks"
    item = json.loads((tmp_path / "blocks.stac.json").read_text())
    assert "statistics" not in item["assets"]["dtm"]["bands"][0]


@pytest.mark.slow
def test_edge_blocks_end_with_the_file(demo: Addresses, tmp_path: Path) -> None:
    """500,000 is not a multiple of 512: the last column of blocks is 288 pixels wide."""
    result = hrdem.extract(
        bbox=(1_999_900, -60_100, 1_999_990, -60_000),
        bbox_crs="EPSG:3979",
        product="dtm",
        align="blocks",
        output=tmp_path / "edge.tif",
        stac_url=demo.stac,
    )
    assert result.plan.grid.bounds[2] == 2_000_000
    assert result.plan.grid.width == 500_000 % 512
    with rasterio.open(tmp_path / "edge.tif") as dataset:
        left, _, _, top = dataset.bounds
        expected = heights(left, top, 1, dataset.width, dataset.height)
        np.testing.assert_array_equal(dataset.read(1), expected)


def test_area_outside_the_only_file_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "file.tif"
    write_cog(path, **KINDS["COG"])
    plan = plan_only_file(monkeypatch, Bytes(path.read_bytes()), shifted=-100, align="blocks")
    assert plan.grid.bounds[0] == TRANSFORM.c
    assert "12,000 of 24,000 pixels of the area lie beyond the only file" in caplog.text


@pytest.mark.slow
def test_error_across_files_names_a_box_for_each(demo: Addresses, tmp_path: Path) -> None:
    """Each box that the error message suggests is accepted."""
    request = {
        "bbox": (1_999_000, -61_000, 2_001_000, -60_000),
        "bbox_crs": "EPSG:3979",
        "product": "dtm",
        "stac_url": demo.stac,
        "align": "blocks",
    }
    with pytest.raises(hrdem.RequestError, match="lies across 2 files") as caught:
        hrdem.extract(**request, output=tmp_path / "a.tif")
    assert "`bbox=1999000,-61000,2000000,-60000` (9_2-mosaic-1m)" in str(caught.value)
    request["bbox"] = (1_999_000, -61_000, 2_000_000, -60_000)  # as the message says
    assert hrdem.extract(**request, output=tmp_path / "a.tif").plan.grid.bounds[2] == 2_000_000


@pytest.mark.parametrize("other", [{"format": "cog"}, {"engine": "gdal"}, {"via": "vrt"}])
def test_options_that_exclude_block_copies_are_errors(
    tmp_path: Path, other: dict[str, str]
) -> None:
    with pytest.raises(hrdem.RequestError, match="`align=blocks` copies compressed blocks"):
        hrdem.extract(**REQUEST, **other, align="blocks", output=tmp_path / "a.tif")


def test_altered_tile_is_not_copied(tmp_path: Path) -> None:
    """A tile whose leader was altered in transit is an error, and no output is left."""
    path = tmp_path / "file.tif"
    write_cog(path, **KINDS["COG"])
    content = bytearray(path.read_bytes())
    plan = plan_blocks(Bytes(bytes(content)), Window(0, 0, 128, 128))
    with rasterio.open(path) as dataset:
        offset = int(dataset.get_tag_item("BLOCK_OFFSET_0_0", "TIFF", 1))
    content[offset - 4] ^= 1  # in its leader
    with pytest.raises(hrdem.SourceError, match="is not where the file's index says"):
        run_plan(plan, RunContext(Bytes(bytes(content))), OutputOptions(tmp_path / "out.tif"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file.plain.tif", "file.tif"]
