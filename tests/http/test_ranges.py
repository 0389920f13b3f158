"""Parts of files: what a response has to say, and what happens when the file changes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from mmap import mmap
from typing import Any

import pytest

from hrdem.errors import ServerError, SourceChangedError, TransferError
from hrdem.http.metadata_cache import MetadataCache
from hrdem.http.protocol import Http, Response
from hrdem.http.ranges import (
    PinnedFile,
    check_file_unchanged,
    read_first_bytes,
    read_version,
    read_whole_file,
)
from hrdem.http.source_version import SourceVersion
from hrdem.http.spans import Span

URL = "https://store.invalid/a.tif?token=hush"
SHOWN = "https://store.invalid/a.tif?token=REDACTED"
TAGGED = {"etag": '"v1"', "last-modified": "Mon, 01 Jan 2024 00:00:00 GMT"}


@dataclass
class Client(Http):
    """Answers each request with one response or error, and records what it is asked for."""

    answer: Response | Exception
    read_error: Exception | None = None
    refusals: int = 9  # of reads with that error
    requests: list[tuple[Any, ...]] = field(default_factory=list)
    known: MetadataCache = field(default_factory=lambda: MetadataCache(max_age=9))

    @property
    def metadata(self) -> MetadataCache:
        return self.known

    def request(self, method: str, url: str, **options: Any) -> Response:
        self.requests.append((method, url, options))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def read_range(self, *args: Any, **_: Any) -> mmap:
        self.requests.append(args)
        if self.read_error and self.refusals:
            self.refusals -= 1
            raise self.read_error
        return mmap(-1, 9)

    def gaps(self, url: str, version: SourceVersion, spans: Iterable[Span]) -> list[Span]:
        self.requests.append((url, version, *spans))
        return [(3, 4)]

    def invalidate(self, url: str, version: SourceVersion, spans: Iterable[Span]) -> None:
        self.requests.append((url, version, *spans))


def respond(content: bytes, content_range: str, status: int = 206, **headers: str) -> Client:
    return Client(Response(URL, status, {"content-range": content_range, **headers}, content))


def make_version(etag: str = '"v1"', size: int = 900) -> SourceVersion:
    return SourceVersion.of(URL, etag, size, TAGGED["last-modified"])


def test_first_bytes_come_with_the_version_of_the_file() -> None:
    client = respond(b"0123", "bytes 0-3/900", **TAGGED)
    version, content = read_first_bytes(URL, 4, client)
    assert content == b"0123"
    assert version == make_version()
    assert version.url == SHOWN
    ((method, url, options),) = client.requests
    assert (method, url) == ("GET", URL)
    assert options["headers"] == {"Range": "bytes=0-3", "Accept-Encoding": "identity"}
    assert options["max_bytes"] == 4


def test_a_file_shorter_than_the_range_is_returned_whole() -> None:
    version, content = read_first_bytes(URL, 4, respond(b"01", "bytes 0-1/2"))
    assert (version.size, version.etag, version.last_modified, content) == (2, "", "", b"01")


@pytest.mark.parametrize(
    ("content", "content_range", "shown"),
    [
        (b"0123", "", "''"),
        (b"0123", "bytes 1-4/900", "'bytes 1-4/900'"),
        (b"0123", "bytes 1-3/900", "'bytes 1-3/900'"),
        (b"0123", "bytes 0-2/900", "'bytes 0-2/900' and 4 bytes"),
        (b"012", "bytes 0-2/900", "'bytes 0-2/900' and 3 bytes"),
        (b"0123", "bytes 0-4/900", "'bytes 0-4/900' and 4 bytes"),
        (b"012", "bytes 0-3/900", "'bytes 0-3/900' and 3 bytes"),
        (b"0123", "bytes 0-3/*", r"'bytes 0-3/\*'"),
        (b"0123", "bytes 0-3/900, 5-9/900", "'bytes 0-3/900, 5-9/900'"),
    ],
)
def test_a_range_that_does_not_fit_its_bytes_is_an_error(
    content: bytes, content_range: str, shown: str
) -> None:
    with pytest.raises(TransferError, match=f"(?s)REDACTED sends {shown}.*bytes 0-3. A proxy"):
        read_first_bytes(URL, 4, respond(content, content_range))


def test_a_response_without_content_range_is_an_error() -> None:
    with pytest.raises(TransferError, match="sends 'no Content-Range' and 4 bytes"):
        read_first_bytes(URL, 4, Client(Response(URL, 206, {}, b"0123")))


@pytest.mark.parametrize(
    "client",
    [
        respond(b"0123", "", status=200),
        Client(ServerError("the whole file is too large", 200)),
    ],
)
def test_a_server_without_ranges_is_named(client: Client) -> None:
    with pytest.raises(ServerError, match="ignores the Range header") as refused:
        read_first_bytes(URL, 4, client)
    assert refused.value.status == 200
    assert "hush" not in str(refused.value)


def test_a_missing_file_stays_a_missing_file() -> None:
    missing = ServerError("nothing here", 404)
    with pytest.raises(ServerError) as raised:
        read_first_bytes(URL, 4, Client(missing))
    assert raised.value is missing


@pytest.mark.parametrize("name", ["etag", "last-modified"])
@pytest.mark.parametrize("value", ['"a\nb"', '"é"', '"' + "a" * 999 + '"'])
def test_a_version_that_no_header_can_hold_is_an_error(name: str, value: str) -> None:
    with pytest.raises(TransferError, match="cannot be sent in a header"):
        read_first_bytes(URL, 4, respond(b"0123", "bytes 0-3/900", **{name: value}))


def test_a_version_of_a_thousand_characters_is_kept() -> None:
    tag = '"' + "a" * 998 + '"'
    assert read_version(URL, respond(bytes(16), "bytes 0-15/900", etag=tag)).etag == tag


def test_a_whole_file_has_the_size_of_its_content() -> None:
    client = respond(b"<VRTDataset/>", "", status=200, **TAGGED)
    version, content = read_whole_file(URL, client)
    assert (version, content) == (make_version(size=13), b"<VRTDataset/>")
    assert [options["max_bytes"] for *_, options in client.requests] == [16 * 1024 * 1024]
    assert read_version(URL, client, ranged=False) == version
    check_file_unchanged(URL, version, client, ranged=False)


def test_versions_are_read_as_ranges() -> None:
    """A server that ignores ranges would send files of gigabytes."""
    client = respond(bytes(16), "bytes 0-15/900", **TAGGED)
    check_file_unchanged(URL, read_version(URL, client), client)
    assert [options["max_bytes"] for *_, options in client.requests] == [16, 16]


@pytest.mark.parametrize(
    ("before", "said"),
    [
        (make_version('"v0"'), 'it was 900 bytes, ETag "v0", now it is 900 bytes, ETag "v1"'),
        (make_version(size=899), 'it was 899 bytes, ETag "v1", now it is 900 bytes, ETag "v1"'),
        (make_version(""), 'it was 900 bytes, ETag none, now it is 900 bytes, ETag "v1"'),
    ],
)
def test_another_version_is_described(before: SourceVersion, said: str) -> None:
    client = respond(bytes(16), "bytes 0-15/900", **TAGGED)
    with pytest.raises(SourceChangedError, match=said) as changed:
        check_file_unchanged(URL, before, client)
    assert changed.value.url == SHOWN


def test_parts_are_read_from_the_pinned_version() -> None:
    version = make_version()
    client = respond(b"", "")
    file = PinnedFile(URL, version, client)
    assert len(file.read(10, 14, 5)) == 9
    file.read(10, 14)
    assert file.gaps([(0, 5)]) == [(3, 4)]
    file.invalidate([(1, 2)])
    assert client.requests == [
        (URL, 10, 14, version, 5),
        (URL, 10, 14, version, 0),
        (URL, version, (0, 5)),
        (URL, version, (1, 2)),
    ]


@pytest.mark.parametrize(
    "error", [ServerError("", 412), ServerError("", 416), TransferError("broke off")]
)
def test_a_refused_part_of_a_changed_file_says_so(error: Exception) -> None:
    """Whatever breaks off may have been replaced; the file that is still the same raises as is."""
    client = respond(bytes(16), "bytes 0-15/900", **TAGGED)
    client.read_error = error
    with pytest.raises(SourceChangedError):
        PinnedFile(URL, make_version('"v0"'), client).read(0, 4)
    with pytest.raises(type(error)) as raised:
        PinnedFile(URL, make_version(), client).read(0, 4)
    assert raised.value is error


def test_a_refused_version_of_an_unchanged_file_is_read_once_more(
    caplog: pytest.LogCaptureFixture,
) -> None:
    client = respond(bytes(16), "bytes 0-15/900", **TAGGED)
    client.read_error, client.refusals = ServerError("It answers 412.", 412), 1
    assert len(PinnedFile(URL, make_version(), client).read(0, 4)) == 9
    assert caplog.messages == ["It answers 412. The file is unchanged, so it is read once more."]


def test_a_version_that_is_refused_twice_is_explained() -> None:
    client = respond(bytes(16), "bytes 0-15/900", **TAGGED)
    client.read_error = ServerError("It answers 412.", 412)
    with pytest.raises(ServerError, match="unchanged: its server reports the ETag"):
        PinnedFile(URL, make_version(), client).read(0, 4)


def test_what_was_read_of_a_file_that_has_changed_is_forgotten() -> None:
    client = respond(bytes(16), "bytes 0-15/900", **TAGGED)
    client.metadata.remember(URL, "what it was")
    check_file_unchanged(URL, make_version(), client)
    assert client.metadata.recall(URL) == "what it was"
    with pytest.raises(SourceChangedError):
        check_file_unchanged(URL, make_version('"v0"'), client)
    assert client.metadata.recall(URL) is None


def test_a_web_page_is_no_file() -> None:
    page = respond(
        b"<!doctype html><title>Sign in</title>", "", 200, **{"content-type": "text/html"}
    )
    with pytest.raises(ServerError, match="answers 200 with a web page"):
        read_whole_file(URL, page)


@pytest.mark.parametrize("status", [403, 404, 500, 503])
def test_other_refusals_ask_nothing_more(status: int) -> None:
    client = respond(bytes(16), "bytes 0-15/900", **TAGGED)
    client.read_error = ServerError("", status)
    with pytest.raises(ServerError):
        PinnedFile(URL, make_version('"v0"'), client).read(0, 4)
    assert len(client.requests) == 1
