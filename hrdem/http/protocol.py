"""What the rest of the package needs of an HTTP client, and the values that go to and fro."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from mmap import mmap
from pathlib import Path
from typing import Any, Protocol

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
class Saved:
    """A whole answer with a status of 200 to 299, whose body went into a file.

    Attributes:
        media_type: As the server says, or empty.
        size: Bytes of the body.
    """

    media_type: str
    size: int


Keep = Callable[[int, memoryview], None]
"""Is told of bytes of a file as they come: the position of the first, and the bytes, which are only
lent."""


class Expected(Protocol):
    """The version of a file that a part has to be of."""

    @property
    def size(self) -> int:
        """Size of the whole file in bytes."""
        ...

    @property
    def etag(self) -> str:
        """Entity tag, or empty."""
        ...

    @property
    def last_modified(self) -> str:
        """Last-Modified, or empty."""
        ...

    @property
    def condition(self) -> Mapping[str, str]:
        """Headers that hold a server to the version."""
        ...


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
        given: bool = ...,
    ) -> Response:
        """Send a request and return the whole answer; raise for anything but success.

        Only addresses that the user gave are ``given``, and may lie anywhere.
        """
        ...

    def read_range(
        self,
        url: str,
        start: int,
        stop: int,
        expected: Expected,
        room: int = 0,
        keep: Keep | None = None,
    ) -> mmap:
        """Read the bytes of a file from ``start`` up to ``stop``; raise if they do not come."""
        ...

    def save(
        self,
        url: str,
        path: Path,
        *,
        params: Mapping[str, Any],
        timeouts: Timeouts,
        max_bytes: int,
        given: bool = ...,
    ) -> Saved:
        """Ask once, and write the body of the answer into a file."""
        ...
