"""The files in a store tell which tiles are done; an update removes what is no longer so."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from hrdem.geo.grid import Window
from hrdem.request.options import Compression, Format
from hrdem.tiling.failures import Failure, write_failures
from hrdem.tiling.folder_store import FolderStore
from hrdem.tiling.job import Job, JobOptions
from hrdem.tiling.journal import (
    TileState,
    commit_item,
    create_job,
    discard_lost_items,
    read_states,
    replace_job,
)
from tests.tiling.tilings import plan_tile

NAMES = ("changed", "committed", "orphan", "refused", "removed", "republished", "sea", "water")
RASTER, NO_RASTER = {"assets": {"dtm": {}}}, {"assets": {}}


@pytest.fixture
def job() -> Job:
    tiles = tuple(
        plan_tile(name, Window(0, 0, 9, 9), () if name == "sea" else (0,)) for name in NAMES
    )
    return Job(
        object(), "50km", JobOptions(Format.COG, Compression.LZW, None, 0), tiles, "", "", "1"
    )


@pytest.fixture
def store(job: Job, tmp_path: Path) -> FolderStore:
    """What a run leaves that was killed, and a user who removed a raster."""
    store = FolderStore(tmp_path / "tiles")
    create_job(store, b"the job")
    for name in ("changed", "committed", "orphan"):
        store.write(f"{name}.tif", b"raster")
    for name in ("changed", "committed", "removed"):
        commit_item(store, name, RASTER)
    commit_item(store, "water", NO_RASTER)
    failures = {
        "committed": Failure("failed", "TransferError", "made since", "", 3),
        "refused": Failure("failed", "ServerError", "503", "", 3),
        "republished": Failure("stale", "SourceChangedError", "new", "https://x.example", 1),
    }
    write_failures(store, job.sha256, failures)
    return store


def test_states_follow_from_the_files(job: Job, store: FolderStore) -> None:
    assert read_states(job, store) == {
        "changed": TileState.DONE,
        "committed": TileState.DONE,
        "orphan": TileState.MISSING,
        "refused": TileState.FAILED,
        "removed": TileState.MISSING,
        "republished": TileState.STALE,
        "sea": TileState.EMPTY,
        "water": TileState.EMPTY,
    }


def test_only_the_first_item_commits(store: FolderStore) -> None:
    assert commit_item(store, "orphan", RASTER)
    assert not commit_item(store, "orphan", NO_RASTER)


def test_a_job_is_not_replaced_by_another_command(store: FolderStore) -> None:
    assert create_job(store, b"the job")
    assert not create_job(store, b"another job")
    assert store.read("job.json") == b"the job"


def test_a_removed_raster_can_be_made_again(job: Job, store: FolderStore) -> None:
    before = store.list_names()
    assert discard_lost_items(job, store) == store.list_names()
    assert before.keys() - store.list_names().keys() == {"removed.stac.json"}
    assert commit_item(store, "removed", RASTER)
    assert not commit_item(store, "water", RASTER)


def test_an_update_keeps_the_tiles_that_would_be_the_same(job: Job, store: FolderStore) -> None:
    tiles = [
        replace(tile, key="new" if tile.name in ("changed", "water") else tile.key)
        for tile in job.tiles
        if tile.name != "orphan"
    ]
    new = replace(job, tiles=tuple(tiles), sha256="2")
    replace_job(store, job, new, b"the new job")
    assert store.read("job.json") == b"the new job"
    states = read_states(new, store)
    made_again = {name for name, state in states.items() if state is TileState.MISSING}
    assert made_again == {"changed", "refused", "removed", "republished", "water"}
    assert states["committed"] is TileState.DONE
    names = store.list_names()
    assert "changed.tif" in names  # until it is replaced
    assert "orphan.tif" not in names


def test_an_update_that_is_cut_off_leaves_no_false_tile(
    job: Job, store: FolderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(FolderStore, "write", fail)
    changed = tuple(replace(tile, key="new") for tile in job.tiles)
    with pytest.raises(KeyboardInterrupt):
        replace_job(store, job, replace(job, tiles=changed, sha256="2"), b"the new job")
    assert store.read("job.json") == b"the job"
    assert TileState.DONE not in read_states(job, store).values()
