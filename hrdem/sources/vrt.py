"""The published VRTs: which files they refer to."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urljoin, urlsplit
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from hrdem.errors import SourceError
from hrdem.excerpts import one_line

VSICURL = "/vsicurl/"
_VSICURL_QUERY = "/vsicurl?"
_MOST_SHOWN = 200  # characters of the VRT's words in a message
_OPENED = re.compile("filename|dataset", re.IGNORECASE)  # GDAL finds elements in any case
_PATH = re.compile(r"[/\\~<]|\.{1,2}[/\\]|file:|.*(:[/\\]|/vsi|\\)", re.IGNORECASE | re.DOTALL)


def parse_vrt(document: bytes, href: str) -> Element:
    """Parse a VRT, and make each file that it refers to an absolute http address.

    Args:
        document: The VRT as served.
        href: Address that it was served at, which relative sources are relative to.

    Returns:
        Its root; the text of each SourceFilename is an address without GDAL's prefix.

    Raises:
        SourceError: If it is no VRT, or refers to anything but http addresses.
    """
    try:
        root: Element = fromstring(document, forbid_dtd=True)
    except (ParseError, DefusedXmlException, LookupError, ValueError) as exc:
        raise SourceError(f"{href} is not a VRT: {exc}.") from exc
    if root.tag != "VRTDataset":
        shown = one_line(root.tag, _MOST_SHOWN)
        raise SourceError(f"{href} is not a VRT: its root element is {shown!r}.")
    _check_others(root, href)
    for source in root.iter("SourceFilename"):
        said = (source.text or "").strip()
        target = said.removeprefix(VSICURL)
        if said.startswith(_VSICURL_QUERY):
            target = parse_qs(said.removeprefix(_VSICURL_QUERY)).get("url", [""])[-1]
        elif source.get("relativeToVRT") == "1":
            target = _joined(href, target)
        if not _is_http(target):
            shown = one_line(said, _MOST_SHOWN)
            raise SourceError(f"{href} refers to {shown!r}, which is not an http address.")
        source.text = target
        source.set("relativeToVRT", "0")
    return root


def vrt_files(root: Element) -> list[str]:
    """Return the addresses that a parsed VRT refers to, each once, in order."""
    return list(dict.fromkeys(source.text or "" for source in root.iter("SourceFilename")))


def _joined(href: str, target: str) -> str:
    """A relative source as an address; as it is if it cannot be one."""
    try:
        return urljoin(href, target)
    except ValueError:
        return target


def _is_http(target: str) -> bool:
    try:
        parts = urlsplit(target)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and target.isprintable()
    except ValueError:
        return False


def _check_others(root: Element, href: str) -> None:
    """Make sure that nothing but the text of a SourceFilename says which file to open."""
    for element in root.iter():
        source = element.tag == "SourceFilename"
        texts = [*element.attrib.values(), element.tail or "", "" if source else element.text or ""]
        said = next((text.strip() for text in texts if _PATH.match(text.strip())), None)
        if source and len(element):
            said = element[0].tag
        elif not source and element is not root and _OPENED.search(element.tag):
            said = element.tag
        if said is not None:
            raise SourceError(
                f"{href} has {one_line(said, _MOST_SHOWN)!r} in it, which may lead to a file that "
                "is at no http address."
            )
