"""``hrdem legacy bc`` as its users run it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
import rasterio

from hrdem.cli.main import run
from hrdem.demo import Addresses
from hrdem.errors import ExitCode
from tests.gdaldem import needs_gdaldem


@pytest.fixture(autouse=True)
def in_an_empty_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, demo: Addresses) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HRDEM_STAC_URL", demo.stac)


def bc(*arguments: str) -> int:
    return run(["legacy", "bc", *arguments])


@needs_gdaldem
@pytest.mark.slow
@pytest.mark.long
def test_a_set_of_the_demonstration_conforms_and_comes_back_bit_for_bit(
    capsys, tmp_path: Path
) -> None:
    """Made, checked, and converted; slopes are those that gdaldem computes from the heights."""
    assert bc("--demo", "--nts", "104p", "-o", "out") == 0
    out = capsys.readouterr().out
    assert out.startswith("void       104P utm: ")
    assert out.count("file       104p-") == len(list((tmp_path / "out" / "104p").iterdir())) == 26
    assert run(["legacy", "check", "out/104p"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("conforms: ")
    for projection in ("utm", "albers"):
        stem = f"out/104p/104p-{projection}"
        with rasterio.open(f"{stem}-elevation.dem") as opened:
            dem = opened.read(1)
        with rasterio.open(f"{stem}-elevation.asc") as opened:
            np.testing.assert_array_equal(np.where(dem == -32767, -9999, dem), opened.read(1))
            place = opened.transform
        target = f"{projection}.tif"
        assert run(["legacy", "convert", f"{stem}-elevation.dem", "-o", target]) == 0
        with rasterio.open(target) as opened:
            assert opened.transform == place
            assert opened.crs.to_epsg() == {"utm": 26909, "albers": 3005}[projection]
            np.testing.assert_array_equal(opened.read(1), dem)
    command = "gdaldem slope -p -alg ZevenbergenThorne out/104p/104p-albers-elevation.asc s.tif"
    subprocess.run(command.split(), check=True, stdout=subprocess.DEVNULL)
    with rasterio.open("s.tif") as made:
        expected = made.read(1)
    with rasterio.open("out/104p/104p-albers-slope-pct.asc") as opened:
        slope = opened.read(1)
    known = expected != -9999
    assert known.sum() > 10_000_000
    np.testing.assert_array_equal(slope[known], np.floor(expected[known] + 0.5))


@pytest.mark.slow
def test_a_dry_run_prints_the_plan_and_the_files(capsys, tmp_path: Path) -> None:
    assert bc("--nts", "104P", "-o", "out", "--dry-run", "--projection", "utm") == 0
    out = capsys.readouterr().out
    for line in (
        "output     out/104p, not written, at most 875 MB",
        "file       104p-utm-elevation.dem",
        "file       104p-utm-hillshd-clr-225.tfw",
    ):
        assert f"{line}\n" in out
    assert out.count("\nfile       104p-utm-") == 13
    assert "albers" not in out
    assert "pixels of 16 m, EPSG:3979" in out
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_json_is_one_document_with_all_sets(capsys) -> None:
    arguments = ("--nts", "104P", "-o", "out", "--dry-run", "--json", "--products", "aspect")
    assert bc(*arguments) == 0
    (made,) = json.loads(capsys.readouterr().out)["sets"]
    assert made["block"] == "104P"
    assert made["files"] == ["104p-utm-aspect.asc", "104p-albers-aspect.asc"]
    assert made["written"] is False
    assert made["plan"]["request"]["sampling"]["max_source_pixel"] == 16


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--nts", "82A"], "082A lies in UTM zone 12, and BC Gridded DEM has the zones 7 to 11"),
        (["--nts", "031G"], "031G is outside British Columbia"),
        (["--nts", "104P01"], "104P01 is a sheet at 1:50,000"),
        (["--nts", "59.5,-129"], "--nts takes names of NTS sheets. The point is on 104P"),
        (["--nts", "104P", "--projection", "wgs84"], "--projection cannot be 'wgs84'"),
        (["--nts", "104P", "--products", "slope"], "--products cannot be 'slope'"),
        (["--nts", "104P", "--sea", "none.gpkg"], "none.gpkg"),
        (["--nts", "104P", "--nts", "92B"], "with commas between: --nts 104P,92B"),
        (["--nts", "104P", *["--products", "aspect"] * 2], "--products aspect,slope-deg"),
        (["--nts", "104P", *["--projection", "utm"] * 2], "Give both projections with a comma"),
    ],
)
def test_wrong_input_is_refused_in_a_sentence(
    arguments: list[str], message: str, capsys, tmp_path: Path
) -> None:
    assert bc(*arguments, "-o", "out") == ExitCode.USAGE
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_an_existing_set_is_refused(capsys, tmp_path: Path) -> None:
    (tmp_path / "out" / "104p").mkdir(parents=True)
    assert bc("--nts", "104P", "-o", "out") == ExitCode.OUTPUT
    assert "out/104p exists; give --overwrite" in capsys.readouterr().err
