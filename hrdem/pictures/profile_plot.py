"""Draw a profile: values over the distance along a line, as a PNG."""

from __future__ import annotations

import io
import math
import textwrap
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hrdem.pictures.draw_map import DPI, GREY, INK, import_matplotlib
from hrdem.pictures.ramps import get_ramp
from hrdem.pictures.words import (
    WORDS,
    count_digits,
    describe_values,
    format_number,
    name_product,
)
from hrdem.request.options import Language
from hrdem.request.products import Product
from hrdem.runtime.text import escape_unprintable

WIDTH_INCHES, HEIGHT_INCHES = 10.0, 4.0
MAX_METRES = 5_000.0  # along the line, on an axis in metres
GAP_COLOUR = "#e6e6e6"
LINE_COLOUR = "#1f5a99"
METRES = "m"
MAX_TITLE = 110  # characters

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Quantity:
    """What the values are.

    Attributes:
        product: Product.
        vertical_datum: Vertical datum of heights; empty for other values.
        unit: Unit of the values; empty for none.
    """

    product: Product
    vertical_datum: str
    unit: str

    def describe(self, language: Language) -> str:
        """Describe it, for an axis."""
        return describe_values(get_ramp(self.product), self.vertical_datum, self.unit, language)


def draw_profile(
    distance: Array, values: Array, label: str, quantity: Quantity, language: Language
) -> bytes:
    """Draw a profile; stretches without data are shaded, and the line is broken there.

    If the values are metres, the vertical exaggeration is stated.

    Args:
        distance: Distance of the stations, metres, shape (n,).
        values: Values at the stations; NaN where there is no data.
        label: Label of the line, for the title.
        quantity: What the values are.
        language: Language of the words.

    Returns:
        A PNG.

    Raises:
        MissingLibraryError: If matplotlib is not installed.
    """
    matplotlib = import_matplotlib()
    words = WORDS[language]
    known = np.isfinite(values)
    scale, unit = (1.0, "m") if distance[-1] <= MAX_METRES else (1000.0, "km")
    title = f"{name_product(quantity.product, language)} · {label}"
    with matplotlib.style.context("default"):
        figure = matplotlib.figure.Figure(
            (WIDTH_INCHES, HEIGHT_INCHES), dpi=DPI, facecolor="white", layout="constrained"
        )
        matplotlib.backends.backend_agg.FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        for start, end in find_gaps(distance, known):
            axes.axvspan(start / scale, end / scale, color=GAP_COLOUR, linewidth=0)
        axes.plot(distance / scale, values, color=LINE_COLOUR, linewidth=1.2)
        alone = known & ~_beside(known)
        axes.plot(distance[alone] / scale, values[alone], ".", color=LINE_COLOUR, markersize=3)
        axes.set_xlim(0, distance[-1] / scale)
        axes.set_xlabel(words.distance.format(unit), color=INK)
        axes.set_ylabel(quantity.describe(language), color=INK, parse_math=False)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(partial(_format_tick, axis, language))
        axes.grid(color=GAP_COLOUR, linewidth=0.6)
        axes.set_title(
            textwrap.shorten(escape_unprintable(title), MAX_TITLE, placeholder=" …"),
            loc="left",
            color=INK,
            parse_math=False,
            pad=18,
        )
        notes = []
        if quantity.unit == METRES:
            figure.canvas.draw()  # fixes the size of the axes
            low, high = axes.get_ylim()
            box = axes.get_window_extent()
            factor = (box.height / (high - low)) / (box.width / float(distance[-1]))
            digits = max(0, 2 - math.floor(math.log10(factor)))
            notes.append(words.exaggeration.format(format_number(factor, language, digits)))
        if not known.all():
            notes.append(words.gaps)
        axes.annotate(
            ", ".join(notes), (0, 1), (0, 5), "axes fraction", "offset points", color=GREY, size=9
        )
        content = io.BytesIO()
        figure.savefig(content, format="png", dpi=DPI, metadata={"Software": None})
    return content.getvalue()


def _format_tick(axis: Any, language: Language, value: float, _: int) -> str:
    places = axis.get_majorticklocs()
    step = places[1] - places[0] if len(places) > 1 else 1.0
    return format_number(value, language, count_digits(step))


def find_gaps(distance: Array, known: NDArray[np.bool_]) -> list[tuple[float, float]]:
    """Return where stretches without data start and end, from station to station with data.

    Args:
        distance: Distance of the stations, shape (n,).
        known: Which of them have data.
    """
    padded = np.concatenate([[True], known, [True]])
    starts = np.flatnonzero(padded[:-1] & ~padded[1:])  # first station without data
    ends = np.flatnonzero(~padded[:-1] & padded[1:])  # first station with data after it
    before = distance[np.maximum(starts - 1, 0)]
    after = distance[np.minimum(ends, len(distance) - 1)]
    return list(zip(before.tolist(), after.tolist(), strict=True))


def _beside(known: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which stations have a neighbour with data."""
    padded = np.concatenate([[False], known, [False]])
    beside: NDArray[np.bool_] = padded[:-2] | padded[2:]
    return beside
