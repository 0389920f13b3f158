"""The files in a store tell which tiles are done; an update removes what is no longer so."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from hrdem.errors import RequestError
from hrdem.geo.grid import Window
from hrdem.request.options import Compression, Format
from hrdem.tiling.failures import Failure, write_failures
from hrdem.tiling.folder_store import FolderStore
from hrdem.tiling.job import Job, JobOptions
from hrdem.tiling.job_file import format_hash
from hrdem.tiling.journal import (
    TileState,
    commit_item,
    create_job,
    discard_lost_items,
    read_journal,
    read_states,
    replace_job,
)
from tests.tiling.tilings import plan_tile

NAMES = ("changed", "committed", "orphan", "refused", "removed", "republished", "sea", "water")
THE_JOB, THE_NEW_JOB = format_hash("1"), format_hash("2")
RASTER, NO_RASTER = {"assets": {"dtm": {}}}, {"assets": {}}


@pytest.fixture
def job() -> Job:
    tiles = tuple(
        plan_tile(name, Window(0, 0, 9, 9), () if name == "sea" else (0,)) for name in NAMES
    )
    plan = SimpleNamespace(request=SimpleNamespace(source_layers=("source",)))
    return Job(
        plan, "50km", JobOptions(Format.COG, Compression.LZW, None, 0), tiles, (), "", "", "1"
    )


@pytest.fixture
def store(job: Job, tmp_path: Path) -> FolderStore:
    """What a run leaves that was killed, and a user who removed a layer."""
    store = FolderStore(tmp_path / "tiles")
    create_job(store, THE_JOB)
    for name in ("changed", "committed", "orphan"):
        store.write(f"{name}.tif", b"raster")
        store.write(f"{name}.source.tif", b"layer")
    for name in ("changed", "committed", "removed"):
        commit_item(job, store, name, RASTER)
    store.write("removed.tif", b"raster")
    commit_item(job, store, "water", NO_RASTER)
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


def test_only_the_first_item_commits(job: Job, store: FolderStore) -> None:
    assert commit_item(job, store, "orphan", RASTER)
    assert not commit_item(job, store, "orphan", NO_RASTER)


def test_a_job_is_not_replaced_by_another_command(store: FolderStore) -> None:
    assert create_job(store, THE_JOB)
    assert not create_job(store, b"another job")
    assert store.read("job.json") == THE_JOB


def test_a_removed_raster_can_be_made_again(job: Job, store: FolderStore) -> None:
    before = store.list_names()
    discard_lost_items(job, store, read_journal(job, store).lost)
    assert before.keys() - store.list_names().keys() == {"removed.stac.json"}
    assert commit_item(job, store, "removed", RASTER)
    assert not commit_item(job, store, "water", RASTER)


def test_a_tile_that_is_committed_during_a_listing_is_kept(
    job: Job, store: FolderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    list_names = FolderStore.list_names

    def list_late(self: FolderStore) -> dict[str, int]:
        """Its raster was written behind the point that the listing had reached."""
        monkeypatch.setattr(FolderStore, "list_names", list_names)
        names = list_names(self)
        del names["committed.tif"]
        return names

    monkeypatch.setattr(FolderStore, "list_names", list_late)
    lost = read_journal(job, store).lost
    assert lost == ("committed", "removed")
    discard_lost_items(job, store, lost)
    assert {"committed.tif", "committed.stac.json"} <= store.list_names().keys()


def test_an_update_keeps_the_tiles_that_would_be_the_same(job: Job, store: FolderStore) -> None:
    tiles = [
        replace(tile, key="new" if tile.name in ("changed", "water") else tile.key)
        for tile in job.tiles
        if tile.name != "orphan"
    ]
    new = replace(job, tiles=tuple(tiles), sha256="2")
    replace_job(store, job, new, THE_NEW_JOB)
    assert store.read("job.json") == THE_NEW_JOB
    states = read_states(new, store)
    made_again = {name for name, state in states.items() if state is TileState.MISSING}
    assert made_again == {"changed", "refused", "removed", "republished", "water"}
    assert states["committed"] is TileState.DONE
    names = store.list_names()
    assert "changed.tif" in names  # until it is replaced
    assert not {"orphan.tif", "orphan.source.tif"} & names.keys()


def test_an_update_without_layers_leaves_none_beside_the_new_tiles(
    job: Job, store: FolderStore
) -> None:
    """They stayed there, of the pixels before."""
    tiles = tuple(replace(tile, key="new") for tile in job.tiles)
    plan = SimpleNamespace(request=SimpleNamespace(source_layers=()))
    replace_job(store, job, replace(job, plan=plan, tiles=tiles, sha256="2"), THE_NEW_JOB)
    left = store.list_names().keys()
    assert "changed.tif" in left  # until it is replaced
    assert not {name for name in left if name.endswith(".source.tif")}


def test_an_update_that_is_cut_off_leaves_no_false_tile(
    job: Job, store: FolderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(FolderStore, "write", fail)
    changed = tuple(replace(tile, key="new") for tile in job.tiles)
    with pytest.raises(KeyboardInterrupt):
        replace_job(store, job, replace(job, tiles=changed, sha256="2"), THE_NEW_JOB)
    assert store.read("job.json") == THE_JOB
    assert TileState.DONE not in read_states(job, store).values()


def test_a_worker_of_a_replaced_job_commits_nothing(job: Job, store: FolderStore) -> None:
    """It took its tile before the update, and ends after it."""
    replace_job(store, job, replace(job, sha256="2"), THE_NEW_JOB)
    with pytest.raises(RequestError, match="replaced by another one"):
        commit_item(job, store, "orphan", RASTER)
    assert "orphan.stac.json" not in store.list_names()


def test_a_tile_that_is_committed_during_an_update_is_removed(
    job: Job, store: FolderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = FolderStore.write

    def commit_before(self: FolderStore, name: str, content: bytes) -> bool:
        monkeypatch.setattr(FolderStore, "write", write)
        assert commit_item(job, store, "orphan", RASTER)
        return write(self, name, content)

    monkeypatch.setattr(FolderStore, "write", commit_before)
    changed = tuple(replace(tile, key="new") for tile in job.tiles)
    new = replace(job, tiles=changed, sha256="2")
    replace_job(store, job, new, THE_NEW_JOB)
    assert TileState.DONE not in read_states(new, store).values()
