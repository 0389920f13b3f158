"""Areas of the page: boxes, sheets and circles by their numbers, polygons from uploaded files."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import shapely

import hrdem
from hrdem.app.map_area import Area, UploadedArea
from hrdem.app.read_apart import read_area_apart
from hrdem.app.read_area import read_area
from hrdem.app.upload_content import CONTENT
from hrdem.errors import RequestError

MAX_UPLOAD_BYTES = 20_000_000
MAX_BYTES_HERE = 100_000  # of GeoJSON that the server's process reads itself
MAX_NAME_CHARACTERS = 80
_PARAMETERS = ({"bbox"}, {"nts"}, {"point", "radius"})


def describe(area: Mapping[str, Any]) -> Area:
    """Return the outline and the size of an area that is given by numbers or by a name.

    Args:
        area: ``{"bbox": [west, south, east, north]}``, ``{"nts": name}``, or ``{"point":
            [longitude, latitude], "radius": metres}``.

    Raises:
        RequestError: If it is none of these, or invalid.
        NoDataError: If it is outside Canada.
    """
    if set(area) not in _PARAMETERS:
        found = ", ".join(map(str, area))[:MAX_NAME_CHARACTERS] or "nothing"
        raise RequestError(
            f"The area has {found}. Give a box, an NTS sheet, or a point and a radius."
        )
    return Area.of(hrdem.outline(**area))


def read_upload(data: bytes, name: str, layer: str | None, folder: Path) -> UploadedArea:
    """Read an uploaded file, and write its area into a folder as ``area.geojson``.

    Whatever is not small GeoJSON of valid shapes is read in a process of its own, with limits on
    time and memory.

    Args:
        data: Content of a GeoJSON, GeoPackage or KML file, or of a ZIP archive with a Shapefile.
        name: Name of the file, which is for messages only: the content decides what it is.
        layer: Layer, if it has several.
        folder: Empty folder.

    Raises:
        ChooseLayerError: If it has several layers and none was chosen.
        RequestError: If it cannot be read or has no area.
        NoDataError: If it is outside Canada.
    """
    label = clean_name(name)
    if not data.strip():
        raise RequestError(f"{label} is empty. Choose a file that contains polygons.")
    if len(data) > MAX_UPLOAD_BYTES:
        raise RequestError(
            f"{label} has {len(data):,} bytes, and {MAX_UPLOAD_BYTES:,} are read at most. Simplify "
            "its polygons, or use the command line."
        )
    (folder / CONTENT).write_bytes(data)
    try:
        return (read_area if _is_quick(data) else read_area_apart)(folder, label, layer)
    finally:
        for each in folder.glob(f"{CONTENT}*"):
            each.unlink()


def _is_quick(data: bytes) -> bool:
    """Whether a file is small GeoJSON of valid shapes; to repair others may take minutes."""
    if len(data) > MAX_BYTES_HERE or not data.lstrip().startswith(b"{"):
        return False
    try:
        return bool(shapely.is_valid(shapely.from_geojson(data)))
    except shapely.errors.ShapelyError:
        return False


def clean_name(name: str) -> str:
    """Return the last part of a file's name, for messages, without control characters."""
    last = name.replace("\\", "/").rstrip("/").rpartition("/")[2]
    printable = "".join(each for each in last if unicodedata.category(each)[0] != "C").strip()
    return printable[:MAX_NAME_CHARACTERS] or "The file"
