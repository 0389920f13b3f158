"""Test the main job against the live service, and report differences from the assumptions.

    pytest -m live -s tests/live

Needs network access; transfers about 10 MB.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import rasterio

import hrdem
from hrdem.request.endpoints import LIVE_STAC_URL
from tests.live.observations import observe

LIVE_WCS_URL = "https://datacube.services.geo.ca/ows/elevation"


@pytest.mark.live
def test_main_job_on_a_few_hundred_metres(tmp_path: Path) -> None:
    """Parliament Hill in Ottawa, and the border of 8_2 and 9_2, from COGs and VRTs."""
    hill = (-75.7030, 45.4225, -75.6985, 45.4255)
    border = (1_499_850, -176_200, 1_500_150, -176_000)
    for bbox, crs, items in (
        (hill, "EPSG:4326", ["9_2-mosaic-1m"]),
        (border, "EPSG:3979", ["8_2-mosaic-1m", "9_2-mosaic-1m"]),
    ):
        outputs = []
        for via in ("cog", "vrt"):
            output = tmp_path / f"{via}.tif"
            result = hrdem.extract(
                bbox=bbox, bbox_crs=crs, product="dtm", via=via, output=output, overwrite=True
            )
            assert list(result.pixels_by_source) == items
            assert all(result.pixels_by_source.values())
            assert 30 < result.statistics.mean < 300
            with rasterio.open(output) as dataset:
                outputs.append(dataset.read(1))
        assert (outputs[0] == outputs[1]).all()


@pytest.mark.live
def test_report_differences_of_the_live_service(capsys: pytest.CaptureFixture[str]) -> None:
    points = 0
    with capsys.disabled():
        for point in observe(LIVE_STAC_URL, LIVE_WCS_URL):
            sys.stdout.write(f"\n{point}")
            sys.stdout.flush()
            points += 1
    assert points > 50
