"""GDAL's errors, as rasterio hands them on."""

from __future__ import annotations

from rasterio._err import CPLE_BaseError
from rasterio.errors import CRSError, RasterioError

from hrdem.runtime.redaction import redact_secrets
from hrdem.runtime.text import to_one_line

_MOST_WORDS = 500  # characters
# rasterio lets some of GDAL's own through, and takes the names in a file for UTF-8
GDAL_ERRORS = (RasterioError, CRSError, CPLE_BaseError, UnicodeDecodeError)


def gdal_message(exc: BaseException) -> str:
    """Return the innermost words of GDAL, as a sentence; they may hold addresses and more."""
    while exc.__cause__ is not None:
        exc = exc.__cause__
    return to_one_line(redact_secrets(str(exc)), _MOST_WORDS).rstrip(".") + "."
