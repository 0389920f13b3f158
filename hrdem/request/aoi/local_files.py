"""Check that user-supplied files are local, so that nothing is fetched unasked."""

from __future__ import annotations

import os
import re
from pathlib import Path

from hrdem.errors import RequestError
from hrdem.request.file_uris import is_address, read_file_uri
from hrdem.runtime.utf8_folder import has_utf8_name

# first elements of formats that refer to other files or services, which GDAL opens in turn
_REFERRING = re.compile(rb"<(OGR\w+DataSource|VRTDataset|GDAL_WMS|GDAL_WMTS|WCS_GDAL)\b")
_REMOTE_REFERENCE = re.compile(
    rb"<(OGRWFS|GDAL_WMS|GDAL_WMTS|WCS_GDAL)|"
    rb"<(SourceFilename|SourceDataset|SrcDataSource)\b[^>]*>[^<]*(://|/vsi)"
)
MAX_PATH_CHARACTERS = 200  # of a path in a message
HEADER_BYTES = 1_024  # that identify the format of a file


def resolve_local_path(name: str | os.PathLike[str], parameter: str) -> Path:
    """Return the absolute path of a local file, or of a folder that is a data set.

    Args:
        name: User-supplied path, or file URI such as ``file:///C:/data/area.geojson``.
        parameter: Name of the parameter that it was passed for, for messages.

    Raises:
        RequestError: If it does not exist, is not local, or refers to something that is not local.
    """
    text = read_file_uri(os.fspath(name))
    label = text
    if len(text) > MAX_PATH_CHARACTERS:
        label = f"{text[:MAX_PATH_CHARACTERS]}…"
    if is_address(text):
        raise RequestError(
            f"{label} is not a local file, and `{parameter}` reads local files only. Download it "
            "and give the path of the copy."
        )
    if not os.path.exists(text):  # noqa: PTH110 (returns False for a name that is too long)
        raise RequestError(
            f"There is no file {label}. Check the path that was given as `{parameter}`."
        )
    path = Path(text).absolute()
    if path.is_file() and _refers_to_remote(path, parameter):
        raise RequestError(
            f"{path.name} refers to files or services on the network, and `{parameter}` reads "
            "local files only. Download what it refers to and give the path of the copy."
        )
    return path


def find_gdal_path(path: Path, parameter: str) -> Path:
    """Return a path of a file under which GDAL finds it.

    Args:
        path: Absolute path.
        parameter: Name of the parameter that it was passed for, for messages.

    Raises:
        RequestError: If it has none in UTF-8.
    """
    if has_utf8_name(path):
        return path
    if has_utf8_name(elsewhere := path.resolve()):  # ../area.gpkg from a folder that is not
        return elsewhere
    raise RequestError(
        f"The path of {path.name}, given as `{parameter}`, is not in UTF-8, and GDAL reads no "
        "other files. Copy it to a folder, and under a name, in UTF-8."
    )


def _refers_to_remote(path: Path, parameter: str) -> bool:
    try:
        with path.open("rb") as file:
            head = file.read(HEADER_BYTES)
            return bool(_REFERRING.search(head) and _REMOTE_REFERENCE.search(head + file.read()))
    except OSError as exc:
        raise RequestError(
            f"{path.name}, given as `{parameter}`, cannot be read: {exc}. Check its permissions."
        ) from exc
