"""Maps hold the pixels of the raster as they are, whatever its form."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from rasterio.io import MemoryFile

from hrdem.pictures.draw_map import draw_map, round_down
from hrdem.pictures.draw_pixels import HATCH, HATCH_PIXELS, draw_pixels
from hrdem.pictures.read_raster import read_raster
from hrdem.request.options import Language
from tests.pictures.rasters import HRDEM_TAGS, make_hills, write_raster

pytestmark = pytest.mark.filterwarnings(
    "ignore::rasterio.errors.NotGeoreferencedWarning"  # PNGs have no place
)


def decode(content: bytes) -> tuple[np.ndarray, dict[str, str]]:
    with MemoryFile(content, ext=".png") as file, file.open() as dataset:
        return np.moveaxis(dataset.read([1, 2, 3]), 0, -1), dataset.tags()


def holds(sheet: np.ndarray, row: np.ndarray) -> bool:
    """Whether a row of pixels is somewhere in a sheet."""
    lefts = range(sheet.shape[1] - len(row) + 1)
    return any((sheet[:, left : left + len(row)] == row).all(axis=(1, 2)).any() for left in lefts)


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(60, 90), (9, 90), (90, 9)])
def test_pixels_of_the_raster_are_pixels_of_the_map(tmp_path: Path, shape: tuple[int, int]) -> None:
    raster = read_raster(write_raster(tmp_path / "a.tif", make_hills(*shape)), None, None, 90)
    sheet, _ = decode(draw_map(raster, 90, Language.EN, None))
    picture = draw_pixels(raster, 90).picture
    assert all(holds(sheet, row) for row in (picture[0], picture[len(picture) // 2], picture[-1]))


@pytest.mark.parametrize("size", [1, 9])
def test_nothing_but_nodata_makes_a_map_too(tmp_path: Path, size: int) -> None:
    path = write_raster(tmp_path / "a.tif", np.full((size, size), np.nan))
    sheet, _ = decode(draw_map(read_raster(path, None, None, 64), 64, Language.EN, None))
    assert (sheet == HATCH).all(axis=-1).sum() > 63**2 / HATCH_PIXELS


@pytest.mark.slow
def test_equal_rasters_make_equal_maps_that_name_their_licence(tmp_path: Path) -> None:
    path = write_raster(tmp_path / "a.tif", make_hills(20, 30), **HRDEM_TAGS)
    raster = read_raster(path, None, None, 64)
    content = draw_map(raster, 64, Language.FR, "Île $x$ & _y_")
    assert content == draw_map(raster, 64, Language.FR, "Île $x$ & _y_")
    _, tags = decode(content)
    assert tags["Copyright"].startswith("Contains information licensed under")


@pytest.mark.parametrize(
    ("length", "rounded"), [(1.0, 1), (1.99, 1), (4.9, 2), (5.0, 5), (730.0, 500), (0.03, 0.02)]
)
def test_scale_bars_have_round_lengths(length: float, rounded: float) -> None:
    assert math.isclose(round_down(length), rounded)
