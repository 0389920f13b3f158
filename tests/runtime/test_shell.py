"""Commands in messages can be pasted into the shell of the system."""

from __future__ import annotations

import pytest

from hrdem.runtime import shell


@pytest.mark.parametrize(
    ("system", "command"),
    [
        ("posix", "gdal_translate 'my data/a.tif' b.tif"),
        ("nt", 'gdal_translate "my data/a.tif" b.tif'),
    ],
)
def test_words_with_blanks_are_quoted(
    monkeypatch: pytest.MonkeyPatch, system: str, command: str
) -> None:
    monkeypatch.setattr(shell.os, "name", system)
    words = ["gdal_translate", "my data/a.tif", "b.tif"]
    joined = shell.join_command(words)
    monkeypatch.undo()  # pytest itself asks for it
    assert joined == command
