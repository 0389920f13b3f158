"""The published VRTs, made to work from a local disk in QGIS, ArcGIS and GDAL."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit
from xml.etree.ElementTree import tostring

from hrdem.catalog import Asset
from hrdem.errors import SourceError
from hrdem.http.protocol import Http
from hrdem.output import check_output, write_text
from hrdem.sources.vrt import VSICURL, parse_vrt

_MOST_BYTES = 16 << 20


def download(asset: Asset, folder: Path, http: Http, *, overwrite: bool = False) -> Path:
    """Save a VRT asset as a local file whose sources are absolute addresses.

    Args:
        asset: A VRT asset.
        folder: Where to save it, under its own name.
        http: Client to fetch it with.
        overwrite: Whether an existing file may be replaced.

    Returns:
        Path of the saved file.

    Raises:
        OutputError: If it cannot be written.
        NetworkError: If it cannot be fetched, or is no VRT of remote files.
    """
    path = folder / PurePosixPath(unquote(urlsplit(asset.href).path)).name
    check_output(path, overwrite)
    text = http.request("GET", asset.href, max_bytes=_MOST_BYTES).content
    write_text(path, localised(text, asset.href), overwrite)
    return path


def localised(document: bytes, href: str) -> str:
    """Return a VRT with each source as an absolute /vsicurl/ address.

    Args:
        document: The VRT as served.
        href: Address that it was served at.

    Raises:
        SourceError: If it is no VRT, or refers to anything but http addresses.
    """
    root = parse_vrt(document, href)
    for source in root.iter("SourceFilename"):
        source.text = f"{VSICURL}{source.text}"
    try:
        return tostring(root, encoding="unicode")
    except RecursionError as exc:
        raise SourceError(f"{href} is not a VRT: it is nested too deeply.") from exc
