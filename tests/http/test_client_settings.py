"""What the clients of one call share."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from hrdem.errors import OutputError
from hrdem.http.client_settings import ClientSettings


def test_a_folder_for_temporary_files_that_cannot_be_written_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Workers of a job without a cache ended, and scripts were advised to guard their main part."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    settings = ClientSettings(no_cache=True)
    with (
        pytest.raises(OutputError, match=r"^No folder for temporary files .* Set TMPDIR"),
        settings.data_dir(),
    ):
        pass
