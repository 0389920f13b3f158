"""Folders under a name in UTF-8: rasterio and pyogrio pass names to GDAL in no other encoding."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hrdem.errors import OutputError


def has_utf8_name(path: Path) -> bool:
    """Whether GDAL finds a file under the text of its path, which the system may encode otherwise.

    Bytes that are no text, as in names that another system wrote, are surrogates in Python.
    """
    text = os.fspath(path.absolute())
    try:
        return text.encode() == os.fsencode(text)
    except UnicodeEncodeError:
        return False


@contextmanager
def utf8_folder(folder: Path) -> Iterator[Path]:
    """Yield a path of a folder that GDAL finds: its absolute one, or a temporary link to it.

    rasterio takes the start of a relative path, such as ``zip:``, for the scheme of an address.

    Raises:
        OutputError: If the system's folder for temporary files has no such path either.
        OSError: If the link cannot be created.
    """
    if has_utf8_name(folder):
        yield folder.absolute()
        return
    with tempfile.TemporaryDirectory(prefix="hrdem-") as temporary:
        link = Path(temporary, "folder")
        if not has_utf8_name(link):
            raise OutputError(
                f"Neither {folder.parent} nor the folder for temporary files, {temporary}, has a "
                "path in UTF-8, which GDAL needs; choose another `output`, or set TMPDIR."
            )
        link.symlink_to(folder.absolute(), target_is_directory=True)
        yield link
