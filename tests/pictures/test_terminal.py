"""A terminal shows colours where it has them, characters where it has none."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from hrdem.pictures.read_raster import Raster, read_raster
from hrdem.pictures.terminal import draw_in_terminal
from hrdem.request.options import Language
from tests.pictures.rasters import HRDEM_TAGS, write_raster, write_sources


def show(raster: Raster, language: Language = Language.EN, **settings: object) -> list[str]:
    file = io.StringIO()
    console = Console(file=file, width=60, **settings)
    draw_in_terminal(raster, console, language)
    return file.getvalue().splitlines()


@pytest.fixture
def staircase(tmp_path: Path) -> Raster:
    """Four steps of equal height, and no data at the right."""
    steps = np.array([[0.0, 100.0, 200.0, 300.0, np.nan]]).repeat(2, axis=0)
    return read_raster(write_raster(tmp_path / "a.tif", steps, **HRDEM_TAGS), None, None, 64)


def test_higher_ground_has_denser_characters(staircase: Raster) -> None:
    title, picture, caption, *bars = show(staircase, no_color=True)
    assert title == "Digital terrain model: bare ground"
    assert picture == ".=*@/"
    assert caption == "Height above CGVD2013 (m); 80.0 % with data"
    assert bars[0].split() == ["0", "-", "25", "█" * 40, "25.0", "%"]


def test_colours_show_two_rows_a_line(staircase: Raster) -> None:
    lines = show(staircase, force_terminal=True, color_system="truecolor", legacy_windows=False)
    assert lines[1].count("▀") == 4
    assert lines[1].count("/") == 1
    assert "38;2;" in lines[1]


def test_words_and_numbers_are_french_on_request(staircase: Raster) -> None:
    title, _, caption, *_ = show(staircase, Language.FR, no_color=True)
    assert title == "Modèle numérique de terrain : sol nu"
    assert caption == "Altitude au-dessus du CGVD2013 (m); 80,0 % avec données"


def test_values_that_are_no_heights_are_shown_with_an_exponent(tmp_path: Path) -> None:
    undeclared = np.array([[-3.4e38, 1.0, 2.0]]).repeat(3, axis=0)
    raster = read_raster(write_raster(tmp_path / "a.tif", undeclared), None, None, 64)
    *_, first = show(raster, no_color=True)[:5]
    assert "-3.4e+38" in first


def test_sources_are_counted_by_name(tmp_path: Path) -> None:
    path = write_raster(tmp_path / "a.tif", np.ones((1, 4)), **HRDEM_TAGS)
    layer = write_sources(path, np.array([[1, 1, 1, 3]]))
    *_, first, second = show(read_raster(layer, None, None, 64), no_color=True)
    assert first.startswith("tile-1 ")
    assert second == "tile-3 █████████████ 25.0 %"


def test_nothing_but_nodata_has_no_histogram(tmp_path: Path) -> None:
    raster = read_raster(write_raster(tmp_path / "a.tif", np.full((2, 2), np.nan)), None, None, 64)
    _, *picture, caption = show(raster, no_color=True)
    assert set("".join(picture)) == {"/"}
    assert caption == "Height (m); 0.0 % with data"
