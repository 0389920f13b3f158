"""Indexes of tiles."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import tifffile
from affine import Affine

from hrdem.geo.grid import Grid
from hrdem.output.geotiff import GeoTiffWriter
from hrdem.output.geotiff_metadata import Band
from hrdem.tiff.encode import BLOCK, choose_tile_format

NONE = 1, None
COLUMNS = 4_000


def test_absent_tiles_take_no_memory_until_the_index_is_written(tmp_path: Path) -> None:
    """Numpy asks for pages of 2 MB, so that a few tiles made all of a sparse index resident."""
    grid = Grid("EPSG:3979", Affine(1, 0, 0, 0, -1, 0), COLUMNS * BLOCK, 1_000 * BLOCK)
    bands = [Band("dtm", "metre")]
    tile_format = choose_tile_format("uint8", *NONE)
    tile = bytes(tile_format.raw_bytes)
    tracemalloc.start()
    try:
        with GeoTiffWriter(tmp_path / "a.tif", grid, grid.crs, 0, tile_format, bands) as writer:
            for place in range(100):
                writer.write(39 * place, 9 * place, tile)
            assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


def test_tiles_may_be_written_in_any_order(tmp_path: Path) -> None:
    """Of two bands; tifffile finds each of them, and no others."""
    grid = Grid("EPSG:3979", Affine(1, 0, 0, 0, -1, 0), 3 * BLOCK, 2 * BLOCK)
    tile_format = choose_tile_format("uint8", *NONE)
    bands = [Band("a", "1"), Band("b", "1")]
    placed = {(1, 1, 2): 5, (0, 1, 0): 3, (1, 0, 1): 4, (0, 0, 2): 2}
    path = tmp_path / "a.tif"
    with GeoTiffWriter(path, grid, grid.crs, 0, tile_format, bands) as writer:
        for (band, row, column), value in placed.items():
            writer.write(column, row, bytes([value]) * tile_format.raw_bytes, band)
        writer.commit(None, {}, (tmp_path / "a.json", lambda _: "{}"))
    with tifffile.TiffFile(path) as file:
        page = file.pages[0]
        stored = [
            file.filehandle.seek(offset) and file.filehandle.read(1)[0] if offset else 0
            for offset in page.dataoffsets
        ]
        assert [count > 0 for count in page.databytecounts] == [each > 0 for each in stored]
    assert stored == [0, 0, 2, 3, 0, 0, 0, 4, 0, 0, 0, 5]
