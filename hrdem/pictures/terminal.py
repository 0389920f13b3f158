"""Draw a raster in a terminal: half blocks in colour, or characters by value; and a histogram."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from rich.color import Color
from rich.console import Console
from rich.style import Style
from rich.text import Text

from hrdem.geo.grid import Pixels
from hrdem.pictures.draw_pixels import draw_pixels
from hrdem.pictures.ramps import Ramp
from hrdem.pictures.read_raster import Raster
from hrdem.pictures.summary import Bar, Summary
from hrdem.pictures.words import WORDS, format_number, make_caption, make_title
from hrdem.request.options import Language
from hrdem.runtime.text import escape_unprintable

MAX_COLUMNS, MAX_ROWS = 100, 32  # characters
CHARACTERS = ".:-=+*#%@"  # of low to high values, where there are no colours
EMPTY = "/"
MAX_BAR = 40  # characters


def draw_in_terminal(raster: Raster, console: Console, language: Language) -> None:
    """Print a raster and its histogram.

    Without colours, as with ``NO_COLOR`` or in a file, a character stands for a range of values.

    Args:
        raster: The raster.
        console: Where to print; it knows width, colours and encoding.
        language: Language of the words.
    """
    summary = Summary.of(raster)
    console.print(
        Text(escape_unprintable(make_title(raster, language)), Style(bold=True)), soft_wrap=True
    )
    has_blocks = console.encoding.lower().startswith("utf")
    if has_blocks and console.color_system and not console.no_color:
        lines = _draw_blocks(raster, console.width)
    else:
        lines = _draw_characters(raster, console.width)
    for line in lines:
        console.print(line, no_wrap=True, crop=True)
    valid = format_number(summary.valid_percent, language, 1)
    caption = escape_unprintable(make_caption(raster, language))
    console.print(Text(f"{caption}; {WORDS[language].valid.format(valid)}"), soft_wrap=True)
    for line in _draw_histogram(raster, summary, language, "█" if has_blocks else "#"):
        console.print(line, no_wrap=True, crop=True)


def _draw_blocks(raster: Raster, width: int) -> Iterator[Text]:
    """Draw two rows of pixels a line, by upper half blocks."""
    drawing = draw_pixels(raster, 1)
    rows, columns = _choose_pixels(raster.values, width, 2)
    colours = drawing.picture[rows][:, columns]
    empty = np.isnan(raster.values)[rows][:, columns]
    if len(rows) % 2:
        colours = np.concatenate([colours, colours[-1:]])
        empty = np.concatenate([empty, np.ones_like(empty[-1:])])
    for top in range(0, len(colours), 2):
        line = Text()
        for column in range(len(columns)):
            upper, lower = (
                None if empty[row, column] else _make_colour(colours[row, column])
                for row in (top, top + 1)
            )
            if upper is None and lower is None:
                line.append(EMPTY, Style(dim=True))
            elif upper is None:
                line.append("▄", Style(color=lower))
            else:
                line.append("▀", Style(color=upper, bgcolor=lower))
        yield line


def _make_colour(colour: Iterable[int]) -> Color:
    red, green, blue = map(int, colour)
    return Color.from_rgb(red, green, blue)


def _draw_characters(raster: Raster, width: int) -> Iterator[Text]:
    rows, columns = _choose_pixels(raster.values, width, 1)
    values = raster.values[rows][:, columns]
    low, high = raster.ramp.fit(raster.values) if raster.ramp else _span_classes(raster)
    places = (np.nan_to_num(values, nan=low) - low) / (high - low) * (len(CHARACTERS) - 1)
    numbers = np.clip(np.round(places), 0, len(CHARACTERS) - 1).astype(int)
    for row, empty in zip(numbers, np.isnan(values), strict=True):
        yield Text(
            "".join(EMPTY if no else CHARACTERS[n] for n, no in zip(row, empty, strict=True))
        )


def _span_classes(raster: Raster) -> tuple[float, float]:
    numbers = [each.value for each in raster.classes] or [0]
    return min(numbers), max(numbers) + 1


def _choose_pixels(values: Pixels, width: int, per_line: int) -> tuple[Pixels, Pixels]:
    """Choose the rows and columns to print; a character is twice as high as wide.

    Args:
        values: The pixels.
        width: Width of the terminal, characters.
        per_line: Rows of pixels in a line: 2 of half blocks, 1 of characters.
    """
    height, across = values.shape
    step = max(across / min(width, MAX_COLUMNS), height / (2 * MAX_ROWS), 1.0)
    columns = max(1, round(across / step))
    rows = max(1, round(height / step * per_line / 2))
    return (
        ((np.arange(rows) + 0.5) * height / rows).astype(int),
        ((np.arange(columns) + 0.5) * across / columns).astype(int),
    )


def _draw_histogram(
    raster: Raster, summary: Summary, language: Language, block: str
) -> Iterator[Text]:
    if not summary.histogram:
        return
    labels = [
        escape_unprintable(bar.name) or _describe_range(bar, summary, language)
        for bar in summary.histogram
    ]
    wide = max(map(len, labels))
    most = max(bar.pixels for bar in summary.histogram)
    for label, bar in zip(labels, summary.histogram, strict=True):
        length = round(MAX_BAR * bar.pixels / most)
        share = format_number(100 * bar.pixels / summary.valid, language, 1)
        line = Text(f"{label:>{wide}} ")
        line.append(block * length, _style_bar(raster, raster.ramp, bar))
        line.append(f" {share} %")
        yield line


def _describe_range(bar: Bar, summary: Summary, language: Language) -> str:
    step = bar.high - bar.low
    digits = 0 if step >= 5 else 1 if step >= 0.5 else 2 if step >= 0.05 else 4
    return " - ".join(format_number(value, language, digits) for value in (bar.low, bar.high))


def _style_bar(raster: Raster, ramp: Ramp | None, bar: Bar) -> Style:
    if ramp is None:
        colour = next(each.colour for each in raster.classes if each.value == bar.low)
    else:
        low, high = ramp.fit(raster.values)
        colour = ramp.colour(np.array([(bar.low + bar.high) / 2]), low, high)[0]
    return Style(color=_make_colour(colour))
