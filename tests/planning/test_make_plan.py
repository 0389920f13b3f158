"""Plans: requests that no file can hold are refused before anything is looked up."""

from __future__ import annotations

import numpy as np
import pytest

import hrdem
from tests.stores import Store


@pytest.mark.parametrize(
    "bbox", [(-2e6, 0, 2e6, 0.05), (0, -1e6, 0.05, 3e6)], ids=["columns", "rows"]
)
def test_more_columns_or_rows_than_gdal_counts_are_refused(
    bbox: tuple[float, float, float, float],
) -> None:
    """A strip of 4 thousand million by 50 pixels has no more pixels than a large file."""
    request = {"bbox": bbox, "bbox_crs": "EPSG:3979", "product": "dtm", "resolution": 0.001}
    with pytest.raises(hrdem.RequestError, match="GDAL reads at most 2147483647 columns and rows"):
        hrdem.plan(**request, no_cache=True, stac_url="http://127.0.0.1:1")
    with pytest.raises(hrdem.RequestError, match="GDAL reads at most"):
        hrdem.load(**request, no_cache=True, stac_url="http://127.0.0.1:1")


def test_a_grid_too_large_to_measure_is_refused() -> None:
    """4 million by 4 million cells of the lattice would not fit in memory."""
    with pytest.raises(hrdem.RequestError, match="GDAL reads at most"):
        hrdem.plan(
            bbox=(-2e6, -5e5, 2e6, 3e6),
            bbox_crs="EPSG:3979",
            product="dtm",
            resolution=0.001,
            no_cache=True,
            stac_url="http://127.0.0.1:1",
        )


def test_native_pixels_that_no_file_holds_are_refused_before_anything_is_looked_up() -> None:
    """Canada has 66 files, whose headers take seconds."""
    with pytest.raises(hrdem.RequestError, match="more than a whole 500 km tile .* `hrdem tile`"):
        hrdem.plan(
            bbox=(-141, 42, -52, 70), product="dtm", no_cache=True, stac_url="http://127.0.0.1:1"
        )


def test_source_pixels_that_are_too_many_are_not_called_those_of_the_area(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pixels of 2 m fit here, and those of 1 m under them do not."""
    store.add("hrdem-mosaic-1m", np.zeros((1_000, 1_000), np.float32), 1_500_000, 0)
    monkeypatch.setattr("hrdem.planning.make_plan.MAX_GRID_PIXELS", 100_000)
    request = {"bbox": (1_500_300, -700, 1_500_700, -300), "bbox_crs": "EPSG:3979"}
    with pytest.raises(hrdem.RequestError, match=r"^The area is computed from \d+ x \d+ pixels"):
        hrdem.plan(**request, product="dtm", crs="EPSG:2959", resolution=2, http=store)
