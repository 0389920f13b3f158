"""Local files that a user names as input: nothing is fetched that was not asked for."""

from __future__ import annotations

import os
import re
from pathlib import Path

from hrdem.errors import RequestError

_ADDRESS = re.compile(
    r"/vsi|[a-z][a-z0-9+.-]+:/", re.IGNORECASE
)  # a drive of Windows has one letter
# what begins so names other files or services, which GDAL opens in turn
_NAMES_OTHERS = re.compile(rb"<(OGR\w+DataSource|VRTDataset|GDAL_WMS|GDAL_WMTS|WCS_GDAL)\b")
_ELSEWHERE = re.compile(
    rb"<(OGRWFS|GDAL_WMS|GDAL_WMTS|WCS_GDAL)|"
    rb"<(SourceFilename|SourceDataset|SrcDataSource)\b[^>]*>[^<]*(://|/vsi)"
)
_LONGEST_SHOWN = 200  # characters of a path
_HEAD = 1_024  # bytes in which a file says what it is


def resolve_local_path(name: str | os.PathLike[str], option: str) -> Path:
    """Return the absolute path of a file (or of a folder that is a data set) on a local disk.

    Args:
        name: As the user gave it.
        option: Which option it was given to, for messages.

    Raises:
        RequestError: If it is not there, or is no local file, or refers to what is none.
    """
    text = os.fspath(name)
    shown = text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"
    if _ADDRESS.match(text):
        raise RequestError(
            f"{option} was given {shown}, but reads local files only. Download it, then give the "
            "path of the copy."
        )
    if not os.path.exists(text):  # noqa: PTH110 (says no to names that are too long, too)
        raise RequestError(
            f"{option} was given {shown}, but there is no such file. Check its path."
        )
    path = Path(text).absolute()
    if path.is_file() and _refers_elsewhere(path, option):
        raise RequestError(
            f"{option} was given {path.name}, which refers to files or services on the network; "
            "only local files are read. Download what it refers to, then give the path of the copy."
        )
    return path


def _refers_elsewhere(path: Path, option: str) -> bool:
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
            return bool(_NAMES_OTHERS.search(head) and _ELSEWHERE.search(head + file.read()))
    except OSError as exc:
        raise RequestError(f"{option} was given {path.name}, which cannot be read: {exc}.") from exc
