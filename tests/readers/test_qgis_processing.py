"""The QGIS plugin in QGIS: `qgis_process` runs its algorithms, and QGIS opens what they write."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import geopandas
import numpy as np
import pyogrio
import pytest
import rasterio
import shapely

import hrdem
from hrdem.demo import Addresses
from tests.readers.conftest import require_program

PLUGINS = Path(__file__).parents[2] / "integrations" / "qgis"
BOX = (-75.72, 45.40, -75.71, 45.41)
EXTENT = "-75.72,-75.71,45.40,45.41 [EPSG:4326]"
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def qgis(demo: Addresses, tmp_path: Path) -> Run:
    """Run `qgis_process`, with a profile of its own in which the plugin is enabled."""
    program = "/usr/bin/qgis_process.bin"  # Debian's script before it adds an option of the window
    if not Path(program).exists():
        program = require_program("qgis_process")
    environment = {
        "HOME": str(tmp_path),
        "QT_QPA_PLATFORM": "offscreen",
        "QGIS_PLUGINPATH": str(PLUGINS),
        "HRDEM_COMMAND": f"{sys.executable} -m hrdem",
        "HRDEM_STAC_URL": demo.stac,
        "HRDEM_NO_CACHE": "1",
    }

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [program, *words], env=os.environ | environment, capture_output=True, text=True
        )

    assert "hrdem_processing" in run("plugins", "enable", "hrdem_processing").stdout
    return run


def test_extract(qgis: Run, demo: Addresses, tmp_path: Path) -> None:
    """The pixels are those of the command, also through a VRT."""
    expected = hrdem.extract(
        bbox=BOX, product="dtm", output=tmp_path / "expected.tif", stac_url=demo.stac
    )
    with rasterio.open(expected.output) as dataset:
        pixels = dataset.read()
    for name in ("a.tif", "a.vrt"):
        output = tmp_path / "out" / name
        output.parent.mkdir(exist_ok=True)
        done = qgis("run", "hrdem:extract", f"--EXTENT={EXTENT}", f"--OUTPUT={output}")
        assert done.returncode == 0, done.stderr
        with rasterio.open(output) as dataset:
            assert (dataset.read() == pixels).all()
        output.with_suffix(".stac.json").unlink()


def test_further_options_replace_those_of_the_form(qgis: Run, tmp_path: Path) -> None:
    output = tmp_path / "a.tif"
    words = ["run", "hrdem:extract", f"--EXTENT={EXTENT}", f"--OUTPUT={output}"]
    done = qgis(*words, "--OPTIONS=--collection lidar --product dsm")
    assert done.returncode == 0, done.stdout + done.stderr
    request = json.loads(output.with_suffix(".stac.json").read_text())["properties"][
        "hrdem:request"
    ]
    assert (request["collection"], request["product"]) == ("hrdem-lidar", "dsm")


def test_sample(qgis: Run, demo: Addresses, tmp_path: Path) -> None:
    """Rows keep their order and their fields; also a field fid, which may have a value twice."""
    output, path = tmp_path / "out.gpkg", tmp_path / "wells.geojson"
    points = shapely.points([(-75.71, 45.41), (-75.70, 45.42), (0, 0), (-75.69, 45.43)])
    wells = geopandas.GeoDataFrame({"fid": [1, 1, 2, 3], "name": list("ébcd")}, geometry=points)
    wells.set_crs("EPSG:4326").to_crs("EPSG:2959").to_file(path)
    done = qgis(
        "run", "hrdem:sample", f"--INPUT={path}", "--INTERPOLATION=bilinear", f"--OUTPUT={output}"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    rows = pyogrio.read_dataframe(output)
    expected = hrdem.sample(
        path, product="dtm", interpolation="bilinear", stac_url=demo.stac, no_cache=True
    )
    assert rows.fid.tolist() == [1, 1, 2, 3]
    assert rows.name.tolist() == list("ébcd")
    np.testing.assert_allclose(rows.dtm, expected.values, rtol=1e-6)
    assert rows.crs == "EPSG:2959"


def test_surveys(qgis: Run, tmp_path: Path) -> None:
    output = tmp_path / "a.gpkg"
    done = qgis("run", "hrdem:surveys", f"--EXTENT={EXTENT}", f"--OUTPUT={output}")
    assert done.returncode == 0, done.stderr
    assert len(pyogrio.read_dataframe(output))


def test_an_error_is_that_of_the_command(qgis: Run, tmp_path: Path) -> None:
    done = qgis(
        "run", "hrdem:extract", "--EXTENT=0,1,0,1 [EPSG:4326]", f"--OUTPUT={tmp_path / 'a.tif'}"
    )
    assert done.returncode == 1
    assert "Canada" in done.stdout + done.stderr
