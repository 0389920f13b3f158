"""What a request can choose between, by name."""

from __future__ import annotations

from enum import StrEnum
from typing import TypeVar

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


def choice(kind: type[E], name: str, what: str) -> E:
    """Return the member of an enumeration that a user names.

    Raises:
        RequestError: If there is none; the message lists them.
    """
    try:
        return kind(name)
    except ValueError:
        names = " or ".join(member.value for member in kind)
        raise RequestError(f"There is no {what} {name!r}; choose {names}.") from None
