"""Draw a map: the picture with title, legend, scale bar, north and attribution, as a PNG.

matplotlib draws it, at a place for each part in pixels, so that pixels of the raster stay pixels.
"""

from __future__ import annotations

import importlib
import io
import math
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from hrdem._version import __version__
from hrdem.errors import MissingLibraryError
from hrdem.geo.crs import describe_crs, get_unit
from hrdem.geo.grid import Grid, Window
from hrdem.geo.ground import Ground
from hrdem.output.colours import Colour
from hrdem.pictures.draw_pixels import EDGE, LEVEL, Drawing, draw_hatch, draw_pixels
from hrdem.pictures.ramps import Pictured, Ramp, Scale
from hrdem.pictures.read_raster import Raster
from hrdem.pictures.summary import Summary
from hrdem.pictures.words import (
    WORDS,
    count_digits,
    format_number,
    make_caption,
    make_tick,
    make_title,
)
from hrdem.request.options import Language
from hrdem.runtime.text import escape_unprintable

DPI = 100  # of the figure; a point is 100 / 72 pixels
MARGIN, GAP = 20, 12  # pixels
MIN_WIDTH = 560  # pixels, of the figure without margins
TITLE, TEXT, SMALL = 12, 8.5, 7  # points
LINE_HEIGHTS = {TITLE: 22, TEXT: 17, SMALL: 13}  # pixels
CHARACTER_WIDTHS = {TITLE: 10.4, TEXT: 6.6, SMALL: 5.6}  # pixels, a wide mean
BAR_HEIGHT, SWATCH = 14, (26, 14)  # pixels
LEGEND_HEIGHT = 58  # pixels: caption, bar, numbers
MAX_SCALE_SHARE = 0.3  # of the width, for the scale bar
MAX_CLASSES = 12  # in a legend
_PARTS = "backends.backend_agg", "figure", "lines", "patches", "style", "ticker", "transforms"
INK, GREY = "#202020", "#606060"


@dataclass(frozen=True, slots=True)
class Swatch:
    """An entry of the legend.

    Attributes:
        sample: uint8 array of the size of a swatch, by red, green and blue.
        label: What it stands for.
    """

    sample: Pictured
    label: str


def import_matplotlib() -> Any:
    """Import the parts of matplotlib that draw without a screen.

    Raises:
        MissingLibraryError: If it is not installed.
    """
    try:
        for name in _PARTS:
            importlib.import_module(f"matplotlib.{name}")
        return importlib.import_module("matplotlib")
    except ModuleNotFoundError as exc:
        raise MissingLibraryError(
            "A picture with a legend needs matplotlib, which is not installed: pip install "
            "'hrdem[plot]'. hrdem view without `output` draws in the terminal without it.",
            name=exc.name,
        ) from exc


def draw_map(raster: Raster, size: int, language: Language, title: str | None) -> bytes:
    """Draw a raster as a map.

    Args:
        raster: The raster.
        size: Longer edge of the map without what is around it, pixels.
        language: Language of its words.
        title: Title; None for that of the product, or the name of the file.

    Returns:
        A PNG.

    Raises:
        MissingLibraryError: If matplotlib is not installed.
    """
    matplotlib = import_matplotlib()
    drawing = draw_pixels(raster, size)
    words = WORDS[language]
    rows, columns, _ = drawing.picture.shape
    width = max(columns, MIN_WIDTH)
    heading = _wrap(escape_unprintable(title or make_title(raster, language)), TITLE, width)
    notes = _wrap(_describe(raster, language), TEXT, width)
    swatches = _arrange(list(_list_swatches(raster, drawing, language)), width)
    credit = _wrap(words.attribution, SMALL, width) if raster.is_licensed else []
    above = MARGIN + _height(heading, TITLE) + _height(notes, TEXT) + GAP
    has_data = not np.isnan(raster.values).all()
    legend = LEGEND_HEIGHT if (raster.ramp and has_data) or raster.grid else 0
    below = GAP + legend + len(swatches) * LINE_HEIGHTS[TEXT] + GAP + _height(credit, SMALL)
    height = above + rows + below + MARGIN
    with matplotlib.style.context("default"):
        figure = matplotlib.figure.Figure(
            ((width + 2 * MARGIN) / DPI, height / DPI), dpi=DPI, facecolor="white"
        )
        matplotlib.backends.backend_agg.FigureCanvasAgg(figure)
        sheet = _Sheet(matplotlib, figure, height)
        sheet.write(heading, MARGIN, MARGIN, TITLE, weight="bold")
        sheet.write(notes, MARGIN, MARGIN + _height(heading, TITLE), TEXT, color=GREY)
        left = MARGIN + (width - columns) // 2
        sheet.place(drawing.picture, left, above)
        sheet.frame(left, above, columns, rows)
        top = above + rows + GAP
        if raster.grid is not None:
            _draw_scale(sheet, raster.grid, columns, top, language)
        if raster.ramp is not None and has_data:
            _draw_ramp(sheet, raster, raster.ramp, drawing, width, top, language)
        top += legend
        for line in swatches:
            for x, swatch in line:
                sheet.place(swatch.sample, MARGIN + x, top)
                sheet.frame(MARGIN + x, top, *SWATCH)
                sheet.write([swatch.label], MARGIN + x + SWATCH[0] + 6, top, TEXT)
            top += LINE_HEIGHTS[TEXT]
        sheet.write(credit, MARGIN, top + GAP, SMALL, color=GREY)
        return _encode(sheet.render(), _make_metadata(raster, heading))


class _Sheet:
    """A figure on which things have places in pixels, from the upper left."""

    def __init__(self, matplotlib: Any, figure: Any, height: int) -> None:
        self.matplotlib = matplotlib
        self.figure = figure
        self.height = height
        self.pixels = matplotlib.transforms.IdentityTransform()
        self.pictures: list[tuple[Pictured, int, int]] = []

    def write(self, lines: list[str], x: float, y: float, points: float, **style: Any) -> None:
        """Write lines of text."""
        style = {"color": INK, "va": "top", **style}
        for number, line in enumerate(lines):
            top = self.height - y - number * LINE_HEIGHTS[points]
            self.figure.text(
                x, top, line, fontsize=points, transform=self.pixels, parse_math=False, **style
            )

    def place(self, picture: Pictured, x: int, y: int) -> None:
        """Place a picture, pixel for pixel."""
        self.pictures.append((picture, x, y))

    def render(self) -> Pictured:
        """Return the sheet as red, green and blue."""
        self.figure.canvas.draw()
        sheet = np.array(self.figure.canvas.buffer_rgba())[..., :3]
        for picture, x, y in self.pictures:
            sheet[y : y + picture.shape[0], x : x + picture.shape[1]] = picture
        return sheet

    def frame(self, x: float, y: float, width: float, height: float, **style: Any) -> None:
        """Draw a rectangle around some pixels."""
        style = {"facecolor": "none", "edgecolor": INK, "linewidth": 0.6, "snap": False, **style}
        corner = x - 0.5, self.height - y - height - 0.5
        self.figure.add_artist(
            self.matplotlib.patches.Rectangle(
                corner, width + 1, height + 1, transform=self.pixels, **style
            )
        )

    def line(self, xs: tuple[float, ...], ys: tuple[float, ...], **style: Any) -> None:
        """Draw a line."""
        self.figure.add_artist(
            self.matplotlib.lines.Line2D(
                xs,
                [self.height - y for y in ys],
                transform=self.pixels,
                **{"color": INK, "linewidth": 1.0, **style},
            )
        )

    def bar(self, picture: Pictured, low: float, high: float, box: tuple[int, int, int]) -> Any:
        """Draw colours over an axis of values, in a box of left, top and width; return its axes."""
        left, top, width = box
        across, down = self.figure.get_size_inches() * DPI
        axes = self.figure.add_axes(
            (left / across, 1 - (top + BAR_HEIGHT) / down, width / across, BAR_HEIGHT / down)
        )
        axes.imshow(picture, aspect="auto", extent=(low, high, 0, 1), interpolation="nearest")
        axes.set_yticks([])
        axes.tick_params(labelsize=TEXT, length=3, pad=2)
        return axes


def _describe(raster: Raster, language: Language) -> str:
    """Describe a raster below its title: collections, pixel size, CRS, share with data."""
    words, parts = WORDS[language], list(raster.collections)
    if raster.grid is not None:
        size = raster.resolution
        digits = 0 if size >= 100 else len(f"{size:.3g}".partition(".")[2])
        unit = get_unit(raster.grid.crs)
        parts += [
            words.pixels.format(format_number(size, language, digits), _abbreviate(unit.name)),
            describe_crs(raster.grid.crs),
        ]
    percent = Summary.of(raster).valid_percent
    if percent < 100:
        text = format_number(min(percent, 99.9) if percent > 99.9 else percent, language, 1)
        parts.append(words.valid.format(text))
    return " · ".join(parts)


def _abbreviate(unit: str) -> str:
    return {"metre": "m", "degree": "°"}.get(unit, unit)


def _wrap(text: str, points: float, width: int) -> list[str]:
    return textwrap.wrap(text, int(width / CHARACTER_WIDTHS[points]))


def _height(lines: list[str], points: float) -> int:
    return len(lines) * LINE_HEIGHTS[points]


def _list_swatches(raster: Raster, drawing: Drawing, language: Language) -> Iterator[Swatch]:
    words = WORDS[language]
    for each in raster.classes[:MAX_CLASSES]:
        yield Swatch(_fill(each.colour), escape_unprintable(each.name))
    if len(raster.classes) > MAX_CLASSES:
        yield Swatch(_fill((255, 255, 255)), f"+ {len(raster.classes) - MAX_CLASSES}")
    if drawing.has_level:
        yield Swatch(_fill(LEVEL), words.level)
    if drawing.has_edges:
        yield Swatch(_fill(EDGE), words.edges)
    if drawing.has_empty:
        yield Swatch(draw_hatch(SWATCH[1], SWATCH[0]), words.empty)


def _fill(colour: Colour) -> Pictured:
    return np.full((SWATCH[1], SWATCH[0], 3), colour, np.uint8)


def _arrange(swatches: list[Swatch], width: int) -> list[list[tuple[int, Swatch]]]:
    """Arrange entries in lines, each with its distance from the left."""
    lines: list[list[tuple[int, Swatch]]] = []
    right = width + 1
    for swatch in swatches:
        needed = SWATCH[0] + 6 + math.ceil(len(swatch.label) * CHARACTER_WIDTHS[TEXT]) + GAP
        if right + needed > width:
            lines.append([])
            right = 0
        lines[-1].append((right, swatch))
        right += needed
    return lines


def _draw_ramp(
    sheet: _Sheet,
    raster: Raster,
    ramp: Ramp,
    drawing: Drawing,
    width: int,
    top: int,
    language: Language,
) -> None:
    """Draw the ramp at the right, with its caption above and values below."""
    length = min(320, width // 2)
    left = MARGIN + width - length - GAP  # the last number is as wide as the gap
    sheet.write([make_caption(raster, language)], left, top, TEXT)
    low, high = drawing.low, drawing.high
    colours = ramp.colour(np.linspace(low, high, length)[None], low, high)
    axes = sheet.bar(colours, low, high, (left, top + 19, length))
    if ramp.scale is Scale.CYCLIC:
        ticks = np.linspace(low, high, 5)
    else:
        steps = sheet.matplotlib.ticker.MaxNLocator(5, steps=[1, 2, 2.5, 5, 10])
        ticks = np.array([tick for tick in steps.tick_values(low, high) if low <= tick <= high])
    step = ticks[1] - ticks[0] if len(ticks) > 1 else 1.0
    digits = count_digits(step)
    axes.set_xticks(ticks, [make_tick(tick, ramp, language, digits) for tick in ticks])


def _draw_scale(sheet: _Sheet, grid: Grid, columns: int, top: int, language: Language) -> None:
    """Draw a scale bar and an arrow to true north, both for the centre of the map."""
    centre = Window(grid.width // 2, grid.height // 2, 1, 1)
    ground = Ground.of(grid)
    metres = float(np.asarray(ground.steps(centre).width).item()) * grid.width / columns
    length = round_down(MAX_SCALE_SHARE * max(columns, MIN_WIDTH // 2) * metres)
    pixels = length / metres
    unit, number = ("km", length / 1000) if length >= 1000 else ("m", length)
    label = f"{format_number(number, language, 0 if number >= 1 else 2)} {unit}"
    left = MARGIN + 34
    sheet.write([label], left + pixels / 2, top, TEXT, ha="center")
    sheet.frame(left, top + 21, pixels / 2, 6, facecolor=INK)
    sheet.frame(left + pixels / 2, top + 21, pixels / 2, 6, facecolor="white")
    angle = math.radians(-float(ground.bearing(centre).item()))
    right, up = 14 * math.sin(angle), 14 * math.cos(angle)
    x, y = MARGIN + 12, top + 19
    for side in (-1, 1):
        wing = angle + side * 2.6
        sheet.line(
            (x + right + 7 * math.sin(wing), x + right, x - right),
            (y - up - 7 * math.cos(wing), y - up, y + up),
        )
    label_x, label_y = x + 1.6 * right, y - 1.6 * up
    north = WORDS[language].directions[0]
    sheet.write([north], label_x, label_y, SMALL, ha="center", va="center")


def round_down(length: float) -> float:
    """Return the largest of 1, 2 and 5, times a power of ten, that is not longer."""
    power = 10.0 ** math.floor(math.log10(length))
    return next(factor * power for factor in (5, 2, 1) if factor * power <= length * (1 + 1e-9))


def _encode(sheet: Pictured, metadata: dict[str, str]) -> bytes:
    from PIL import Image, PngImagePlugin  # noqa: PLC0415 (matplotlib needs it)

    info = PngImagePlugin.PngInfo()
    for key, value in metadata.items():
        info.add_text(key, value)
    content = io.BytesIO()
    Image.fromarray(sheet).save(content, format="png", pnginfo=info, dpi=(DPI, DPI))
    return content.getvalue()


def _make_metadata(raster: Raster, heading: list[str]) -> dict[str, str]:
    credit = {"Copyright": WORDS[Language.EN].attribution} if raster.is_licensed else {}
    return {"Software": f"hrdem {__version__}", "Title": " ".join(heading), **credit}
