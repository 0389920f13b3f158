"""Answers of catalogues and services, kept to be given again without a network."""

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

FORBIDDEN = 403  # by the server, or by what inspects traffic
_MOST_BYTES = 16 << 20  # of an answer that is kept
_HEADERS = ("content-type", "etag", "last-modified", "content-range")


@dataclass(frozen=True, slots=True)
class CachedRequest:
    """What a server was asked.

    Attributes:
        method: HTTP method.
        address: Fingerprint of the address, by which it is known.
        url: Address, as it may be told.
        params: Query parameters that were added to it.
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
        """Return a question to an address."""
        return cls(method, url_fingerprint(url), redact_secrets(url), params, json, range)

    @property
    def name(self) -> str:
        """Name of the file that its answer is kept in."""
        text = json.dumps(asdict(self), sort_keys=True, default=str)
        return f"{hashlib.sha256(text.encode()).hexdigest()[:24]}.json"


@dataclass(frozen=True, slots=True)
class CachedResponse:
    """What a server answered.

    Attributes:
        question: What it was asked.
        status: HTTP status; 200 to 299, or a refusal that is worth to be remembered.
        url: Address that answered, without credentials.
        headers: Those that matter, by lower-case name.
        content: Body, or the beginning of a refusal's.
        said: Message of a refusal, empty otherwise.
        time: When it came, or was last found to be still right; seconds since 1970.
    """

    question: CachedRequest
    status: int
    url: str
    headers: Mapping[str, str]
    content: bytes
    said: str
    time: float

    @property
    def age(self) -> float:
        """Seconds since it came."""
        return max(0.0, time.time() - self.time)


def select_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers of an answer that are kept: those that can be sent back."""
    named = {name: headers[name] for name in _HEADERS if name in headers}
    return {name: value for name, value in named.items() if is_printable_ascii(value)}


def is_better(known: CachedResponse | None, status: int) -> bool:
    """Whether what is kept says more than a refusal that may be of something on the way."""
    return known is not None and not known.said and status == FORBIDDEN


def is_json(headers: Mapping[str, str]) -> bool:
    """Whether an answer claims to be what catalogues give; a page to sign in does not."""
    return "json" in headers.get("content-type", "").lower()


def is_printable_ascii(text: str) -> bool:
    """Whether a header can be sent back, and shown."""
    return text.isascii() and text.isprintable()


def store_response(folder: Path, answer: CachedResponse) -> None:
    """Keep an answer in the place of an earlier one, if it is not too large.

    Raises:
        OSError: If the disk does not take it.
    """
    if len(answer.content) > _MOST_BYTES:
        return
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # addresses may hold secrets
    content = base64.b64encode(answer.content).decode()
    told = {**asdict(answer), "content": content, "checksum": zlib.crc32(answer.content)}
    partial = folder / f".{secrets.token_hex(6)}"
    try:
        partial.touch(mode=0o600)
        partial.write_text(json.dumps(told), "utf-8")
        partial.replace(folder / answer.question.name)
    finally:
        partial.unlink(missing_ok=True)


def load_response(folder: Path, question: CachedRequest) -> CachedResponse | None:
    """Return the answer to a question; None if none is kept that can be read."""
    return _read(folder / question.name)


def iter_responses(folder: Path) -> Iterator[CachedResponse]:
    """Yield all answers, the latest first."""
    try:
        paths = [path for path in folder.iterdir() if path.suffix == ".json"]
    except OSError:
        return
    answers = [answer for answer in map(_read, paths) if answer is not None]
    yield from sorted(answers, key=lambda answer: answer.time, reverse=True)


def remove_response(folder: Path, question: CachedRequest) -> None:
    """Remove the answer to a question, if one is kept.

    Raises:
        OSError: If the disk refuses.
    """
    (folder / question.name).unlink(missing_ok=True)


def touch_response(folder: Path, question: CachedRequest) -> None:
    """Make an answer young again, so that it is not the next to be removed.

    Raises:
        OSError: If the disk refuses.
    """
    os.utime(folder / question.name)


def _read(path: Path) -> CachedResponse | None:
    try:
        told = json.loads(path.read_bytes())
        told["question"] = CachedRequest(**told["question"])
        told["content"] = base64.b64decode(told["content"], validate=True)
        if told.pop("checksum") != zlib.crc32(told["content"]):
            return None
        answer = CachedResponse(**told)
        answer.question.name  # noqa: B018 (what cannot be asked again is no answer)
        return answer if type(answer.time) is float and math.isfinite(answer.time) else None
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None
