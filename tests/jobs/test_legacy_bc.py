"""Sets of BC Gridded DEM from a small terrain, as GDAL reads them.

Blocks are cut down to 0.02 degrees of 104P, at the height of its north-eastern corner.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from numpy.typing import NDArray
from pyproj import Transformer

import hrdem
from hrdem.errors import NoDataError, OutputExistsError, RequestError
from hrdem.http.protocol import Http
from hrdem.http.run_context import RunContext
from hrdem.jobs.legacy_bc import BcOptions, BcSet, make_bc
from hrdem.legacy.bc.blocks import Block, Projection
from hrdem.legacy.bc.coverage import BcCoverage
from hrdem.legacy.bc.products import parse_products
from hrdem.request.aoi.nts import Sheet
from tests.planes import TO_NATIVE, Plane, publish
from tests.shift_grids import write_grid
from tests.stores import REFUSING, Store

WEST_BLOCK = Block(Sheet("104P", (-128.04, 59.98, -128.02, 60)), 9)
EAST_BLOCK = Block(Sheet("104O", (-128.02, 59.98, -128, 60)), 9)
NAMES = {Projection.UTM: "EPSG:26909", Projection.ALBERS: "EPSG:3005"}
ONE = (Projection.UTM,)
VOID, ASC_VOID = -32767, -9999
SHIFT = 0.25  # metres from CGVD2013 to CGVD28
AROUND = Affine(1 / 30, 0, -129, 0, -1 / 30, 60.5)  # 2' nodes of shifts
HOLE = shapely.box(-128.05, 59.97, -128.03, 59.985)  # without heights
LAKE = shapely.box(-128.025, 59.988, -128.012, 59.996)  # in both blocks
PLANE = Plane(height=700, x=-1_800_000, y=1_900_000, slope_x=0.02, slope_y=-0.031)


@pytest.fixture(scope="module")
def shifts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A grid whose shift is the same everywhere around the blocks."""
    path = tmp_path_factory.mktemp("grid") / "shifts.tif"
    return write_grid(path, np.full((40, 60), int(1000 * SHIFT)), transform=AROUND)


@pytest.fixture(scope="module")
def terrain() -> Iterator[Store]:
    with publish(PLANE, shapely.box(-128.06, 59.96, -127.98, 60.02), HOLE) as store:
        yield store


def make(
    store: Http,
    shifts: Path,
    folder: Path,
    *blocks: Block,
    products: str = "",
    on_coverage: Any = lambda _: None,
    max_download: int | None = None,
    **options: Any,
) -> list[BcSet]:
    source = {"collection": "30m", "fill": "", "vertical_grid": shifts}
    settings: dict[str, Any] = {
        "lakes": None, "sea": None, "projections": tuple(Projection), "overwrite": False, **options,
    }  # fmt: skip
    chosen = parse_products(products)
    made = BcOptions(source=source, products=chosen, folder=folder, **settings)
    context = RunContext(store, max_download=max_download)
    return make_bc(blocks, made, context, on_coverage)


def read(folder: Path, block: Block, projection: Projection) -> tuple[NDArray[np.int64], Any, Any]:
    """Return heights from the .asc, and longitudes and latitudes of the pixels."""
    with rasterio.open(folder / block.name / f"{block.name}-{projection}-elevation.asc") as opened:
        columns, rows = np.meshgrid(np.arange(opened.width), np.arange(opened.height))
        a, _, left, _, e, top, *_ = opened.transform
        x, y = left + a * (columns + 0.5), top + e * (rows + 0.5)
        lonlat = Transformer.from_crs(NAMES[projection], "EPSG:4269", always_xy=True)
        return opened.read(1).astype(int), *lonlat.transform(x, y)


@pytest.fixture(scope="module")
def made(terrain: Store, shifts: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of both blocks' sets."""
    folder = tmp_path_factory.mktemp("made")
    make(terrain, shifts, folder, WEST_BLOCK, EAST_BLOCK)
    return folder


@pytest.mark.slow
def test_blocks_have_one_limit_of_the_download(
    terrain: Store, shifts: Path, tmp_path: Path
) -> None:
    """Each had it for itself."""
    given: dict[str, Any] = {"products": "slope-deg", "projections": (Projection.ALBERS,)}
    (first,) = make(terrain, shifts, tmp_path / "first", WEST_BLOCK, **given)
    size = first.transfer.received_bytes
    assert size
    with pytest.raises(RequestError, match="have to be fetched after .* before it, and"):
        make(terrain, shifts, tmp_path / "both", WEST_BLOCK, EAST_BLOCK, max_download=size, **given)
    assert [path.name for path in (tmp_path / "both").iterdir()] == [WEST_BLOCK.name]


@pytest.mark.parametrize("projection", Projection)
def test_heights_are_those_of_the_terrain_at_the_pixel_centres(
    made: Path, projection: Projection
) -> None:
    """In whole metres of CGVD28, halves up; void in the hole, and outside the block in Albers."""
    heights, lon, lat = read(made, WEST_BLOCK, projection)
    exact = PLANE(*TO_NATIVE(lon, lat)) + SHIFT + 0.5
    certain = np.abs(exact % 1 - 0.5) < 0.499
    near, far = (shapely.contains_xy(HOLE.buffer(d), lon, lat) for d in (0.001, -0.001))
    west, south, east, north = WEST_BLOCK.sheet.bounds
    inside = (lon >= west) & (lon <= east) & (lat >= south) & (lat <= north)
    if projection is Projection.UTM:
        inside[:] = True
    sure = certain & inside & ~near
    assert sure.sum() > 3_000
    np.testing.assert_array_equal(heights[sure], np.floor(exact)[sure])
    assert far.any()
    assert (heights[far] == ASC_VOID).all()
    assert (heights[~inside] == ASC_VOID).all()


def test_both_projections_have_26_files_and_nothing_else_is_there(made: Path) -> None:
    assert sorted(path.name for path in made.iterdir()) == ["104o", "104p"]
    names = [path.name for path in (made / "104p").iterdir()]
    assert len(names) == 26
    assert all(name.startswith(("104p-utm-", "104p-albers-")) for name in names)


def test_the_dem_has_the_pixels_of_the_grid(made: Path) -> None:
    for projection in Projection:
        heights, *_ = read(made, EAST_BLOCK, projection)
        with rasterio.open(made / "104o" / f"104o-{projection}-elevation.dem") as opened:
            dem = opened.read(1)
            assert opened.nodata == VOID
        np.testing.assert_array_equal(np.where(dem == VOID, ASC_VOID, dem), heights)


def test_neighbours_have_equal_heights_where_they_overlap(made: Path) -> None:
    """In UTM files reach beyond their blocks."""
    grids = []
    for block in (WEST_BLOCK, EAST_BLOCK):
        heights, *_ = read(made, block, Projection.UTM)
        grids.append((block.make_grid(Projection.UTM), heights))
    (west, first), (east, second) = grids
    shared = west.locate(east)
    assert shared is not None
    common = shared.intersection(west.window)
    assert common is not None
    assert common.pixels > 2_000
    within = common.shifted(-shared.column, -shared.row)
    np.testing.assert_array_equal(first[common.slices], second[within.slices])


@pytest.mark.parametrize("projection", Projection)
def test_sets_of_neighbours_are_converted_unchanged(
    made: Path, tmp_path: Path, projection: Projection
) -> None:
    """Elevations of two blocks in both formats are one raster, without an unequal node."""
    files = [
        made / block.name / f"{block.name}-{projection}-elevation.{kind}"
        for block in (WEST_BLOCK, EAST_BLOCK)
        for kind in ("dem", "asc")
    ]
    done = hrdem.legacy_convert(files, output=tmp_path / "both.tif")
    assert done.unequal_nodes == 0
    with rasterio.open(done.output) as merged:
        assert merged.crs.to_string() == NAMES[projection]
        for path in files[1::2]:
            with rasterio.open(path) as grid:
                heights = grid.read(1)
                window = merged.window(*grid.bounds)
                found = merged.read(1, window=window.round_lengths().round_offsets())
            known = heights != ASC_VOID
            np.testing.assert_array_equal(found[known], heights[known])


@pytest.mark.slow
def test_a_set_again_is_equal_to_the_last_byte(made: Path, terrain, shifts, tmp_path: Path) -> None:
    make(terrain, shifts, tmp_path, EAST_BLOCK)
    for path in (tmp_path / "104o").iterdir():
        assert path.read_bytes() == (made / "104o" / path.name).read_bytes()


@pytest.mark.slow
def test_the_source_is_read_once_for_both_projections(
    terrain: Store, shifts: Path, tmp_path: Path
) -> None:
    (name,) = terrain.received
    received = []
    for number, projections in enumerate([ONE, ONE, tuple(Projection)]):  # the first reads a header
        before = terrain.received[name]
        folder = tmp_path / str(number)
        make(terrain, shifts, folder, EAST_BLOCK, products="aspect", projections=projections)
        received.append(terrain.received[name] - before)
    assert received[2] == received[1] > 0


def test_void_is_reported_before_files_and_an_error_leaves_nothing(
    terrain: Store, shifts: Path, tmp_path: Path
) -> None:
    """The first projection is written when the second fails."""
    told: list[BcCoverage] = []

    def note(coverage: BcCoverage) -> None:
        told.append(coverage)
        assert not (tmp_path / "104p").exists()
        if len(told) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make(terrain, shifts, tmp_path, WEST_BLOCK, products="aspect", on_coverage=note)
    assert not list(tmp_path.iterdir())
    utm, albers = told
    assert utm.pixels == WEST_BLOCK.make_grid(Projection.UTM).window.pixels
    share = (HOLE & WEST_BLOCK.polygon).area / WEST_BLOCK.polygon.area
    assert albers.void / albers.pixels == pytest.approx(share, abs=0.02)


def test_a_void_block_is_refused(terrain: Store, shifts: Path, tmp_path: Path) -> None:
    void = Block(Sheet("104P", (-128.045, 59.975, -128.035, 59.98)), 9)
    with pytest.raises(NoDataError, match="Block 104P is void: no source has a height in it"):
        make(terrain, shifts, tmp_path, void, projections=(Projection.ALBERS,))
    assert not list(tmp_path.iterdir())


def test_heights_without_a_shift_are_refused(terrain: Store, tmp_path: Path) -> None:
    east = -129 + 29.5 / 30  # degrees, of the last node
    short = write_grid(tmp_path / "short.tif", np.full((40, 30), 250), transform=AROUND)
    assert EAST_BLOCK.sheet.bounds[0] < east < EAST_BLOCK.sheet.bounds[2]
    with pytest.raises(NoDataError, match=r"short\.tif has no shift .* block 104O"):
        make(terrain, short, tmp_path / "out", EAST_BLOCK, products="aspect")
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.slow
def test_a_lake_has_one_height_in_both_projections_and_blocks(
    terrain: Store, shifts: Path, tmp_path: Path
) -> None:
    """The bottom quartile of its heights at the pixels of BC Albers; the sea is 0."""
    sea = shapely.box(-128.03, 59.97, -127.9, 59.983)
    water = {"lakes": shapely.MultiPolygon([LAKE]), "sea": shapely.MultiPolygon([sea])}
    sets = make(
        terrain, shifts, tmp_path, WEST_BLOCK, EAST_BLOCK, products="elevation.asc", **water
    )
    x, y = np.meshgrid(np.arange(880_000, 890_000, 25), np.arange(1_665_000, 1_675_000, 25))
    lon, lat = Transformer.from_crs(3005, 4269, always_xy=True).transform(x, y)
    inside = shapely.contains_xy(LAKE, lon, lat)
    heights = np.floor(PLANE(*TO_NATIVE(lon[inside], lat[inside])) + SHIFT + 0.5)
    level = np.percentile(heights, 25, method="lower")
    for block in (WEST_BLOCK, EAST_BLOCK):
        west, south, east, north = block.sheet.bounds
        for projection in Projection:
            found, lon, lat = read(tmp_path, block, projection)
            within = (lon > west) & (lon < east) & (lat > south) & (lat < north)
            on_lake = within & shapely.contains_xy(LAKE, lon, lat)
            assert on_lake.any()
            assert (found[on_lake] == level).all()
            on_sea = within & shapely.contains_xy(sea, lon, lat)
            assert on_sea.any()
            assert (found[on_sea] == 0).all()
    assert all(each.lakes and len(each.lakes.heights) == 1 for each in sets)


@pytest.mark.slow
def test_an_existing_set_is_replaced_only_on_request(
    terrain: Store, shifts: Path, tmp_path: Path
) -> None:
    one = {"products": "elevation.asc", "projections": (Projection.ALBERS,)}
    make(terrain, shifts, tmp_path, EAST_BLOCK, **one)
    with pytest.raises(OutputExistsError, match="104o exists"):
        make(REFUSING, shifts, tmp_path, WEST_BLOCK, EAST_BLOCK, **one)
    (made,) = make(
        terrain, shifts, tmp_path, EAST_BLOCK, overwrite=True, **one | {"products": "aspect"}
    )
    assert [path.name for path in made.output.iterdir()] == ["104o-albers-aspect.asc"]


def test_a_dry_run_writes_nothing(terrain: Store, shifts: Path, tmp_path: Path) -> None:
    (made,) = hrdem.legacy_bc(
        nts="104P",
        output=tmp_path / "out",
        dry_run=True,
        collection="30m",
        fill="",
        vertical_grid=shifts,
        no_cache=True,
        http=terrain,
    )
    assert made.output == tmp_path / "out" / "104p"
    assert len(made.files) == 26
    assert made.estimate
    # at most 6 bytes a number in four grids, 3 a pixel in four pictures
    pixels = 4619 * 4493 + 4745 * 4659
    assert made.estimate.output_bytes == 127_707_136 + 136_049_664 + 36 * pixels
    assert made.as_dict()["written"] is False
    assert made.plan.request.aoi.label == "NTS 104P"
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"nts": "82A"}, "lies in UTM zone 12"),
        ({"nts": "31G"}, "outside British Columbia"),
        ({"nts": "104P01"}, "Give the block that it lies in: 104P"),
        ({"nts": "-128.5,59.5"}, "is a point"),
        ({"nts": "104Q"}, "There is no NTS sheet"),
        ({"projection": "lcc"}, "`projection` cannot be 'lcc'"),
        ({"products": "aspekt"}, "Did you mean aspect"),
        ({"lakes": "missing.gpkg"}, "missing.gpkg"),
        ({"max_memory": "100MB"}, "240"),
    ],
)
def test_invalid_requests_are_refused_before_any_work(
    params: dict[str, Any], message: str, shifts: Path, tmp_path: Path
) -> None:
    given = {"nts": "104P", "vertical_grid": shifts, "no_cache": True, **params}
    with pytest.raises(RequestError, match=message):
        hrdem.legacy_bc(**given, output=tmp_path / "out", http=REFUSING)
    assert not (tmp_path / "out").exists()


def test_a_disk_that_is_too_small_is_found_before_any_work(
    shifts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hrdem.jobs.legacy_bc.free_disk_bytes", lambda _: 1_000)
    with pytest.raises(hrdem.OutputError, match="The files of 104O take up to"):
        make(REFUSING, shifts, tmp_path / "out", EAST_BLOCK)
