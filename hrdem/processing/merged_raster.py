"""Errors of the local rasters that mosaics were merged into."""

from __future__ import annotations

import contextlib
from collections.abc import Generator
from pathlib import Path

from hrdem.errors import OutputError
from hrdem.runtime.gdal_errors import GDAL_ERRORS, gdal_message, raise_if_out_of_memory


@contextlib.contextmanager
def translate_read_errors(path: Path) -> Generator[None]:
    """Translate errors of GDAL about a merged raster.

    Args:
        path: The raster.

    Raises:
        OutputError: If it cannot be read.
    """
    try:
        yield
    except GDAL_ERRORS as exc:
        raise_if_out_of_memory(exc)
        raise OutputError(
            f"The merged raster {path} cannot be read: {gdal_message(exc)} Check the disk and run "
            "it again."
        ) from exc
