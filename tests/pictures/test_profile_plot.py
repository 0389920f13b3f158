"""Plots of profiles show gaps as gaps."""

from __future__ import annotations

from typing import Any

import matplotlib.text
import numpy as np
import pytest
from rasterio.io import MemoryFile

from hrdem.pictures.profile_plot import Quantity, draw_profile, find_gaps
from hrdem.request.options import Language
from hrdem.request.products import PRODUCTS

pytestmark = pytest.mark.filterwarnings(
    "ignore::rasterio.errors.NotGeoreferencedWarning"  # PNGs have no place
)

GREY = 0xE6
HEIGHTS = Quantity(PRODUCTS["dtm"], "CGVD2013", "m")


def count_grey_columns(content: bytes) -> int:
    with MemoryFile(content, ext=".png") as file, file.open() as dataset:
        picture = dataset.read([1, 2, 3])
    return int(((picture == GREY).all(axis=0).mean(axis=0) > 0.5).sum())


def test_gaps_reach_from_station_to_station_with_data() -> None:
    distance = np.arange(6) * 10.0
    known = np.array([False, True, False, False, True, False])
    assert find_gaps(distance, known) == [(0, 10), (10, 40), (40, 50)]


@pytest.mark.slow
def test_a_gap_is_shaded_over_its_share_of_the_line() -> None:
    distance = np.arange(101) * 30.0
    values = np.sin(distance / 300)
    values[41:60] = np.nan
    whole = count_grey_columns(
        draw_profile(distance, np.sin(distance / 300), "a $x$", HEIGHTS, Language.EN)
    )
    assert (
        count_grey_columns(draw_profile(distance, values, "a $x$", HEIGHTS, Language.EN)) - whole
        > 150
    )


@pytest.mark.slow
def test_equal_profiles_make_equal_plots() -> None:
    distance = np.arange(9) * 1000.0
    first, second = (draw_profile(distance, distance, "a", HEIGHTS, Language.EN) for _ in range(2))
    assert first == second


@pytest.mark.slow
def test_words_and_numbers_are_those_of_the_language(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []
    draw = matplotlib.text.Text.draw

    def record(text: matplotlib.text.Text, renderer: Any) -> None:
        written.append(text.get_text())
        draw(text, renderer)

    monkeypatch.setattr(matplotlib.text.Text, "draw", record)
    distance = np.arange(9) * 500.0
    values = np.where(distance == 0, np.nan, distance / 2000)
    draw_profile(distance, values, "a", HEIGHTS, Language.FR)
    assert {
        "Modèle numérique de terrain : sol nu · a",
        "Altitude au-dessus du CGVD2013 (m)",
        "Distance au sol (m)",
        "1\N{NO-BREAK SPACE}500",
        "0,50",
    } < {*written}
    assert any(text.endswith("×, gris : aucune donnée") for text in written)
