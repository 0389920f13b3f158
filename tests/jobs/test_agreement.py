"""Some of the random requests that `benchmarks.agreement` compares with GDAL's tools."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

from benchmarks.agreement.cases import SEAMS, make_case
from benchmarks.agreement.gdal_pipeline import Store
from benchmarks.agreement.judge import compare
from benchmarks.agreement.points import compare_points
from benchmarks.agreement.variations import vary
from hrdem.demo import Addresses

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("gdalbuildvrt") is None, reason="needs GDAL's tools"),
]


@pytest.mark.parametrize(
    "number", [12, *(pytest.param(each, marks=pytest.mark.long) for each in (15, 37))]
)
def test_random_requests_equal_gdals_tools(demo: Addresses, tmp_path: Path, number: int) -> None:
    """A cropped shape, an aspect, a box and a canopy height; the benchmark runs hundreds."""
    case = make_case(random.Random(f"5-{number}"), tmp_path)
    services = ["--stac-url", demo.stac, "--wcs-url", demo.wcs]
    (verdict,) = compare(case, Store(demo.stac, tmp_path), services, tmp_path)
    assert verdict.findings == []
    assert verdict.valid > 1_000


@pytest.mark.long
def test_blended_products_of_one_run_equal_gdals_tools(demo: Addresses, tmp_path: Path) -> None:
    """Heights and hillshades of a buffered circle, across the edge of the 1 m mosaic."""
    chance = random.Random("21-54")
    case = make_case(chance, tmp_path, SEAMS)
    vary(case, chance)
    services = ["--stac-url", demo.stac, "--wcs-url", demo.wcs]
    verdicts = compare(case, Store(demo.stac, tmp_path), services, tmp_path)
    assert [verdict.findings for verdict in verdicts] == [[], [], []]
    assert all(verdict.blended > 10_000 for verdict in verdicts)


@pytest.mark.long
def test_cubic_heights_at_points_equal_a_formula(demo: Addresses, tmp_path: Path) -> None:
    services = ["--stac-url", demo.stac, "--wcs-url", demo.wcs]
    store = Store(demo.stac, tmp_path)
    options, verdict = compare_points(random.Random("21-48"), store, services, tmp_path)
    assert verdict.findings == []
    assert verdict.valid == 200
    assert "cubic" in options
