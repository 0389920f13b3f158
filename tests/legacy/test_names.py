"""Names of CDED files, as CDED 2.1, 10.2 prints them."""

from __future__ import annotations

import pytest

from hrdem.errors import RequestError
from hrdem.legacy.cded.cells import get_cells
from hrdem.legacy.cded.names import (
    DataEdition,
    make_internal_name,
    make_names,
    parse_cell_name,
    parse_data_edition,
)
from hrdem.request.aoi.nts import parse_sheet
from hrdem.request.options import Naming

FIRST = DataEdition(1, 0)
STAMP = 1_071_673_780_004


@pytest.mark.parametrize(
    ("sheet", "archive", "cells"),
    [
        ("31K1", "031k01.zip", ("031k01_w.dem", "031k01_e.dem")),
        ("31K", "031k.zip", ("031k_w.dem", "031k_e.dem")),
        ("120F16", "120f16.zip", ("120f16_w.dem", "120f16_e.dem")),
    ],
)
def test_names_of_responsibility_centres(sheet: str, archive: str, cells: tuple[str, str]) -> None:
    names = make_names(parse_sheet(sheet), Naming.CENTRE, FIRST, STAMP)
    assert (names.archive, names.cells) == (archive, cells)
    assert f"{names.folder}.zip" == archive


@pytest.mark.parametrize(
    ("sheet", "archive", "cells", "metadata"),
    [
        (
            "11G13",
            "011G13_1071673780004.zip",
            ("011g13_0100demw.dem", "011g13_0100deme.dem"),
            "011g13_meta.xml",
        ),
        (
            "45H",
            "045H_1071673780004.zip",
            ("045h_0100demw.dem", "045h_0100deme.dem"),
            "045h_meta.xml",
        ),
    ],
)
def test_names_of_purchasers(
    sheet: str, archive: str, cells: tuple[str, str], metadata: str
) -> None:
    names = make_names(parse_sheet(sheet), Naming.PURCHASER, FIRST, STAMP)
    assert (names.archive, names.cells, names.metadata) == (archive, cells, metadata)


def test_a_time_stamp_has_thirteen_digits() -> None:
    names = make_names(parse_sheet("11G13"), Naming.PURCHASER, FIRST, 86_400_000)
    assert names.archive == "011G13_0000086400000.zip"


def test_edition_and_version_are_in_the_name_and_in_element_28() -> None:
    edition = parse_data_edition("3.2")
    names = make_names(parse_sheet("11G13"), Naming.PURCHASER, edition, STAMP)
    assert names.cells[0] == "011g13_0302demw.dem"
    assert edition.element == "3221"


@pytest.mark.parametrize("text", ["", "1", "10.0", "1.10", "1,0", "v1.0", "1021"])
def test_an_edition_that_does_not_fit_element_28_is_refused(text: str) -> None:
    with pytest.raises(RequestError, match=r"Give it like 1\.0\."):
        parse_data_edition(text)


def test_internal_names() -> None:
    """The document's example is ``031a01DEMw``."""
    assert make_internal_name(get_cells(parse_sheet("31A1"))[0]) == "031a01DEMw"
    assert make_internal_name(get_cells(parse_sheet("31K"))[1]) == "031kDEMe"


@pytest.mark.parametrize(
    ("name", "sheet", "half"),
    [
        ("031k01_e.dem", "031K01", "e"),
        ("031K_W.DEM", "031K", "w"),
        ("011g13_0100deme.dem", "011G13", "e"),  # as the document prints it
        ("011g13_0100_demw.dem", "011G13", "w"),  # as it is delivered
        ("082g01_e.dem", "082G01", "e"),
        ("22g_w.dem", "022G", "w"),
    ],
)
def test_names_of_cells_are_read(name: str, sheet: str, half: str) -> None:
    cell = parse_cell_name(name)
    assert cell is not None
    assert (cell.sheet.name, cell.half) == (sheet, half)


@pytest.mark.parametrize(
    "name", ["031k01.dem", "031k01_x.dem", "031k17_e.dem", "031q01_e.dem", "031k01_e.asc", "e.dem"]
)
def test_other_names_are_those_of_no_cell(name: str) -> None:
    assert parse_cell_name(name) is None
