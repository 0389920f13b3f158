"""Void nodes of CDED cells, and sheets that are refused for them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import shapely

from hrdem.errors import NoDataError
from hrdem.legacy.cded.coverage import check_not_void, check_shifts, mask_canada, measure_coverage
from hrdem.legacy.cded.files import CdedDelivery
from hrdem.legacy.cded.header import Producer
from hrdem.legacy.cded.names import DataEdition
from hrdem.request.aoi.nts import parse_sheet
from hrdem.request.options import Naming, OriginCode, ProcessCode, Records

SHEET = parse_sheet("031K01")  # 76.5-76 W, 46-46.25 N
VOID = -32767


@pytest.fixture
def heights() -> np.ndarray:
    return np.zeros((1201, 2401), "int16")


def test_void_is_counted_in_each_cell(heights) -> None:
    heights[:, 1200:1203] = VOID  # the shared profile and two to its east
    west, east = measure_coverage(SHEET, heights, None)
    assert (west.void, east.void) == (1201, 3 * 1201)
    assert west.nodes == east.nodes == 1201**2
    assert west.outside is west.inside is None


def test_void_inside_the_border_is_told_from_void_outside(heights) -> None:
    heights[:10] = VOID
    inside = np.zeros(heights.shape, np.bool_)
    inside[4:, :1000] = True
    west, east = measure_coverage(SHEET, heights, inside)
    assert (west.outside, west.inside) == (10 * 1201 - 6 * 1000, 6 * 1000)
    assert (east.outside, east.inside) == (10 * 1201, 0)


def test_sheets_agree_on_which_shared_nodes_are_inside_the_border() -> None:
    """A border that runs exactly through nodes, and one that crosses the edge between sheets."""
    through = shapely.Polygon([(-76.5, 45.9), (-76.0, 46.6), (-77, 47), (-77, 45.9)])
    across = shapely.box(-77, 46.1, -76.2, 47)
    for border in (through, across):
        south, north = (
            mask_canada(parse_sheet(name), shapely.MultiPolygon([border]))
            for name in ("031K01", "031K08")
        )
        np.testing.assert_array_equal(south[0], north[-1])
        assert 0 < north[-1].sum() < 2401


def test_nodes_beyond_141_w_are_outside_canada() -> None:
    """As the document has the box of all CDED; 141 W itself is the boundary with Alaska."""
    inside = mask_canada(parse_sheet("115N"), None)  # 142-140 W
    assert inside is not None
    assert not inside[:, :1200].any()
    assert inside[:, 1200:].all()
    assert mask_canada(SHEET, None) is None


def test_a_border_does_not_reach_beyond_the_box_of_all_cded() -> None:
    border = shapely.MultiPolygon([shapely.box(-150, 63.5, -140.5, 70)])
    inside = mask_canada(parse_sheet("115N"), border)
    assert inside is not None
    assert not inside[:, :1200].any()
    assert inside[:599, 1200:1800].all()
    assert not inside[602:].any()


def test_a_sheet_with_one_void_cell_is_delivered(heights) -> None:
    """As 114P01 was, whose eastern cell is in Alaska."""
    heights[:, 1201:] = VOID
    heights[:, 1200] = VOID
    check_not_void(SHEET, measure_coverage(SHEET, heights, None), "")


def test_a_sheet_void_in_both_cells_is_refused(heights) -> None:
    heights[:] = VOID
    with pytest.raises(NoDataError, match=r"Both cells of 031K01 are void.* Look elsewhere\.$"):
        check_not_void(SHEET, measure_coverage(SHEET, heights, None), "Look elsewhere.")


def test_one_height_on_the_shared_profile_is_enough(heights) -> None:
    heights[:] = VOID
    heights[0, 1200] = 7
    west, east = measure_coverage(SHEET, heights, None)
    assert west.void == east.void == 1201**2 - 1
    check_not_void(SHEET, (west, east), "")


def test_void_is_refused_in_records_for_splat(heights, tmp_path) -> None:
    """usgs2sdf reads words, and a height of six characters has no blank before it."""
    producer = Producer("A centre", ProcessCode.METADATA, OriginCode.RS, DataEdition(1, 0))
    lines = CdedDelivery(tmp_path, False, Naming.CENTRE, True, Records.LF, producer, 0)
    splat = replace(lines, records=Records.SPLAT)
    whole = measure_coverage(SHEET, heights, None)
    splat.check_coverage(whole)
    heights[0, -1] = VOID
    cells = measure_coverage(SHEET, heights, None)
    lines.check_coverage(cells)
    with pytest.raises(NoDataError, match="a cell of 031K01 has 1 void nodes"):
        splat.check_coverage(cells)


def test_nodes_without_a_shift_are_refused_with_the_first_of_them(heights) -> None:
    unknown = np.zeros(heights.shape, np.bool_)
    unknown[120, 240:243] = True  # 0.025 degrees south, 0.05 east of the corner
    heights[unknown] = VOID
    with pytest.raises(NoDataError, match=r"at 3 nodes of 031K01 .*-76\.45000,46\.22500"):
        check_shifts(SHEET, heights, unknown, "shifts.tif")


def test_nodes_that_water_gave_a_height_need_no_shift(heights) -> None:
    unknown = np.zeros(heights.shape, np.bool_)
    unknown[0, 0] = True
    check_shifts(SHEET, heights, unknown, "shifts.tif")
