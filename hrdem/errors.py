"""What can go wrong, drawn once.

    HrdemError                     exit code
    ├── RequestError        (2)    the request itself is wrong; also a ValueError
    ├── NoDataError         (4)    no item, or not one valid pixel; also a LookupError
    ├── NetworkError        (5)    also an OSError
    │   ├── TransferError          no usable answer: refused, reset, timed out, cut off
    │   │   └── BlockedAddressError  an address that is not allowed; nothing was sent
    │   ├── ServerError            an answer that says no; has ``status`` and ``body``
    │   ├── CatalogError           an answer that is not what a STAC API gives
    │   ├── WcsError               an answer that is not what a WCS gives
    │   └── SourceError            a raster that cannot be opened or read
    ├── NotCachedError      (5)    offline, and not in the cache; also a LookupError
    ├── SourceChangedError  (6)    the source changed while it was read; also an OSError
    ├── OutputError         (7)    the output cannot be written; also an OSError
    │   └── OutputExistsError      also a FileExistsError
    └── MissingLibraryError (1)    an optional library is not installed; also an ImportError

Each class also inherits the standard one that a caller would catch. A message says what was asked,
what was found and what to do next; the cause is chained.
"""

from __future__ import annotations

from enum import IntEnum

__all__ = [
    "BlockedAddressError",
    "CatalogError",
    "ExitCode",
    "HrdemError",
    "MissingLibraryError",
    "NetworkError",
    "NoDataError",
    "NotCachedError",
    "OutputError",
    "OutputExistsError",
    "RequestError",
    "ServerError",
    "SourceChangedError",
    "SourceError",
    "TransferError",
    "WcsError",
]


class ExitCode(IntEnum):
    """Exit codes of the command line."""

    COMPLETE = 0
    DEFECT = 1
    USAGE = 2
    NO_DATA = 4
    NETWORK = 5
    SOURCE_CHANGED = 6
    OUTPUT = 7
    INTERRUPTED = 130


class HrdemError(Exception):
    """Root of the errors that hrdem raises on purpose."""

    exit_code = ExitCode.DEFECT


class RequestError(HrdemError, ValueError):
    """The request itself is wrong."""

    exit_code = ExitCode.USAGE


class NoDataError(HrdemError, LookupError):
    """There is no item, or not one valid pixel, where data was asked for."""

    exit_code = ExitCode.NO_DATA


class NetworkError(HrdemError, OSError):
    """A network or a server did not give what was needed.

    Attributes:
        source: Name of the planned source that could not be read, if it was one.
    """

    exit_code = ExitCode.NETWORK
    source: str | None = None


class TransferError(NetworkError):
    """No usable answer came: connection refused or reset, timed out, cut off."""


class BlockedAddressError(TransferError):
    """An address from a catalogue, a redirect or a VRT that may not be asked; nothing was sent."""


class ServerError(NetworkError):
    """A server answered, and said no.

    Attributes:
        status: HTTP status of the answer.
        body: The beginning of what it said, as far as that was read.
    """

    def __init__(self, message: str, status: int = 0, body: bytes = b"") -> None:
        super().__init__(message)
        self.status = status
        self.body = body

    @property
    def is_missing(self) -> bool:
        """Whether the file does not exist; a bucket without public listing answers 403 for one."""
        return self.status in (403, 404)


class CatalogError(NetworkError):
    """An answer is not what a STAC API gives."""


class WcsError(NetworkError):
    """An answer is not what a WCS gives."""


class SourceError(NetworkError):
    """A raster cannot be opened or read."""


class NotCachedError(HrdemError, LookupError):
    """Something is not in the cache, and no server may be asked for it."""

    exit_code = ExitCode.NETWORK


class SourceChangedError(HrdemError, OSError):
    """A source was published again while it was being read.

    Attributes:
        url: Its address, or that of the WCS it was read through, without credentials.
    """

    exit_code = ExitCode.SOURCE_CHANGED

    def __init__(self, message: str, url: str = "") -> None:
        super().__init__(message)
        self.url = url


class OutputError(HrdemError, OSError):
    """The output cannot be written."""

    exit_code = ExitCode.OUTPUT


class OutputExistsError(OutputError, FileExistsError):
    """The output exists already."""


class MissingLibraryError(HrdemError, ImportError):
    """A library that is needed only for some things is not installed."""
