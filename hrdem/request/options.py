"""What a request can choose between, by name."""

from __future__ import annotations

from enum import StrEnum
from typing import Self, TypeVar

from hrdem.errors import RequestError

E = TypeVar("E", bound=StrEnum)


class Via(StrEnum):
    """The way in which pixels come."""

    AUTO = "auto"
    COG = "cog"
    VRT = "vrt"
    WCS = "wcs"


class Engine(StrEnum):
    """What reads the files."""

    AUTO = "auto"
    GDAL = "gdal"


class Align(StrEnum):
    """What the output's edges keep to."""

    PIXELS = "pixels"
    BLOCKS = "blocks"


class OnChange(StrEnum):
    """What to do when a source is published again while it is read."""

    STOP = "stop"
    RESTART = "restart"


class SlopeUnit(StrEnum):
    """What slopes are counted in."""

    DEGREES = "degrees"
    PERCENT = "percent"


class North(StrEnum):
    """Where aspects are counted from."""

    TRUE = "true"
    GRID = "grid"


class Algorithm(StrEnum):
    """How a gradient comes from a pixel's neighbours.

    Horn's weighs all eight, and so smooths a little: B. K. P. Horn, "Hill shading and the
    reflectance map", Proceedings of the IEEE 69 (1981), 29. Zevenbergen and Thorne's takes the
    four beside it, and so keeps more detail: L. W. Zevenbergen and C. R. Thorne, "Quantitative
    analysis of land surface topography", Earth Surface Processes and Landforms 12 (1987), 47-56,
    parameters G and H.
    """

    HORN = "horn"
    ZEVENBERGEN_THORNE = "zevenbergen-thorne"


class VerticalDatum(StrEnum):
    """What heights are counted from; named in any case."""

    CGVD2013 = "CGVD2013"
    CGVD28 = "CGVD28"

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        return next((each for each in cls if each.value == str(value).upper()), None)


class Format(StrEnum):
    """Layout of the output."""

    GTIFF = "gtiff"
    COG = "cog"


def parse_choice(kind: type[E], name: str, parameter: str) -> E:
    """Return the member of an enumeration that a user names.

    Raises:
        RequestError: If there is none; the message lists them.
    """
    try:
        return kind(name)
    except ValueError:
        names = " or ".join(member.value for member in kind)
        raise RequestError(f"`{parameter}` cannot be {name!r}; choose {names}.") from None
