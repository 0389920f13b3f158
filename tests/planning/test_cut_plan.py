"""A window of a planned output has the pixels of the whole, to the last bit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely

from hrdem.geo.crs import NATIVE_CRS
from hrdem.geo.grid import Pixels, Window
from hrdem.http.run_context import RunContext
from hrdem.jobs.extract import run_plan
from hrdem.output.plan_writer import OutputOptions
from hrdem.planning.cut_plan import cut_plan
from hrdem.planning.make_plan import make_plan
from hrdem.planning.plan import Plan
from hrdem.request.aoi.aoi import Aoi
from hrdem.request.request import Request
from tests.layers import read_with_layers
from tests.relief import LEFT, TIERS, TOP, make_relief, punch_holes
from tests.shift_grids import millimetres, write_grid
from tests.stores import Store

OUTLINE = (
    f"POLYGON (({LEFT + 70} {TOP - 60}, {LEFT + 1180} {TOP - 330}, {LEFT + 900} {TOP - 800}, "
    f"{LEFT + 500.3} {TOP - 420.2}, {LEFT + 180} {TOP - 870}, {LEFT + 70} {TOP - 60}))"
)
BOX = {"bbox": (LEFT + 60, TOP - 840, LEFT + 1140, TOP - 60), "bbox_crs": NATIVE_CRS}
SHAPE = {"aoi": OUTLINE, "aoi_crs": NATIVE_CRS}
FILLED = {"fill": "30m", "source_band": True}
UTM = {"crs": "EPSG:2959", "resolution": 1.5}
# an odd size, whose multiples no number of floating point holds
ODD = {"crs": "EPSG:2959", "resolution": 2.3}
CASES = {
    "cropped": {**SHAPE, "source_band": True},
}
SLOW_CASES = {
    "UTM, cropped, filled": {**SHAPE, **FILLED, **UTM, "feather": 12},
    "CGVD28, degrees": {**SHAPE, "crs": "EPSG:4617", "resolution": 3e-5,
                        "vertical_datum": "CGVD28"},
}  # fmt: skip
LONG_CASES = {
    "aspect": {**BOX, "product": "dtm-aspect", "aspect_north": "true"},
    "overviews": {**BOX, "resolution": 7, "resampling": "average"},
    "slope, UTM, filled": {**BOX, **UTM, **FILLED, "feather": 9, "product": "dtm-slope"},
    "native": BOX,
    "filled, feathered": {**BOX, **FILLED, "feather": 8},
    "odd pixels": {**BOX, **ODD, "source_band": True},
    "degrees": {**BOX, "crs": "EPSG:4326", "resolution": 0.00002, "resampling": "cubic"},
    "nearest": {**SHAPE, **UTM, "resampling": "nearest", "source_band": True},
    "lanczos": {**BOX, **UTM, "resampling": "lanczos"},
    "slope": {**SHAPE, "product": "dtm-slope"},
    "hillshade": {**BOX, **FILLED, "product": "dtm-hillshade"},
    "chm": {**BOX, "product": "chm", "source_band": True},
    "chm, UTM": {**SHAPE, **ODD, "product": "chm", **FILLED},
    "CGVD28": {**BOX, "vertical_datum": "CGVD28"},
}


@pytest.fixture
def relief(store: Store) -> Store:
    """Two files of 1 m side by side, with holes, over one of 30 m; each with two surfaces."""
    for asset, step in (("dtm", 0.0), ("dsm", 4.0)):
        for number, item in enumerate(("west", "east")):
            whole = punch_holes(make_relief("1m", 600, 900, step), number, 0.2)
            left = LEFT + 600 * number
            store.add(TIERS["1m"], whole, left, TOP, item=item, asset=asset, overviews=(2, 4))
        store.add(TIERS["30m"], make_relief("30m", 1200, 900, step + 10), LEFT, TOP, asset=asset)
    return store


def plan(store: Store, folder: Path, **params: Any) -> Plan:
    """Plan a request; heights in CGVD28 take a grid of the test."""
    if "vertical_datum" in params:
        values = millimetres(60, 90)
        params["vertical_grid"] = write_grid(folder / "proj" / "shifts.tif", values)
    return make_plan(Request.of(**{"product": "dtm", **params}), store)


def run(plan: Plan, store: Store, path: Path) -> list[Pixels]:
    """Write the output of a plan; return its pixels and layers of sources."""
    run_plan(plan, RunContext(store), OutputOptions(path, overwrite=True))
    arrays = read_with_layers(path)
    assert {each.shape for each in arrays} == {(plan.grid.height, plan.grid.width)}
    return arrays


def name_sources(arrays: list[Pixels], plan: Plan) -> list[Pixels]:
    """Replace the numbers of sources by their names."""
    pixels, *layers = arrays
    names = np.array(["", *(source.name for source in plan.sources)])
    return [pixels, *(names[ids] for ids in layers)]


def check_cuts(store: Store, folder: Path, params: dict[str, Any]) -> None:
    whole = plan(store, folder, **params)
    expected = name_sources(run(whole, store, folder / "whole.tif"), whole)
    assert (expected[0] != whole.nodata).sum() > 10_000
    width, height = whole.grid.width, whole.grid.height
    across, down = width * 3 // 7, height * 2 // 5
    windows = [
        Window(0, 0, across, down),
        Window(across, 0, width - across, down),
        Window(across - 3, down, width // 2, height - down),
    ]
    for number, window in enumerate(windows):
        cut = cut_plan(whole, window)
        assert cut is not None
        assert cut.place == window
        bands = name_sources(run(cut, store, folder / f"{number}.tif"), cut)
        for band, other in zip(bands, expected, strict=True):
            np.testing.assert_array_equal(band, other[window.slices])


@pytest.mark.parametrize("case", CASES)
def test_tiles_equal_the_whole(relief: Store, tmp_path: Path, case: str) -> None:
    check_cuts(relief, tmp_path, CASES[case])


@pytest.mark.slow
@pytest.mark.parametrize("case", SLOW_CASES)
def test_tiles_on_other_grids_equal_the_whole(relief: Store, tmp_path: Path, case: str) -> None:
    check_cuts(relief, tmp_path, SLOW_CASES[case])


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize("case", LONG_CASES)
def test_tiles_of_every_kind_equal_the_whole(relief: Store, tmp_path: Path, case: str) -> None:
    check_cuts(relief, tmp_path, LONG_CASES[case])


def test_a_cut_reads_its_window_alone(relief: Store, tmp_path: Path) -> None:
    whole = plan(relief, tmp_path, **BOX, **FILLED)
    cut = cut_plan(whole, Window(0, 0, 200, 200))
    assert cut is not None
    assert [source.name for source in cut.sources] == ["west-hrdem-mosaic-1m", "tile-mrdem-30"]
    fine = cut.tiers[0].mosaics[0]
    assert fine.grid.window.pixels <= (200 + 2 * cut.border) ** 2
    assert all(source.dst_window.pixels <= fine.grid.window.pixels for source in fine.sources)


def test_a_window_without_sources_or_area_has_no_plan(relief: Store, tmp_path: Path) -> None:
    """The notch of the outline, and a box beside all files."""
    whole = plan(relief, tmp_path, **SHAPE)
    assert cut_plan(whole, Window(400, 720, 60, 60)) is None
    beside = plan(relief, tmp_path, bbox=(LEFT, TOP - 900, LEFT + 9000, TOP), bbox_crs=NATIVE_CRS)
    assert cut_plan(beside, Window(5000, 0, 500, 500)) is None


def test_a_shape_crops_its_tile_as_if_it_were_the_area(relief: Store, tmp_path: Path) -> None:
    shape = shapely.Point(LEFT + 600, TOP - 400).buffer(150.3)
    aoi = Aoi.from_shape(shape, NATIVE_CRS, "lake")
    whole = plan(relief, tmp_path, **BOX)
    alone = replace(whole, request=replace(whole.request, aoi=aoi, crop=True))
    (expected,) = run(alone, relief, tmp_path / "whole.tif")
    window = whole.grid.touched_by(aoi.bounds)
    cut = cut_plan(whole, window, aoi)
    assert cut is not None
    (pixels,) = run(cut, relief, tmp_path / "tile.tif")
    np.testing.assert_array_equal(pixels, expected[window.slices])
    assert 0 < (pixels != whole.nodata).sum() < pixels.size


def test_a_cut_of_a_cut_is_a_cut_of_the_whole(relief: Store, tmp_path: Path) -> None:
    whole = plan(relief, tmp_path, **BOX, **UTM, product="dtm-slope")
    part = cut_plan(whole, Window(100, 90, 300, 280))
    assert part is not None
    tile = cut_plan(part, Window(50, 40, 130, 120))
    direct = cut_plan(whole, Window(150, 130, 130, 120))
    assert tile is not None
    assert direct is not None
    assert (tile.place, tile.whole) == (direct.place, whole.grid)
    both = [run(each, relief, tmp_path / "tile.tif") for each in (tile, direct)]
    np.testing.assert_array_equal(*both)
