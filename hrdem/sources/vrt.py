"""Sanitizing of published VRTs: GDAL opens a rewritten VRT, never the one that is served.

A VRT can make GDAL do almost anything: open any file, run code, compute pixels. So it is rewritten
with only the elements and attributes that place pixels of files side by side
(https://gdal.org/en/stable/drivers/raster/vrt.html).
"""

from __future__ import annotations

import contextlib
import math
import operator
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urljoin, urlsplit
from xml.etree.ElementTree import Element, ParseError, SubElement, tostring

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import XMLParser

from hrdem.errors import SourceError
from hrdem.geo.grid import SNAP_TOLERANCE_PIXELS
from hrdem.http.protocol import Response
from hrdem.http.response_checks import check_no_web_page
from hrdem.http.retry import RetryableError
from hrdem.runtime.redaction import redact_secrets
from hrdem.runtime.text import to_one_line

VSICURL = "/vsicurl/"
MAX_VRT_BYTES = 16 << 20
_VSICURL_QUERY = "/vsicurl?"
_MAX_ELEMENTS = 20_000
_MAX_SOURCES = 1_000
_MAX_FILES = 100
_MAX_TEXT_CHARACTERS = 64 << 10  # of an element
_MAX_QUOTE_CHARACTERS = 80  # of text of the VRT in a message

_ADDRESS = re.compile(r"https?://[^\s\"<>\\^`{|}]+", re.IGNORECASE)
# names of files and addresses, which GDAL would open to find a CRS
_OPENS_FILES = re.compile(r"EXTENSION|PARAMETERFILE|BOUNDCRS|ABRIDGED|nadgrids", re.IGNORECASE)
_CRS = re.compile(
    r"EPSG:\d{4,6}|(PROJCS|GEOGCS|COMPD_CS|PROJCRS|GEOGCRS|COMPOUNDCRS|BOUNDCRS)\[.*",
    re.IGNORECASE | re.DOTALL,
)
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d{1,3})?|[-+]?(nan|inf)", re.IGNORECASE)
_DOMAINS = ("", "IMAGE_STRUCTURE", "STATISTICS", "TIFF")  # of metadata that change no pixel ...
_PIXEL_TYPE = "PIXELTYPE"  # ... except this item

_SOURCE = ("SourceFilename", "SourceBand", "SourceProperties", "SrcRect", "DstRect")
_RECTANGLE = ("xOff", "yOff", "xSize", "ySize")


@dataclass(frozen=True, slots=True)
class _ElementRule:
    """Allowed children and attributes of an element."""

    children: tuple[str, ...] = ()
    attributes: tuple[str, ...] = ()


_ELEMENT_RULES: Mapping[str, _ElementRule] = {
    "VRTDataset": _ElementRule(
        ("SRS", "GeoTransform", "Metadata", "VRTRasterBand", "BlockXSize", "BlockYSize",
         "OverviewList"),
        ("rasterXSize", "rasterYSize"),
    ),
    "SRS": _ElementRule((), ("dataAxisToSRSAxisMapping", "coordinateEpoch")),
    "Metadata": _ElementRule(("MDI",), ("domain",)),
    "MDI": _ElementRule((), ("key",)),
    "OverviewList": _ElementRule((), ("resampling",)),
    "VRTRasterBand": _ElementRule(
        ("Description", "UnitType", "NoDataValue", "HideNoDataValue", "ColorInterp", "Offset",
         "Scale", "Metadata", "Histograms", "Overview", "SimpleSource", "ComplexSource"),
        ("dataType", "band", "subClass", "blockXSize", "blockYSize"),
    ),
    "Histograms": _ElementRule(("HistItem",)),
    "HistItem": _ElementRule(
        ("HistMin", "HistMax", "BucketCount", "IncludeOutOfRange", "Approximate", "HistCounts")
    ),
    "Overview": _ElementRule(("SourceFilename", "SourceBand")),
    "SimpleSource": _ElementRule(_SOURCE, ("resampling",)),
    "ComplexSource": _ElementRule(
        (*_SOURCE, "NODATA", "UseMaskBand", "ScaleOffset", "ScaleRatio"), ("resampling",)
    ),
    "SourceFilename": _ElementRule((), ("relativeToVRT", "shared")),
    "SourceProperties": _ElementRule(
        (), ("RasterXSize", "RasterYSize", "DataType", "BlockXSize", "BlockYSize")
    ),
    "SrcRect": _ElementRule((), _RECTANGLE),
    "DstRect": _ElementRule((), _RECTANGLE),
}  # fmt: skip
_SOURCES = ("SimpleSource", "ComplexSource", "Overview")
# elements with one allowed value: the one that changes no pixel
_NEUTRAL = {
    "SourceBand": 1.0, "Offset": 0.0, "Scale": 1.0, "ScaleOffset": 0.0, "ScaleRatio": 1.0,
    "HideNoDataValue": 0.0,
}  # fmt: skip
_CLASS = "VRTSourcedRasterBand"
_NODATA = ("NoDataValue", "NODATA")


@dataclass(frozen=True, slots=True)
class Vrt:
    """A VRT that is safe to open.

    Attributes:
        text: The VRT; its sources are absolute addresses for GDAL's /vsicurl/.
        files: These addresses without duplicates, in order; at least one.
        nodata: Nodata values that it states, of itself or of a source.
    """

    text: str
    files: tuple[str, ...]
    nodata: frozenset[float]


def check_vrt_complete(response: Response) -> None:
    """Check that a response is neither a web page nor cut off, which another attempt may help.

    Raises:
        RetryableError: If it is.
    """
    check_no_web_page(response)
    parser = XMLParser(target=_Nothing(), forbid_dtd=True)
    with contextlib.suppress(DefusedXmlException, LookupError, ValueError):  # `sanitize_vrt` says
        try:
            parser.feed(response.content)
            parser.close()
        except ParseError as exc:
            message = _parse_error_message(redact_secrets(response.url), exc)
            raise RetryableError(message, kind=SourceError) from exc


def sanitize_vrt(document: bytes, href: str) -> Vrt:
    """Rewrite a VRT that places files at http addresses side by side.

    Args:
        document: The VRT as served.
        href: Its address, to resolve relative sources.

    Raises:
        SourceError: If it is not a VRT, or contains anything that is not known to be harmless.
    """
    display_url = redact_secrets(href)
    target_builder = _SanitizingTarget()
    parser = XMLParser(target=target_builder, forbid_dtd=True)
    try:
        parser.feed(document)
        parser.close()
        root = target_builder.root
        if root is None:
            raise ValueError("it is empty")  # noqa: TRY301
    except _NotAllowedError as exc:
        raise SourceError(
            f"{display_url} {exc}. Only plain mosaics of files are read as VRTs: try `via=cog`."
        ) from exc
    except (ParseError, DefusedXmlException, LookupError, ValueError) as exc:
        raise SourceError(_parse_error_message(display_url, exc)) from exc
    files: dict[str, None] = {}
    for source in root.iter("SourceFilename"):
        files[_make_absolute(source, href, display_url)] = None
    if not 0 < len(files) <= _MAX_FILES:
        raise SourceError(f"{display_url} refers to {len(files)} files; read the COG instead.")
    stated = (each.text or "" for name in _NODATA for each in root.iter(name))
    return Vrt(tostring(root, encoding="unicode"), tuple(files), frozenset(map(float, stated)))


def _parse_error_message(display_url: str, exc: Exception) -> str:
    return f"{display_url} is not a VRT: {to_one_line(str(exc), _MAX_QUOTE_CHARACTERS)}."


class _Nothing:
    """Parser target that takes nothing."""

    def close(self) -> None:
        """Do nothing."""


class _NotAllowedError(Exception):
    """A VRT contains something that is not allowed; the message follows the VRT's name."""


@dataclass(slots=True)
class _SanitizingTarget:
    """Parser target that copies elements, and raises at the first that is not allowed."""

    root: Element | None = None
    _open: list[Element] = field(default_factory=list)
    _texts: list[str] = field(default_factory=list)
    _length: int = 0
    _elements: int = 0
    _sources: int = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        rule = _ELEMENT_RULES.get(tag, _ElementRule())
        if self._open:
            parent = self._open[-1]
            if tag not in _ELEMENT_RULES.get(parent.tag, _ElementRule()).children:
                raise _NotAllowedError(
                    f"has {_quote_text(tag)} in its {parent.tag}, which is not read"
                )
        elif tag != "VRTDataset":
            raise ValueError(f"its root element is {_quote_text(tag)}")
        for name, value in attributes.items():
            if (
                name not in rule.attributes
                or not value.isprintable()
                or len(value) > _MAX_TEXT_CHARACTERS
            ):
                raise _NotAllowedError(f"has {_quote_text(name)} of {tag}, which is not read")
        self._elements += 1
        self._sources += tag in _SOURCES
        if self._elements > _MAX_ELEMENTS or self._sources > _MAX_SOURCES:
            raise _NotAllowedError(
                f"has more than {_MAX_ELEMENTS} elements or {_MAX_SOURCES} sources"
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
        if self._length > _MAX_TEXT_CHARACTERS:
            raise _NotAllowedError(
                f"has more than {_MAX_TEXT_CHARACTERS} characters in its {self._open[-1].tag}"
            )

    def end(self, tag: str) -> None:
        element = self._open.pop()
        if not len(element):
            element.text = "".join(self._texts).strip()
            _check_element_text(element)
        _check_rectangles(element)
        self._begin_text()

    def _begin_text(self) -> None:
        self._texts.clear()
        self._length = 0

    def close(self) -> None:
        """Finish: the parser calls this at the end of the document."""


def _check_attributes(tag: str, attributes: Mapping[str, str]) -> None:
    if attributes.get("subClass", _CLASS) != _CLASS:
        raise _NotAllowedError(f"has a {tag} of class {_quote_text(attributes['subClass'])}")
    if tag == "Metadata" and attributes.get("domain", "") not in _DOMAINS:
        raise _NotAllowedError(f"has metadata of domain {_quote_text(attributes['domain'])}")
    if tag == "MDI" and attributes.get("key", "").upper() == _PIXEL_TYPE:
        raise _NotAllowedError("has pixels of another type than it declares")


def _check_element_text(element: Element) -> None:
    """Check that the text of an element is allowed."""
    tag, text = element.tag, element.text or ""
    allowed = True
    if tag in _NEUTRAL:
        allowed = _NUMBER.fullmatch(text) is not None and float(text) == _NEUTRAL[tag]
    elif tag in _NODATA:
        allowed = _NUMBER.fullmatch(text) is not None
    elif tag == "SRS":
        allowed = _CRS.fullmatch(text) is not None and not _OPENS_FILES.search(text)
    elif tag == "GeoTransform":
        numbers = [each.strip() for each in text.split(",")]
        allowed = len(numbers) == 6 and all(map(_is_finite, numbers))
    if not allowed:
        raise _NotAllowedError(f"has {_quote_text(text)} as its {tag}, which is not read")


def _check_rectangles(element: Element) -> None:
    """Check that source and target rectangles have one size, and whole pixels between them.

    Otherwise pixels are resampled. If there is only one of the two, GDAL reads nodata.
    """
    rectangles = [element.find(name) for name in ("SrcRect", "DstRect")]
    found = []
    for rectangle in rectangles:
        if rectangle is None:
            continue
        numbers = [rectangle.get(name, "") for name in _RECTANGLE]
        if not all(map(_is_finite, numbers)):
            raise _NotAllowedError(f"has a {rectangle.tag} that is not a rectangle")
        found.append([float(number) for number in numbers])
    if len(found) == 1:
        raise _NotAllowedError("has a SrcRect without a DstRect, or the reverse")
    if found and not (
        all(map(math.isclose, found[0][2:], found[1][2:]))
        and all(map(_is_whole, map(operator.sub, found[0][:2], found[1][:2])))
    ):
        raise _NotAllowedError("resamples the pixels of its files")


def _is_whole(pixels: float) -> bool:
    return abs(pixels - round(pixels)) <= SNAP_TOLERANCE_PIXELS


def _is_finite(text: str) -> bool:
    return _NUMBER.fullmatch(text) is not None and math.isfinite(float(text))


def _make_absolute(source: Element, href: str, display_url: str) -> str:
    """Replace a source by an absolute address for GDAL, and return the address."""
    text = source.text or ""
    target = text.removeprefix(VSICURL)
    try:
        if text.startswith(_VSICURL_QUERY):
            target = parse_qs(text.removeprefix(_VSICURL_QUERY)).get("url", [""])[-1]
        elif source.get("relativeToVRT") == "1":
            target = urljoin(href, target)
        if not urlsplit(target).hostname:
            target = ""
    except ValueError:
        target = ""
    if not _ADDRESS.fullmatch(target) or not target.isprintable():
        raise SourceError(
            f"{display_url} refers to {_quote_text(redact_secrets(text))}, which is not an http or "
            "https address, and is not read."
        )
    source.text = f"{VSICURL}{target}"
    source.set("relativeToVRT", "0")
    return target


def _quote_text(text: str) -> str:
    return repr(to_one_line(text, _MAX_QUOTE_CHARACTERS))
