"""Errors of temporary files, which say where there is no room for them."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator

from hrdem.errors import OutputError
from hrdem.runtime.byte_sizes import format_size


@contextlib.contextmanager
def translate_full_disk(size: int | None = None) -> Iterator[None]:
    """Raise an error with advice if a temporary file cannot be written.

    Args:
        size: What is written while the context lasts, bytes; None if it is not known.

    Raises:
        OutputError: If it cannot be.
    """
    try:
        yield
    except OSError as exc:
        what = "" if size is None else f"{format_size(size)} of "
        raise OutputError(
            f"The folder {tempfile.gettempdir()} cannot take {what}temporary files: "
            f"{exc.strerror or exc}. Free space there, or set TMPDIR to another folder."
        ) from exc
