"""Colours of BC Gridded DEM, worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from hrdem.legacy.bc.colours import mix_colours, repeat_grey


def mix(height: int, shade: int) -> list[int]:
    colours: list[int] = mix_colours(np.array([[height]], np.int16), np.array([[shade]], np.uint8))[
        0, 0
    ].tolist()
    return colours


@pytest.mark.parametrize(
    ("height", "shade", "colour"),
    [
        (105, 186, [86, 149, 95]),  # the ramp is 118.552, 203.716, 130.030 there
        (105, 225, [105, 180, 115]),
        (0, 255, [0x1A, 0x10, 0x81]),
        (-40, 255, [0x1A, 0x10, 0x81]),
        (1, 255, [106, 201, 129]),  # nearly that of 0.1 m
        (1120, 255, [0xF0, 0xE6, 0x8C]),
        (1635, 255, [237, 182, 123]),  # half way: 236.5, 181.5, 123
        (2150, 255, [0xE9, 0x85, 0x6A]),
        (3200, 255, [255, 255, 255]),
        (5959, 255, [255, 255, 255]),
        (5959, 100, [100, 100, 100]),
        (500, 0, [0, 0, 0]),
        (-32767, 0, [0, 0, 0]),
    ],
)
def test_the_ramp_times_the_brightness(height: int, shade: int, colour: list[int]) -> None:
    assert mix(height, shade) == colour


def test_no_height_is_black_in_the_darkest_shade() -> None:
    heights = np.arange(-10, 4000, dtype=np.int16)[None]
    assert mix_colours(heights, np.ones_like(heights, np.uint8)).max(axis=2).min() == 1


def test_grey_is_red_green_and_blue_alike() -> None:
    grey = repeat_grey(np.array([[0, 181]], np.uint8))
    assert grey.tolist() == [[[0, 0, 0], [181, 181, 181]]]
