"""Reads and writes at positions, with the calls of POSIX and without."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hrdem.runtime.file_io import (
    HAS_SPARSE_FILES,
    allocated_bytes,
    open_descriptor,
    read_at,
    write_at,
)


@pytest.fixture(params=["pread", "seek"])
def calls(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "seek":
        monkeypatch.delattr(os, "pread", raising=False)
        monkeypatch.delattr(os, "pwrite", raising=False)


@pytest.mark.usefixtures("calls")
def test_bytes_are_written_and_read_at_positions(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"0123456789\r\n\x1a")
    descriptor = open_descriptor(path, os.O_RDWR)
    write_at(descriptor, memoryview(b"ab"), 4)
    write_at(descriptor, b"\n", 1)
    assert read_at(descriptor, 4, 3) == b"3ab6"
    assert read_at(descriptor, 100, 9) == b"9\r\n\x1a"
    assert read_at(descriptor, 100, 1_000) == b""
    os.close(descriptor)
    assert path.read_bytes() == b"0\n23ab6789\r\n\x1a"


def test_a_short_write_continues(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk, or a signal, may let a part through."""
    path = tmp_path / "a"
    path.touch()
    name = "pwrite" if hasattr(os, "pwrite") else "write"
    whole = getattr(os, name)
    monkeypatch.setattr(
        os, name, lambda descriptor, content, *at: whole(descriptor, content[:3], *at)
    )
    descriptor = open_descriptor(path, os.O_WRONLY)
    write_at(descriptor, b"0123456789", 5)
    os.close(descriptor)
    assert path.read_bytes() == bytes(5) + b"0123456789"


def test_holes_take_no_space(tmp_path: Path) -> None:
    path = tmp_path / "a"
    with path.open("wb") as file:
        file.seek(10_000_000)
        file.write(b"\0")
    assert (allocated_bytes(path) < 1_000_000) == HAS_SPARSE_FILES
    with pytest.raises(FileNotFoundError):
        allocated_bytes(tmp_path / "b")
