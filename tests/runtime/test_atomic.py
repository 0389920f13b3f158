"""Files appear whole: they are on the disk before they have their names."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hrdem.runtime.atomic import publish


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_file_is_flushed_before_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, overwrite: bool
) -> None:
    """After a power failure a name has a whole file, the old one or the new one, or none."""
    finished, output = tmp_path / "finished", tmp_path / "output"
    finished.write_text("new")
    if overwrite:
        output.write_text("old")
    number, flushed = finished.stat().st_ino, []

    def record(descriptor: int, sync=os.fsync) -> None:
        sync(descriptor)
        if os.fstat(descriptor).st_ino == number:
            flushed.append(output.read_text() if output.exists() else None)

    monkeypatch.setattr(os, "fsync", record)
    publish(finished, output, overwrite)
    assert flushed == ["old" if overwrite else None]
    assert output.read_text() == "new"
    assert not finished.exists()
