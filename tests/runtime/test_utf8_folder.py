"""GDAL opens files in folders whose names rasterio cannot pass on."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest
import rasterio

from hrdem.errors import OutputError
from hrdem.runtime.utf8_folder import has_utf8_name, utf8_folder

NAMES_OF_POSIX = ["zip:x", "file:x", "a?b"] if os.name == "posix" else []
BYTES = os.fsdecode(b"caf\xe9") if sys.platform == "linux" else "café"


@pytest.mark.parametrize("name", [BYTES, "a#b=%41", *NAMES_OF_POSIX])
def test_gdal_opens_files_of_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The folder is removed without what is in it, if it is a link."""
    monkeypatch.chdir(tmp_path)
    Path(name).mkdir()
    with utf8_folder(Path(name)) as folder:
        profile = {"width": 1, "height": 1, "count": 1, "dtype": "uint8"}
        transform = rasterio.Affine(1, 0, 5, 0, -1, 5)
        with rasterio.open(folder / "a.tif", "w", **profile, transform=transform) as file:
            file.write(np.uint8([[[7]]]))
        with rasterio.open(folder / "a.tif") as file:
            assert file.read().tolist() == [[[7]]]
    assert [path.name for path in Path(name).iterdir()] == ["a.tif"]


def test_name_in_the_encoding_of_an_old_locale_is_not_utf8(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert has_utf8_name(tmp_path / "é")
    assert not has_utf8_name(tmp_path / "\udce9")
    monkeypatch.setattr(os, "fsencode", lambda text: text.encode("latin-1"))
    assert not has_utf8_name(tmp_path / "é")
    assert has_utf8_name(tmp_path / "e")


@pytest.mark.skipif(sys.platform != "linux", reason="names are text")
def test_temporary_folder_without_utf8_is_no_help(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / BYTES
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    with pytest.raises(OutputError, match="or set TMPDIR"), utf8_folder(folder):
        pass
