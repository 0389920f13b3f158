"""Cached responses of catalogues and services, for offline runs."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import os
import secrets
import time
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from hrdem.runtime.redaction import redact_secrets, url_fingerprint

FORBIDDEN = 403  # by the server, or by a proxy
_MAX_BODY_BYTES = 16 << 20
_HEADERS = ("content-type", "etag", "last-modified", "content-range")
_FILE_KEYS = {"request": "question", "error": "said"}  # of attributes with other names


@dataclass(frozen=True, slots=True)
class CachedRequest:
    """A request, as the key of its cached response.

    Attributes:
        method: HTTP method.
        address: Fingerprint of the address.
        url: Address without credentials.
        params: Query parameters that are added to it.
        json: Body.
        range: Value of the Range header, or empty.
    """

    method: str
    address: str
    url: str
    params: Mapping[str, Any] | None = None
    json: Any = None
    range: str = ""

    @classmethod
    def of(
        cls,
        method: str,
        url: str,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        range: str = "",  # noqa: A002 (the name of the header)
    ) -> Self:
        """Return a request to an address."""
        return cls(method, url_fingerprint(url), redact_secrets(url), params, json, range)

    @property
    def name(self) -> str:
        """Name of the file of its cached response."""
        text = json.dumps(asdict(self), sort_keys=True, default=str)
        return f"{hashlib.sha256(text.encode()).hexdigest()[:24]}.json"


@dataclass(frozen=True, slots=True)
class CachedResponse:
    """A response, as it is cached.

    Attributes:
        request: The request.
        status: HTTP status; 200 to 299, or an error that is worth caching.
        url: Address that responded, without credentials.
        headers: Selected headers by lower-case name.
        content: Body, or the beginning of the body of an error.
        error: Message of an error; empty otherwise.
        time: When it was received or last confirmed, seconds since 1970.
    """

    request: CachedRequest
    status: int
    url: str
    headers: Mapping[str, str]
    content: bytes
    error: str
    time: float

    @property
    def age(self) -> float:
        """Seconds since it was received."""
        return max(0.0, time.time() - self.time)


def select_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers of a response to cache: those that can be sent back."""
    named = {name: headers[name] for name in _HEADERS if name in headers}
    return {name: value for name, value in named.items() if is_printable_ascii(value)}


def is_better(known: CachedResponse | None, status: int) -> bool:
    """Whether a cached response is better than an error that a proxy may have sent."""
    return known is not None and not known.error and status == FORBIDDEN


def is_printable_ascii(text: str) -> bool:
    """Whether a header can be sent back and printed."""
    return text.isascii() and text.isprintable()


def store_response(folder: Path, response: CachedResponse) -> None:
    """Cache a response in place of an earlier one, unless it is too large.

    Raises:
        OSError: If the disk cannot be written.
    """
    if len(response.content) > _MAX_BODY_BYTES:
        return
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # addresses can hold secrets
    fields = {_FILE_KEYS.get(name, name): value for name, value in asdict(response).items()}
    fields["content"] = base64.b64encode(response.content).decode()
    fields["checksum"] = zlib.crc32(response.content)
    partial = folder / f".{secrets.token_hex(6)}"
    try:
        partial.touch(mode=0o600)
        partial.write_text(json.dumps(fields), "utf-8")
        partial.replace(folder / response.request.name)
    finally:
        partial.unlink(missing_ok=True)


def load_response(folder: Path, request: CachedRequest) -> CachedResponse | None:
    """Return the cached response to a request; None if there is none that can be read."""
    return _parse_response(folder / request.name)


def iter_responses(folder: Path) -> Iterator[CachedResponse]:
    """Yield all cached responses, the latest first."""
    try:
        paths = [path for path in folder.iterdir() if path.suffix == ".json"]
    except OSError:
        return
    responses = [response for response in map(_parse_response, paths) if response is not None]
    yield from sorted(responses, key=lambda response: response.time, reverse=True)


def remove_response(folder: Path, request: CachedRequest) -> None:
    """Remove the cached response to a request, if there is one.

    Raises:
        OSError: If the disk cannot be written.
    """
    (folder / request.name).unlink(missing_ok=True)


def touch_response(folder: Path, request: CachedRequest) -> None:
    """Record that a response was used, so that it is not evicted next.

    Raises:
        OSError: If the disk cannot be written.
    """
    os.utime(folder / request.name)


def _parse_response(path: Path) -> CachedResponse | None:
    """Return the cached response in a file; None if it is damaged."""
    try:
        fields = json.loads(path.read_bytes())
        for name, key in _FILE_KEYS.items():
            fields[name] = fields[key]
            del fields[key]
        fields["request"] = CachedRequest(**fields["request"])
        fields["content"] = base64.b64decode(fields["content"], validate=True)
        if fields.pop("checksum") != zlib.crc32(fields["content"]):
            return None
        response = CachedResponse(**fields)
        response.request.name  # noqa: B018 (raises if it is no valid request)
        return response if type(response.time) is float and math.isfinite(response.time) else None
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None
