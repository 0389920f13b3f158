"""Rows of a tile index: what is read, shared and reported."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine

from hrdem.errors import SourceError
from hrdem.geo.grid import Window
from hrdem.runtime.lru import LruCache
from hrdem.tiff.header import Level, read_header
from hrdem.tiff.tile_index import Row, TileIndex

EDGE = 100  # tiles


class File:
    """A file in memory that records which bytes are read."""

    def __init__(self, path: Path) -> None:
        with rasterio.open(
            path, "w", "GTiff", width=16 * EDGE, height=16 * EDGE, count=1, dtype="uint8",
            crs="EPSG:3979", transform=Affine(1, 0, 9, 0, -1, 9), tiled=True,
            blockxsize=16, blockysize=16, SPARSE_OK=True,
        ) as dataset:  # fmt: skip
            assert dataset.block_shapes == [(16, 16)]
        self.content = path.read_bytes()
        self.reads: list[tuple[int, int]] = []

    def read(self, start: int, stop: int) -> bytes:
        self.reads.append((start, stop))
        return self.content[start:stop]

    def level(self) -> Level:
        header = read_header(self.read, len(self.content), "file.tif")
        self.reads.clear()
        return header.levels[0]


@pytest.fixture
def file(tmp_path: Path) -> File:
    return File(tmp_path / "file.tif")


def test_spans_hold_every_byte_that_is_read(file: File) -> None:
    """Rows are read many at a time; damaged ones outside the rectangle stayed in the cache."""
    level = file.level()
    index = TileIndex(file.read, LruCache(1 << 20), None, level, EDGE, "file.tif")
    index.look_up(Window(0, 0, 2, 1))
    assert len(file.reads) > 2
    for start, stop in file.reads:
        assert any(first <= start and stop <= last for first, last in index.spans)


def test_readers_of_one_version_share_rows(file: File) -> None:
    level = file.level()
    rows: LruCache[Row] = LruCache(1 << 20)

    def count_reads(rows: LruCache[Row], version: str) -> int:
        file.reads.clear()
        TileIndex(file.read, rows, version, level, EDGE, "file.tif").look_up(Window(0, 0, 9, 9))
        return len(file.reads)

    first = count_reads(rows, "v1")
    assert first > 2
    assert count_reads(rows, "v1") == 0
    assert count_reads(rows, "v2") == first
    assert count_reads(LruCache(1 << 20), "v1") == first


def test_index_that_contradicts_itself_is_read_again_once_forgotten(file: File) -> None:
    level = file.level()
    whole = file.content
    start, stop = level.counts.span(0, EDGE)
    file.content = whole[:start] + np.ones(stop - start, np.uint8).tobytes() + whole[stop:]
    index = TileIndex(file.read, LruCache(1 << 20), "v1", level, EDGE, "file.tif")
    for _ in range(2):
        with pytest.raises(SourceError, match="contradicts itself"):
            index.look_up(Window(0, 0, 2, 1))
    file.content = whole
    index.drop_rows()
    offsets, counts = index.look_up(Window(0, 0, 2, 1))
    assert offsets.shape == (1, 2)
    assert not counts.any()
