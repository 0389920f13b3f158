"""What the package writes follows the documents, as the check reads them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine

from hrdem.jobs.legacy_check import check_path
from hrdem.legacy.bc.blocks import Projection, parse_blocks
from hrdem.legacy.bc.coverage import measure_coverage
from hrdem.legacy.bc.files import write_files
from hrdem.legacy.bc.products import PRODUCTS
from hrdem.legacy.bc.projected import ProjectedBlock
from hrdem.legacy.check.finding import CheckReport, Level
from hrdem.legacy.stored_pixels import StoredPixels
from tests.jobs.test_legacy_cded import make, shifts, terrain  # noqa: F401 (fixtures)

VOID = -32767


def describe_errors(report: CheckReport) -> list[str]:
    return [
        f"{each.file}: {each.rule}: {each.found}, not {each.expected}"
        for each in report.findings
        if each.level is Level.ERROR
    ]


@pytest.mark.slow
def test_cells_of_cded_conform(
    terrain,  # noqa: F811
    shifts: Path,  # noqa: F811
    tmp_path: Path,
) -> None:
    """Both namings, packed and loose; the terrain has a hole."""
    make(terrain, shifts, tmp_path / "purchaser", naming="purchaser", data_edition="2.3")
    make(terrain, shifts, tmp_path / "loose", unpacked=True, centre="OMNR,CTI-O", origin="ON")
    report = check_path(tmp_path)
    assert describe_errors(report) == []
    cells = [file for file in report.editions if file.endswith(".dem")]
    assert len(cells) == 4
    assert {each.file for each in report.findings if each.clause == "CDED 2.1, 2.8.3"} <= {*cells}
    shared = [each for each in report.findings if each.clause == "CDED 2.1, 3.3"]
    assert len(shared) == 4  # each western cell is beside both eastern ones


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("gdal_translate"), reason="GDAL's programs are missing")
def test_what_gdal_wrote_differs_where_its_source_says_so(tmp_path: Path) -> None:
    """GDAL up to 3.10 wrote CDED: numbers as C prints them, and fields that have to be given."""
    step = 0.75 / 3600
    corner = Affine(step, 0, -76.5 - step / 2, 0, -step, 46.25 + step / 2)
    heights = (300 + np.add.outer(np.arange(1201) // 10, np.arange(1201) // 20)).astype("int16")
    with rasterio.open(
        tmp_path / "a.tif", "w", driver="GTiff", width=1201, height=1201, count=1, dtype="int16",
        crs="EPSG:4269", transform=corner, nodata=VOID,
    ) as dataset:  # fmt: skip
        dataset.write(heights, 1)
    options = {"PRODUCT": "CDED50K", "TOPLEFT": "76d30w,46d15n", "INTERNALNAME": "031k01DEMw"}
    named = [word for name, value in options.items() for word in ("-co", f"{name}={value}")]
    path = tmp_path / "031k01_w.dem"
    command = ["gdal_translate", "-q", "-of", "USGSDEM", *named, str(tmp_path / "a.tif"), str(path)]
    if subprocess.run(command, capture_output=True).returncode:
        pytest.skip("this GDAL writes no USGS DEM")
    report = check_path(path)
    wrong = {each.rule: each.found for each in report.findings if each.level is Level.ERROR}
    assert wrong.keys() == {
        "type A, form of real numbers",
        "type B, form of real numbers",
        "element 1, producer",
        "element 1, process code",
        "element 2, origin code",
    }
    assert wrong["type A, form of real numbers"] == (
        "'-2.754000000000000D+05' and the like in elements 11, 12, 15"
    )
    assert report.count(Level.PASS) > 50


@pytest.mark.slow
@pytest.mark.long
def test_a_set_of_a_whole_block_conforms(tmp_path: Path) -> None:
    """Hills, a lake, and a part without heights in the middle of 104P."""
    (block,) = parse_blocks("104P")
    folder = tmp_path / "104p"
    folder.mkdir()
    for projection in Projection:
        grid = block.make_grid(projection)
        x = np.arange(grid.width + 2, dtype=np.float32)
        y = np.arange(grid.height + 2, dtype=np.float32)[:, None]
        heights = np.round(900 + 700 * np.sin(x / 61) * np.cos(y / 47) + 60 * np.sin(x / 7 + y / 5))
        heights = heights.astype(np.int16)
        heights[3000:3300, 1000:2000] = 0
        heights[2200:2400, 2500:2900] = VOID
        stored = StoredPixels.write(tmp_path / "heights", [heights])
        made = ProjectedBlock.of(block, projection, grid, stored)
        coverage = measure_coverage(made)
        height_range = coverage.lowest, coverage.highest
        write_files(made, PRODUCTS, height_range, folder, lambda pixels: None)
    report = check_path(folder)
    assert describe_errors(report) == []
    assert len(report.editions) == 27  # the files, and the folder
    notes = {each.rule: each.found for each in report.findings if each.level is Level.NOTE}
    assert notes.keys() == {"no data"}
    assert notes["no data"].startswith("80,000 of ")
