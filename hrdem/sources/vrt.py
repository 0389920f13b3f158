"""The published VRTs: which files they refer to."""

from __future__ import annotations

from urllib.parse import parse_qs, urljoin
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from hrdem.errors import SourceError

VSICURL = "/vsicurl/"
_VSICURL_QUERY = "/vsicurl?"


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
        raise SourceError(f"{href} is not a VRT: its root element is {root.tag!r}.")
    for source in root.iter("SourceFilename"):
        said = (source.text or "").strip()
        target = said.removeprefix(VSICURL)
        if said.startswith(_VSICURL_QUERY):
            target = parse_qs(said.removeprefix(_VSICURL_QUERY)).get("url", [""])[-1]
        elif source.get("relativeToVRT") == "1":
            target = urljoin(href, target)
        if not target.lower().startswith(("http://", "https://")):
            raise SourceError(f"{href} refers to {said!r}, which is not an http address.")
        source.text = target
        source.set("relativeToVRT", "0")
    return root


def vrt_files(root: Element) -> list[str]:
    """Return the addresses that a parsed VRT refers to, each once, in order."""
    return list(dict.fromkeys(source.text or "" for source in root.iter("SourceFilename")))
