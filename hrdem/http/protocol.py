"""What the rest of the package needs of an HTTP client, and the values that go to and fro."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from mmap import mmap
from pathlib import Path
from typing import Any, Protocol

from hrdem.http.source_version import SourceVersion
from hrdem.http.timeouts import Timeouts


@dataclass(frozen=True, slots=True)
class Response:
    """A whole answer with a status of 200 to 299.

    Attributes:
        url: Address that answered, after redirects.
        status: HTTP status.
        headers: By lower-case name.
        content: Body.
    """

    url: str
    status: int
    headers: Mapping[str, str]
    content: bytes


@dataclass(frozen=True, slots=True)
class Download:
    """A whole answer with a status of 200 to 299, whose body went into a file.

    Attributes:
        media_type: As the server says, or empty.
        size: Bytes of the body.
    """

    media_type: str
    size: int


ByteSink = Callable[[int, memoryview], None]
"""Is told of bytes of a file as they come: the position of the first, and the bytes, which are only
lent."""


class Http(Protocol):
    """What the rest of the package needs of an HTTP client."""

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, Any] | None = None,
        json: object = None,
        max_bytes: int = ...,
        trusted: bool = ...,
    ) -> Response:
        """Send a request and return the whole answer; raise for anything but success.

        Only addresses that the user gave are ``trusted``, and may lie anywhere.
        """
        ...

    def read_range(
        self,
        url: str,
        start: int,
        stop: int,
        version: SourceVersion,
        headroom: int = 0,
        on_bytes: ByteSink | None = None,
    ) -> mmap:
        """Read the bytes of a file from ``start`` up to ``stop``; raise if they do not come."""
        ...

    def download(
        self,
        url: str,
        path: Path,
        *,
        params: Mapping[str, Any],
        timeouts: Timeouts,
        max_bytes: int,
        trusted: bool = ...,
    ) -> Download:
        """Ask once, and write the body of the answer into a file."""
        ...
