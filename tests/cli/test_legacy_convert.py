"""``hrdem legacy convert``: what it prints, and one sentence for wrong input."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from hrdem.cli.main import run
from hrdem.errors import ExitCode
from tests.legacy_dems import NODES, make_ascii, make_cell, write, write_zip

HEIGHTS = np.arange(NODES * NODES, dtype=np.int16).reshape(NODES, NODES)
EAST = make_cell(HEIGHTS, NODES - 1)
WEST = make_cell(HEIGHTS)


@pytest.fixture(autouse=True)
def empty_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def convert(*arguments: str, output: str = "new.tif") -> int:
    return run(["legacy", "convert", *arguments, "-o", output])


def test_it_prints_what_it_made_and_what_is_doubtful(capsys: pytest.CaptureFixture[str]) -> None:
    """By hand: the shared profile is 4, 9, …, 24 in the west and 0, 5, …, 20 in the east."""
    write_zip(Path("031k01.zip"), {"031k01_e.dem": EAST, "031k01_w.dem": WEST})
    assert convert("031k01.zip") == ExitCode.COMPLETE
    captured = capsys.readouterr()
    assert "grid       9 x 5 pixels of 0.000833333 degree, EPSG:4269\n" in captured.out
    assert "pixels     elevation, metre, CGVD28\n" in captured.out
    assert "input      031k01_w.dem in 031k01.zip\n" in captured.out
    assert "values     0 to 24, nodata 0 %\n" in captured.out
    assert captured.err == (
        "hrdem: 5 nodes that files share have unequal values, by at most 4.\n"
        "hrdem: 2 nodes are 0 in files of the standard of 2000 that have no void: they may be sea, "
        "or no data. --zero-is-void makes them nodata.\n"
    )


def test_zeros_become_nodata_on_request(capsys: pytest.CaptureFixture[str]) -> None:
    write(Path("031k01_w.dem"), WEST)
    assert convert("031k01_w.dem", "--zero-is-void") == ExitCode.COMPLETE
    captured = capsys.readouterr()
    assert "values     1 to 24, nodata 4 %\n" in captured.out
    assert captured.err == ""


def test_a_dry_run_and_json(capsys: pytest.CaptureFixture[str]) -> None:
    write(Path("old.dem"), WEST)
    assert convert("old.dem", "--dry-run") == ExitCode.COMPLETE
    assert capsys.readouterr().out.startswith("output     new.tif, not written\ngrid       5 x 5 ")
    assert convert("old.dem", "--json") == ExitCode.COMPLETE
    document = json.loads(capsys.readouterr().out)
    assert document["inputs"][0]["file"] == "old.dem"
    assert document["statistics"]["valid_pixels"] == 25


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["gone.dem"], "There is no file gone.dem. Check the path"),
        (["half.zip"], "half.zip has cells of 031K01 by half, the eastern one"),
        (["none.zip"], "none.zip has no DEM"),
        (["two.zip"], "two.zip has cells of 2 sheets, 031K01 to 031K02"),
        (["old.asc"], "Give its CRS as --crs, for example --crs EPSG:3005 (BC Albers)"),
        (["cut.dem"], "cut.dem cannot be read: element 3 (y) of profile 4 is blank."),
        (["old.asc", "--crs", "EPSG:0"], "is not a coordinate reference system that PROJ knows"),
        ([], "Missing argument 'INPUTS...'"),
    ],
)
def test_wrong_input_is_refused_with_a_sentence(
    capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    write(Path("cut.dem"), bytes(WEST)[:-2_000])
    write(Path("old.asc"), make_ascii(HEIGHTS, 0, 0))
    write_zip(Path("none.zip"), {"readme.txt": b"x"})
    write_zip(Path("half.zip"), {"031k01_e.dem": EAST})
    names = [f"031k0{sheet}_{half}.dem" for sheet in (1, 2) for half in "ew"]
    write_zip(Path("two.zip"), dict.fromkeys(names, EAST))
    assert convert(*arguments) == ExitCode.USAGE
    captured = capsys.readouterr()
    assert said in captured.err
    assert "Traceback" not in captured.err
    assert not Path("new.tif").exists()


def test_another_ending_is_refused_before_anything_is_read(
    capsys: pytest.CaptureFixture[str],
) -> None:
    write(Path("old.dem"), WEST)
    assert convert("old.dem", output="new.asc") == ExitCode.USAGE
    assert "The output is a GeoTIFF, and new.asc ends in neither" in capsys.readouterr().err
