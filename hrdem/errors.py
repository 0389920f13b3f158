"""The exceptions of hrdem, and the exit code of each.

    HrdemError                     exit code
    ├── RequestError        (2)    invalid request; also a ValueError
    ├── NoDataError         (4)    no item, or no valid pixel; also a LookupError
    ├── NetworkError        (5)    also an OSError
    │   ├── TransferError          no usable response: refused, reset, timed out, truncated
    │   │   └── BlockedAddressError  an address that is blocked; nothing was sent
    │   ├── ServerError            an error status; has ``status`` and ``body``
    │   ├── CatalogError           a response that is not valid for a STAC API
    │   ├── WcsError               a response that is not valid for a WCS
    │   └── SourceError            a raster that cannot be opened or read
    ├── NotCachedError      (5)    offline and not in the cache; also a LookupError
    ├── SourceChangedError  (6)    a source was republished during the run; also an OSError
    ├── OutputError         (7)    the output cannot be written; also an OSError
    │   └── OutputExistsError      also a FileExistsError
    └── MissingLibraryError (1)    an optional library is not installed; also an ImportError

Each class also inherits the standard exception that a caller would catch. A message states what was
requested, what was found and what to do next; the cause is chained.
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
    INCOMPLETE = 3
    NO_DATA = 4
    NETWORK = 5
    SOURCE_CHANGED = 6
    OUTPUT = 7
    INTERRUPTED = 130


class HrdemError(Exception):
    """Base class of the exceptions that hrdem raises."""

    exit_code = ExitCode.DEFECT

    def reword(self, message: str) -> None:
        """Replace the message, by one for the function that was called."""
        self.args = (message, *self.args[1:])


class RequestError(HrdemError, ValueError):
    """The request is invalid."""

    exit_code = ExitCode.USAGE


class NoDataError(HrdemError, LookupError):
    """The requested area has no item, or no valid pixel."""

    exit_code = ExitCode.NO_DATA


class NetworkError(HrdemError, OSError):
    """A network or server failed.

    Attributes:
        source: Name of the planned source that could not be read; None for other requests.
    """

    exit_code = ExitCode.NETWORK
    source: str | None = None


class TransferError(NetworkError):
    """No usable response: connection refused or reset, timed out, truncated."""


class BlockedAddressError(TransferError):
    """An address from a catalogue, a redirect or a VRT that is blocked; nothing was sent."""


class ServerError(NetworkError):
    """A server responded with an error status.

    Attributes:
        status: HTTP status.
        body: Beginning of the response body, as far as it was read.
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
    """A response is not valid for a STAC API."""


class WcsError(NetworkError):
    """A response is not valid for a WCS."""


class SourceError(NetworkError):
    """A raster cannot be opened or read."""


class NotCachedError(HrdemError, LookupError):
    """Something is not in the cache, and the run is offline."""

    exit_code = ExitCode.NETWORK


class SourceChangedError(HrdemError, OSError):
    """A source was republished while it was being read.

    Attributes:
        url: Address of the source or of its WCS, without credentials.
        since: When a session read the version that it had, by `time.monotonic`; None without one.
    """

    exit_code = ExitCode.SOURCE_CHANGED

    def __init__(self, message: str, url: str = "", since: float | None = None) -> None:
        super().__init__(message)
        self.url = url
        self.since = since


class OutputError(HrdemError, OSError):
    """The output cannot be written."""

    exit_code = ExitCode.OUTPUT


class OutputExistsError(OutputError, FileExistsError):
    """The output file already exists."""


class MissingLibraryError(HrdemError, ImportError):
    """An optional library is not installed."""

    def reword(self, message: str) -> None:
        """Replace the message; an ImportError has a copy of it."""
        super().reword(message)
        self.msg = message
