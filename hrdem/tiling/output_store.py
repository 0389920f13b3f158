"""Output stores: the folder or the bucket that holds the files of a job."""

from __future__ import annotations

import os
import re
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from hrdem.errors import MissingLibraryError, RequestError
from hrdem.runtime.redaction import redact_secrets
from hrdem.tiling.folder_store import FolderStore

JOB_NAME = "job.json"
RASTER_SUFFIX, ITEM_SUFFIX = ".tif", ".stac.json"

_SCHEMES = {"s3", "gs", "az"}
_URL = re.compile(r"(?P<scheme>[a-zA-Z][a-zA-Z0-9+.-]+)://(?P<path>.*)", re.DOTALL)
_BUCKET_AND_PREFIX = re.compile(r"[\w.-]+(/[^/?#\s]+)*", re.ASCII)


class OutputStore(Protocol):
    """Files in one flat folder, or under one prefix of a bucket; it can be pickled.

    Files appear under their names when they are complete, and in no other state.
    """

    @property
    def address(self) -> str:
        """Where it is, without credentials; `open_store` opens the same store by it."""

    def list_names(self) -> dict[str, int]:
        """Return the size in bytes of each file by its name, from one listing."""

    def read(self, name: str, max_bytes: int | None = None) -> bytes | None:
        """Return the content of a small file, or its beginning; None if there is no such file."""

    def write(self, name: str, content: bytes, *, if_absent: bool = False) -> bool:
        """Write a small file.

        Args:
            name: Name of the file.
            content: Its content, which is not empty.
            if_absent: Whether a file of that name stays as it is.

        Returns:
            Whether the store holds this content now.
        """

    def remove(self, name: str) -> None:
        """Remove a file, if there is one of that name."""

    def write_file(self, name: str, *beside: str) -> AbstractContextManager[Path]:
        """Yield the path of a local file to create; it is stored when the context ends.

        So are files beside it, before it. They replace files of their names. If the context raises
        an error, nothing is stored.

        Args:
            name: Name of the file.
            *beside: Names of further files to create in its folder.
        """

    def read_file(self, name: str) -> AbstractContextManager[Path]:
        """Yield the path of a local file with the content of a file that exists."""


def open_store(output: str | os.PathLike[str]) -> OutputStore:
    """Open the store at a path or at an address; nothing is read or written yet.

    Args:
        output: A folder, or ``s3://bucket/prefix``, ``gs://bucket/prefix`` or
            ``az://container/prefix``.

    Raises:
        RequestError: If it is no such address, or contains credentials.
        MissingLibraryError: If it is an address, and obstore is not installed.
    """
    text = os.fspath(output)
    parts = _URL.fullmatch(text)
    if parts is None:
        return FolderStore(Path(text).absolute())
    scheme, path = parts["scheme"].lower(), parts["path"].rstrip("/")
    if scheme not in _SCHEMES or not _BUCKET_AND_PREFIX.fullmatch(path):
        raise RequestError(
            f"Tiles cannot be written to {redact_secrets(text)}. Give a folder as `output`, or an "
            "address such as s3://bucket/prefix, gs://bucket/prefix or az://container/prefix; "
            "credentials are read from the environment."
        )
    try:
        from hrdem.tiling.object_store import ObjectStore  # noqa: PLC0415 (obstore is optional)
    except ModuleNotFoundError as exc:
        raise MissingLibraryError(
            f"Writing to {text} needs obstore, which is not installed: pip install "
            "'hrdem[cloud]'. A folder works without it.",
            name=exc.name,
        ) from exc
    return ObjectStore(f"{scheme}://{path}")
