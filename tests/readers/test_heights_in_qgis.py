"""QGIS leaves heights as they are when it reprojects our files, and stacks them."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.geoids import GEOID_METRES, write_geoid
from tests.readers.conftest import require_module

SCRIPT = Path(__file__).with_name("scripts") / "reproject_in_qgis.py"


def test_reprojecting_and_stacking(tmp_path: Path, heights: dict[str, Path]) -> None:
    """With a geoid in PROJ, "Warp (reproject)" shifts a compound CRS, which shows that it could."""
    python = require_module("qgis.core")
    folder = write_geoid(tmp_path / "proj")
    environment = {"QT_QPA_PLATFORM": "offscreen", "PROJ_USER_WRITABLE_DIRECTORY": str(folder)}

    def run(*names: str) -> dict:
        done = subprocess.run(
            [python, SCRIPT, tmp_path, *(heights[name] for name in names)],
            env=os.environ | environment, capture_output=True, text=True, check=True,
        )  # fmt: skip
        return json.loads(done.stdout.splitlines()[-1])

    ours = run("source", "dtm", "CGVD28", "chm", "dtm-slope")
    assert ours["bands"] == 5
    for raster in ours["rasters"]:
        assert raster["before"]["crs"] == "EPSG:3979"
        assert raster["after"]["crs"] == "EPSG:2959"
        assert raster["after"]["mean"] == pytest.approx(raster["before"]["mean"], abs=0.05)
    (raster,) = run("compound")["rasters"]
    shift = raster["after"]["mean"] - raster["before"]["mean"]
    assert shift == pytest.approx(GEOID_METRES, abs=0.05)
