"""Options with a fixed set of values."""

from __future__ import annotations

from enum import StrEnum
from typing import Self, TypeVar

from hrdem.errors import RequestError
from hrdem.runtime.closest import find_closest

E = TypeVar("E", bound=StrEnum)


class Interpolation(StrEnum):
    """How the value at a point follows from the pixels around it."""

    NEAREST = "nearest"
    BILINEAR = "bilinear"
    CUBIC = "cubic"


class Via(StrEnum):
    """Files or service to read pixels from."""

    AUTO = "auto"
    COG = "cog"
    VRT = "vrt"
    WCS = "wcs"


class Engine(StrEnum):
    """Library that reads the files."""

    AUTO = "auto"
    GDAL = "gdal"


class Align(StrEnum):
    """Lattice to which the edges of the output are aligned."""

    PIXELS = "pixels"
    BLOCKS = "blocks"


class OnChange(StrEnum):
    """Reaction to a source that is republished while it is read."""

    STOP = "stop"
    RESTART = "restart"


class SlopeUnit(StrEnum):
    """Unit of slopes."""

    DEGREES = "degrees"
    PERCENT = "percent"


class North(StrEnum):
    """Direction from which aspects are measured."""

    TRUE = "true"
    GRID = "grid"


class Algorithm(StrEnum):
    """Method that computes a gradient from a pixel's neighbours.

    Horn's weighs all eight neighbours, which smooths a little: B. K. P. Horn, "Hill shading and the
    reflectance map", Proceedings of the IEEE 69 (1981), 29. Zevenbergen and Thorne's uses the four
    adjacent ones, which preserves more detail: L. W. Zevenbergen and C. R. Thorne, "Quantitative
    analysis of land surface topography", Earth Surface Processes and Landforms 12 (1987), 47-56,
    parameters G and H.
    """

    HORN = "horn"
    ZEVENBERGEN_THORNE = "zevenbergen-thorne"


class VerticalDatum(StrEnum):
    """Vertical datum of heights; its name is not case-sensitive."""

    CGVD2013 = "CGVD2013"
    CGVD28 = "CGVD28"

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        return next((datum for datum in cls if datum.value == str(value).upper()), None)


class TileLayout(StrEnum):
    """Layout of the files of a job of tiles."""

    GTIFF = "gtiff"
    COG = "cog"


class Format(StrEnum):
    """Layout of the output file: pixels, or a VRT of the remote files that hold them."""

    GTIFF = "gtiff"
    COG = "cog"
    VRT = "vrt"
    VRT_HTTPS = "vrt-https"

    @property
    def is_vrt(self) -> bool:
        """Whether the file refers to pixels instead of holding them."""
        return self in (Format.VRT, Format.VRT_HTTPS)


class Compression(StrEnum):
    """Compression of the output's tiles."""

    DEFLATE = "deflate"
    ZSTD = "zstd"
    LZW = "lzw"
    NONE = "none"


class Naming(StrEnum):
    """Whose names the files of CDED have: those of a responsibility centre, or a purchaser's."""

    CENTRE = "centre"
    PURCHASER = "purchaser"


class Records(StrEnum):
    """Form of the records of CDED cells: as specified, or as readers of lines need them."""

    FIXED = "fixed"
    LF = "lf"  # a line feed after each
    SPLAT = "splat"  # likewise, and elements 25 to 29 of the header blank


class ProcessCode(StrEnum):
    """Software that made a CDED cell: CDED 2.1, 7.4.2 element 1."""

    ANUDEM = "8"
    FME = "9"
    TOPOGRID = "A"
    METADATA = "Z"  # described in the metadata


class OriginCode(StrEnum):
    """Source of the heights of a CDED cell: CDED 2.1, 7.4.2 element 2."""

    AB = "AB"
    ASDB = "ASDB"
    BC = "BC"
    MB = "MB"
    MULT = "MULT"
    NB = "NB"
    NL = "NL"
    NS = "NS"
    NT = "NT"
    NTDB = "NTDB"
    NU = "NU"
    ON = "ON"
    PE = "PE"
    QC = "QC"
    RS = "RS"
    SK = "SK"
    YT = "YT"


class Edition(StrEnum):
    """Edition of a specification that files are checked against, from old to new.

    ``cded-1.0`` stands for all of CDED before April 2004: the standard of 2000 and edition 1.0.
    """

    CDED_1_0 = "cded-1.0"
    CDED_2_0 = "cded-2.0"
    CDED_2_1 = "cded-2.1"
    BC_2_0 = "bc-2.0"

    @property
    def is_cded(self) -> bool:
        """Whether it is one of Canadian Digital Elevation Data."""
        return self is not Edition.BC_2_0

    @property
    def document(self) -> str:
        """The document whose clauses are cited; that of CDED is always 2.1."""
        return "CDED 2.1" if self.is_cded else "BC 2.0"

    def precedes(self, other: Edition) -> bool:
        """Whether it is an older edition than another of the same specification."""
        order = list(Edition)
        return self.is_cded is other.is_cded and order.index(self) < order.index(other)


class RampName(StrEnum):
    """What the values of a raster are, for a picture of it; names of colour ramps."""

    ELEVATION = "elevation"
    HILLSHADE = "hillshade"
    SLOPE = "slope"
    ASPECT = "aspect"
    CHM = "chm"
    DIFFERENCE = "difference"
    CLASSES = "classes"


class Language(StrEnum):
    """Language of the words in a picture."""

    EN = "en"
    FR = "fr"


def parse_choice(options: type[E], name: str, parameter: str) -> E:
    """Return the member of an enumeration that has a name.

    Args:
        options: The enumeration.
        name: User-supplied name.
        parameter: Name of the parameter that it was passed for, for the message.

    Raises:
        RequestError: If there is no such member; the message lists them.
    """
    try:
        return options(name)
    except ValueError:
        names = [member.value for member in options]
        closest = find_closest(name, names)
        hint = f" Did you mean {closest}?" if closest else ""
        raise RequestError(
            f"`{parameter}` cannot be {name!r}.{hint} Choose one of: {', '.join(names)}."
        ) from None
