"""Elements of the FGDC's metadata standard, FGDC-STD-001-1998, called CSDGM."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass

from hrdem.runtime.text import to_one_line

STANDARD, STANDARD_VERSION = (
    "FGDC Content Standard for Digital Geospatial Metadata",
    "FGDC-STD-001-1998",
)
ENCODING = "ISO-8859-1"  # as published metadata of CDED
UNKNOWN = "Unknown"
RASTER = "raster digital data"
ONLINE = "online"
MAX_TEXT_CHARACTERS = 1 << 20

Element = ET.Element


def make(name: str, *content: Element | str) -> Element:
    """Return an element with a text, or with elements inside.

    A text becomes one line of printable characters, which XML allows; an empty one "Unknown".
    """
    element = Element(name)
    for each in content:
        if isinstance(each, str):
            element.text = to_one_line(each, MAX_TEXT_CHARACTERS) or UNKNOWN
        else:
            element.append(each)
    return element


def serialize(root: Element) -> bytes:
    """Return a document; characters that its encoding lacks become references."""
    ET.indent(root)
    document: bytes = ET.tostring(root, ENCODING, xml_declaration=True)
    return document + b"\n"


def make_time(first: str, last: str) -> Element:
    """Return the time from one date to another (CSDGM, section 9)."""
    return make("timeinfo", make("rngdates", make("begdate", first), make("enddate", last)))


@dataclass(frozen=True, slots=True)
class Citation:
    """What identifies a data set (CSDGM, section 8).

    Attributes:
        origin: Who made it.
        date: Day of its publication.
        title: Its title.
        form: How it is presented.
        edition: Its edition; empty if it has none.
        series: Name and issue of its series; none if it is in none.
        other: Other details; empty for none.
    """

    origin: str
    date: str
    title: str
    form: str
    edition: str = ""
    series: Sequence[str] = ()
    other: str = ""

    def make(self) -> Element:
        """Return the element."""
        optional = []
        if self.edition:
            optional.append(make("edition", self.edition))
        optional.append(make("geoform", self.form))
        if self.series:
            name, issue = self.series
            optional.append(make("serinfo", make("sername", name), make("issue", issue)))
        if self.other:
            optional.append(make("othercit", self.other))
        return make(
            "citeinfo",
            make("origin", self.origin),
            make("pubdate", self.date),
            make("title", self.title),
            *optional,
        )
