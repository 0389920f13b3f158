"""``hrdem legacy cded`` as its users run it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine

from hrdem.cli.main import run
from hrdem.demo import Addresses
from hrdem.errors import ExitCode
from tests.shift_grids import write_grid


@pytest.fixture(autouse=True)
def in_an_empty_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, demo: Addresses) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HRDEM_STAC_URL", demo.stac)
    monkeypatch.setenv("HRDEM_WCS_URL", demo.wcs)
    nodes = np.full((90, 120), 300)  # 76-80 W, 44-47 N
    transform = Affine(1 / 30, 0, -80, 0, -1 / 30, 47)
    monkeypatch.setenv(
        "HRDEM_VERTICAL_GRID", str(write_grid(tmp_path / "shifts.tif", nodes, transform=transform))
    )


def cded(*arguments: str) -> int:
    return run(["legacy", "cded", *arguments])


@pytest.mark.slow
@pytest.mark.long
def test_a_sheet_is_made_from_the_demonstration(capsys) -> None:
    assert cded("--nts", "31K/2", "-o", "out") == 0
    out = capsys.readouterr().out
    assert out.startswith("void       031K02 west: ")
    assert f"output     {Path('out', '031k02.zip')}" in out
    heights = []
    for half in "we":
        with rasterio.open(f"zip://out/031k02.zip!031k02_{half}.dem") as dataset:
            heights.append(dataset.read(1, masked=True))
    low, high = min(each.min() for each in heights), max(each.max() for each in heights)
    assert f"values     {low} to {high} m, CGVD28\n" in out
    assert cded("--nts", "31K/2", "-o", "out") == ExitCode.OUTPUT
    assert f"{Path('out', '031k02.zip')} exists; give --overwrite" in capsys.readouterr().err


@pytest.mark.slow
def test_a_dry_run_prints_the_plan_and_the_files(capsys, tmp_path: Path) -> None:
    assert cded("--nts", "031K01", "-o", "out", "--dry-run", "--unpacked") == 0
    out = capsys.readouterr().out
    for line in (
        f"output     {Path('out', '031k01')}, not written, 19.7 MB",
        "file       031k01_w.dem",
        "file       031k01_e.dem",
        "sheet      031K01, 1:50,000, nodes every 0.75 by 0.75 seconds",
    ):
        assert f"{line}\n" in out
    assert "pixels of 8 m, EPSG:3979" in out
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_json_is_one_document_with_all_sets(capsys) -> None:
    assert cded("--nts", "031K01", "-o", "out", "--dry-run", "--json", "--records", "lf") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["schema_version"] == 1
    (made,) = document["sets"]
    assert made["sheet"] == "031K01"
    assert made["written"] is False
    assert made["estimate"]["output_bytes"] == 2 * 9_609 * 1_025
    assert made["plan"]["request"]["sampling"]["max_source_pixel"] == 8


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--nts", "031K99"], "There is no NTS sheet '031K99'"),
        (["--nts", "121A01"], "CDED covers 141-52 W, 41-84 N"),
        (["--nts", "45.4,-75.7"], "--nts takes names of NTS sheets. The point is on 031G05"),
        (["--nts", "031K01", "--border", "none.gpkg"], "none.gpkg"),
        (["--nts", "031K01", "--lakes", "none.gpkg"], "none.gpkg"),
        (["--nts", "031K01", "--data-edition", "12"], "--data-edition 12 is not an edition"),
        (["--nts", "031K01", "--centre", "x" * 61], "does not fit: the field has 60 characters"),
        (["--nts", "031K01", "--records", "crlf"], "fixed"),
        (["--nts", "031K01", "--nts", "031K02"], "with commas between: --nts 031K01,031K02."),
    ],
)
def test_wrong_input_is_refused_in_a_sentence(
    arguments: list[str], message: str, capsys, tmp_path: Path
) -> None:
    assert cded(*arguments, "-o", "out") == ExitCode.USAGE
    err = capsys.readouterr().err
    assert message in err
    assert not (tmp_path / "out").exists()
