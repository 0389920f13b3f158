"""Frozen jobs: what each tile reads and depends on; tiles have the pixels of the whole."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely

from hrdem.errors import NoDataError, RequestError
from hrdem.geo.crs import NATIVE_CRS
from hrdem.geo.grid import Pixels
from hrdem.http.run_context import RunContext
from hrdem.jobs.extract import run_plan
from hrdem.output.plan_writer import OutputOptions
from hrdem.planning.cut_plan import cut_plan
from hrdem.planning.make_plan import make_plan
from hrdem.planning.plan import Plan
from hrdem.request.aoi.aoi import Aoi
from hrdem.request.options import Compression, Format
from hrdem.request.request import Request
from hrdem.tiling.features import Feature
from hrdem.tiling.freeze_job import freeze_job
from hrdem.tiling.job import Job, JobOptions
from hrdem.tiling.job_file import decode_job, encode_job
from hrdem.tiling.tile_key import digest_request
from tests.layers import read_with_layers
from tests.relief import TIERS, make_relief
from tests.stores import NODATA, Store

OPTIONS = JobOptions(Format.GTIFF, Compression.DEFLATE, None, 0)
LEFT, TOP = 1_699_000, -199_000
OUTLINE = (
    f"POLYGON (({LEFT + 70} {TOP - 60}, {LEFT + 1960} {TOP - 330}, {LEFT + 900.2} {TOP - 800.7}, "
    f"{LEFT + 300} {TOP - 1750}, {LEFT + 70} {TOP - 60}))"
)
SHAPE = {"aoi": OUTLINE, "aoi_crs": NATIVE_CRS}
UTM = {"crs": "EPSG:2959", "resolution": 2.3, "fill": "30m", "feather": 20, "source_band": True}
CASES = {
    "native": {},
    "cropped slope": {**SHAPE, "product": "dtm-slope"},
    "cropped, UTM, filled": {**SHAPE, **UTM},
}


@pytest.fixture
def relief(store: Store) -> Store:
    """Two files side by side, the second empty in the north-east, over one of 30 m."""
    for number, item in enumerate(("west", "east")):
        heights = make_relief("1m", 1000, 1500, number)
        if number:
            heights[:1100, 600:] = NODATA
        left = LEFT + 1000 * number
        store.add(TIERS["1m"], heights, left, TOP, item=item, overviews=(2, 4), sparse=True)
    store.add(TIERS["30m"], make_relief("30m", 2010, 2010), LEFT - 5, TOP + 5)
    return store


def make_request(**params: Any) -> Request:
    box = (LEFT, TOP - 1800, LEFT + 2000, TOP)
    area = {} if "aoi" in params else {"bbox": box, "bbox_crs": NATIVE_CRS}
    return Request.of(**{"product": "dtm", **area, **params})


def freeze(store: Store, scheme: str = "1km", options: JobOptions = OPTIONS, **params: Any) -> Job:
    return freeze_job(make_request(**params), scheme, options, store)


def run(plan: Plan, store: Store, path: Path) -> tuple[int | None, list[Pixels]]:
    """Write the output of a plan; return bytes received, its pixels, and names of their sources."""
    result = run_plan(plan, RunContext(store), OutputOptions(path, overwrite=True))
    pixels, *layers = read_with_layers(path)
    names = np.array(["", *(source.name for source in plan.sources)])
    return result.received_bytes, [pixels, *(names[ids] for ids in layers)]


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize("case", CASES)
def test_tiles_of_a_job_file_equal_the_whole(relief: Store, tmp_path: Path, case: str) -> None:
    """And read as many bytes as was measured."""
    job = decode_job(encode_job(freeze(relief, **CASES[case])))
    whole = make_plan(make_request(**CASES[case]), relief)
    _, expected = run(whole, relief, tmp_path / "whole.tif")
    assert len(job.tiles) >= 3
    for tile in job.tiles:
        cut = cut_plan(job.plan, tile.window, tile.aoi)
        assert cut is not None
        received, bands = run(cut, relief, tmp_path / "tile.tif")
        for band, other in zip(bands, expected, strict=True):
            np.testing.assert_array_equal(band, other[tile.window.slices])
        if case == "native":  # else single blocks between needed ones are read along
            assert received == tile.size


def test_a_tile_knows_what_it_reads(relief: Store) -> None:
    """By hand, of squares of 1 km and blocks of 128 pixels."""
    by_name = {tile.name: tile for tile in freeze(relief).tiles}
    assert by_name["E1699S0200"].sources == (0,)
    assert by_name["E1699S0200"].pixels == 1_000_000
    assert by_name["E1699S0201"].pixels == 500_000
    # 5 of 8 columns and all 8 rows of blocks have data
    assert by_name["E1700S0200"].pixels == 5 * 8 * 128**2
    assert by_name["E1700S0200"].sources == (1,)


def test_tiles_without_stored_tiles_are_empty(relief: Store) -> None:
    """The north-east, where the file has no tiles, and the south, where there is no file."""
    box = (LEFT, TOP - 3000, LEFT + 2000, TOP)
    request = Request.of(product="dtm", bbox=box, bbox_crs=NATIVE_CRS)
    corner = Aoi.from_bbox((LEFT + 1650, TOP - 900, LEFT + 1990, TOP - 5), NATIVE_CRS)
    south = Aoi.from_bbox((LEFT, TOP - 2900, LEFT + 500, TOP - 2000), NATIVE_CRS)
    middle = Aoi.from_bbox((LEFT + 100, TOP - 900, LEFT + 300, TOP - 700), NATIVE_CRS)
    features = [
        Feature(name, aoi) for name, aoi in zip("abc", (corner, south, middle), strict=True)
    ]
    job = freeze_job(request, "features", OPTIONS, relief, features)
    assert [tile.is_empty for tile in job.tiles] == [True, True, False]
    assert [tile.size for tile in job.tiles[:2]] == [0, 0]
    assert job.cost.empty == 2


def test_freezing_again_gives_the_same_job(relief: Store) -> None:
    assert encode_job(freeze(relief, **SHAPE)) == encode_job(freeze(relief, **SHAPE))


def test_a_republished_file_changes_the_keys_of_its_tiles_alone(relief: Store) -> None:
    before = freeze(relief)
    heights = make_relief("1m", 1000, 1500, 99)
    relief.add(TIERS["1m"], heights, LEFT + 1000, TOP, item="east", updated="2027")
    after = freeze(relief)
    pairs = zip(before.tiles, after.tiles, strict=True)
    changed = [one.name for one, other in pairs if one.key != other.key]
    assert changed == ["E1700S0200", "E1700S0201"]
    assert after.request_digest == before.request_digest
    assert after.sha256 != before.sha256


def test_the_digest_is_of_all_that_was_requested(relief: Store) -> None:
    known = {
        "plain": (make_request(), "50km", OPTIONS),
        "scheme": (make_request(), "25km", OPTIONS),
        "format": (make_request(), "50km", replace(OPTIONS, layout=Format.COG)),
        "overlap": (make_request(), "50km", replace(OPTIONS, overlap=8)),
        "product": (make_request(product="dtm-slope"), "50km", OPTIONS),
        "shape": (make_request(**SHAPE), "50km", OPTIONS),
        "no crop": (make_request(**SHAPE, crop=False), "50km", OPTIONS),
        "grid": (make_request(resolution=2), "50km", OPTIONS),
        "kernel": (make_request(resolution=2, resampling="cubic"), "50km", OPTIONS),
    }
    digests = {name: digest_request(*values) for name, values in known.items()}
    assert len(set(digests.values())) == len(known)
    assert digest_request(make_request(), "50km", OPTIONS) == digests["plain"]


def test_neighbours_overlap_on_request(relief: Store) -> None:
    alone, wide = freeze(relief), freeze(relief, options=replace(OPTIONS, overlap=8))
    for one, other in zip(alone.tiles, wide.tiles, strict=True):
        assert other.window == one.window.grown(8).intersection(alone.plan.grid.window)


def test_an_area_is_larger_than_one_file_may_be(relief: Store) -> None:
    """600 km at 1 m: 0.36 Tpx in 169 tiles, of which 4 have a file."""
    box = (LEFT - 300_000, TOP - 300_000, LEFT + 300_000, TOP + 300_000)
    with pytest.raises(RequestError, match="more than one file should hold"):
        make_plan(Request.of(product="dtm", bbox=box, bbox_crs=NATIVE_CRS), relief)
    job = freeze(relief, "50km", bbox=box)
    assert len(job.tiles) == 13 * 13
    assert sorted(tile.name for tile in job.tiles if not tile.is_empty) == [
        "E1650S0200", "E1650S0250", "E1700S0200", "E1700S0250",
    ]  # fmt: skip


def test_no_secret_gets_into_a_job(store: Store) -> None:
    with pytest.raises(RequestError, match="has a secret in it") as caught:
        freeze(store, stac_url="https://stac.example/api?token=hidden")
    assert "hidden" not in str(caught.value)


def test_a_shape_between_pixels_has_no_tile(relief: Store) -> None:
    beside = shapely.box(LEFT + 90_000, TOP, LEFT + 90_100, TOP + 100).wkt
    with pytest.raises(NoDataError):
        freeze(relief, aoi=beside, aoi_crs=NATIVE_CRS)
