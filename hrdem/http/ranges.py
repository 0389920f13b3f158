"""Parts of remote files, under one version of the file."""

from __future__ import annotations

import re
from collections.abc import Iterable
from mmap import mmap

from hrdem.errors import ServerError, SourceChangedError, TransferError
from hrdem.http.protocol import Http, Response
from hrdem.http.source_version import SourceVersion
from hrdem.http.spans import Span
from hrdem.runtime.redaction import redact_secrets
from hrdem.runtime.text import to_one_line

_SMALL = 16 << 20  # bytes of a file that is read whole
_LONGEST_TAG = 1_000  # characters of an ETag or a date
_CONTENT_RANGE = re.compile(r"bytes (\d{1,19})-(\d{1,19})/(\d{1,19})")


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
                check_file_unchanged(self._url, version, self._http)
            raise

    def gaps(self, spans: Iterable[Span]) -> list[Span]:
        """Return what of some spans would have to be fetched, as no cache has it."""
        return self._http.gaps(self._url, self.version, spans)

    def invalidate(self, spans: Iterable[Span]) -> None:
        """Make sure that spans which proved to be damaged are fetched anew when they are read."""
        self._http.invalidate(self._url, self.version, spans)


def read_whole_file(url: str, http: Http) -> tuple[SourceVersion, bytes]:
    """Read a small file, of at most 16 MB, and with it its present version.

    Raises:
        NetworkError: If it cannot be had, or is larger.
    """
    whole = http.request("GET", url, max_bytes=_SMALL)
    return _version(url, whole, len(whole.content)), whole.content


def read_first_bytes(url: str, count: int, http: Http) -> tuple[SourceVersion, bytes]:
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
            f"{redact_secrets(url)} was asked for bytes 0-{count - 1} and answers with "
            f"{answer.headers.get('content-range', 'no Content-Range')!r} and "
            f"{len(answer.content)} bytes. A proxy may be in the way."
        )
    return _version(url, answer, int(found[3])), answer.content


def read_version(url: str, http: Http, *, ranged: bool = True) -> SourceVersion:
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
        return read_whole_file(url, http)[0]
    return read_first_bytes(url, 16, http)[0]


def check_file_unchanged(
    url: str, version: SourceVersion, http: Http, *, ranged: bool = True
) -> None:
    """Make sure that a file is still the version that was met first.

    Raises:
        SourceChangedError: If it is another one.
        NetworkError: If no proper answer can be had.
    """
    now = read_version(url, http, ranged=ranged)
    if now != version:
        raise SourceChangedError(
            f"{version.url} was published again while it was being read: it was "
            f"{_described(version)}, now it is {_described(now)}. Nothing was written; run the "
            "same command again to read the new version, or give `on_change=restart`.",
            version.url,
        )


def _version(url: str, answer: Response, size: int) -> SourceVersion:
    etag, last_modified = (answer.headers.get(name, "") for name in ("etag", "last-modified"))
    for said in (etag, last_modified):
        if not said.isprintable() or not said.isascii() or len(said) > _LONGEST_TAG:
            raise TransferError(
                f"{redact_secrets(url)} tells its version as {to_one_line(repr(said), 60)}, which "
                "cannot be sent back. A proxy may be in the way."
            )
    return SourceVersion.of(url, etag, size, last_modified)


def _described(version: SourceVersion) -> str:
    return f"{version.size} bytes, ETag {version.etag or 'none'}"


def _no_ranges(url: str) -> str:
    return (
        f"{redact_secrets(url)} ignores the Range header and would send the whole file. "
        "The server or a proxy on the way cannot serve parts of files."
    )
