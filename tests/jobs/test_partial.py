"""Incomplete outputs: only on request, with their gaps counted, listed and recorded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import shapely

import hrdem
from hrdem.demo import Addresses
from hrdem.http.client import HttpClient
from tests.faults.wcs_service import BOX, extract, service
from tests.misbehaving import Reply, ServerRequest, misbehaving
from tests.relief import LEFT, TIERS, TOP, make_relief
from tests.stores import NODATA, Store

EDGE = 300
GONE = "b-hrdem-mosaic-1m-dtm.tif"
AREA = shapely.Polygon([(LEFT + 20, TOP - 30), (LEFT + 580, TOP - 150), (LEFT + 200, TOP - 280)])


def publish(store: Store, *, surfaces: tuple[str, ...] = ("dtm",)) -> None:
    """Publish two tiles side by side, 300 m wide."""
    for surface in surfaces:
        for number, item in enumerate("ab"):
            pixels = make_relief("1m", EDGE, EDGE, step=5 if surface == "dsm" else 0)
            store.add(TIERS["1m"], pixels, LEFT + EDGE * number, TOP, item=item, asset=surface)


def run(store: Store, output: Path, **params: Any) -> hrdem.Result:
    area = {"aoi": AREA, "aoi_crs": "EPSG:3979", "product": "dtm", "allow_partial": True}
    return hrdem.extract(**{**area, **params}, output=output, http=store, overwrite=True)


ZONE_19 = {"crs": "EPSG:2960", "resolution": 2.0, "resampling": "nearest"}


@pytest.mark.parametrize("grid", [{}, pytest.param(ZONE_19, marks=pytest.mark.slow)], ids=str)
def test_gap_is_counted_to_the_pixel(tmp_path: Path, store: Store, grid: dict[str, Any]) -> None:
    """As many pixels as the file gives when it can be fetched; all others are unchanged."""
    publish(store)
    whole = run(store, tmp_path / "whole.tif", **grid)
    assert whole.complete
    assert whole.as_dict()["gaps"] == []
    store.refused.add(GONE)
    with pytest.raises(hrdem.ServerError, match="404") as error:
        run(store, tmp_path / "no.tif", allow_partial=False, **grid)
    assert "via=vrt" not in str(error.value)  # the item has none
    part = run(store, tmp_path / "part.tif", **grid)
    (gap,) = part.as_dict()["gaps"]
    assert not part.complete
    assert not part.as_dict()["complete"]
    assert gap["item"] == "b-hrdem-mosaic-1m"
    assert "404" in gap["reason"]
    lost = whole.pixels_by_source["b-hrdem-mosaic-1m"]
    assert gap["pixels"] == gap["nodata_pixels"] == lost > 10_000 / (4 if grid else 1)
    assert gap["percent"] == pytest.approx(100 * lost / whole.statistics.pixels, abs=0.2)
    with rasterio.open(whole.output) as one, rasterio.open(part.output) as other:
        before, after = one.read(1), other.read(1)
        assert json.loads(other.tags()["HRDEM_GAPS"])[0]["item"] == gap["item"]
        assert other.tags()["HRDEM_COMPLETE"] == "NO"
    np.testing.assert_array_equal(after[after != NODATA], before[after != NODATA])
    item = json.loads(part.output.with_suffix(".stac.json").read_bytes())
    assert not item["properties"]["hrdem:complete"]
    assert item["properties"]["hrdem:gaps"] == [gap]


@pytest.mark.slow
def test_file_beside_the_shape_is_no_gap(tmp_path: Path, store: Store) -> None:
    """Only the box around the shape reaches it."""
    for item, right, down in (("a", 0, 0), ("c", 0, 100), ("d", 100, 0), ("b", 100, 100)):
        tile = make_relief("1m", 100, 100)
        left, top = LEFT + right, TOP - down
        outline = shapely.box(left, top - 100, left + 100, top)
        store.add(TIERS["1m"], tile, left, top, item=item, outline=outline)
    store.refused.add(GONE)
    corner = shapely.Polygon([(LEFT, TOP), (LEFT + 180, TOP), (LEFT, TOP - 180)])
    result = run(store, tmp_path / "a.tif", aoi=corner)
    assert result.complete
    assert result.plan.skipped_neighbours == ("b-hrdem-mosaic-1m",)
    assert result.statistics.valid_percent == 100
    assert not run(store, tmp_path / "box.tif", aoi=corner.envelope).complete


def test_file_without_an_outline_may_be_a_gap_in_what_others_cover(
    tmp_path: Path, store: Store
) -> None:
    """It may be newer than they are; the output was complete, without a word."""
    store.add(TIERS["1m"], make_relief("1m", EDGE, EDGE), LEFT, TOP, item="a")
    store.add(TIERS["1m"], make_relief("1m", EDGE, EDGE), LEFT, TOP, item="b", datetime="2025")
    store.refused.add(GONE)
    inside = AREA.intersection(shapely.box(LEFT, TOP - EDGE, LEFT + EDGE, TOP))
    result = run(store, tmp_path / "a.tif", aoi=inside)
    (gap,) = result.gaps_as_dict()
    assert not result.complete
    assert (gap["item"], gap["percent"], gap["nodata_pixels"]) == ("b-hrdem-mosaic-1m", 100, 0)


def test_coarser_tier_fills_a_gap_that_stays_listed(tmp_path: Path, store: Store) -> None:
    publish(store)
    store.add(TIERS["2m"], make_relief("2m", 2 * EDGE, EDGE, step=9), LEFT, TOP)
    store.refused.add(GONE)
    result = run(store, tmp_path / "a.tif", fill="2m")
    (gap,) = result.gaps_as_dict()
    assert result.statistics.valid_percent == 100
    assert (gap["nodata_pixels"], gap["pixels"] > 10_000) == (0, True)


@pytest.mark.slow
def test_tier_without_a_readable_file_is_one_gap(tmp_path: Path, store: Store) -> None:
    """Alone it is an error, the server's own."""
    publish(store)
    store.refused |= {GONE, GONE.replace("b", "a", 1)}
    with pytest.raises(hrdem.ServerError, match="answers 404"):
        run(store, tmp_path / "a.tif")
    store.add(TIERS["2m"], make_relief("2m", 2 * EDGE, EDGE), LEFT, TOP)
    result = run(store, tmp_path / "a.tif", fill="2m")
    assert [tier.collection.name for tier in result.plan.tiers] == ["2m"]
    assert {gap.item[0] for gap in result.plan.gaps} == {"a", "b"}
    assert not result.complete


@pytest.mark.slow
def test_surface_that_is_missing_leaves_a_gap_in_the_difference(
    tmp_path: Path, store: Store
) -> None:
    publish(store, surfaces=("dtm", "dsm"))
    store.refused.add(GONE)
    result = run(store, tmp_path / "a.tif", product="chm")
    (gap,) = result.gaps_as_dict()
    assert (gap["product"], gap["nodata_pixels"]) == ("dtm", gap["pixels"])
    assert gap["bounds"][0] == LEFT + EDGE
    assert result.statistics.minimum == result.statistics.maximum == 5


@pytest.mark.slow
def test_array_states_its_gaps(store: Store) -> None:
    publish(store)
    store.refused.add(GONE)
    box = {"bbox": (LEFT, TOP - EDGE, LEFT + 2 * EDGE, TOP), "bbox_crs": "EPSG:3979"}
    for chunks in (None, 512):
        array = hrdem.load(**box, product="dtm", chunks=chunks, allow_partial=True, http=store)
        assert array.attrs["HRDEM_COMPLETE"] == "NO"
        assert (array.values[:, EDGE:] == NODATA).all()
        (gap,) = json.loads(array.attrs["HRDEM_GAPS"])
        assert gap["percent"] == 50
        assert gap["bounds"] == [LEFT + EDGE, TOP - EDGE, LEFT + 2 * EDGE, TOP]


@pytest.mark.slow
@pytest.mark.parametrize("via", ["auto", "vrt"])
def test_gap_where_neither_file_nor_wcs_can_be_read(
    demo: Addresses, http: HttpClient, tmp_path: Path, via: str
) -> None:
    """Nor the file behind a VRT. The WCS alone is all or nothing."""

    def other(request: ServerRequest) -> Reply | None:
        lost = "9_2-mosaic-1m-dtm.tif" in request.path or "wrapper" in request.path
        return Reply(404, b"gone") if lost else None

    with misbehaving(service(demo, other=other)) as server:
        result = extract(server, tmp_path, http, via=via, allow_partial=True)
        for wrong in ({"via": via}, {"via": "wcs", "allow_partial": True}):
            with pytest.raises(hrdem.NetworkError, match="404"):
                extract(server, tmp_path, http, overwrite=True, **wrong)
    (gap,) = result.gaps_as_dict()
    assert gap["item"] == "9_2-mosaic-1m"
    assert gap["bounds"] == [1_500_000, BOX[1], BOX[2], BOX[3]]
    assert gap["nodata_pixels"] == (BOX[2] - 1_500_000) * (BOX[3] - BOX[1])


def test_empty_rest_is_the_error_of_the_file(tmp_path: Path, store: Store) -> None:
    """Not an area without data: the file that could not be fetched may have had some."""
    store.add(TIERS["1m"], np.full((EDGE, EDGE), NODATA), LEFT, TOP, item="a")
    store.add(TIERS["1m"], make_relief("1m", EDGE, EDGE), LEFT + EDGE, TOP, item="b")
    store.refused.add(GONE)
    with pytest.raises(hrdem.ServerError, match="answers 404"):
        run(store, tmp_path / "a.tif")


@pytest.mark.slow
def test_hillshade_that_is_published_in_part_is_computed(tmp_path: Path, store: Store) -> None:
    publish(store)
    for number, item in enumerate("ab"):
        shade = np.full((EDGE, EDGE), 7, np.uint8)
        left = LEFT + EDGE * number
        store.add(TIERS["1m"], shade, left, TOP, item=item, asset="hillshade-dtm", nodata=0)
    assert run(store, tmp_path / "a.tif", product="dtm-hillshade").statistics.maximum == 7
    store.refused.add(GONE.replace("dtm", "hillshade-dtm"))
    result = run(store, tmp_path / "b.tif", product="dtm-hillshade")
    assert result.complete
    assert result.statistics.maximum > 7
