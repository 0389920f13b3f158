"""Damaged tiles are found: by their items, and by reading the sources again."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import rasterio

from hrdem.errors import ExitCode, HrdemError, NoDataError, SourceChangedError, TransferError
from hrdem.http.run_context import RunContext
from hrdem.output.check_raster import DescribedRaster
from hrdem.output.publish import StoredFile
from hrdem.tiling.folder_store import FolderStore
from hrdem.tiling.job import Job
from hrdem.tiling.journal import TileState, discard_lost_items, read_journal, read_states
from hrdem.tiling.make_tile import make_tile
from hrdem.tiling.verify_tiles import VerifySummary, verify_tiles
from tests.stores import Store
from tests.tiling.tilings import make_job, publish_relief, write_tiles

NAME = "south-west"


@pytest.fixture
def job(store: Store, tiles: FolderStore) -> Job:
    publish_relief(store)
    job = make_job(store)
    write_tiles(job, tiles, store)
    return job


@pytest.fixture
def tiles(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "tiles")


def verify(job: Job, tiles: FolderStore, http: Store, **how: Any) -> VerifySummary:
    return verify_tiles(job, tiles, RunContext(http), **how)


def edit_item(tiles: FolderStore, edit: Callable[[dict[str, Any]], None]) -> None:
    item = json.loads(tiles.read(f"{NAME}.stac.json"))
    edit(item)
    tiles.write(f"{NAME}.stac.json", json.dumps(item).encode())


def describe_again(item: dict[str, Any], path: Path) -> None:
    """Give an item the size and the checksum of a raster that was changed."""
    stored = StoredFile.of(path)
    item["assets"]["dtm"] |= {"file:size": stored.size, "file:checksum": f"1220{stored.sha256}"}


def get_statistics(item: dict[str, Any]) -> dict[str, Any]:
    return item["assets"]["dtm"]["bands"][0]["statistics"]


@pytest.mark.slow
def test_intact_tiles_are_verified_and_others_counted(
    job: Job, tiles: FolderStore, store: Store
) -> None:
    seen = []
    summary = verify(job, tiles, store, samples=6, on_progress=lambda *each: seen.append(each))
    assert summary == VerifySummary(4, 6, 0, ())
    assert summary.exit_code == 0
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]
    tiles.remove(f"{NAME}.tif")
    tiles.remove(f"{NAME}.stac.json")
    summary = verify(job, tiles, store, samples=0)
    assert (summary.tiles, summary.lacking, summary.exit_code) == (3, 1, ExitCode.INCOMPLETE)


@pytest.mark.slow
def test_each_tile_has_its_layer_of_sources(store: Store, tiles: FolderStore) -> None:
    """A tile without it is not done; a damaged one is named."""
    publish_relief(store)
    job = make_job(store, source_band=True)
    write_tiles(job, tiles, store)
    assert sorted(name for name in tiles.list_names() if name.startswith(NAME)) == [
        f"{NAME}.source.tif", f"{NAME}.source.tif.aux.xml", f"{NAME}.stac.json", f"{NAME}.tif",
    ]  # fmt: skip
    assert verify(job, tiles, store, samples=2).exit_code == 0
    layer = tiles.root / f"{NAME}.source.tif"
    layer.write_bytes(layer.read_bytes() + b"\0")
    (problem,) = verify(job, tiles, store, samples=0).problems
    assert problem.problem.startswith(f"{NAME}.source.tif: It has ")
    layer.unlink()
    assert read_states(job, tiles)[NAME] is TileState.MISSING
    discard_lost_items(job, tiles, read_journal(job, tiles).lost)
    assert make_tile(job, job.tile(NAME), tiles, RunContext(store)).state == "done"
    assert verify(job, tiles, store, samples=0).exit_code == 0


@pytest.mark.slow
def test_each_kind_of_damage_is_named(job: Job, tiles: FolderStore, store: Store) -> None:
    path = tiles.root / f"{NAME}.tif"
    raster, item = path.read_bytes(), tiles.read(f"{NAME}.stac.json")

    def find() -> str:
        (problem,) = verify(job, tiles, store, samples=0).problems
        assert problem.name == NAME
        path.write_bytes(raster)
        tiles.write(f"{NAME}.stac.json", item)
        return problem.problem

    path.write_bytes(raster[:-1])
    assert find() == f"It has {len(raster) - 1:,} bytes, and {len(raster):,} according to its item."
    path.write_bytes(raster[:-1] + bytes([raster[-1] ^ 1]))
    assert find().startswith("Its SHA-256 is ")
    path.write_bytes(b"II*")
    edit_item(tiles, lambda each: describe_again(each, path))
    assert find().startswith("GDAL cannot read it: ")
    with rasterio.open(path, "r+", IGNORE_COG_LAYOUT_BREAK="YES") as dataset:
        dataset.transform = dataset.transform.translation(1, 0)
    edit_item(tiles, lambda each: describe_again(each, path))
    assert find() == "Its grid is not that of the tile."
    for tag in ("valid_percent", "maximum"):
        edit_item(
            tiles,
            lambda each, tag=tag: each["assets"]["dtm"]["bands"][0]["statistics"].update({tag: 1}),
        )
        assert "1" in find().partition("pixel")[2]
    edit_item(tiles, lambda each: each["properties"].update({"hrdem:key": "of an older job"}))
    assert find() == "Its item belongs to another state of the job."
    edit_item(tiles, lambda each: each.pop("assets"))
    assert "not one that hrdem writes" in find()
    tiles.write(f"{NAME}.stac.json", b"{")
    assert "not one that hrdem writes" in find()


def test_a_raster_that_cannot_be_read_is_a_problem_of_its_tile(
    job: Job, tiles: FolderStore, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_file = DescribedRaster.check_file

    def refuse(described: DescribedRaster, path: Path) -> str:
        if path.stem == NAME:
            raise OSError(5, "Input/output error", str(path))
        return check_file(described, path)

    monkeypatch.setattr(DescribedRaster, "check_file", refuse)
    (problem,) = verify(job, tiles, store, samples=0).problems
    assert (problem.name, problem.problem) == (NAME, "It cannot be read: Input/output error.")


@pytest.mark.slow
def test_pixels_of_another_source_are_found(job: Job, tiles: FolderStore, store: Store) -> None:
    """Item and raster agree, and both are wrong."""
    path = tiles.root / f"{NAME}.tif"
    with rasterio.open(path, "r+", IGNORE_COG_LAYOUT_BREAK="YES") as dataset:
        pixels = dataset.read(1)
        valid = pixels != dataset.nodata
        pixels[valid] = pixels[valid][::-1]
        dataset.write(pixels, 1)
    edit_item(tiles, lambda item: describe_again(item, path))
    summary = verify(job, tiles, store, samples=8)
    assert {problem.name for problem in summary.problems} == {NAME}
    assert "not those of the source" in summary.problems[0].problem
    assert summary.exit_code == 3
    assert verify(job, tiles, store, samples=8) == summary
    assert verify(job, tiles, store, samples=8, seed=1) != summary


@pytest.mark.slow
def test_sources_that_cannot_be_compared_are_no_damage(
    job: Job, tiles: FolderStore, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The files were compared with their items: what is wrong with them is reported."""
    errors = {SourceChangedError: (0, 3, ""), TransferError: (0, 0, "No source today.")}
    for error, (windows, republished, unread) in errors.items():

        def refuse(*_: object, error: type[HrdemError] = error, **__: object) -> None:
            raise error("No source today.")

        monkeypatch.setattr(store, "read_range", refuse)
        summary = verify(job, tiles, store, samples=3)
        assert summary == VerifySummary(4, windows, republished, (), unread)
        assert summary.exit_code == (5 if unread else 0)
    edit_item(tiles, lambda each: each["properties"].update({"hrdem:key": "of an older job"}))
    assert verify(job, tiles, store, samples=3).exit_code == 3


def test_nothing_to_verify_is_said(tiles: FolderStore, store: Store) -> None:
    publish_relief(store)
    with pytest.raises(NoDataError, match="no finished tile"):
        verify(make_job(store), tiles, store)
