"""Some of the random requests that `benchmarks.agreement` compares with GDAL's tools."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

from benchmarks.agreement.cases import make_case
from benchmarks.agreement.gdal_pipeline import Store
from benchmarks.agreement.judge import compare
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
