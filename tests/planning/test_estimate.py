"""Estimates of cost and coverage, from tile indexes and overviews."""

from __future__ import annotations

from mmap import mmap
from typing import Any

import pytest

import hrdem
from tests.relief import NODATA, make_relief
from tests.stores import Store

LEFT, TOP = 1_500_000, -164_000
BOX = {"bbox": (LEFT, TOP - 256, LEFT + 256, TOP), "bbox_crs": "EPSG:3979", "product": "dtm"}


def estimate(store: Store) -> hrdem.Estimate:
    plan = hrdem.plan(**BOX, fill="2m", http=store)
    store.received = dict.fromkeys(store.received, 0)
    return hrdem.estimate(plan, http=store)


def test_shares_are_counted_where_no_finer_collection_has_data(store: Store) -> None:
    """A quarter of the area is empty in the finer one, and half of that quarter in both."""
    fine, coarse = make_relief("1m", 256, 256), make_relief("2m", 128, 128)
    fine[:128, :128] = NODATA
    coarse[:32, :] = NODATA
    store.add("hrdem-mosaic-1m", fine, LEFT, TOP)
    store.add("hrdem-mosaic-2m", coarse, LEFT, TOP)
    found = estimate(store)
    assert [*found.coverage_percent_by_item.values()] == [75.0, 12.5]
    assert found.coverage_percent == 87.5


def test_collections_below_a_full_one_are_not_sampled(store: Store) -> None:
    store.add("hrdem-mosaic-1m", make_relief("1m", 256, 256), LEFT, TOP)
    store.add("hrdem-mosaic-2m", make_relief("2m", 128, 128), LEFT, TOP)
    found = estimate(store)
    assert [*found.coverage_percent_by_item.values()] == [100.0, 0.0]
    read = {name: size > 100 * 100 for name, size in store.received.items()}
    assert read == {"tile-hrdem-mosaic-1m-dtm.tif": True, "tile-hrdem-mosaic-2m-dtm.tif": False}


@pytest.mark.parametrize("lost", ["1m", "2m"])
def test_a_file_that_cannot_be_sampled_is_an_error(
    store: Store, monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    fine = make_relief("1m", 256, 256)
    fine[:128, :128] = NODATA
    store.add("hrdem-mosaic-1m", fine, LEFT, TOP)
    store.add("hrdem-mosaic-2m", make_relief("2m", 128, 128), LEFT, TOP)
    plan = hrdem.plan(**BOX, fill="2m", http=store)
    read = store.read_range

    def refuse(url: str, *arguments: Any, **settings: Any) -> mmap:
        if lost in url:
            raise hrdem.ServerError(f"{url} answers 500.", 500)
        return read(url, *arguments, **settings)

    monkeypatch.setattr(store, "read_range", refuse)
    with pytest.raises(hrdem.ServerError, match=f"{lost}-dtm.tif answers 500"):
        hrdem.estimate(plan, http=store)
