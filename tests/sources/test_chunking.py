"""Test the pieces of a window: each pixel once, small at first, then up to the server's limit."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hrdem.geo.grid import Window
from hrdem.sources.wcs.chunking import MIN_CHUNK_EDGE, ChunkScheduler, subtract

LIMIT = 300.0  # seconds
windows = st.builds(
    Window, st.integers(-300, 300), st.integers(-300, 300), st.integers(1, 900), st.integers(1, 900)
)


def taken(
    chunks: ChunkScheduler, seconds: Callable[[Window], float] = lambda piece: 0.1
) -> list[Window]:
    """Return all pieces, for a server with this duration per piece."""
    pieces = []
    while (piece := chunks.take()) is not None:
        chunks.record_success(piece, seconds(piece))
        pieces.append(piece)
    return pieces


def painted(pieces: list[Window], canvas: Window) -> np.ndarray:
    """Count the pieces that cover each pixel of a canvas."""
    count = np.zeros((canvas.height, canvas.width), int)
    for piece in pieces:
        count[piece.shifted(-canvas.column, -canvas.row).slices] += 1
    return count


@given(windows, windows)
def test_subtract_leaves_the_rest(whole: Window, hole: Window) -> None:
    shared = whole.intersection(hole)
    rest = subtract(whole, hole)
    count = painted([*rest, *([shared] if shared else [])], whole)
    assert (count == 1).all()


@settings(deadline=None)
@given(
    windows,
    st.lists(windows, max_size=3),
    st.lists(st.sampled_from(["came", "slow", "too much", "edge", "again"]), max_size=40),
)
def test_each_pixel_is_asked_for_until_it_came_once(
    whole: Window, kept: list[Window], fates: list[str]
) -> None:
    missing = [whole]
    for hole in kept:
        missing = [rest for part in missing for rest in subtract(part, hole)]
    there = np.ones((whole.height, whole.width), int) - painted(missing, whole)
    chunks = ChunkScheduler(missing, LIMIT)
    came = []
    while (piece := chunks.take()) is not None:
        match fates.pop() if fates else "came":
            case "too much" if chunks.record_failure(piece, 1):
                continue
            case "edge" if chunks.record_failure(piece, 1, 100):
                continue
            case "again":
                chunks.put_back(piece)
                continue
            case "slow":
                chunks.record_success(piece, 299.0)
            case _:
                chunks.record_success(piece, 0.5)
        came.append(piece)
    assert (painted(came, whole) + there == 1).all()


def test_chunks_from_top_to_bottom() -> None:
    pieces = taken(ChunkScheduler([Window(0, 0, 5_000, 5_000)], LIMIT))
    rows = [piece.row for piece in pieces]
    assert rows == sorted(rows)


def test_first_chunk_suits_a_weak_server() -> None:
    """The first chunk has a size that a weak server has returned before."""
    piece = ChunkScheduler([Window(0, 0, 50_000, 50_000)], LIMIT).take()
    assert piece is not None
    assert 441 <= piece.height == piece.width <= 512


def test_chunks_grow_on_a_fast_server() -> None:
    """Requests to a fast server grow step by step."""
    pieces = taken(
        ChunkScheduler([Window(0, 0, 50_000, 50_000)], LIMIT), lambda piece: piece.pixels / 1e6
    )
    sizes = [piece.pixels for piece in pieces]
    assert all(later <= 2.1 * earlier for earlier, later in itertools.pairwise(sizes))
    assert max(sizes) > 15_000_000


def test_chunks_settle_at_the_target_time() -> None:
    """The server takes 10 s per megapixel, plus one second per request."""

    def seconds(piece: Window) -> float:
        return 1 + 10e-6 * piece.pixels

    pieces = taken(ChunkScheduler([Window(0, 0, 20_000, 20_000)], LIMIT), seconds)
    settled = [seconds(piece) for piece in pieces[10:-10]]
    assert 20 < np.median(settled) <= 31
    assert max(settled) < 40


def test_quadratic_server_stays_within_its_limit() -> None:
    """Chunks stay within the limit of a server whose time grows with the square of the pixels."""

    def seconds(piece: Window) -> float:
        return 20 * (piece.pixels / 1e6) ** 2

    pieces = taken(ChunkScheduler([Window(0, 0, 20_000, 20_000)], LIMIT), seconds)
    assert max(map(seconds, pieces)) < 240


def test_a_server_that_was_slow_may_be_slow_again() -> None:
    """The size follows the mean of this chunk and those before: 30 s at 55 s a megapixel."""
    chunks = ChunkScheduler([Window(0, 0, 50_000, 50_000)], LIMIT)
    for seconds_per_megapixel, megapixels in ((100, 0.30), (10, 30 / 55)):
        chunk = chunks.take()
        assert chunk is not None
        chunks.record_success(chunk, seconds_per_megapixel * chunk.pixels / 1e6)
        following = chunks.take()
        assert following is not None
        assert 0.95 * megapixels < following.pixels / 1e6 <= megapixels
        chunks.put_back(following)


def test_failed_chunk_is_halved() -> None:
    """A chunk that is too large is split in halves, and later chunks are smaller."""
    chunks = ChunkScheduler([Window(0, 0, 4_096, 4_096)], LIMIT)
    first = chunks.take()
    assert first is not None
    assert chunks.record_failure(first, 1)
    second, third, fourth = chunks.take(), chunks.take(), chunks.take()
    assert (second, third) == (Window(0, 0, 256, 512), Window(256, 0, 256, 512))
    assert fourth is not None
    assert fourth.pixels <= first.pixels / 2


def test_failed_size_is_probed_again() -> None:
    """A size that failed once is retried later."""
    chunks = ChunkScheduler([Window(0, 0, 20_000, 20_000)], LIMIT)
    first = chunks.take()
    assert first is not None
    chunks.record_failure(first, 0.5)
    assert max(piece.pixels for piece in taken(chunks)) > 4 * first.pixels


def test_probing_wastes_little_time() -> None:
    """The server hangs for five minutes above half a megapixel, or responds in 10 s."""
    chunks, useful, wasted = ChunkScheduler([Window(0, 0, 20_000, 20_000)], LIMIT), 0.0, 0.0
    while (piece := chunks.take()) is not None:
        if piece.pixels > 500_000:
            chunks.record_failure(piece, 300)
            wasted += 300
        else:
            chunks.record_success(piece, 10)
            useful += 10
    assert 0 < wasted < 0.15 * (useful + wasted)


def test_one_probe_at_a_time() -> None:
    """Only one chunk at a time tries a larger size."""
    chunks = ChunkScheduler([Window(0, 0, 20_000, 20_000)], LIMIT)
    first = chunks.take()
    assert first is not None
    chunks.record_success(first, 1)
    probe, other = chunks.take(), chunks.take()
    assert probe is not None
    assert other is not None
    assert probe.pixels > 1.5 * first.pixels >= 1.5 * other.pixels
    chunks.record_success(probe, 2)
    following = chunks.take()
    assert following is not None
    assert following.pixels > 1.5 * probe.pixels


def test_halving_ends_at_64_pixels() -> None:
    chunks = ChunkScheduler([Window(0, 0, 1_000, 1_000)], LIMIT)
    piece, halvings = chunks.take(), 0
    while piece is not None and chunks.record_failure(piece, 1):
        halvings += 1
        piece = chunks.take()
    assert piece is not None
    assert MIN_CHUNK_EDGE / 2 < max(piece.width, piece.height) <= MIN_CHUNK_EDGE
    assert halvings <= 8


def test_stated_edge_limit_is_respected() -> None:
    chunks = ChunkScheduler([Window(0, 0, 30_000, 300)], LIMIT)
    first = chunks.take()
    assert first is not None
    assert chunks.record_failure(first, 0, max_edge=200)
    pieces = taken(chunks)
    assert max(max(piece.width, piece.height) for piece in pieces) <= 200
    assert np.median([piece.pixels for piece in pieces]) > 15_000


def test_thin_rest_does_not_count_as_slow() -> None:
    """A thin remainder has a fixed cost, and must not count as a slow server."""
    chunks = ChunkScheduler(
        [Window(0, 0, 512, 512), Window(0, 600, 7, 100), Window(0, 800, 9_000, 9_000)], LIMIT
    )
    sizes = [piece.pixels for piece in taken(chunks, lambda piece: 0.5)]
    assert sizes[:2] == [512 * 512, 700]
    assert sizes[2] > 450_000


@pytest.mark.parametrize("size", [1, 63, 64, 65, 511, 513, 1_000])
def test_no_thin_strip_remains(size: int) -> None:
    pieces = taken(ChunkScheduler([Window(0, 0, size, 512)], LIMIT), lambda piece: 1e9)
    assert (
        len(pieces) <= -(-size // 512) or min(piece.width for piece in pieces) >= MIN_CHUNK_EDGE / 2
    )
