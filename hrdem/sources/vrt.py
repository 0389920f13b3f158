"""The published VRTs: which files they refer to, and what GDAL is handed in their place.

A VRT can make GDAL do almost anything: open any file, run code, compute pixels. So GDAL never sees
one as it is served, but another that is written here, of those elements and attributes only that
say how pixels of files lie side by side (https://gdal.org/en/stable/drivers/raster/vrt.html).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urljoin, urlsplit
from xml.etree.ElementTree import Element, ParseError, SubElement, tostring

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import XMLParser

from hrdem.errors import SourceError
from hrdem.runtime.redaction import redact_secrets
from hrdem.runtime.text import to_one_line

VSICURL = "/vsicurl/"
MAX_VRT_BYTES = 16 << 20  # of a VRT
_VSICURL_QUERY = "/vsicurl?"
_MOST_ELEMENTS = 20_000
_MOST_SOURCES = 1_000
_MOST_FILES = 100
_MOST_TEXT = 64 << 10  # characters of an element
_EXCERPT = 80  # characters

_ADDRESS = re.compile(r"https?://[^\s\"<>\\^`{|}]+", re.IGNORECASE)
# neither a file nor an address, which GDAL would open in search of a CRS
_OPENS_FILES = re.compile(r"EXTENSION|PARAMETERFILE|BOUNDCRS|ABRIDGED|nadgrids", re.IGNORECASE)
_CRS = re.compile(
    r"EPSG:\d{4,6}|(PROJCS|GEOGCS|COMPD_CS|PROJCRS|GEOGCRS|COMPOUNDCRS|BOUNDCRS)\[.*",
    re.IGNORECASE | re.DOTALL,
)
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d{1,3})?|[-+]?(nan|inf)", re.IGNORECASE)
_DOMAINS = ("", "IMAGE_STRUCTURE", "STATISTICS", "TIFF")  # of metadata that change no pixel
_PIXEL_TYPE = "PIXELTYPE"  # but for this of them

_SOURCE = ("SourceFilename", "SourceBand", "SourceProperties", "SrcRect", "DstRect")
_RECTANGLE = ("xOff", "yOff", "xSize", "ySize")


@dataclass(frozen=True, slots=True)
class _Kind:
    """What an element may have."""

    children: tuple[str, ...] = ()
    attributes: tuple[str, ...] = ()


_KINDS: Mapping[str, _Kind] = {
    "VRTDataset": _Kind(
        ("SRS", "GeoTransform", "Metadata", "VRTRasterBand", "BlockXSize", "BlockYSize",
         "OverviewList"),
        ("rasterXSize", "rasterYSize"),
    ),
    "SRS": _Kind((), ("dataAxisToSRSAxisMapping", "coordinateEpoch")),
    "Metadata": _Kind(("MDI",), ("domain",)),
    "MDI": _Kind((), ("key",)),
    "OverviewList": _Kind((), ("resampling",)),
    "VRTRasterBand": _Kind(
        ("Description", "UnitType", "NoDataValue", "HideNoDataValue", "ColorInterp", "Offset",
         "Scale", "Metadata", "Histograms", "Overview", "SimpleSource", "ComplexSource"),
        ("dataType", "band", "subClass", "blockXSize", "blockYSize"),
    ),
    "Histograms": _Kind(("HistItem",)),
    "HistItem": _Kind(
        ("HistMin", "HistMax", "BucketCount", "IncludeOutOfRange", "Approximate", "HistCounts")
    ),
    "Overview": _Kind(("SourceFilename", "SourceBand")),
    "SimpleSource": _Kind(_SOURCE, ("resampling",)),
    "ComplexSource": _Kind(
        (*_SOURCE, "NODATA", "UseMaskBand", "ScaleOffset", "ScaleRatio"), ("resampling",)
    ),
    "SourceFilename": _Kind((), ("relativeToVRT", "shared")),
    "SourceProperties": _Kind(
        (), ("RasterXSize", "RasterYSize", "DataType", "BlockXSize", "BlockYSize")
    ),
    "SrcRect": _Kind((), _RECTANGLE),
    "DstRect": _Kind((), _RECTANGLE),
}  # fmt: skip
_SOURCES = ("SimpleSource", "ComplexSource", "Overview")
# elements and attributes that may have one value only, the one that changes nothing
_NEUTRAL = {
    "SourceBand": 1.0, "Offset": 0.0, "Scale": 1.0, "ScaleOffset": 0.0, "ScaleRatio": 1.0,
    "HideNoDataValue": 0.0,
}  # fmt: skip
_CLASS = "VRTSourcedRasterBand"


@dataclass(frozen=True, slots=True)
class Vrt:
    """A VRT that is safe to open.

    Attributes:
        text: The VRT, whose sources are absolute addresses for GDAL's /vsicurl/.
        files: These addresses, each once, in order; at least one.
    """

    text: str
    files: tuple[str, ...]


def sanitize_vrt(document: bytes, href: str) -> Vrt:
    """Write a VRT anew, as far as it lays files at http addresses side by side.

    Args:
        document: The VRT as served.
        href: Address that it was served at, which relative sources are relative to.

    Raises:
        SourceError: If it is no VRT, or has anything in it that is not known to be harmless.
    """
    shown = redact_secrets(href)
    taking = _Taking()
    parser = XMLParser(target=taking, forbid_dtd=True)
    try:
        parser.feed(document)
        parser.close()
        root = taking.root
        if root is None:
            raise ValueError("it is empty")  # noqa: TRY301
    except _ForeignError as exc:
        raise SourceError(
            f"{shown} {exc}. Only plain mosaics of files are read as VRTs: try `via=cog`."
        ) from exc
    except (ParseError, DefusedXmlException, LookupError, ValueError) as exc:
        raise SourceError(f"{shown} is not a VRT: {to_one_line(str(exc), _EXCERPT)}.") from exc
    files: dict[str, None] = {}
    for source in root.iter("SourceFilename"):
        files[_absolute(source, href, shown)] = None
    if not 0 < len(files) <= _MOST_FILES:
        raise SourceError(f"{shown} refers to {len(files)} files; read the COG instead.")
    return Vrt(tostring(root, encoding="unicode"), tuple(files))


class _ForeignError(Exception):
    """A VRT has something in it that is not read; says what, as words that follow its name."""


@dataclass(slots=True)
class _Taking:
    """Takes elements from a parser, and ends it at the first that is not allowed."""

    root: Element | None = None
    _open: list[Element] = field(default_factory=list)
    _texts: list[str] = field(default_factory=list)
    _length: int = 0
    _elements: int = 0
    _sources: int = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        kind = _KINDS.get(tag, _Kind())
        if self._open:
            parent = self._open[-1]
            if tag not in _KINDS.get(parent.tag, _Kind()).children:
                raise _ForeignError(f"has {_named(tag)} in its {parent.tag}, which is not read")
        elif tag != "VRTDataset":
            raise ValueError(f"its root element is {_named(tag)}")
        for name, value in attributes.items():
            if name not in kind.attributes or not value.isprintable() or len(value) > _MOST_TEXT:
                raise _ForeignError(f"has {_named(name)} of {tag}, which is not read")
        self._elements += 1
        self._sources += tag in _SOURCES
        if self._elements > _MOST_ELEMENTS or self._sources > _MOST_SOURCES:
            raise _ForeignError(
                f"has more than {_MOST_ELEMENTS} elements or {_MOST_SOURCES} sources"
            )
        _check_attributes(tag, attributes)
        if self._open:
            element = SubElement(self._open[-1], tag, attributes)
        else:
            self.root = element = Element(tag, attributes)
        self._open.append(element)
        self._begin_text()

    def data(self, text: str) -> None:
        self._texts.append(text)
        self._length += len(text)
        if self._length > _MOST_TEXT:
            raise _ForeignError(
                f"has more than {_MOST_TEXT} characters in its {self._open[-1].tag}"
            )

    def end(self, tag: str) -> None:
        element = self._open.pop()
        if not len(element):
            element.text = "".join(self._texts).strip()
            _check_text(element)
        _check_rectangles(element)
        self._begin_text()

    def _begin_text(self) -> None:
        self._texts.clear()
        self._length = 0

    def close(self) -> None:
        """The parser has come to its end."""


def _check_attributes(tag: str, attributes: Mapping[str, str]) -> None:
    if attributes.get("subClass", _CLASS) != _CLASS:
        raise _ForeignError(f"has a {tag} of class {_named(attributes['subClass'])}")
    if tag == "Metadata" and attributes.get("domain", "") not in _DOMAINS:
        raise _ForeignError(f"has metadata of domain {_named(attributes['domain'])}")
    if tag == "MDI" and attributes.get("key", "").upper() == _PIXEL_TYPE:
        raise _ForeignError("has pixels of another type than it says")


def _check_text(element: Element) -> None:
    """Make sure that the text of an element means what it should, and nothing else."""
    tag, text = element.tag, element.text or ""
    proper = True
    if tag in _NEUTRAL:
        proper = _NUMBER.fullmatch(text) is not None and float(text) == _NEUTRAL[tag]
    elif tag in ("NoDataValue", "NODATA"):
        proper = _NUMBER.fullmatch(text) is not None
    elif tag == "SRS":
        proper = _CRS.fullmatch(text) is not None and not _OPENS_FILES.search(text)
    elif tag == "GeoTransform":
        numbers = [each.strip() for each in text.split(",")]
        proper = len(numbers) == 6 and all(map(_is_finite, numbers))
    if not proper:
        raise _ForeignError(f"has {_named(text)} as its {tag}, which is not read")


def _check_rectangles(element: Element) -> None:
    """Make sure that pixels are laid as they are, and not resampled."""
    rectangles = [element.find(name) for name in ("SrcRect", "DstRect")]
    sizes = []
    for rectangle in rectangles:
        if rectangle is None:
            continue
        numbers = [rectangle.get(name, "") for name in _RECTANGLE]
        if not all(map(_is_finite, numbers)):
            raise _ForeignError(f"has a {rectangle.tag} that is none")
        sizes.append((float(numbers[2]), float(numbers[3])))
    if len(sizes) == 2 and not all(map(math.isclose, *sizes)):
        raise _ForeignError("resamples the pixels of its files")


def _is_finite(text: str) -> bool:
    return _NUMBER.fullmatch(text) is not None and math.isfinite(float(text))


def _absolute(source: Element, href: str, shown: str) -> str:
    """Make a source an absolute address for GDAL, and return the address."""
    said = source.text or ""
    target = said.removeprefix(VSICURL)
    try:
        if said.startswith(_VSICURL_QUERY):
            target = parse_qs(said.removeprefix(_VSICURL_QUERY)).get("url", [""])[-1]
        elif source.get("relativeToVRT") == "1":
            target = urljoin(href, target)
        if not urlsplit(target).hostname:
            target = ""
    except ValueError:
        target = ""
    if not _ADDRESS.fullmatch(target) or not target.isprintable():
        raise SourceError(
            f"{shown} refers to {_named(redact_secrets(said))}, which is not an http or https "
            "address, and is not read."
        )
    source.text = f"{VSICURL}{target}"
    source.set("relativeToVRT", "0")
    return target


def _named(text: str) -> str:
    return repr(to_one_line(text, _EXCERPT))
