"""SPLAT!'s usgs2sdf reads a cell of CDED 250K if the end of its header is blank."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hrdem.legacy.cded.files import CdedDelivery
from hrdem.legacy.cded.header import Producer
from hrdem.legacy.cded.names import DataEdition
from hrdem.request.aoi.nts import parse_sheet
from hrdem.request.options import Naming, OriginCode, ProcessCode, Records
from hrdem.usgsdem.elements import Layout
from hrdem.usgsdem.header import Header
from hrdem.usgsdem.write import write_dem
from tests.readers.conftest import require_program
from tests.usgsdem.test_header import CDED_HEADER

NODES = 1201
_ROW, _COLUMN = np.indices((NODES, NODES))
HEIGHTS = (3 * _ROW + _COLUMN).astype(np.int16)
WEST, SOUTH = -67 * 3600.0, 49 * 3600.0
CELL = replace(
    CDED_HEADER,
    file_name="022gDEMw",
    resolution=(3.0, 3.0, 1.0),
    corners=(
        (WEST, SOUTH),
        (WEST, SOUTH + 3600),
        (WEST + 3600, SOUTH + 3600),
        (WEST + 3600, SOUTH),
    ),
    void_flag=0,
    percent_void=0,
)
BLANK_END = {
    "void_flag": None, "vertical_datum": None, "horizontal_datum": None, "edition": "",
    "percent_void": None,
}  # fmt: skip


def convert(header: Header, delimiter: bytes, folder: Path) -> np.ndarray:
    """Convert a cell with usgs2sdf; return its 1200 x 1200 heights, the east first, northward."""
    program = require_program("usgs2sdf")
    with (folder / "a.dem").open("wb") as file:
        write_dem(file, header, Layout.CDED, HEIGHTS, delimiter=delimiter)
    subprocess.run([program, "a.dem"], cwd=folder, check=True, capture_output=True)
    (made,) = folder.glob("*.sdf")
    assert made.name == "49:50:66:67.sdf"
    return np.loadtxt(made, dtype=int)[4:].reshape(1200, 1200)


@pytest.mark.parametrize("delimiter", [b"\n", b""], ids=["lines", "blocks"])
def test_every_height_is_where_it_belongs(delimiter: bytes, tmp_path: Path) -> None:
    expected = HEIGHTS[::-1, ::-1][:1200, :1200]
    found = convert(replace(CELL, **BLANK_END), delimiter, tmp_path)
    assert np.array_equal(found, expected)


def test_a_cell_that_is_delivered_for_splat_is_read(tmp_path: Path) -> None:
    """The eastern one of 022G."""
    program = require_program("usgs2sdf")
    edition = DataEdition(1, 0)
    producer = Producer("A centre", ProcessCode.METADATA, OriginCode.RS, edition)
    delivery = CdedDelivery(
        tmp_path, False, Naming.CENTRE, True, Records.SPLAT, producer, time_stamp=0
    )
    sheet = parse_sheet("022G")
    west = np.zeros((NODES, NODES - 1), np.int16)
    delivery.write(sheet, np.hstack([west, HEIGHTS]), b"")
    folder = delivery.locate(sheet)
    subprocess.run([program, "022g_e.dem"], cwd=folder, check=True, capture_output=True)
    found = np.loadtxt(folder / "49:50:66:67.sdf", dtype=int)[4:].reshape(1200, 1200)
    assert np.array_equal(found, HEIGHTS[::-1, ::-1][:1200, :1200])


def test_elements_25_to_29_move_every_height(tmp_path: Path) -> None:
    """It skips nothing after byte 872 of the header, and takes each word for a number."""
    expected = HEIGHTS[::-1, ::-1][:1200, :1200]
    assert not (convert(CELL, b"\n", tmp_path) == expected).any()
