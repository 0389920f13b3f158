"""Every test in this folder is a test of the `readers` kind."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest
import rasterio

import hrdem
from tests.relief import LEFT, TIERS, TOP, make_relief
from tests.shift_grids import millimetres, write_grid
from tests.stores import Store

_HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(_HERE):
            item.add_marker(pytest.mark.readers)


def require_program(name: str) -> str:
    """Return the path of a program; skip the test if it is missing, or fail if it is required."""
    path = shutil.which(name)
    if path is None:
        report_missing(name)
    return path


def report_missing(name: str) -> NoReturn:
    """Skip the test as a program is missing, or fail if it is required."""
    message = f"{name} is not installed; see tests/readers/README.md"
    if os.environ.get("HRDEM_READERS") == "required":
        pytest.fail(message, pytrace=False)
    pytest.skip(message)


def require_module(name: str) -> str:
    """Return Debian's Python, which has a module; skip the test without it, or fail if required."""
    python = require_program("/usr/bin/python3")
    if subprocess.run([python, "-c", f"import {name}"], capture_output=True).returncode:
        report_missing(name)
    return python


@pytest.fixture
def heights(tmp_path: Path, store: Store) -> dict[str, Path]:
    """Extract the same area as several products; return their files, and a published one."""
    ground = make_relief("1m", 300, 300)
    store.add(TIERS["1m"], ground, LEFT, TOP)
    store.add(TIERS["1m"], ground + np.float32(9), LEFT, TOP, asset="dsm")
    shifts = write_grid(tmp_path / "shifts.tif", millimetres(60, 120))
    requests: dict[str, dict[str, Any]] = {
        "dtm": {},
        "dtm-slope": {"product": "dtm-slope"},
        "chm": {"product": "chm"},
        "CGVD28": {"vertical_datum": "CGVD28", "vertical_grid": shifts},
        "compound": {"vertical_crs": True},
    }
    files = {"source": tmp_path / "source.tif"}
    with rasterio.open(
        files["source"], "w", "GTiff", width=300, height=300, count=1, dtype="float32",
        crs="EPSG:3979", transform=rasterio.Affine(1, 0, LEFT, 0, -1, TOP), nodata=-32767,
    ) as dataset:  # fmt: skip
        dataset.write(ground, 1)
    box = {"bbox": (LEFT + 20, TOP - 240, LEFT + 280, TOP - 20), "bbox_crs": "EPSG:3979"}
    for name, params in requests.items():
        files[name] = tmp_path / f"{name}.tif"
        hrdem.extract(**{"product": "dtm", **box, **params}, output=files[name], http=store)
    return files
