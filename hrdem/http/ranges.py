"""Parts of remote files, under one version of the file."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from mmap import mmap
from typing import Any

from hrdem.errors import ServerError, SourceChangedError, TransferError
from hrdem.http.cache.client import CachingHttp
from hrdem.http.cache.mirror import Span
from hrdem.http.protocol import Http, Response
from hrdem.runtime.redaction import fingerprint, without_secrets
from hrdem.runtime.text import one_line

_SMALL = 16 << 20  # bytes of a file that is read whole
_LONGEST_TAG = 1_000  # characters of an ETag or a date
_CONTENT_RANGE = re.compile(r"bytes (\d{1,19})-(\d{1,19})/(\d{1,19})")


@dataclass(frozen=True, slots=True)
class SourceVersion:
    """Which edition of a file was met; files are published again under the same address.

    Attributes:
        url: Address of the file, as it may be told.
        etag: Entity tag as sent, with its quotes; empty if there was none.
        size: Size of the whole file in bytes.
        last_modified: Last-Modified as sent, or empty.
        address: Fingerprint of the address: files that are told alike are not the same.
    """

    url: str
    etag: str
    size: int
    last_modified: str
    address: str

    @property
    def condition(self) -> dict[str, str]:
        """Headers that make a server refuse the request if the file is another one by now."""
        if self.etag and not self.etag.startswith("W/"):
            return {"If-Match": self.etag}
        if self.last_modified:
            return {"If-Unmodified-Since": self.last_modified}
        return {}

    @property
    def pinned(self) -> bool:
        """Whether the server can be held to this version exactly, by a strong entity tag."""
        return "If-Match" in self.condition

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready values."""
        return {
            "etag": self.etag,
            "size": self.size,
            "last_modified": self.last_modified,
            "held_by": next(iter(self.condition), None),
        }


class PinnedFile:
    """A remote file that is read in parts, all of one version.

    Args:
        url: Address of the file.
        version: The version to read.
        http: Client to read with.
    """

    def __init__(self, url: str, version: SourceVersion, http: Http) -> None:
        self._url = url
        self._http = http
        self.version = version

    def read(self, start: int, stop: int, room: int = 0) -> mmap:
        """Read the bytes from ``start`` up to ``stop``, with ``room`` free bytes before them.

        Raises:
            SourceChangedError: If the file is another version by now.
            NetworkError: If the bytes cannot be had.
        """
        version = self.version
        try:
            return self._http.read_range(self._url, start, stop, version, room)
        except (ServerError, TransferError) as exc:
            if getattr(exc, "status", 412) in (412, 416):
                check_unchanged(self._url, version, self._http)
            raise

    def gaps(self, spans: Iterable[Span]) -> list[Span]:
        """Return what of some spans would have to be fetched, as no cache has it."""
        if isinstance(self._http, CachingHttp):
            return self._http.gaps(self._url, self.version, spans)
        return list(spans)

    def invalidate(self, spans: Iterable[Span]) -> None:
        """Make sure that spans which proved to be damaged are fetched anew when they are read."""
        if isinstance(self._http, CachingHttp):
            self._http.invalidate(self._url, self.version, spans)


def whole_file(url: str, http: Http) -> tuple[SourceVersion, bytes]:
    """Read a small file, of at most 16 MB, and with it its present version.

    Raises:
        NetworkError: If it cannot be had, or is larger.
    """
    whole = http.request("GET", url, max_bytes=_SMALL)
    return _version(url, whole, len(whole.content)), whole.content


def first_bytes(url: str, count: int, http: Http) -> tuple[SourceVersion, bytes]:
    """Read the beginning of a file, and with it the file's present version.

    Args:
        url: Address of the file.
        count: Number of bytes; fewer come from a smaller file.
        http: Client to ask with.

    Raises:
        ServerError: If the server refuses, or gives no ranges.
        TransferError: If no proper answer can be had.
    """
    asked = {"Range": f"bytes=0-{count - 1}", "Accept-Encoding": "identity"}
    try:
        answer = http.request("GET", url, headers=asked, max_bytes=count)
    except ServerError as exc:
        if exc.status == 200:
            raise ServerError(_no_ranges(url), exc.status) from exc
        raise
    if answer.status != 206:
        raise ServerError(_no_ranges(url), answer.status)
    found = _CONTENT_RANGE.fullmatch(answer.headers.get("content-range", ""))
    if not found or found[1] != "0" or int(found[2]) + 1 != len(answer.content):
        raise TransferError(
            f"{without_secrets(url)} was asked for bytes 0-{count - 1} and answers with "
            f"{answer.headers.get('content-range', 'no Content-Range')!r} and "
            f"{len(answer.content)} bytes. A proxy may be in the way."
        )
    return _version(url, answer, int(found[3])), answer.content


def version_of(url: str, http: Http, *, ranged: bool = True) -> SourceVersion:
    """Ask for the present version of a file.

    Args:
        url: Address of the file.
        http: Client to ask with.
        ranged: Ask for the first bytes only, and insist that the server can give ranges; False
            fetches the file, which must then be a small one.

    Raises:
        ServerError: If the server refuses, or gives no ranges.
        TransferError: If no proper answer can be had.
    """
    if not ranged:
        return whole_file(url, http)[0]
    return first_bytes(url, 16, http)[0]


def check_unchanged(url: str, version: SourceVersion, http: Http, *, ranged: bool = True) -> None:
    """Make sure that a file is still the version that was met first.

    Raises:
        SourceChangedError: If it is another one.
        NetworkError: If no proper answer can be had.
    """
    now = version_of(url, http, ranged=ranged)
    if now != version:
        raise SourceChangedError(
            f"{version.url} was published again while it was being read: it was "
            f"{_described(version)}, now it is {_described(now)}. Nothing was written; run the "
            "same command again to read the new version, or give --on-change restart.",
            version.url,
        )


def _version(url: str, answer: Response, size: int) -> SourceVersion:
    etag, last_modified = (answer.headers.get(name, "") for name in ("etag", "last-modified"))
    for said in (etag, last_modified):
        if not said.isprintable() or not said.isascii() or len(said) > _LONGEST_TAG:
            raise TransferError(
                f"{without_secrets(url)} tells its version as {one_line(repr(said), 60)}, which "
                "cannot be sent back. A proxy may be in the way."
            )
    return SourceVersion(
        url=without_secrets(url),
        etag=etag,
        size=size,
        last_modified=last_modified,
        address=fingerprint(url),
    )


def _described(version: SourceVersion) -> str:
    return f"{version.size} bytes, ETag {version.etag or 'none'}"


def _no_ranges(url: str) -> str:
    return (
        f"{without_secrets(url)} ignores the Range header and would send the whole file. "
        "The server or a proxy on the way cannot serve parts of files."
    )
