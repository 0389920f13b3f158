"""Small DEMs of the older products on disk: cells of CDED, BC files, ASCII grids, archives."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from tests.usgs_dems import ALBERS, BC_ALBERS, GEOGRAPHIC, UTM, TextDem

NODES = 5  # of a small cell, along both axes
SPACING = 3  # arc seconds, as at 1:250,000
WEST, SOUTH = -241_200, 176_400  # arc seconds: 67 W, 49 N


def make_cell(
    heights: np.ndarray, column: float = 0, row: float = 0, dx: float = SPACING, **header
) -> TextDem:
    """Make a cell of which the south-western node is so many nodes east and north of 67 W, 49 N.

    Args:
        heights: Array of rows from the north.
        column: Nodes to the east.
        row: Nodes to the north.
        dx: Arc seconds between profiles.
        **header: Fields of the header.
    """
    profiles = [
        (WEST + SPACING * column + dx * number, SOUTH + SPACING * row, profile[::-1].tolist())
        for number, profile in enumerate(heights.T)
    ]
    return TextDem({**GEOGRAPHIC, "dx": dx, **header}, profiles)


def make_bc_dem(heights: np.ndarray, west: float, south: float, *, albers: bool) -> TextDem:
    """Make a DEM of British Columbia with its south-western node at some metres."""
    profiles = [
        (west + 25 * number, south, profile[::-1].tolist())
        for number, profile in enumerate(heights.T)
    ]
    if albers:
        return TextDem(ALBERS, profiles, (*BC_ALBERS, *(0,) * 7))
    return TextDem(UTM, profiles)


def make_ascii(
    heights: np.ndarray, left: float, bottom: float, nodata: int | None = -9999
) -> bytes:
    """Make an ESRI ASCII grid of 25 m by its lower left corner."""
    rows, columns = heights.shape
    values = {"ncols": columns, "nrows": rows, "xllcorner": left, "yllcorner": bottom}
    values |= {"cellsize": 25} | ({} if nodata is None else {"NODATA_value": nodata})
    lines = [f"{key} {value}" for key, value in values.items()]
    lines += [" ".join(map(str, row)) for row in heights.tolist()]
    return "\n".join(lines).encode() + b"\n"


def write_zip(path: Path, members: Mapping[str, TextDem | bytes]) -> Path:
    """Write a ZIP archive."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, bytes(content))
    return path


def write(path: Path, content: TextDem | bytes) -> Path:
    """Write a file, and the folders that it is in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(content))
    return path


def add_corners(dem: TextDem) -> bytes:
    """Return a DEM with its corner nodes in element 11, from which GDAL places it."""
    (west, south, profile), (east, *_) = dem.profiles[0], dem.profiles[-1]
    north = south + float(dem.header["dy"]) * (len(profile) - 1)
    places = (west, south, west, north, east, north, east, south)
    content = bytearray(bytes(dem))
    content[546 : 546 + 192] = "".join(f"{dem.real(each):>24}" for each in places).encode()
    return bytes(content)
