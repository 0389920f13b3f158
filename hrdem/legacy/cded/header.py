"""Values of the type A record of a CDED cell, from CDED 2.1, 7.4.2; `usgsdem.header` formats them.

Convention 5 of 7.4.1 has every real field filled, and element 31 is to be left empty: the element
wins.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hrdem.errors import RequestError
from hrdem.geo.nodata import VOID
from hrdem.legacy.cded.cells import NODES, Cell
from hrdem.legacy.cded.csdgm import UNKNOWN
from hrdem.legacy.cded.names import DataEdition, make_internal_name
from hrdem.request.options import OriginCode, ProcessCode
from hrdem.runtime.closest import find_closest
from hrdem.usgsdem.header import Header
from hrdem.usgsdem.write import measure_heights

#: acronyms and names of responsibility centres: CDED 2.1, page vi
CENTRES = {
    "ASRD": "Alberta Sustainable Resource Development - AB Gov - Edmonton",
    "BMGS-BC": "Base Mapping and Geomatic Services - B.C. Gov. - Victoria",
    "CFS-SSM": "Landscape Analysis - Can. Forest Serv. - Sault Ste. Marie",
    "CTI": "Centre for Topographic Information, Geomatics Canada",
    "CTI-O": "Centre for Topographic Information, Geomatics Canada, Ottawa",
    "OMNR": "Ontario Ministry of Natural Resources",
    "YEIM": "Yukon Environment Information Management & Technology",
}
#: in the field of the responsibility centre, if none is named
DEFAULT_CENTRE = "Made with hrdem from NRCan's HRDEM Mosaic"
CENTRE_WIDTH, MAX_CENTRES = 60, 4  # characters of the field, and sub-fields of it
_BETWEEN_CENTRES = re.compile(" {2,}")
_SUBFIELD_WIDTH = CENTRE_WIDTH // MAX_CENTRES


@dataclass(frozen=True, slots=True)
class Producer:
    """What the header says about the making of a cell.

    Attributes:
        centre: The responsibility centre as in the field, from `format_centre`.
        process: Software that made the cell.
        origin: Source of the heights.
        edition: Edition of the data.
    """

    centre: str
    process: ProcessCode
    origin: OriginCode
    edition: DataEdition

    @property
    def organization(self) -> str:
        """The responsibility centre, or several with commas between; unknown if none was named."""
        if self.centre == DEFAULT_CENTRE:
            return UNKNOWN
        return _BETWEEN_CENTRES.sub(", ", self.centre.strip())


def format_centre(text: str | None) -> str:
    """Return the field of the responsibility centre (CDED 2.1, 7.4.2 element 1).

    A single centre has its full name, several have their acronyms in four sub-fields. The document
    gives neither their width nor how they are justified: they are of equal width, and right-
    justified like all fields but the origin code (7.4.1, convention 7).

    Args:
        text: Name of a centre, or acronyms with commas between; None for `DEFAULT_CENTRE`.

    Raises:
        RequestError: If the name is too long or not ASCII, or an acronym is unknown.
    """
    if text is None:
        return DEFAULT_CENTRE
    parts = [part.strip() for part in text.split(",")]
    acronyms = [part.upper() for part in parts]
    if not any(part in CENTRES for part in acronyms):
        if len(text) > CENTRE_WIDTH or not (text.isascii() and text.isprintable()):
            raise RequestError(
                f"`centre={text}` does not fit: the field has {CENTRE_WIDTH} characters of ASCII. "
                f"Give a shorter name, or acronyms out of {', '.join(CENTRES)}."
            )
        return text
    if unknown := [part for part in parts if part.upper() not in CENTRES]:
        closest = find_closest(unknown[0], CENTRES)
        hint = f"Did you mean {closest}?" if closest else "Give only acronyms, or only a name."
        raise RequestError(
            f"`centre={text}` has {unknown[0]!r} among acronyms of responsibility centres, which "
            f"are {', '.join(CENTRES)}. {hint}"
        )
    if len(parts) > MAX_CENTRES:
        raise RequestError(
            f"`centre={text}` names {len(parts)} responsibility centres, and the field has room "
            f"for {MAX_CENTRES}."
        )
    if len(parts) == 1:
        return CENTRES[acronyms[0]]
    return "".join(part.rjust(_SUBFIELD_WIDTH) for part in acronyms).ljust(CENTRE_WIDTH)


def make_header(cell: Cell, heights: NDArray[np.int16], producer: Producer) -> Header:
    """Return the values of the type A record of a cell.

    Args:
        cell: The cell.
        heights: Whole metres above CGVD28, -32767 for void, shape (1201, 1201) from the north.
        producer: What the header says about its making.
    """
    measured = measure_heights(heights)
    west, south, _, _ = cell.bounds
    return Header(
        file_name=make_internal_name(cell),
        producer=producer.centre,
        south_west=(west, south),
        process_code=producer.process,
        origin=producer.origin,
        system=0,  # geographic
        ground_unit=3,  # arc seconds
        corners=cell.corners,
        min_height=measured.min_height,
        max_height=measured.max_height,
        resolution=(*cell.spacing, 1.0),
        profiles=NODES,
        void_flag=2 if np.any(heights == VOID) else 0,
        vertical_datum=1,  # mean sea level
        horizontal_datum=4,  # NAD83
        edition=producer.edition.element,
        percent_void=measured.percent_void,
    )
