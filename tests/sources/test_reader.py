"""Test that the WCS gives the same pixels as the files, for any number of pieces."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

import hrdem
from hrdem.demo import Addresses
from hrdem.demo.terrain import NODATA, heights
from hrdem.http.client import HttpClient
from hrdem.sources.wcs import chunking

EDGE = 64  # of the pieces
BORDER = 1_500_000  # x where 8_2 ends and 9_2 begins


class Noting(HttpClient):
    """A client that records the requests to a WCS."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[Mapping[str, str]] = []

    def download(self, url: str, path: Path, *, params: Mapping[str, Any], **settings: Any) -> Any:
        self.asked.append(params)
        return super().download(url, path, params=params, **settings)


@pytest.fixture
def noting() -> Iterator[Noting]:
    with Noting() as client:
        yield client


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """All pieces are 64 x 64 pixels, for any server."""
    monkeypatch.setattr(chunking, "FIRST_CHUNK_PIXELS", EDGE**2)
    monkeypatch.setattr(chunking, "MAX_CHUNK_PIXELS", EDGE**2)


def extract(demo: Addresses, output: Path, box: tuple[float, ...], **more: Any) -> hrdem.Result:
    return hrdem.extract(
        bbox=box,
        bbox_crs="EPSG:3979",
        product="dtm",
        output=output,
        stac_url=demo.stac,
        wcs_url=demo.wcs,
        cache_dir=output.parent / "cache",
        **more,
    )


def read(path: Path) -> tuple[np.ndarray, dict[str, Any], dict[str, str]]:
    with rasterio.open(path) as dataset:
        return dataset.read(1), dict(dataset.profile), dataset.tags(1)


@pytest.mark.usefixtures("small_pieces")
@pytest.mark.parametrize(
    ("pieces", "columns", "rows"),
    [
        (1, 1, 1),
        (4, 2, 2),
        pytest.param(17, 17, 1, marks=pytest.mark.slow),
        pytest.param(100, 10, 10, marks=pytest.mark.slow),
    ],
)
def test_chunks_merge_to_the_files_pixels(
    demo: Addresses, noting: Noting, tmp_path: Path, pieces: int, columns: int, rows: int
) -> None:
    """On both sides of a sub-tile border, and in areas without data."""
    left, top = BORDER - columns * EDGE // 2, -170_500
    box = (left, top - rows * EDGE, left + columns * EDGE, top)
    by_wcs, by_cog = tmp_path / "wcs.tif", tmp_path / "cog.tif"
    result = extract(demo, by_wcs, box, via="wcs", http=noting)
    extract(demo, by_cog, box, via="cog")
    assert len(noting.asked) == pieces
    ours, profile, statistics = read(by_wcs)
    theirs, profile_of_cog, statistics_of_cog = read(by_cog)
    np.testing.assert_array_equal(ours.view(np.uint32), theirs.view(np.uint32))
    assert profile == profile_of_cog
    assert statistics.keys() == statistics_of_cog.keys()
    for name, value in statistics.items():  # summed in another order
        assert float(value) == pytest.approx(float(statistics_of_cog[name]), rel=1e-12)
    assert result.pixels_by_source == {"WCS dtm": (ours != NODATA).sum()}


@pytest.mark.slow
@pytest.mark.usefixtures("small_pieces")
def test_requests_are_on_the_lattice(demo: Addresses, noting: Noting, tmp_path: Path) -> None:
    extract(demo, tmp_path / "out.tif", (1_499_800.3, -170_700.7, 1_500_100.2, -170_500.1),
            via="wcs", http=noting)  # fmt: skip
    for asked in noting.asked:
        *box, crs = asked["BOUNDINGBOX"].split(",")
        x0, y0, x1, y1 = map(float, box)
        assert {x0 % 1, y0 % 1, x1 % 1, y1 % 1} == {0.5}
        assert asked["GRIDORIGIN"] == f"{x0},{y1}"
        assert (asked["GRIDOFFSETS"], crs) == ("1.0,-1.0", "urn:ogc:def:crs:EPSG::3979")


@pytest.mark.slow
@pytest.mark.long
def test_chunks_grow_with_the_server(demo: Addresses, noting: Noting, tmp_path: Path) -> None:
    box = (1_498_000, -173_000, 1_501_000, -170_000)
    result = extract(demo, tmp_path / "out.tif", box, via="wcs", http=noting)
    assert 4 < len(noting.asked) < 16  # 36 if all pieces had the size of the first
    pixels, *_ = read(tmp_path / "out.tif")
    np.testing.assert_array_equal(pixels, heights(1_498_000, -170_000, 1, 3_000, 3_000))
    assert result.received_bytes is not None
    assert result.received_bytes > 4 * 9_000_000


@pytest.mark.slow
@pytest.mark.long
def test_where_the_coverage_has_nothing_the_output_has_nodata(
    demo: Addresses, tmp_path: Path
) -> None:
    """Pieces with only nodata are returned as one pixel, which must not be read as a height."""
    box = (1_996_000, 380_000, 2_006_000, 390_000)
    by_wcs, by_cog = tmp_path / "wcs.tif", tmp_path / "cog.tif"
    extract(demo, by_wcs, box, via="wcs", resolution=20, resampling="nearest")
    extract(demo, by_cog, box, via="cog", resolution=20, resampling="nearest")
    ours, theirs = read(by_wcs)[0], read(by_cog)[0]
    np.testing.assert_array_equal(ours, theirs)


def test_nodata_only_is_no_data(demo: Addresses, tmp_path: Path) -> None:
    with pytest.raises(hrdem.NoDataError, match="WCS dtm"):
        extract(demo, tmp_path / "out.tif", (1_582_000, -5_100, 1_582_300, -5_000), via="wcs")
    assert not list(tmp_path.glob("*.tif"))


@pytest.mark.slow
@pytest.mark.long
def test_other_crs_warps_native_pixels(demo: Addresses, tmp_path: Path) -> None:
    """Pieces that a server warps separately do not align."""
    box = (536_284.0, 4_967_490.8, 537_284.0, 4_968_490.8)
    asked: dict[str, Any] = {"bbox_crs": "EPSG:2961", "crs": "EPSG:2961", "resolution": 5}
    by_wcs, by_cog = tmp_path / "wcs.tif", tmp_path / "cog.tif"
    for output, via in ((by_wcs, "wcs"), (by_cog, "cog")):
        hrdem.extract(
            bbox=box, product="dtm", output=output, via=via, stac_url=demo.stac, wcs_url=demo.wcs,
            cache_dir=tmp_path / "cache", **asked,
        )  # fmt: skip
    ours, profile, _ = read(by_wcs)
    theirs, profile_of_cog, _ = read(by_cog)
    np.testing.assert_array_equal(ours, theirs)
    assert profile == profile_of_cog
    assert profile["crs"].to_string() == "EPSG:2961"


def test_tags_name_the_wcs(demo: Addresses, tmp_path: Path) -> None:
    output = tmp_path / "out.tif"
    extract(demo, output, (1_499_900, -170_600, 1_500_100, -170_500), via="wcs")
    with rasterio.open(output) as dataset:
        (source,) = json.loads(dataset.tags()["HRDEM_SOURCES"])
    assert (source["via"], source["coverage"], source["href"]) == ("wcs", "dtm", demo.wcs)
    assert [item["id"] for item in source["items"]] == ["8_2-mosaic-1m", "9_2-mosaic-1m"]
    assert "fallback_reason" not in source


def test_plan_through_the_wcs(demo: Addresses) -> None:
    box = (1_499_900, -170_600, 1_500_100, -170_500)
    plan = hrdem.plan(
        bbox=box, bbox_crs="EPSG:3979", product="dtm", via="wcs",
        stac_url=demo.stac, wcs_url=demo.wcs,
    )  # fmt: skip
    told = hrdem.estimate(plan)
    assert (told.tiles, told.transfer_bytes) == (None, None)
    assert told.coverage_percent == pytest.approx(100, abs=5)
    assert told.coverage_percent_by_item.keys() == {"WCS dtm"}
