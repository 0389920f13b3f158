"""DEMs are merged on their lattice: shared profiles, voids, editions, and those that do not fit."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from hrdem.errors import RequestError
from hrdem.geo.grid import Window
from hrdem.geo.nodata import VOID
from hrdem.legacy import mosaic, pixel_store
from hrdem.legacy.mosaic import LegacyMosaic
from hrdem.legacy.raster import LegacyRaster, RasterFile, open_raster
from tests.legacy_dems import NODES, make_ascii, make_bc_dem, make_cell, write
from tests.usgs_dems import TextDem

TERRAIN = np.random.default_rng(17).integers(0, 900, (2 * NODES - 1, 3 * NODES - 2), np.int16)


def cut(column: int, row: int, **header) -> TextDem:
    """A cell of the terrain; cells share the nodes along their edges."""
    left, bottom = column * (NODES - 1), row * (NODES - 1)
    top = len(TERRAIN) - bottom - NODES
    heights = TERRAIN[top : top + NODES, left : left + NODES]
    return make_cell(heights, left, bottom, **header)


def open_all(folder: Path, *dems: TextDem | bytes, suffix: str = ".dem") -> list[LegacyRaster]:
    paths = [write(folder / f"{number}{suffix}", dem) for number, dem in enumerate(dems)]
    return [open_raster(RasterFile(path), None, None) for path in paths]


def test_cells_are_merged_on_their_shared_profiles(tmp_path: Path) -> None:
    dems = [cut(column, row) for row in range(2) for column in range(3)]
    merged = LegacyMosaic(open_all(tmp_path, *dems))
    assert (merged.grid.width, merged.grid.height) == TERRAIN.shape[::-1]
    assert merged.grid.centre(0, TERRAIN.shape[0] - 1) == pytest.approx((-67, 49), abs=1e-12)
    assert np.array_equal(merged.read(merged.grid.window), TERRAIN)
    assert merged.unequal_nodes == 0


def test_any_window_of_a_mosaic_is_read(tmp_path: Path) -> None:
    merged = LegacyMosaic(open_all(tmp_path, cut(0, 0), cut(1, 0), cut(1, 1)))
    whole = merged.read(merged.grid.window)
    assert (whole[: NODES - 1, : NODES - 1] == VOID).all()  # no cell there
    for window in merged.grid.window.split(2, 3):
        assert np.array_equal(merged.read(window), whole[window.slices])


def test_unequal_nodes_of_shared_profiles_are_counted(tmp_path: Path) -> None:
    """The first file is the one whose heights stand."""
    first, other = np.full((NODES, NODES), 10, np.int16), np.full((NODES, NODES), 10, np.int16)
    other[1:3, 0] = 14, 3
    first[3, -1] = VOID
    merged = LegacyMosaic(open_all(tmp_path, make_cell(first), make_cell(other, NODES - 1)))
    pixels = merged.read(merged.grid.window)
    assert (merged.unequal_nodes, merged.largest_difference) == (2, 7)
    assert pixels[:, NODES - 1].tolist() == [10] * NODES  # a void has the neighbour's value


def test_the_latest_edition_comes_first(tmp_path: Path) -> None:
    heights = np.full((NODES, NODES), 10, np.int16)
    dems = [
        make_cell(heights),
        make_cell(heights + 1, edition="1020"),
        make_cell(heights + 3, edition="2021"),
        make_cell(heights + 2, edition="2021"),
    ]
    merged = LegacyMosaic(open_all(tmp_path, *dems))
    assert [raster.file.name for raster in merged.rasters] == ["2.dem", "3.dem", "1.dem", "0.dem"]
    assert (merged.read(merged.grid.window) == 13).all()
    assert merged.unequal_nodes == 3 * NODES * NODES
    assert merged.largest_difference == 3


def test_zeros_become_void_on_request(tmp_path: Path) -> None:
    """Only in the file of the old standard; the void then has the neighbour's value."""
    old, new = np.full((NODES, NODES), 0, np.int16), np.full((NODES, NODES), 0, np.int16)
    old[0] = 8
    dems = [make_cell(old), make_cell(new, NODES - 1, edition="1021")]
    for zero_is_void in (False, True):
        merged = LegacyMosaic(open_all(tmp_path, *dems), zero_is_void=zero_is_void)
        pixels = merged.read(merged.grid.window)
        assert merged.void_zeros == 20  # 5 x 4 nodes
        assert (pixels[1:, : NODES - 1] == (VOID if zero_is_void else 0)).all()
        assert (pixels[:, NODES:] == 0).all()
        assert (pixels[1:, NODES - 1] == 0).all()


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each file is read, with tiles that lie across the edges of the cells."""
    monkeypatch.setattr(mosaic, "TILE", 3)
    counted: Counter[str] = Counter()
    read = LegacyRaster.read

    def count(raster: LegacyRaster):
        counted[raster.file.name] += 1
        return read(raster)

    monkeypatch.setattr(LegacyRaster, "read", count)
    return counted


def test_each_file_is_read_about_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reads: Counter[str]
) -> None:
    """With room for three of six cells."""
    monkeypatch.setattr(pixel_store, "MAX_KEPT_BYTES", 6 * NODES * NODES)
    dems = [cut(column, row) for row in range(2) for column in range(3)]
    merged = LegacyMosaic(open_all(tmp_path, *dems))
    for tile in merged.tiles:
        assert np.array_equal(merged.read(tile), TERRAIN[tile.slices])
    assert sum(tile.pixels for tile in merged.tiles) == TERRAIN.size
    assert len(reads) == 6
    assert sum(reads.values()) <= 12


def test_a_large_file_is_read_once_whatever_lies_over_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reads: Counter[str]
) -> None:
    """As elevations of a BC block in both their formats, under every tile."""
    monkeypatch.setattr(pixel_store, "MAX_SMALL_BYTES", 0)
    merged = LegacyMosaic(open_all(tmp_path, make_cell(TERRAIN), make_cell(TERRAIN), cut(0, 0)))
    for tile in merged.tiles:
        assert np.array_equal(merged.read(tile), TERRAIN[tile.slices])
    assert reads == {"0.dem": 1, "1.dem": 1, "2.dem": 1}


def test_tiles_without_a_dem_are_left_out(tmp_path: Path) -> None:
    """Two cells 3,000 nodes apart."""
    cell = np.full((NODES, NODES), 10, np.int16)
    merged = LegacyMosaic(open_all(tmp_path, make_cell(cell), make_cell(cell, 3_000, 3_000)))
    assert merged.grid.window == Window(0, 0, 3_005, 3_005)
    assert sum(tile.pixels for tile in merged.tiles) < 5 * 512 * 512


def test_whole_metres_and_others_are_merged_as_float32(tmp_path: Path) -> None:
    heights = np.array([[1.5, 2.25], [3, 4]])
    dems = [make_ascii(HEIGHTS_OF_BC, 12.5, 12.5), make_ascii(heights, 62.5, 12.5)]
    paths = [
        write(tmp_path / f"92{letter}-albers-elevation.asc", dem)
        for letter, dem in zip("bc", dems, strict=True)
    ]
    merged = LegacyMosaic([open_raster(RasterFile(path)) for path in paths])
    pixels = merged.read(merged.grid.window)
    assert pixels.dtype == np.float32
    assert pixels.tolist() == [[1, 2, 1.5, 2.25], [3, VOID, 3, 4]]


HEIGHTS_OF_BC = np.array([[1, 2], [3, -9999]])
CELL = make_cell(np.full((2, 2), 1, np.int16))
NEXT = make_cell(np.full((2, 2), 1, np.int16), 1)


@pytest.mark.parametrize(
    ("dems", "said"),
    [
        (
            [CELL, make_cell(np.full((2, 2), 1, np.int16), 1, dx=6), NEXT],
            "The 3 DEMs are on several lattices: 2, such as 0.dem, with nodes 3 x 3 arc seconds",
        ),
        (
            [
                make_bc_dem(np.ones((2, 2), np.int16), 25, 25, albers=True),
                make_bc_dem(np.ones((2, 2), np.int16), 500_025, 25, albers=False),
            ],
            "; 1, such as 1.dem, with nodes 25 x 25 metres apart in EPSG:26909. Take those of ",
        ),
        (
            [CELL, make_cell(np.full((2, 2), 1, np.int16), 1.5)],
            "The nodes of 1.dem lie between those of 0.dem, so they cannot be merged without resam",
        ),
        (
            [CELL, make_cell(np.full((2, 2), 1, np.int16), 1, vertical=3)],
            "The 2 DEMs cannot be merged: their vertical datums are CGVD28 and NAVD88. Take",
        ),
    ],
)
def test_dems_that_do_not_fit_are_refused(tmp_path: Path, dems: list[TextDem], said: str) -> None:
    rasters = open_all(tmp_path, *dems)
    with pytest.raises(RequestError) as caught:
        LegacyMosaic(rasters)
    assert said in str(caught.value)


def test_slopes_are_not_merged_with_heights(tmp_path: Path) -> None:
    names = ("92b-albers-elevation.asc", "92b-albers-slope-deg.asc")
    paths = [write(tmp_path / name, make_ascii(HEIGHTS_OF_BC, 12.5, 12.5)) for name in names]
    with pytest.raises(RequestError, match=r"their pixels are elevation and slope-deg\. Take"):
        LegacyMosaic([open_raster(RasterFile(path)) for path in paths])


def test_dems_that_are_spread_too_far_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nodes by hand: 30 minutes of longitude and of latitude, every 3 seconds, and 2."""
    monkeypatch.setattr(mosaic, "MAX_PIXELS", 602 * 602 - 1)
    rasters = open_all(tmp_path, CELL, make_cell(np.full((2, 2), 1, np.int16), 600, 600))
    with pytest.raises(RequestError, match=r"2 DEMs are spread over 602 x 602 nodes, and at most "):
        LegacyMosaic(rasters)


def test_files_of_both_formats_are_on_one_lattice_in_messages(tmp_path: Path) -> None:
    """A folder with both projections of a BC block."""
    paths = [
        write(tmp_path / f"92b-{projection}-elevation{suffix}", content)
        for projection, left in (("albers", 0), ("utm", 500_000))
        for suffix, content in (
            (".asc", make_ascii(HEIGHTS_OF_BC, left + 12.5, 12.5)),
            (".dem", make_bc_dem(HEIGHTS_OF_BC, left + 25, 25, albers=projection == "albers")),
        )
    ]
    with pytest.raises(RequestError) as caught:
        LegacyMosaic([open_raster(RasterFile(path)) for path in paths])
    assert str(caught.value).startswith(
        "The 4 DEMs are on several lattices: 2, such as 92b-albers-elevation.asc, with nodes 25 x "
        "25 metres apart in EPSG:3005; 1, such as 92b-utm-elevation.asc, with nodes 25 x 25 metres "
        "apart in EPSG:26910; 1, such as 92b-utm-elevation.dem, with nodes 25 x 25 metres"
    )


def test_a_dem_of_an_unknown_datum_is_merged_without_one(tmp_path: Path) -> None:
    """As a CDED cell, and another that was converted to an ASCII grid."""
    known = make_bc_dem(HEIGHTS_OF_BC, 75, 25, albers=True)
    grid = write(tmp_path / "old.asc", make_ascii(HEIGHTS_OF_BC, 12.5, 12.5))
    both = [*open_all(tmp_path, known), open_raster(RasterFile(grid), None, "EPSG:3005")]
    assert LegacyMosaic(both[:1]).vertical_datum == "CGVD28"
    merged = LegacyMosaic(both)
    assert merged.vertical_datum == ""
    assert merged.grid.width == 4
