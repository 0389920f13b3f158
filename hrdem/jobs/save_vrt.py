"""Save small files of items: VRTs so that they work from a local disk, and layers of surveys."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from hrdem.catalog.items import Asset
from hrdem.errors import BlockedAddressError, HrdemError, OutputError
from hrdem.http.protocol import Http
from hrdem.http.ranges import PinnedFile, read_first_bytes
from hrdem.output.paths import check_output, make_file_name
from hrdem.runtime.atomic import publish, staging_dir, write_file_atomically
from hrdem.runtime.redaction import redact_secrets
from hrdem.sources.gdal import probe_vrt_files
from hrdem.sources.vrt import MAX_VRT_BYTES, check_vrt_complete, sanitize_vrt

_PIECE_BYTES = 8 << 20


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


def save_layer(asset: Asset, folder: Path, http: Http, *, overwrite: bool = False) -> Path:
    """Save a layer of surveys as it is.

    Args:
        asset: A coverage or an extent.
        folder: Folder to save it in, under a safe form of its name.
        http: HTTP client.
        overwrite: Whether an existing file may be replaced.

    Returns:
        Path of the saved file.

    Raises:
        OutputError: If it cannot be written.
        NetworkError: If it cannot be fetched.
        SourceChangedError: If it was republished meanwhile.
    """
    path = folder / make_local_name(asset)
    check_output(path, overwrite)
    version, _ = read_first_bytes(asset.href, 1, http)
    file = PinnedFile(asset.href, version, http)
    try:
        with staging_dir(path) as staging:
            partial = staging / "layer"
            with partial.open("xb") as copy:
                for start in range(0, version.size, _PIECE_BYTES):
                    copy.write(file.read(start, min(start + _PIECE_BYTES, version.size)))
            publish(partial, path, overwrite)
    except HrdemError:
        raise
    except OSError as exc:
        raise OutputError(f"{path} cannot be written: {exc}.") from exc
    return path


def make_local_name(asset: Asset) -> str:
    """Make the local file name of an asset, which ends as its kind does."""
    suffix = {"coverage": ".gpkg", "extent": ".geojson"}.get(asset.key, ".vrt")
    return make_file_name(PurePosixPath(unquote(urlsplit(asset.href).path)).name, suffix)
