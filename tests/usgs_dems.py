"""USGS DEMs written value by value with Python's own formats, apart from the package's writer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

Profile = tuple[float, float, Sequence[int]]  # x, y and the heights from the south

# Offset and width of the fields that say where heights lie (CDED 2.1, 7.4.2).
_PLACES = {
    "name": (0, 40), "producer": (40, 60), "pattern": (150, 6), "system": (156, 6),
    "zone": (162, 6), "ground_unit": (528, 6), "height_unit": (534, 6), "sides": (540, 6),
    "rotation": (786, 24), "accuracy": (810, 6), "dx": (816, 12), "dy": (828, 12),
    "dz": (840, 12), "rows": (852, 6), "profiles": (858, 6), "vertical": (888, 2),
    "datum": (890, 2), "edition": (892, 4), "level": (144, 6),
}  # fmt: skip
_FIRST_PARAMETER, _REAL = 168, 24
GEOGRAPHIC = {"system": 0, "zone": 0, "ground_unit": 3, "dx": 3, "dy": 3, "datum": 4}
UTM = {"system": 1, "zone": 9, "ground_unit": 2, "dx": 25, "dy": 25, "datum": 4}
ALBERS = {"system": 3, "zone": 0, "ground_unit": 2, "dx": 25, "dy": 25, "datum": 4}
BC_ALBERS = (6378137, 0.0066943800229, 50e6, 58_030e3, -126e6, 45e6, 1e6, 0)
BC_ALBERS_DEGREES = (6378137, 0.0066943800229, 50, 58.5, -126, 45, 1e6, 0)


def print_e(value: float) -> str:
    """Print a real as CDED files of edition 1 have it."""
    return f"{value:e}"


def print_d(value: float) -> str:
    """Print a real as the writer of GDAL does."""
    return f"{value:.15E}".replace("E", "D")


@dataclass(frozen=True, slots=True)
class TextDem:
    """A DEM to be written.

    Attributes:
        header: Values of fields, by the names above; a text stands as it is.
        profiles: Its profiles.
        projection: Element 7.
        datums: Local datum of each profile.
        real: Prints a real number.
        delimiter: Bytes after each record.
        is_trimmed: Whether blanks at the end of a record are left out.
    """

    header: dict[str, float | str]
    profiles: Sequence[Profile]
    projection: Sequence[float] = (0,) * 15
    datums: Sequence[float] | None = None
    real: Callable[[float], str] = print_e
    delimiter: bytes = b""
    is_trimmed: bool = False

    def __bytes__(self) -> bytes:
        texts = [self.make_header()]
        for number, (x, y, heights) in enumerate(self.profiles):
            texts += self.make_profile(number, x, y, heights)
        records = [text.encode("latin-1").ljust(1024) for text in texts]
        if self.is_trimmed:
            records = [record.rstrip() for record in records]
        return b"".join(record + self.delimiter for record in records)

    def make_header(self) -> str:
        """Return the type A record."""
        values: dict[str, float | str] = {
            "name": "031k01DEMe", "level": 1, "pattern": 1, "height_unit": 2, "sides": 4,
            "rotation": "0.0", "accuracy": 0, "dz": 1, "rows": 1, "profiles": len(self.profiles),
            "vertical": 1, **self.header,
        }  # fmt: skip
        record = [" "] * 1024
        for name, value in values.items():
            offset, width = _PLACES[name]
            is_step = name in ("dx", "dy", "dz") and not isinstance(value, str)
            text = f"{value:.6e}" if is_step else str(value)
            record[offset : offset + width] = text.rjust(width)
        for number, value in enumerate(self.projection):
            start = _FIRST_PARAMETER + number * _REAL
            record[start : start + _REAL] = self.real(value).rjust(_REAL)
        return "".join(record)

    def make_profile(self, number: int, x: float, y: float, heights: Sequence[int]) -> list[str]:
        """Return the physical records of a type B record."""
        datum = self.datums[number] if self.datums else 0
        reals = (x, y, datum, min(heights, default=0), max(heights, default=0))
        start = f"{1:6d}{number + 1:6d}{len(heights):6d}{1:6d}" + "".join(
            self.real(value).rjust(_REAL) for value in reals
        )
        cuts = [0, *range(146, len(heights), 170), len(heights)]
        parts = ["".join(f"{height:6d}" for height in heights[a:b]) for a, b in pairwise(cuts)]
        return [start + parts[0], *parts[1:]]
