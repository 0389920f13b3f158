"""Pixels are coloured, shaded, hatched, and enlarged by whole numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hrdem.pictures.draw_pixels import EDGE, EMPTY, HATCH, LEVEL, draw_pixels, find_edges
from hrdem.pictures.ramps import SLOPE
from hrdem.pictures.read_raster import read_raster
from tests.pictures.rasters import HRDEM_TAGS, write_raster, write_sources


def test_slopes_that_face_the_light_are_brighter(tmp_path: Path) -> None:
    """A ridge from lower left to upper right has its light side at the upper left."""
    y, x = np.mgrid[:40, :40]
    ridge = 300.0 - 4 * np.abs(x + y - 40)
    raster = read_raster(write_raster(tmp_path / "a.tif", ridge), None, None, 64)
    picture = draw_pixels(raster, 40).picture.astype(int)
    assert picture[12, 12].sum() > 1.2 * picture[28, 28].sum()
    assert ridge[12, 12] == ridge[28, 28]


def test_pixels_without_data_are_hatched_in_no_colour_of_the_ramp(tmp_path: Path) -> None:
    slopes = np.zeros((20, 20))
    slopes[:10] = np.nan
    path = write_raster(tmp_path / "a.tif", slopes, HRDEM_PRODUCT="dtm-slope")
    drawing = draw_pixels(read_raster(path, None, None, 64), 20)
    assert {tuple(pixel) for pixel in drawing.picture[:10].reshape(-1, 3)} == {EMPTY, HATCH}
    assert {tuple(pixel) for pixel in drawing.picture[10:].reshape(-1, 3)} == {SLOPE.colours[0]}
    assert drawing.has_empty


def test_nothing_but_nodata_is_hatched_all_over(tmp_path: Path) -> None:
    raster = read_raster(write_raster(tmp_path / "a.tif", np.full((3, 3), np.nan)), None, None, 64)
    assert {tuple(p) for p in draw_pixels(raster, 64).picture.reshape(-1, 3)} == {EMPTY, HATCH}


def test_small_rasters_are_enlarged_by_a_whole_number(tmp_path: Path) -> None:
    path = write_raster(tmp_path / "a.tif", np.array([[0.0, 60.0]]), HRDEM_PRODUCT="dtm-slope")
    picture = draw_pixels(read_raster(path, None, None, 64), 65).picture
    assert picture.shape == (32, 64, 3)
    assert (picture[:, :32] == SLOPE.colours[0]).all()
    assert (picture[:, 32:] == SLOPE.colours[-1]).all()


def test_level_ground_has_no_direction_and_a_colour_of_its_own(tmp_path: Path) -> None:
    path = write_raster(tmp_path / "a.tif", np.array([[-1.0, 90.0]]), HRDEM_PRODUCT="dtm-aspect")
    drawing = draw_pixels(read_raster(path, None, None, 64), 2)
    assert tuple(drawing.picture[0, 0]) == LEVEL
    assert drawing.has_level


def test_an_edge_is_drawn_between_collections_and_not_between_tiles(tmp_path: Path) -> None:
    path = write_raster(tmp_path / "a.tif", np.full((3, 12), 50.0), **HRDEM_TAGS)
    write_sources(path, np.repeat([1, 2, 3], 4)[None].repeat(3, axis=0))
    drawing = draw_pixels(read_raster(path, None, None, 64), 12)
    drawn = (drawing.picture == EDGE).all(axis=-1)
    assert drawn.any(axis=0).nonzero()[0].tolist() == [7]
    assert drawing.has_edges


def test_no_edge_runs_along_a_hole() -> None:
    assert not find_edges(np.array([[1, 0, 2], [1, 0, 2]], np.uint8)).any()
