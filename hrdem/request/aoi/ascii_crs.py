"""Place ESRI ASCII grids, which name no CRS: by a .prj beside, BC file names, or the user."""

from __future__ import annotations

import logging
import re
from dataclasses import replace
from pathlib import Path

from rasterio.crs import CRS
from rasterio.errors import CRSError

from hrdem.errors import RequestError
from hrdem.geo.crs import drop_vertical, normalize_crs
from hrdem.geo.grid import Grid
from hrdem.request.aoi.nts import parse_sheet
from hrdem.runtime.gdal_env import pinned_gdal
from hrdem.usgsdem.ascii_grid import AsciiGrid, read_ascii_header

MAX_PRJ_BYTES = 1 << 16
BC_ALBERS = "EPSG:3005"
BC_UTM_ZONES = range(7, 12)  # BC 2.0, 3.1
_WKT = "the WKT of its CRS, which gdalsrsinfo prints, for example for EPSG:3005 (BC Albers)"
PUT_PRJ = f"Put one there, with {_WKT}."
_NAD83_UTM = 26900  # code of EPSG, to which the zone is added
_BC_NAME = re.compile(r"(\d{2,3}[a-p])-(albers|utm)-[a-z0-9-]+\.asc", re.IGNORECASE)

log = logging.getLogger(__name__)


def find_bc_crs(name: str) -> str | None:
    """Return the CRS of a file of BC's Gridded DEM by its name (BC 2.0, 5); None for others.

    Args:
        name: Name without folder, such as ``104p-albers-elevation.asc``; UTM is in the zone of the
            block.
    """
    match = _BC_NAME.fullmatch(name)
    if match is None:
        return None
    if match[2].lower() == "albers":
        return BC_ALBERS
    try:
        west, _, east, _ = parse_sheet(match[1]).bounds
    except RequestError:
        return None
    zone = int((west + east) / 2 + 180) // 6 + 1
    return f"EPSG:{_NAD83_UTM + zone}" if zone in BC_UTM_ZONES else None


def read_prj(content: bytes, name: str) -> str:
    """Return the CRS that a .prj file names, as `hrdem.geo.crs.normalize_crs` names it.

    Args:
        content: Its content: WKT of any form.
        name: Its name in messages.

    Raises:
        RequestError: If PROJ cannot read it.
    """
    try:
        text = content[:MAX_PRJ_BYTES].decode("utf-8-sig", "replace").strip()
        with pinned_gdal():
            CRS.from_wkt(text)  # nothing else, such as a code
        return normalize_crs(drop_vertical(text))
    except (CRSError, RequestError) as exc:
        raise RequestError(
            f"{name} is not WKT of a coordinate reference system that PROJ knows. Replace its text "
            f"by {_WKT}."
        ) from exc


def place_ascii_grid(
    header: AsciiGrid,
    name: str,
    prj: tuple[bytes, str] | None,
    crs: str | None = None,
    advice: str = PUT_PRJ,
) -> Grid:
    """Return the pixel grid of an ESRI ASCII grid in its CRS.

    The document's example of a BC file gives a lower left corner that is a multiple of the pixel
    size, on which BC's files have pixel centres (BC 2.0, 4.2); such a corner is read as the centre.

    Args:
        header: Its header.
        name: Its name without folder, for BC's names and messages.
        prj: Content and name of the .prj beside it; None if there is none.
        crs: What to take for its CRS if it has none, from `hrdem.geo.crs.normalize_crs`.
        advice: What to do if it has none, a sentence.

    Raises:
        RequestError: If its CRS is unknown.
    """
    from_name = find_bc_crs(name)
    found = read_prj(*prj) if prj is not None else from_name
    if found is None and crs is None:
        raise RequestError(
            f"{name} has no CRS, as no ESRI ASCII grid has, and there is no .prj beside it. "
            f"{advice}"
        )
    dx, dy = header.cell
    if from_name is not None and header.left % dx == 0 and header.bottom % dy == 0:
        log.warning(
            "The lower left corner of %s is a multiple of its pixel size, as the centres of pixels "
            "are in BC's files: it is read as a centre, and the grid lies half a pixel to the "
            "south-west.", name,
        )  # fmt: skip
        header = replace(header, left=header.left - dx / 2, bottom=header.bottom - dy / 2)
    return header.make_grid(found or crs or "")


def read_ascii_template(path: Path) -> Grid:
    """Return the pixel grid of an ESRI ASCII grid; pixels are not read.

    Args:
        path: The file; a .prj beside it names its CRS.

    Raises:
        RequestError: If it is not such a grid, or its CRS is unknown.
    """
    with path.open("rb") as file:
        header = read_ascii_header(file, path.name)
    return place_ascii_grid(header, path.name, find_prj(path))


def find_prj(path: Path) -> tuple[bytes, str] | None:
    """Return content and name of the .prj beside a file; None if there is none."""
    for suffix in (".prj", ".PRJ"):
        prj = path.with_suffix(suffix)
        if prj.is_file():
            with prj.open("rb") as file:
                return file.read(MAX_PRJ_BYTES), prj.name
    return None
