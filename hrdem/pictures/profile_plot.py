"""Draw a profile: values over the distance along a line, as a PNG."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hrdem.pictures.draw_map import DPI, GREY, INK, import_matplotlib
from hrdem.runtime.text import escape_unprintable

WIDTH_INCHES, HEIGHT_INCHES = 10.0, 4.0
MAX_METRES = 5_000.0  # along the line, on an axis in metres
GAP_COLOUR = "#e6e6e6"
LINE_COLOUR = "#1f5a99"
METRES = "m"

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Quantity:
    """What the values are.

    Attributes:
        name: Name of the product.
        unit: Unit of its values; empty for none.
    """

    name: str
    unit: str


def draw_profile(distance: Array, values: Array, title: str, quantity: Quantity) -> bytes:
    """Draw a profile; stretches without data are shaded, and the line is broken there.

    If the values are metres, the vertical exaggeration is stated.

    Args:
        distance: Distance of the stations, metres, shape (n,).
        values: Values at the stations; NaN where there is no data.
        title: Title.
        quantity: What the values are.

    Returns:
        A PNG.

    Raises:
        MissingLibraryError: If matplotlib is not installed.
    """
    matplotlib = import_matplotlib()
    known = np.isfinite(values)
    scale, unit = (1.0, "m") if distance[-1] <= MAX_METRES else (1000.0, "km")
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
        axes.set_xlabel(f"distance on the ground ({unit})", color=INK)
        unit_of_values = f" ({quantity.unit})" if quantity.unit else ""
        axes.set_ylabel(f"{quantity.name}{unit_of_values}", color=INK, parse_math=False)
        axes.grid(color=GAP_COLOUR, linewidth=0.6)
        axes.set_title(escape_unprintable(title), loc="left", color=INK, parse_math=False)
        notes = []
        if quantity.unit == METRES:
            figure.canvas.draw()  # fixes the size of the axes
            low, high = axes.get_ylim()
            box = axes.get_window_extent()
            factor = (box.height / (high - low)) / (box.width / float(distance[-1]))
            notes.append(f"vertical exaggeration {factor:.3g}×")
        if not known.all():
            notes.append("grey: no data")
        axes.set_title(", ".join(notes), loc="right", color=GREY, fontsize=9)
        content = io.BytesIO()
        figure.savefig(content, format="png", dpi=DPI, metadata={"Software": None})
    return content.getvalue()


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
