"""Save published VRTs so that they work from a local disk in QGIS, ArcGIS and GDAL."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from hrdem.catalog.items import Asset
from hrdem.errors import BlockedAddressError
from hrdem.http.protocol import Http
from hrdem.output.paths import check_output, make_file_name
from hrdem.runtime.atomic import write_file_atomically
from hrdem.runtime.redaction import redact_secrets
from hrdem.sources.gdal import probe_vrt_files
from hrdem.sources.vrt import MAX_VRT_BYTES, check_vrt_complete, sanitize_vrt


def save_vrt(asset: Asset, folder: Path, http: Http, *, overwrite: bool = False) -> Path:
    """Save a VRT asset as a local file whose sources have absolute addresses.

    Only the elements of a plain mosaic are saved.

    Args:
        asset: A VRT asset.
        folder: Folder to save it in, under a safe form of its name.
        http: HTTP client.
        overwrite: Whether an existing file may be replaced.

    Returns:
        Path of the saved file.

    Raises:
        OutputError: If it cannot be written.
        NetworkError: If it cannot be fetched, or is not a VRT of remote files that may be read.
    """
    path = folder / make_local_name(asset)
    check_output(path, overwrite)
    try:
        text = http.request(
            "GET", asset.href, max_bytes=MAX_VRT_BYTES, check=check_vrt_complete
        ).content
    except BlockedAddressError as exc:
        raise BlockedAddressError(f"The catalogue lists {asset.key}, but {exc}") from exc
    vrt = sanitize_vrt(text, asset.href)
    probe_vrt_files(vrt.files, redact_secrets(asset.href), http)
    write_file_atomically(path, vrt.text, overwrite)
    return path


def make_local_name(asset: Asset) -> str:
    """Make the local file name of a VRT asset."""
    return make_file_name(PurePosixPath(unquote(urlsplit(asset.href).path)).name, ".vrt")
