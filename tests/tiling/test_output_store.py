"""Addresses of output stores."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from hrdem.errors import MissingLibraryError, RequestError
from hrdem.tiling.folder_store import FolderStore
from hrdem.tiling.object_store import ObjectStore
from hrdem.tiling.output_store import open_store


def test_a_path_is_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert open_store("tiles") == FolderStore(tmp_path / "tiles")
    assert open_store(tmp_path).address == str(tmp_path)


@pytest.mark.parametrize("scheme", ["s3", "gs", "az"])
def test_an_address_is_a_prefix_of_a_bucket(scheme: str) -> None:
    assert open_store(f"{scheme}://bucket/tiles/2m/") == ObjectStore(f"{scheme}://bucket/tiles/2m")


@pytest.mark.parametrize(
    "address",
    [
        "s3://",
        "https://bucket.example/tiles",
        "s3://key:secret@bucket/tiles",
        "s3://bucket/tiles?X-Amz-Signature=secret",
        "s3://bucket//tiles",
    ],
)
def test_an_address_with_credentials_or_of_another_kind_is_refused(address: str) -> None:
    with pytest.raises(RequestError, match="credentials are read from the environment") as refused:
        open_store(address)
    assert "secret" not in str(refused.value)


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "hrdem.tiling.object_store", raising=False)
    monkeypatch.setitem(sys.modules, "obstore", None)
    with pytest.raises(MissingLibraryError, match=r"pip install 'hrdem\[cloud\]'"):
        open_store("s3://bucket/tiles")
