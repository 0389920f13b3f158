"""One attempt at a file: open it and read a little of each level, or be told why not.

`attempt` is what the fuzzer calls with bytes of its own, and what the tests call with those that
are kept. A file may end in one of two ways: in pixels, or in a `HrdemError`. Whatever else happens
is a finding.
"""

from __future__ import annotations

import hashlib
import itertools
import warnings
from dataclasses import dataclass
from functools import cached_property
from mmap import mmap

import numpy as np

from hrdem.errors import HrdemError, SourceError
from hrdem.geo.grid import Window
from hrdem.http.metadata_cache import MetadataCache
from hrdem.http.protocol import Http, Response
from hrdem.sources.cog import CogFile, CogSource, probe_cog
from tests.fuzz.findings import FindingError

URL = "http://store.invalid/file.tif"
FAR = 1 << 40  # a terabyte of zeros after a file's beginning
MOST_HEADER_BYTES = 4 << 20
MOST_HEADER_REQUESTS = 64
MOST_INDEX_BYTES = 64 << 20  # slices of the widest level's index
MOST_FETCHED = 64 << 20  # by one window of a few tiles
_LEVELS = 4  # that are read
_EDGE = 40  # pixels of the windows
_DECODED = 8 << 20  # bytes of tiles that are worth an attempt's time


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt ended.

    Attributes:
        error: Why there are no pixels, None if there are.
        pixels: How many were read.
        requests: How many parts were asked for, the first not counted.
        fetched: Bytes of those parts.
    """

    error: HrdemError | None
    pixels: int
    requests: int
    fetched: int


class Store(Http):
    """An HTTP client whose only file lies in memory, followed by zeros up to a size."""

    def __init__(self, content: bytes, size: int | None = None) -> None:
        self.content = content
        self.size = len(content) if size is None else size
        self.etag = f'"{hashlib.sha256(content).hexdigest()}"'
        self.requests = 0
        self.fetched = 0

    @cached_property
    def metadata(self) -> MetadataCache:
        return MetadataCache()

    def request(self, method, url, *, headers=None, **_) -> Response:
        start, stop = map(int, headers["Range"].removeprefix("bytes=").split("-"))
        body = self._part(start, min(stop + 1, self.size))
        said = f"bytes {start}-{start + len(body) - 1}/{self.size}"
        return Response(url, 206, {"etag": self.etag, "content-range": said}, body)

    def read_range(self, url, start, stop, version, headroom=0, on_bytes=None) -> mmap:
        if not 0 <= start < stop <= self.size:
            raise FindingError(f"bytes {start} to {stop} of {self.size} are asked for")
        self.requests += 1
        self.fetched += stop - start
        if stop - start > MOST_FETCHED:
            raise FindingError(f"{stop - start} bytes are asked for at once")
        part = mmap(-1, headroom + stop - start)
        part[headroom:] = self._part(start, stop)
        return part

    def _part(self, start: int, stop: int) -> bytes:
        return self.content[start:stop].ljust(stop - start, b"\0")


def attempt(content: bytes, size: int | None = None) -> Outcome:
    """Open a file and read windows of its levels, the small ones only.

    Args:
        content: How the file begins.
        size: How large it says it is, in zeros after its beginning; None for no more than that.

    Raises:
        FindingError: If more is asked for than the file is worth, or the pixels are not what the
            header announces.
        Exception: Whatever else the reader lets out, which it must not.
    """
    store = Store(content, size)
    pixels = 0
    error: HrdemError | None = None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            file = probe_cog(URL, store)
            _check_header(file, store)
            for level in range(min(_LEVELS, len(file.header.levels))):
                pixels += _read(file, level, store)
    except HrdemError as exc:
        error = exc
    if not pixels and store.fetched > MOST_HEADER_BYTES + MOST_INDEX_BYTES + MOST_FETCHED:
        raise FindingError(f"{store.fetched} bytes are fetched for nothing")
    return Outcome(error, pixels, store.requests, store.fetched)


def assert_told(outcome: Outcome) -> None:
    """Make sure that an attempt ended in a sentence for the user, which names the file."""
    assert isinstance(outcome.error, SourceError), outcome
    message = str(outcome.error)
    assert URL in message
    assert message.endswith(".")
    assert message.isprintable()
    assert len(message) < 1_200


def _check_header(file: CogFile, store: Store) -> None:
    if store.fetched > MOST_HEADER_BYTES or store.requests > MOST_HEADER_REQUESTS:
        raise FindingError(f"{store.requests} requests of {store.fetched} bytes for a header")
    dtype = np.dtype(file.dtype)
    if file.nodata is not None and not np.array_equal(
        dtype.type(file.nodata), file.nodata, equal_nan=True
    ):
        raise FindingError(f"nodata {file.nodata} is no {dtype}")
    file.grid.touched_by((-1e8, -1e8, 1e8, 1e8))  # as planning does
    file.grid.locate(file.grid)
    first = file.header.levels[0]
    if any(each.width > first.width or each.height > first.height for each in file.header.levels):
        raise FindingError("an overview is larger than the image")


def _read(file: CogFile, number: int, store: Store) -> int:
    source = CogSource(file.at_level(number), store)
    level = file.header.levels[number]
    width, height = min(_EDGE, level.width), min(_EDGE, level.height)
    columns = {0, (level.width - width) // 2, level.width - width}
    rows = {0, (level.height - height) // 2, level.height - height}
    done = 0
    for column, row in itertools.product(sorted(columns), sorted(rows)):
        window = Window(column, row, width, height)
        before = store.fetched
        source.needed(window)
        if store.fetched - before > MOST_INDEX_BYTES:
            raise FindingError(f"{store.fetched - before} bytes of index for one window")
        tiles = level.tiles_under(window)
        raw = tiles.pixels * level.tile[0] * level.tile[1] * np.dtype(file.dtype).itemsize
        if raw > _DECODED:
            continue
        before = store.fetched
        pixels = source.fetch(window).decode()
        if pixels.shape != (height, width) or pixels.dtype != file.dtype:
            raise FindingError(f"{pixels.dtype} {pixels.shape} instead of {file.dtype}")
        if store.fetched - before > 4 * raw + (tiles.pixels << 16):
            raise FindingError(f"{store.fetched - before} bytes for {raw} bytes of pixels")
        done += pixels.size
    return done
