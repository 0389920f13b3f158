"""Read parts of remote files, all of one version."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from mmap import mmap

import httpx

from hrdem.errors import ServerError, SourceChangedError, TransferError
from hrdem.http.parsed import request_parsed
from hrdem.http.protocol import Http, Response, ResponseCheck
from hrdem.http.response_checks import (
    CONTENT_RANGE,
    check_no_web_page,
    is_web_page,
    no_ranges_message,
    refused_etag_message,
)
from hrdem.http.retry import RetryableError
from hrdem.http.source_version import SourceVersion
from hrdem.http.spans import Span
from hrdem.runtime.redaction import redact_secrets
from hrdem.runtime.text import to_one_line

_MAX_WHOLE_FILE_BYTES = 16 << 20
_MAX_TAG_CHARACTERS = 1_000  # of an ETag or a date
# after which the file may have another version; None without a status
_CHANGE_STATUSES = (
    None, httpx.codes.PRECONDITION_FAILED, httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE
)  # fmt: skip

log = logging.getLogger(__name__)


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

    def read(self, start: int, stop: int, headroom: int = 0) -> mmap:
        """Read the bytes from ``start`` up to ``stop``, with ``headroom`` free bytes before them.

        Raises:
            SourceChangedError: If the file has another version by now.
            NetworkError: If the bytes cannot be read.
        """
        version = self.version
        try:
            return self._http.read_range(self._url, start, stop, version, headroom)
        except (ServerError, TransferError) as exc:
            status = getattr(exc, "status", None)
            if status not in _CHANGE_STATUSES:
                raise
            check_file_unchanged(self._url, version, self._http)
            if status != httpx.codes.PRECONDITION_FAILED:
                raise
            log.warning("%s The file is unchanged, so it is read once more.", exc)
        try:
            return self._http.read_range(self._url, start, stop, version, headroom)
        except ServerError as exc:
            if exc.status == httpx.codes.PRECONDITION_FAILED:
                exc.reword(refused_etag_message(exc, version))
            raise

    def gaps(self, spans: Iterable[Span]) -> list[Span]:
        """Return the parts of some spans that are not cached."""
        return self._http.gaps(self._url, self.version, spans)

    def invalidate(self, spans: Iterable[Span]) -> None:
        """Make sure that damaged spans are fetched again when they are read."""
        self._http.invalidate(self._url, self.version, spans)


def read_whole_file(
    url: str, http: Http, check: ResponseCheck = check_no_web_page
) -> tuple[SourceVersion, bytes]:
    """Read a file of at most 16 MiB; return its current version and content.

    Args:
        url: Address of the file.
        http: HTTP client.
        check: Raises `RetryableError` for a response that another attempt may improve.

    Raises:
        NetworkError: If it cannot be read, or is larger.
    """

    def parse(response: Response) -> tuple[SourceVersion, bytes]:
        check(response)
        return _make_version(url, response, len(response.content)), response.content

    return request_parsed(http, "GET", url, parse, max_bytes=_MAX_WHOLE_FILE_BYTES)


def first_bytes_headers(count: int) -> dict[str, str]:
    """Return the headers of a request for the first bytes of a file."""
    return {"Range": f"bytes=0-{count - 1}", "Accept-Encoding": "identity"}


def read_first_bytes(url: str, count: int, http: Http) -> tuple[SourceVersion, bytes]:
    """Read the beginning of a file; return the file's current version and the bytes.

    Args:
        url: Address of the file.
        count: Number of bytes; a smaller file returns fewer.
        http: HTTP client.

    Raises:
        ServerError: If the server refuses, or does not support ranges.
        TransferError: If there is no valid response.
    """
    display_url = redact_secrets(url)

    def parse(response: Response) -> tuple[SourceVersion, bytes]:
        if response.status != httpx.codes.PARTIAL_CONTENT:
            check_no_web_page(response)
            raise ServerError(no_ranges_message(display_url), response.status)
        content = response.content
        found = response.headers.get("content-range", "no Content-Range")
        held = CONTENT_RANGE.fullmatch(found)
        size = int(held[3]) if held else 0
        last = min(count, size) - 1
        if not held or (int(held[1]), int(held[2])) != (0, last) or len(content) != last + 1:
            raise RetryableError(
                f"{display_url} sends {found!r} and {len(content)} bytes "
                f"instead of the requested bytes 0-{count - 1}. A proxy may be in the way."
            )
        return _make_version(url, response, size), content

    try:
        return request_parsed(
            http, "GET", url, parse, headers=first_bytes_headers(count), max_bytes=count
        )
    except ServerError as exc:
        if exc.status == httpx.codes.OK and not is_web_page(exc.body):
            raise ServerError(no_ranges_message(display_url), exc.status) from exc
        raise


def read_version(url: str, http: Http, *, ranged: bool = True) -> SourceVersion:
    """Read the current version of a file.

    Args:
        url: Address of the file.
        http: HTTP client.
        ranged: Request only the first bytes, which the server has to return as a range; False
            fetches the whole file, which must be small.

    Raises:
        ServerError: If the server refuses, or does not support ranges.
        TransferError: If there is no valid response.
    """
    if not ranged:
        return read_whole_file(url, http)[0]
    return read_first_bytes(url, 16, http)[0]


def check_file_unchanged(
    url: str, version: SourceVersion, http: Http, *, ranged: bool = True
) -> None:
    """Check that a file still has the version that was opened first.

    Raises:
        SourceChangedError: If it has another one.
        NetworkError: If there is no valid response.
    """
    now = read_version(url, http, ranged=ranged)
    if now != version:
        http.metadata.forget(url)
        raise SourceChangedError(
            f"{version.url} was published again while it was being read: it was "
            f"{_describe_version(version)}, now it is {_describe_version(now)}. Nothing was "
            "written; run the same command again to read the new version. `on_change=restart` "
            "does so by itself, once.",
            version.url,
            http.metadata.remembered_at(version),  # also if another thread forgot the file
        )


def _make_version(url: str, response: Response, size: int) -> SourceVersion:
    etag, last_modified = (response.headers.get(name, "") for name in ("etag", "last-modified"))
    for value in (etag, last_modified):
        if not value.isprintable() or not value.isascii() or len(value) > _MAX_TAG_CHARACTERS:
            raise RetryableError(
                f"{redact_secrets(url)} reports its version as {to_one_line(repr(value), 60)}, "
                "which cannot be sent in a header. A proxy may be in the way."
            )
    return SourceVersion.of(url, etag, size, last_modified)


def _describe_version(version: SourceVersion) -> str:
    return f"{version.size} bytes, ETag {version.etag or 'none'}"
