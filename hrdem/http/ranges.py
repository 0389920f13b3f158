"""Read parts of remote files, all of one version."""

from __future__ import annotations

import re
from collections.abc import Iterable
from mmap import mmap

from hrdem.errors import ServerError, SourceChangedError, TransferError
from hrdem.http.protocol import Http, Response
from hrdem.http.response_checks import no_ranges_message
from hrdem.http.source_version import SourceVersion
from hrdem.http.spans import Span
from hrdem.runtime.redaction import redact_secrets
from hrdem.runtime.text import to_one_line

_MAX_WHOLE_FILE_BYTES = 16 << 20
_MAX_TAG_CHARACTERS = 1_000  # of an ETag or a date
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
            if getattr(exc, "status", 412) in (412, 416):
                check_file_unchanged(self._url, version, self._http)
            raise

    def gaps(self, spans: Iterable[Span]) -> list[Span]:
        """Return the parts of some spans that are not cached."""
        return self._http.gaps(self._url, self.version, spans)

    def invalidate(self, spans: Iterable[Span]) -> None:
        """Make sure that damaged spans are fetched again when they are read."""
        self._http.invalidate(self._url, self.version, spans)


def read_whole_file(url: str, http: Http) -> tuple[SourceVersion, bytes]:
    """Read a file of at most 16 MiB; return its current version and content.

    Raises:
        NetworkError: If it cannot be read, or is larger.
    """
    response = http.request("GET", url, max_bytes=_MAX_WHOLE_FILE_BYTES)
    return _make_version(url, response, len(response.content)), response.content


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
    headers = {"Range": f"bytes=0-{count - 1}", "Accept-Encoding": "identity"}
    try:
        response = http.request("GET", url, headers=headers, max_bytes=count)
    except ServerError as exc:
        if exc.status == 200:
            raise ServerError(no_ranges_message(redact_secrets(url)), exc.status) from exc
        raise
    if response.status != 206:
        raise ServerError(no_ranges_message(redact_secrets(url)), response.status)
    found = _CONTENT_RANGE.fullmatch(response.headers.get("content-range", ""))
    if not found or found[1] != "0" or int(found[2]) + 1 != len(response.content):
        raise TransferError(
            f"{redact_secrets(url)} sends "
            f"{response.headers.get('content-range', 'no Content-Range')!r} and "
            f"{len(response.content)} bytes instead of the requested bytes 0-{count - 1}. A proxy "
            "may be in the way."
        )
    return _make_version(url, response, int(found[3])), response.content


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
        raise SourceChangedError(
            f"{version.url} was published again while it was being read: it was "
            f"{_describe_version(version)}, now it is {_describe_version(now)}. Nothing was "
            "written; run the same command again to read the new version. `on_change=restart` "
            "does so by itself, once.",
            version.url,
        )


def _make_version(url: str, response: Response, size: int) -> SourceVersion:
    etag, last_modified = (response.headers.get(name, "") for name in ("etag", "last-modified"))
    for value in (etag, last_modified):
        if not value.isprintable() or not value.isascii() or len(value) > _MAX_TAG_CHARACTERS:
            raise TransferError(
                f"{redact_secrets(url)} reports its version as {to_one_line(repr(value), 60)}, "
                "which cannot be sent in a header. A proxy may be in the way."
            )
    return SourceVersion.of(url, etag, size, last_modified)


def _describe_version(version: SourceVersion) -> str:
    return f"{version.size} bytes, ETag {version.etag or 'none'}"
