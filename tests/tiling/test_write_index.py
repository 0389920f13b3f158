"""Indexes of tiles, opened by the libraries that users open them with."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pystac
import pytest
import rasterio

from hrdem.errors import MissingLibraryError, NoDataError
from hrdem.geo.grid import Grid, Pixels, Window
from hrdem.http.run_context import RunContext
from hrdem.jobs.extract import run_plan
from hrdem.output.plan_writer import OutputOptions
from hrdem.tiling.folder_store import FolderStore
from hrdem.tiling.index.tile_index import TILE_INDEX_NAME, write_tile_index
from hrdem.tiling.index.vrt import MAX_VRT_TILES, VRT_NAME
from hrdem.tiling.index.write_index import write_index
from hrdem.tiling.job import Job
from hrdem.tiling.journal import TileState, read_states
from tests.stores import Store
from tests.tiling.tilings import make_job, plan_tile, publish_relief, write_tiles

TURNED = (
    "+proj=omerc +lat_0=60 +lonc=-75 +alpha=30 +gamma=20 +k=1 +x_0=0 +y_0=0 +datum=NAD83 +units=m"
)


@pytest.fixture
def tiles(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "tiles")


def index(job: Job, tiles: FolderStore, *, parquet: bool = False) -> tuple[str, ...]:
    return write_index(job, tiles, read_states(job, tiles), parquet=parquet).names


def read_whole(job: Job, http: Store, folder: Path) -> tuple[dict, list[Pixels]]:
    """Return profile and bands of the whole as one file."""
    run_plan(job.plan, RunContext(http), OutputOptions(folder / "whole.tif", overwrite=True))
    return read_bands(folder / "whole.tif")


def read_bands(path: Path) -> tuple[dict, list[Pixels]]:
    with rasterio.open(path) as dataset:
        profile = {
            name: dataset.profile[name]
            for name in ("width", "height", "count", "dtype", "nodata", "crs", "transform")
        }
        return profile, list(dataset.read())


@pytest.mark.slow
@pytest.mark.parametrize(
    "params",
    [
        {},
        {"crs": "EPSG:2959", "resolution": 2.5, "source_band": True, "vertical_crs": True},
        pytest.param({"crs": TURNED, "resolution": 3}, marks=pytest.mark.long),
        pytest.param({"product": "dtm-hillshade"}, marks=pytest.mark.long),
    ],
)
def test_the_tiles_open_as_one_raster(
    store: Store, tiles: FolderStore, tmp_path: Path, params: dict
) -> None:
    publish_relief(store)
    job = make_job(store, **params)
    write_tiles(job, tiles, store)
    assert index(job, tiles) == ("collection.json", "index.gti.gpkg", "mosaic.vrt")
    profile, expected = read_whole(job, store, tmp_path)
    for name in (TILE_INDEX_NAME, VRT_NAME):
        opened, bands = read_bands(tiles.root / name)
        assert opened == profile
        np.testing.assert_array_equal(bands[0], expected[0])


@pytest.mark.slow
def test_both_indexes_name_the_vertical_datum(store: Store, tiles: FolderStore) -> None:
    """Their CRS does not, by default."""
    publish_relief(store)
    job = make_job(store)
    write_tiles(job, tiles, store)
    index(job, tiles)
    for name in (TILE_INDEX_NAME, VRT_NAME):
        with rasterio.open(tiles.root / name) as dataset:
            assert dataset.crs.to_epsg() == 3979
            assert dataset.tags()["HRDEM_VERTICAL_DATUM"] == "CGVD2013"
            assert dataset.units == ("metre",)
    with rasterio.open(tiles.root / VRT_NAME) as dataset:
        assert dataset.descriptions == ("dtm, height above CGVD2013",)


@pytest.mark.slow
def test_the_collection_leads_to_every_item(store: Store, tiles: FolderStore) -> None:
    publish_relief(store)
    job = make_job(store)
    write_tiles(job, tiles, store)
    index(job, tiles)
    collection = pystac.Collection.from_file(str(tiles.root / "collection.json"))
    items = list(collection.get_items())
    assert {item.id for item in items} == {tile.name for tile in job.tiles if not tile.is_empty}
    for item in items:
        assert item.get_collection().id == item.collection_id == collection.id
        assert Path(unquote(item.assets["dtm"].get_absolute_href())).exists()
        west, south, east, north = collection.extent.spatial.bboxes[0]
        left, bottom, right, top = item.bbox
        assert west < right
        assert left < east
        assert south < top
        assert bottom < north
    years = [date.year for date in collection.extent.temporal.intervals[0]]
    assert years == [2020, 2021]
    assert b'"href": "/' not in tiles.read("collection.json")


@pytest.mark.slow
def test_tiles_that_are_not_done_are_in_no_index(store: Store, tiles: FolderStore) -> None:
    publish_relief(store)
    job = make_job(store)
    with pytest.raises(NoDataError, match="no finished tile"):
        index(job, tiles)
    write_tiles(job, tiles, store)
    tiles.remove("north-west.stac.json")
    index(job, tiles)
    for name in ("collection.json", VRT_NAME, TILE_INDEX_NAME):
        content = tiles.read(name)
        assert b"south-west" in content
        assert b"north-west" not in content


@pytest.mark.slow
def test_a_tile_index_of_16_000_tiles_opens_none_of_them(store: Store, tmp_path: Path) -> None:
    """There is not one of these files: GDAL takes all that it needs from the index."""
    publish_relief(store)
    job = many_tiles(make_job(store), 16_000)
    write_tile_index(job, job.tiles, tmp_path / TILE_INDEX_NAME)
    with rasterio.open(tmp_path / TILE_INDEX_NAME) as dataset:
        assert dataset.shape == (160_000, 100_000)
        assert dataset.crs == job.plan.grid.crs
        assert dataset.units == ("metre",)


def many_tiles(job: Job, count: int) -> Job:
    """Return a job of many tiles of 1,000 pixels, 100 in a row."""
    places = [divmod(number, 100) for number in range(count)]
    tiles = tuple(
        plan_tile(f"{row}_{column}", Window(1000 * column, 1000 * row, 1000, 1000), (0,))
        for row, column in places
    )
    grid = Grid(job.plan.grid.crs, job.plan.grid.transform, 100_000, 1000 * (count // 100))
    return replace(job, plan=replace(job.plan, grid=grid, whole=grid), tiles=tiles)


@pytest.mark.slow
def test_there_is_no_vrt_of_too_many_tiles(store: Store, tiles: FolderStore) -> None:
    publish_relief(store)
    job = many_tiles(make_job(store), MAX_VRT_TILES + 100)
    tiles.write(VRT_NAME, b"of fewer tiles")
    states = dict.fromkeys((tile.name for tile in job.tiles), TileState.DONE)
    assert VRT_NAME not in write_index(job, tiles, states).names
    assert tiles.read(VRT_NAME) is None


@pytest.mark.slow
def test_a_table_has_all_items(store: Store, tiles: FolderStore) -> None:
    import geopandas

    pytest.importorskip("pyarrow", exc_type=ImportError)  # it needs numpy 2
    publish_relief(store)
    job = make_job(store)
    write_tiles(job, tiles, store)
    assert index(job, tiles, parquet=True)[-1] == "items.parquet"
    table = geopandas.read_parquet(tiles.root / "items.parquet")
    assert sorted(table["id"]) == [tile.name for tile in job.tiles if not tile.is_empty]
    item = json.loads(tiles.read("north-west.stac.json"))
    row = table[table["id"] == "north-west"].iloc[0]
    assert row.geometry.bounds == pytest.approx(item["bbox"])
    assert row["assets"]["dtm"]["file:size"] == item["assets"]["dtm"]["file:size"]


def test_a_missing_library_is_named_before_anything_is_written(
    store: Store, tiles: FolderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_relief(store)
    monkeypatch.setitem(sys.modules, "stac_geoparquet", None)
    with pytest.raises(MissingLibraryError, match=r"pip install 'hrdem\[parquet\]'"):
        write_index(make_job(store), tiles, {}, parquet=True)
    assert tiles.list_names() == {}
