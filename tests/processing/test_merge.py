"""Merges of arrays that stand for files: which source each pixel has, what is read, what fails."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import shapely
from affine import Affine
from numpy.typing import NDArray

from hrdem.catalog.items import Item
from hrdem.errors import NetworkError, SourceError
from hrdem.geo.block_set import BlockSet
from hrdem.geo.grid import Grid, Pixels, Window
from hrdem.geo.prepared import PreparedGeometry
from hrdem.http.run_context import RunContext
from hrdem.planning.mosaic import Mosaic, PlannedSource
from hrdem.processing.merge import merge_tiles
from hrdem.sources.protocol import Fetched
from hrdem.tiff.encode import BLOCK
from tests.stores import REFUSING

NODATA = -32767.0
LEFT, TOP = 1_500_000, -200_000
EDGE = 2 * BLOCK  # of the merge grid, pixels of 1 m


@dataclass
class File:
    """A raster file in memory: it records the windows that are opened and fetched."""

    pixels: Pixels
    nodata: float | None = NODATA
    size: int | None = 1000
    error: NetworkError | None = None
    fails_late: bool = False
    block: tuple[int, int] = (256, 256)
    priority: int = 0
    max_fetchers: int = 2
    decodes_on_fetch: bool = False
    delay: float = 0  # seconds that decoding takes
    waiting: int = 0  # windows that are fetched and not decoded
    most_waiting: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    opened: list[Window] = field(default_factory=list)
    fetched: list[Window] = field(default_factory=list)

    @contextlib.contextmanager
    def open(self, within: Window, context: object) -> Iterator[File]:
        self.opened.append(within)
        yield self

    def fetch(self, window: Window) -> Fetched:
        self.fetched.append(window)
        with self.lock:
            self.waiting += 1
            self.most_waiting = max(self.most_waiting, self.waiting)
        if self.error and not self.fails_late:
            raise self.error

        def decode() -> Pixels:
            if self.error:
                raise self.error
            time.sleep(self.delay)
            with self.lock:
                self.waiting -= 1
            return self.pixels[window.slices]

        return Fetched(self.size, decode)


@dataclass
class Recorder:
    """Stands for the finisher: keeps what it is given."""

    nodata: float = NODATA
    pixels: Pixels = field(default_factory=lambda: np.full((EDGE, EDGE), np.nan, np.float32))
    ids: NDArray[np.uint8] = field(default_factory=lambda: np.full((EDGE, EDGE), 99, np.uint8))
    infinite: NDArray[np.bool_] = field(default_factory=lambda: np.zeros((EDGE, EDGE), np.bool_))

    def finish_block(self, window: Window, pixels, ids, received, *, infinite) -> Any:
        self.pixels[window.slices] = pixels
        (self.ids[window.slices],) = ids
        self.infinite[window.slices] = infinite is not None and infinite
        return SimpleNamespace(window=window, received=received)


def place(name: str, file: File, column: int, row: int, year: int = 2020) -> PlannedSource:
    """Plan all pixels of a file but its first ten columns, which start at a place of the grid."""
    height, width = file.pixels.shape
    src_window = Window(10, 0, width - 10, height)
    item = Item(name, "c", "", f"{year}-01-01T00:00:00Z", None, ())
    collection = SimpleNamespace(id="c")
    return PlannedSource(
        name, collection, (item,), "dtm", file, src_window, src_window.shifted(column - 10, row)
    )


def merge(
    sources: list[PlannedSource],
    blocks: BlockSet | None = None,
    region: shapely.Geometry | None = None,
    max_memory: int = 500_000_000,
) -> tuple[Recorder, list[Any]]:
    grid = Grid("EPSG:3979", Affine(1, 0, LEFT, 0, -1, TOP), EDGE, EDGE)
    mosaic = Mosaic(
        query=None, grid=grid, whole=grid, dtype="float32", nodata=NODATA, sources=tuple(sources),
        items_without_product=(), skipped_neighbours=(), gaps=(), search_bounds=(0, 0, 1, 1),
        region=None if region is None else PreparedGeometry(region), reach_m=0,
    )  # fmt: skip
    recorder = Recorder()
    blocks = blocks or BlockSet.all_of(grid.window, BLOCK)
    ids = range(5, 5 + len(sources))
    context = RunContext(REFUSING, Path("unused"), max_memory)
    return recorder, list(merge_tiles(mosaic, blocks, ids, recorder, context, 0))


def fill(value: float, width: int = 600, height: int = 700) -> Pixels:
    return np.full((height, width), value, np.float32)


def test_each_pixel_has_the_id_of_its_source() -> None:
    """The newest wins, wherever it stands in the plan; its holes show the other."""
    old, new = File(fill(1)), File(fill(2))
    new.pixels[50:60, 110:130] = NODATA  # columns 100 to 120 of what is planned
    old.pixels[0, 10] = np.inf
    old.pixels[350, 410] = np.inf  # below the newer one
    recorder, _ = merge([place("old", old, 0, 0), place("new", new, 300, 200, year=2021)])
    expected, ids = np.full((EDGE, EDGE), NODATA, np.float32), np.zeros((EDGE, EDGE), np.uint8)
    expected[:700, :590], ids[:700, :590] = 1, 5
    expected[200:900, 300:890], ids[200:900, 300:890] = 2, 6
    expected[250:260, 400:420], ids[250:260, 400:420] = 1, 5
    expected[0, 0], ids[0, 0] = NODATA, 0
    np.testing.assert_array_equal(recorder.pixels, expected)
    np.testing.assert_array_equal(recorder.ids, ids)
    assert np.argwhere(recorder.infinite).tolist() == [[0, 0]]
    assert old.opened == new.opened == [Window(10, 0, 590, 700)]


def test_nodata_of_the_mosaic_counts_where_a_file_declares_none() -> None:
    undeclared, zero = File(fill(1), nodata=None), File(fill(2), nodata=0)
    undeclared.pixels[0, 10] = NODATA
    undeclared.pixels[0, 11] = 0
    zero.pixels[0, 10] = 0
    recorder, _ = merge([place("a", undeclared, 0, 0), place("b", zero, 800, 0)])
    assert recorder.pixels[0, :3].tolist() == [NODATA, 0, 1]
    assert recorder.ids[0, [0, 1, 800, 801]].tolist() == [0, 5, 0, 6]
    assert recorder.pixels[0, 800] == NODATA


@pytest.mark.parametrize("max_memory", [500_000_000, 1])
def test_only_wanted_blocks_are_read_and_finished(max_memory: int) -> None:
    """With little memory the output is cut into stripes, and one of them has nothing to do."""
    file, beside = File(fill(1, 1034, 1024)), File(fill(2, 110, 100))
    chosen = np.array([[False, False], [True, False]])
    blocks = BlockSet(Window(0, 0, EDGE, EDGE), BLOCK, chosen)
    recorder, tiles = merge(
        [place("a", file, 0, 0), place("b", beside, 700, 600)], blocks, max_memory=max_memory
    )
    assert [tile.window for tile in tiles] == [Window(0, 512, 512, 512)]
    assert file.opened == [Window(10, 512, 512, 512)]
    assert not beside.opened
    assert sum(window.pixels for window in file.fetched) == 512 * 512
    assert np.isnan(recorder.pixels[:512]).all()


def test_only_blocks_of_a_file_in_the_region_are_read() -> None:
    """Blocks of 256 pixels, of which the first starts at column -10 of the grid."""
    file = File(fill(1, 1034, 1024))
    shape = shapely.box(LEFT + 300, TOP - 520, LEFT + 400, TOP - 300)
    recorder, _ = merge([place("a", file, 0, 0)], region=shape)
    read = np.zeros((EDGE, EDGE), np.bool_)
    read[256:768, 246:502] = True
    np.testing.assert_array_equal(recorder.ids == 5, read)
    assert sum(window.pixels for window in file.fetched) == 2 * 256 * 256
    corner = BlockSet(Window(0, 0, EDGE, EDGE), BLOCK, np.array([[False, False], [False, True]]))
    assert merge([place("a", File(fill(1, 100, 100)), 0, 0)], corner, shape)[1] == []
    nothing = File(fill(1, 1034, 1024))
    recorder, tiles = merge([place("a", nothing, 0, 0)], region=shapely.box(0, 0, 1, 1))
    assert not nothing.fetched
    assert not tiles


@pytest.mark.parametrize("size", [1000, None])
def test_received_bytes_add_up_to_those_of_all_reads(size: int | None) -> None:
    """Where one reader does not know them, there is no sum."""
    file, beside = File(fill(1), size=size), File(fill(2), size=30)
    _, tiles = merge([place("a", file, 0, 0), place("b", beside, 400, 0)])
    received = [tile.received for tile in tiles]
    if size is None:
        assert received[-1] is None
    else:
        assert sum(received) == 1000 * len(file.fetched) + 30 * len(beside.fetched)


def test_few_windows_wait_that_a_reader_has_decoded_already() -> None:
    """They take the memory of pixels; of compressed ones there may be 64."""
    file = File(fill(1, 1034, 1024), decodes_on_fetch=True, delay=0.002)
    merge([place(f"{number}", file, 0, 0) for number in range(10)])
    assert len(file.fetched) > 64
    assert file.most_waiting <= 20


@pytest.mark.parametrize("late", [False, True])
def test_errors_name_their_source(late: bool) -> None:
    """Whether it fails when it is fetched or decoded; the other source stands before it."""
    good, bad = File(fill(1)), File(fill(2), error=SourceError("broken"), fails_late=late)
    with pytest.raises(SourceError) as raised:
        merge([place("bad", bad, 0, 0), place("good", good, 0, 0, year=2021)])
    assert raised.value.source == "bad"
