"""Overlapping items: the newest wins, and the plan says so."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio

import hrdem
from tests.relief import LEFT, TIERS, TOP
from tests.stores import NODATA, Store

MORNING, SAME_INSTANT = "2024-05-01T12:00:00Z", "2024-05-01T08:00:00-04:00"
LATER = "2024-05-01T08:00:00.5-04:00"  # half a second after both, though the text sorts before


@pytest.mark.parametrize(
    ("old", "new", "decided_by"),
    [
        ((MORNING, "2026-02-01T00:00:00Z"), (LATER, "2026-01-01T00:00:00Z"), "datetime"),
        ((MORNING, "2026-01-01T00:00:00Z"), (SAME_INSTANT, "2026-02-01T00:00:00Z"), "updated"),
        (("", ""), ("2012-07-01", ""), "datetime"),
        (("2024-05-01T12:00:00", ""), ("2024-05-01T11:00:00-02:00", ""), "datetime"),
    ],
    ids=["survey", "publication", "no date", "no zone counts as UTC"],
)
def test_newest_of_overlapping_items_wins(
    tmp_path: Path, store: Store, old: tuple[str, str], new: tuple[str, str], decided_by: str
) -> None:
    """Whatever their names; where the newer has no data, the older fills in."""
    hole = np.full((40, 60), 2, np.float32)
    hole[10:20, 10:20] = NODATA
    for item, pixels, left, dates in (
        ("a", np.full((40, 60), 1, np.float32), LEFT, old),
        ("b", hole, LEFT + 20, new),
    ):
        store.add(TIERS["1m"], pixels, left, TOP, item=item, datetime=dates[0], updated=dates[1])
    expected = np.full((40, 80), 1, np.float32)
    expected[:, 20:] = hole
    expected[10:20, 30:40] = 1
    box = {"bbox": (LEFT, TOP - 40, LEFT + 80, TOP), "bbox_crs": "EPSG:3979", "product": "dtm"}
    result = hrdem.extract(**box, output=tmp_path / "a.tif", http=store)
    with rasterio.open(result.output) as dataset:
        np.testing.assert_array_equal(dataset.read(1), expected)
    (overlap,) = result.as_dict()["overlaps"]
    assert overlap["first"].startswith("b-")
    assert overlap["decided_by"] == decided_by
    assert overlap["bounds"] == [LEFT + 20, TOP - 40, LEFT + 60, TOP]


def test_overlap_without_dates_is_warned_of(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    for item in ("a", "b"):
        store.add(TIERS["1m"], np.ones((40, 40), np.float32), LEFT, TOP, item=item)
    box = {"bbox": (LEFT, TOP - 40, LEFT + 40, TOP), "bbox_crs": "EPSG:3979", "product": "dtm"}
    plan = hrdem.plan(**box, http=store)
    assert [overlap.decided_by for overlap in plan.overlaps] == ["name"]
    assert "tells which is newer" in caplog.text
