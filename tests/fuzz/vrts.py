"""Fuzz target for VRTs, which refer only to HTTP URLs or are rejected.

GDAL also parses each VRT, because it ignores the case of element names and reads more elements than
this package. It does not open any source files, and network access is disabled.
"""

from __future__ import annotations

import random
import re
import warnings
from collections.abc import Iterator
from functools import cache
from xml.etree.ElementTree import Element

import rasterio
from defusedxml.ElementTree import fromstring
from rasterio.io import MemoryFile

from hrdem.errors import SourceError
from hrdem.runtime.gdal_errors import GDAL_ERRORS
from hrdem.sources.vrt import sanitize_vrt
from tests.fuzz.findings import FindingError, check_shown

URL = "http://store.invalid/mosaic/9_2-dtm.vrt"
_MOST_MESSAGE = 1_200  # characters
_ROOM = "hrdem-fuzz"  # directory in GDAL's memory file system
_SECRET = f"/vsimem/{_ROOM}/secret.tif"  # existing file that no VRT may reach
_HTTP = re.compile(r"(/vsicurl/)?https?://", re.IGNORECASE)
_FILE = re.compile(r"[/\\~]|\.{1,2}[/\\]|.*(:[/\\]|/vsi|\\)|file:|<", re.IGNORECASE | re.DOTALL)
# elements whose text GDAL opens, and similar names
_OPENED = re.compile("name|dataset|srs|argument|input|options|code", re.IGNORECASE)
_CLOSED = {
    "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": "{none}",
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
}


def attempt_vrt(document: bytes) -> str:
    """Sanitize a VRT and check which files it refers to.

    Returns:
        The outcome.

    Raises:
        FindingError: If the result may refer to a file that is not at an HTTP URL, or an error
            message cannot be displayed.
        Exception: Any other exception that the parser fails to handle.
    """
    try:
        text = taken(document)
    except SourceError as exc:
        check_shown(str(exc), _MOST_MESSAGE)
        return "told"
    root = fromstring(text.encode())
    for said in _texts(root):
        if _FILE.match(said) and not _HTTP.match(said):
            raise FindingError(f"{said[:300]!r} in a VRT that was taken")
    sources = [source.text or "" for source in root.iter("SourceFilename")]
    for path in (*sources, *_reached_by_gdal(text)):
        if not _HTTP.match(path):
            raise FindingError(f"GDAL is led to {path!r}")
    return f"read {len(sources) > 0}"


def taken(document: bytes) -> str:
    """Return the sanitized VRT, or raise SourceError if it is rejected."""
    return sanitize_vrt(document, URL).text


def _texts(root: Element) -> Iterator[str]:
    """Yield the text of leaf elements that GDAL may open as a file name."""
    for element in root.iter():
        if not len(element) and _OPENED.search(element.tag):
            yield (element.text or "").strip()


@cache
def _secret() -> MemoryFile:
    return MemoryFile(b"II*\0", dirname=_ROOM, filename="secret.tif")


def _reached_by_gdal(text: str) -> list[str]:
    """Return the files that GDAL lists for a VRT: existing files and all HTTP URLs."""
    _secret()
    try:
        document = text.encode()
    except UnicodeEncodeError as exc:
        raise FindingError("a VRT that cannot be written") from exc
    with warnings.catch_warnings(), rasterio.Env(**_CLOSED):
        warnings.simplefilter("ignore")  # about missing georeferencing
        try:
            with (
                MemoryFile(document, dirname=_ROOM, filename="copy.vrt") as file,
                file.open(driver="VRT") as dataset,
            ):
                return [path for path in dataset.files if path != dataset.name]
        except GDAL_ERRORS:
            return []


def _vrt(*bands: str, more: str = "") -> bytes:
    return (
        '<VRTDataset rasterXSize="40" rasterYSize="30"><SRS>EPSG:3979</SRS>'
        "<GeoTransform>1500000, 2, 0, -160000, 0, -2</GeoTransform>"
        f"{more}{''.join(bands)}</VRTDataset>"
    ).encode()


def _band(*sources: str, more: str = "", kind: str = "") -> str:
    return (
        f'<VRTRasterBand dataType="Float32" band="1"{kind}><NoDataValue>-32767</NoDataValue>{more}'
        f"{''.join(sources)}</VRTRasterBand>"
    )


def _source(name: str, relative: int = 0, tag: str = "SimpleSource", more: str = "") -> str:
    size = 'xSize="40" ySize="30"'
    return (
        f'<{tag}><SourceFilename relativeToVRT="{relative}">{name}</SourceFilename>'
        '<SourceBand>1</SourceBand><SourceProperties RasterXSize="40" RasterYSize="30" '
        'DataType="Float32" BlockXSize="512" BlockYSize="512"/>'
        f'<SrcRect xOff="0" yOff="0" {size}/><DstRect xOff="0" yOff="0" {size}/>{more}</{tag}>'
    )


_FAR = "/vsicurl/http://store.invalid/mosaic/9_2-dtm.tif"
_QUERY = "/vsicurl?max_retry=3&amp;url=http%3A%2F%2Fstore.invalid%2Fa.tif"
SEEDS = {
    "absolute": _vrt(_band(_source(_FAR))),
    "relative": _vrt(_band(_source("9_2-dtm.tif", 1), _source("../b/8_2-dtm.tif", 1))),
    "query": _vrt(_band(_source(_QUERY))),
    "complex": _vrt(
        _band(
            _source(_FAR, 0, "ComplexSource", "<NODATA>-32767</NODATA>"),
            more="<ColorInterp>Gray</ColorInterp>",
        ),
        more='<Metadata><MDI key="AREA_OR_POINT">Area</MDI></Metadata>'
        '<OverviewList resampling="average">2 4 8</OverviewList>',
    ),
    "declared": b'<?xml version="1.0" encoding="UTF-8"?>\n' + _vrt(_band(_source(_FAR))),
    "wide letters": _vrt(_band(_source(_FAR))).decode().encode("utf-16"),
    "near": _vrt(_band(_source(_SECRET))),
    "other case": _vrt(_band(_source(_FAR).replace("SourceFilename", "SOURCEFILENAME"))),
    "mask": _vrt(_band(_source(_FAR)), more=f"<MaskBand>{_band(_source(_FAR))}</MaskBand>"),
    "overview": _vrt(
        _band(
            _source(_FAR),
            more=f"<Overview><SourceFilename>{_FAR}</SourceFilename><SourceBand>1</SourceBand>"
            "</Overview>",
        )
    ),
    "raw": _vrt(
        _band(
            f'<SourceFilename relativetoVRT="0">{_FAR}</SourceFilename><ImageOffset>0</ImageOffset>'
            "<PixelOffset>4</PixelOffset><LineOffset>160</LineOffset>",
            kind=' subClass="VRTRawRasterBand"',
        )
    ),
    "derived": _vrt(
        _band(
            _source(_FAR),
            more="<PixelFunctionType>f</PixelFunctionType><PixelFunctionLanguage>Python"
            "</PixelFunctionLanguage><PixelFunctionCode>import os</PixelFunctionCode>",
            kind=' subClass="VRTDerivedRasterBand"',
        )
    ),
    "warped": b'<VRTDataset rasterXSize="4" rasterYSize="3" subClass="VRTWarpedDataset">'
    b"<GDALWarpOptions><SourceDataset>" + _SECRET.encode() + b"</SourceDataset></GDALWarpOptions>"
    b"</VRTDataset>",
    "entities": b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///">]><VRTDataset>&b;</VRTDataset>',
    "page": b"<html><title>Sign in</title></html>",
}

_PARTS = re.compile(rb"(<[^<>]*>)")
_VALUE = re.compile(rb'"[^"]*"')
_NAMES = (
    _SECRET.encode(), b"secret.tif", b"/etc/passwd", b"file:///etc/passwd", b"C:\\a.tif",
    b"\\\\h\\a", b"../a.tif", b"http://", b"http:///a", b"HTTP://h/a.tif", b"https://h/a.tif",
    b"http://[", b"//h/a", b"/vsicurl/", b"/vsicurl/ftp://h/a", b"/vsicurl?url=/etc/passwd",
    b"/vsicurl?url=http://h/a&amp;x", b"/vsicurl?url=http://h&amp;url=/a",
    b"/vsicurl_streaming/http://h/a", b"/vsizip/http://h/a.zip", b"/vsitar//vsicurl/http://h/a",
    b"vrt:///etc/passwd", b"GTIFF_DIR:1:/etc/passwd", b"http://h/a b", b" http://h/a",
    b"http://h/\n/a", b"http://h/&#10;", b"http://h/&#x202e;", b"&#0;", b"&b;", b"&", b"]]>",
    b"<![CDATA[/etc/passwd]]>", b"<!-- x -->", b"<?x /etc/passwd?>", b"\xff",
    "é\U0001f600".encode(), b"nan", b"1e999", b"-1", b"9" * 400, b"x" * 5_000, b"",
)  # fmt: skip
_TAGS = (
    b"SourceFilename", b"sourcefilename", b"SourceDataset", b"SRS", b"MDI", b"Overview", b"LUT",
    b"MaskBand", b"ComplexSource", b"KernelFilteredSource", b"PixelFunctionCode", b"OpenOptions",
    b"VRTDataset", b"vrtdataset", b"x:SourceFilename", b"Group", b"Input", b"Step", b"Argument",
)  # fmt: skip


def mutated_vrt(document: bytes, seed: int) -> bytes:
    """Mutate elements, attributes and text of a VRT, sometimes with parts of another seed."""
    chance = random.Random(seed)
    parts = [part for part in _PARTS.split(document) if part]
    for _ in range(chance.choice((1, 1, 2, 2, 3, 6))):
        if not parts:
            break
        at = chance.randrange(len(parts))
        parts[at : at + 1] = _changed(parts, at, chance)
    changed = b"".join(parts)
    return changed[: chance.randrange(len(changed))] if changed and seed % 50 == 0 else changed


def _changed(parts: list[bytes], at: int, chance: random.Random) -> list[bytes]:
    """Return the replacement for one part."""
    part, name, tag = parts[at], chance.choice(_NAMES), chance.choice(_TAGS)
    other = [each for each in _PARTS.split(chance.choice(list(SEEDS.values()))) if each]
    begin = chance.randrange(len(other))
    match chance.randrange(10):
        case 0:
            return []
        case 1:
            return [part, part]
        case 2:
            return [part, *other[begin : begin + chance.randint(1, 12)]]
        case 3:
            return [part, b"<%b>" % tag, name, b"</%b>" % tag]
        case 4:
            return [b"<%b>" % tag * chance.choice((1, 1, 40, 2_000)), part]
        case 5:
            return [part.swapcase() if chance.random() < 0.5 else part.lower()]
        case 6:
            return [part[: chance.randint(0, len(part))] + chance.randbytes(1)]
        case _ if part.startswith(b"<") and b'"' in part:
            return [_VALUE.sub(lambda _: b'"%b"' % name, part, count=chance.randint(1, 3))]
        case _ if part.startswith(b"<"):
            return [part, name]
        case _:
            return [name]
