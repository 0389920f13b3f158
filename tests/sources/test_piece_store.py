"""Test pieces on the local disk: lookup, keys and removal."""

from __future__ import annotations

import os
import time
from pathlib import Path

from hrdem.geo.grid import Window
from hrdem.http.cache.store import Cache
from hrdem.sources.wcs.piece_store import PieceStore

FIRST, SECOND = Window(0, 0, 100, 50), Window(100, 0, 100, 50)


def add(pieces: PieceStore, window: Window) -> None:
    room = pieces.make_partial_path(window)
    room.write_bytes(b"II*\0")
    pieces.add(window, room)


def test_next_run_finds_pieces(tmp_path: Path) -> None:
    pieces = PieceStore(tmp_path, "a coverage")
    assert pieces.list_windows() == []
    add(pieces, SECOND)
    add(pieces, FIRST)
    again = PieceStore(tmp_path, "a coverage")
    assert sorted(again.list_windows(), key=lambda window: window.column) == [FIRST, SECOND]
    assert again.get_path(FIRST).read_bytes() == b"II*\0"


def test_identity_separates_pieces(tmp_path: Path) -> None:
    add(PieceStore(tmp_path, "a coverage"), FIRST)
    assert PieceStore(tmp_path, "another").list_windows() == []


def test_overlapping_pieces(tmp_path: Path) -> None:
    """As written by two concurrent runs."""
    pieces = PieceStore(tmp_path, "a coverage")
    add(pieces, Window(0, 0, 100, 100))
    add(pieces, Window(50, 50, 100, 100))
    add(pieces, Window(0, 100, 50, 50))
    assert set(pieces.list_windows()) == {Window(0, 0, 100, 100), Window(0, 100, 50, 50)}


def test_old_pieces_without_sweep(tmp_path: Path) -> None:
    """Old pieces are used offline, because newer ones are unavailable."""
    pieces = PieceStore(tmp_path, "a coverage")
    add(pieces, FIRST)
    os.utime(pieces.get_path(FIRST), (0, 0))
    assert pieces.list_windows(sweep=False) == [FIRST]
    assert pieces.list_windows() == []


def test_other_files_are_no_pieces(tmp_path: Path) -> None:
    pieces = PieceStore(tmp_path, "a coverage")
    pieces.make_partial_path(FIRST).write_bytes(b"II")
    pieces.get_path(FIRST).with_name("notes.tif").write_bytes(b"")
    pieces.get_path(FIRST).with_name("0_0_0.tif").write_bytes(b"")
    assert pieces.list_windows() == []


def test_sweep_removes_old_pieces(tmp_path: Path) -> None:
    old, new = PieceStore(tmp_path, "an area"), PieceStore(tmp_path, "another")
    add(old, FIRST)
    add(old, SECOND)
    yesterday = time.time() - 25 * 3600
    os.utime(old.get_path(FIRST), (yesterday, yesterday))
    assert new.list_windows() == []
    assert old.list_windows() == [SECOND]
    os.utime(old.get_path(SECOND), (yesterday, yesterday))
    assert new.list_windows() == []
    assert list((tmp_path / "wcs").iterdir()) == []


def test_sweep_leaves_foreign_files(tmp_path: Path) -> None:
    theirs = tmp_path / "wcs" / "my-project" / "thesis.tif"
    ours = PieceStore(tmp_path, "a coverage")
    add(ours, FIRST)
    beside = ours.get_path(FIRST).with_name("notes.txt")
    theirs.parent.mkdir(parents=True)
    for path in (theirs, beside):
        path.write_text("of years")
        os.utime(path, (0, 0))
    ours.list_windows()
    assert theirs.exists()
    assert beside.exists()


def test_touched_piece_is_not_swept(tmp_path: Path) -> None:
    """A piece in use by one run is not removed by another."""
    pieces = PieceStore(tmp_path, "a coverage")
    add(pieces, FIRST)
    nearly = time.time() - 23.9 * 3600
    os.utime(pieces.get_path(FIRST), (nearly, nearly))
    pieces.touch(FIRST)
    assert time.time() - pieces.get_path(FIRST).stat().st_mtime < 60


def test_locked_pieces_survive_cache_clear(tmp_path: Path) -> None:
    pieces, cache = PieceStore(tmp_path, "a coverage"), Cache(tmp_path, limit=0)
    add(pieces, FIRST)
    held = pieces.lock()
    assert held is not None
    assert cache.info().entries[0].in_use
    cache.prune()
    cache.clear()
    assert pieces.list_windows() == [FIRST]
    held.close()
    cache.prune()
    assert pieces.list_windows() == []
    assert not list((tmp_path / "wcs").iterdir())
