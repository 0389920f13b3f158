"""USGS DEMs and ASCII grids have the same heights and places in the programs that open them."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine

from hrdem.geo.grid import Grid
from hrdem.geo.nodata import VOID
from hrdem.usgsdem.ascii_grid import NODATA, format_ascii_header
from hrdem.usgsdem.ascii_pixels import format_ascii_rows
from hrdem.usgsdem.elements import Layout
from hrdem.usgsdem.write import write_dem
from tests.readers.programs import PROGRAMS, Program
from tests.usgsdem.test_header import CDED_HEADER
from tests.usgsdem.test_write import FILES, make_header

ROWS, COLUMNS = 340, 7  # three records a profile
READERS = [
    each for each in PROGRAMS if each.name.startswith(("GDAL", "QGIS", "GRASS r.in", "R terra"))
]
_ROW, _COLUMN = np.indices((ROWS, COLUMNS))
HEIGHTS = (7 * _ROW - 31 * _COLUMN - 200).astype(np.int16)
HEIGHTS[5:9, 2:4] = VOID


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """A cell of CDED, with and without line ends, both projections of BC, and an ASCII grid."""
    paths = {name: tmp_path / f"{name}.dem" for name in (*FILES, "LF", "CRLF")}
    variants = {"LF": b"\n", "CRLF": b"\r\n"}
    for name, path in paths.items():
        header, layout, *_ = FILES.get(name, (CDED_HEADER, Layout.CDED))
        with path.open("wb") as file:
            write_dem(file, make_header(header, ROWS, COLUMNS), layout, HEIGHTS,
                      delimiter=variants.get(name, b""))  # fmt: skip
    grid = Grid("EPSG:3005", Affine(25, 0, 769_762.5, 0, -25, 1_675_137.5), COLUMNS, ROWS)
    paths["grid"] = tmp_path / "grid.asc"
    paths["grid"].write_bytes(format_ascii_header(grid) + bytes(format_ascii_rows(HEIGHTS)))
    return paths


@pytest.mark.parametrize("program", READERS, ids=lambda program: program.name)
def test_every_program_reads_the_heights_where_they_are(
    program: Program, files: dict[str, Path], tmp_path: Path
) -> None:
    """They take BC Albers for degrees, as GDAL does: its pixels are right, not its place."""
    if not program.needs.exists():
        message = f"{program.name} is not installed; see tests/readers/README.md"
        if os.environ.get("HRDEM_READERS") == "required":
            pytest.fail(message, pytrace=False)
        pytest.skip(message)
    readings = program.read(list(files.values()), tmp_path / "out")
    places = {
        "UTM": (442_262.5, 6_539_787.5 + 25 * ROWS, 25, "26909"),
        "grid": (769_762.5, 1_675_137.5, 25, None),
    }
    cell = (-76.5 - 0.375 / 3600, 46 + (ROWS - 0.5) * 0.75 / 3600, 0.75 / 3600, "4269")
    for name, path in files.items():
        reading = readings[path]
        assert reading.pixels is not None, (name, reading.described)
        pixels = np.nan_to_num(reading.pixels[0], nan=VOID)
        pixels[np.isin(pixels, (VOID, NODATA, reading.described["nodata"]))] = VOID
        assert np.array_equal(pixels, HEIGHTS), name
        if name == "Albers":
            continue
        left, top, size, epsg = places.get(name, cell)
        said = reading.described
        assert (said["left"], said["top"]) == pytest.approx((left, top), abs=size / 1e4), name
        assert (said["dx"], said["dy"]) == pytest.approx((size, size), rel=1e-5), name
        if epsg and "crs" in said:
            assert is_system(said["crs"], epsg), (name, said["crs"])


def is_system(crs: str, epsg: str) -> bool:
    """Whether a program reports a CRS of EPSG, as its number or as WKT."""
    if crs.startswith("EPSG:"):
        return crs.startswith(f"EPSG:{epsg}")
    return rasterio.CRS.from_wkt(crs).to_epsg() == int(epsg)
