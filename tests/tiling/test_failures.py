"""The record of failed tiles: one of each part, and none of another job."""

from __future__ import annotations

from pathlib import Path

import pytest

from hrdem.errors import OutputError
from hrdem.tiling.failures import Failure, read_failures, write_failures
from hrdem.tiling.output_store import open_store

LOST = Failure("failed", "TransferError", "The line is cut.", "", 3)
CHANGED = Failure("stale", "SourceChangedError", "It changed.", "https://store.example/a.tif", 1)


def test_records_of_parts_are_read_together(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    write_failures(store, "a" * 64, {"x": LOST})
    write_failures(store, "a" * 64, {"y": CHANGED}, part=(3, 40))
    write_failures(store, "b" * 64, {"z": LOST}, part=(4, 40))  # of a job that was replaced
    store.write("failed-bay.stac.json", b"{}")  # the item of a tile
    listed = store.list_names()
    assert "failed-3-of-40.json" in listed
    assert read_failures(store, "a" * 64, listed) == {"x": LOST, "y": CHANGED}


def test_a_record_without_failures_is_removed(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    write_failures(store, "a" * 64, {"x": LOST})
    write_failures(store, "a" * 64, {})
    assert store.list_names() == {}


def test_the_later_of_two_records_of_a_tile_counts(tmp_path: Path) -> None:
    """The one that the system listed last did."""
    store = open_store(tmp_path)
    write_failures(store, "a" * 64, {"x": CHANGED})
    write_failures(store, "a" * 64, {"x": LOST}, part=(1, 2))
    for names in (listed := store.list_names(), dict(reversed(listed.items()))):
        assert read_failures(store, "a" * 64, names) == {"x": LOST}
    write_failures(store, "a" * 64, {"x": CHANGED})
    assert read_failures(store, "a" * 64, store.list_names()) == {"x": CHANGED}
    write_failures(store, "a" * 64, {}, part=None)
    assert store.list_names() == {}


def test_a_record_that_is_none_is_named(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.write("failed.json", b'{"job": "a", "tiles": {"x": {"why": "?"}}}')
    with pytest.raises(OutputError, match=r"failed\.json is not a record of hrdem"):
        read_failures(store, "a", store.list_names())
