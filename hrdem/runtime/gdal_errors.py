"""GDAL errors, as rasterio and pyogrio raise them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from rasterio._err import CPLE_BaseError, CPLE_OutOfMemoryError
from rasterio.errors import CRSError, RasterioError

from hrdem.runtime.redaction import redact_secrets
from hrdem.runtime.text import to_one_line

_MAX_MESSAGE_CHARACTERS = 500
# rasterio passes some of GDAL's exceptions through, and decodes names in a file as UTF-8
GDAL_ERRORS = (RasterioError, CRSError, CPLE_BaseError, UnicodeDecodeError)


@contextlib.contextmanager
def translate_pyogrio_errors() -> Iterator[None]:
    """Raise an `OSError` where pyogrio cannot write a file, as other writers do.

    Raises:
        OSError: If pyogrio raises one of its own errors.
    """
    from pyogrio.errors import DataLayerError, DataSourceError  # noqa: PLC0415 (slow to import)

    try:
        yield
    except (DataLayerError, DataSourceError) as exc:
        raise OSError(gdal_message(exc).rstrip(".")) from exc


def raise_if_out_of_memory(exc: BaseException) -> None:
    """Raise a `MemoryError` if GDAL lacked memory: the file that it was reading is not at fault.

    Raises:
        MemoryError: If an error, or one that caused it, is that of an allocation.
    """
    each: BaseException | None = exc
    while each is not None and not isinstance(each, CPLE_OutOfMemoryError):
        each = each.__cause__ or each.__context__
    if each is not None:
        raise MemoryError(gdal_message(each)) from exc


def gdal_message(exc: BaseException) -> str:
    """Return the message of the innermost GDAL error as one redacted sentence."""
    while exc.__cause__ is not None:
        exc = exc.__cause__
    return to_one_line(redact_secrets(str(exc)), _MAX_MESSAGE_CHARACTERS).rstrip(".") + "."
