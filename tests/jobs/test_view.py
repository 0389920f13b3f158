"""`hrdem.view` and `hrdem view` draw rasters, and say what is wrong before they read one."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import rasterio

import hrdem
from hrdem.cli.main import run
from hrdem.demo import Addresses
from hrdem.errors import MissingLibraryError, OutputExistsError, RequestError
from hrdem.jobs import view
from tests.pictures.rasters import HRDEM_TAGS, make_hills, write_raster

SMALL = (-75.7, 45.4, -75.699, 45.401)


@pytest.fixture
def hills(tmp_path: Path) -> Path:
    return write_raster(tmp_path / "hills.tif", make_hills(40, 60), **HRDEM_TAGS)


def test_statistics_are_those_of_numpy(hills: Path) -> None:
    expected = make_hills(40, 60).astype(np.float32)
    summary = hrdem.view(hills).summary
    assert summary.valid == np.isfinite(expected).sum() == sum(b.pixels for b in summary.histogram)
    assert summary.minimum == np.nanmin(expected)
    assert summary.maximum == np.nanmax(expected)
    assert summary.mean == pytest.approx(np.nanmean(expected, dtype=np.float64))


def test_the_command_prints_a_picture_and_one_document(
    hills: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert run(["view", str(hills)]) == 0
    printed = capsys.readouterr().out
    assert "Height above CGVD2013 (m)" in printed
    assert "\x1b[3" not in printed
    assert run(["view", str(hills), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["ramp"] == "elevation"
    assert document["output"] is None
    assert sum(each["pixels"] for each in document["histogram"]) == document["valid"]


@pytest.mark.parametrize("value", [0.5, 123.25])
def test_heights_are_no_classes(tmp_path: Path, value: float) -> None:
    """Each became a class of its own, cut to a whole number, or a division by zero."""
    path = write_raster(tmp_path / "half.tif", np.full((4, 4), value, np.float32))
    with pytest.raises(
        RequestError, match=rf"half\.tif has values such as {value}, and classes are"
    ):
        hrdem.view(path, ramp="classes")
    path = write_raster(tmp_path / "whole.tif", np.eye(4, dtype=np.float32))
    assert [each.name for each in hrdem.view(path, ramp="classes").summary.histogram] == ["0", "1"]


@pytest.mark.parametrize(
    ("unit", "told"), [("US survey foot", "US survey foot"), ("metre", "m"), ("", "m")]
)
def test_the_unit_is_that_of_the_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], unit: str, told: str
) -> None:
    """Feet were called metres."""
    path = write_raster(tmp_path / "heights.tif", make_hills(8, 8))
    with rasterio.open(path, "r+") as dataset:
        dataset.units = (unit,)
    assert run(["view", str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["unit"] == told
    for ramp, caption in (("elevation", "Height"), ("difference", "Difference")):
        assert run(["view", str(path), "--ramp", ramp]) == 0
        assert f"{caption} ({told})" in capsys.readouterr().out


@pytest.mark.slow
def test_a_picture_is_written_once(hills: Path, tmp_path: Path) -> None:
    output = tmp_path / "hills.png"
    assert run(["view", str(hills), "-o", str(output), "--language", "fr", "--size", "64"]) == 0
    before = output.read_bytes()
    with pytest.raises(OutputExistsError):
        hrdem.view(hills, output=output)
    hrdem.view(hills, output=output, size=64, language="fr", overwrite=True)
    assert output.read_bytes() == before


def test_without_matplotlib_the_extra_is_named_before_anything_is_read(
    hills: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setattr(view, "read_raster", pytest.fail)
    with pytest.raises(MissingLibraryError, match=r"pip install 'hrdem\[plot\]'"):
        hrdem.view(hills, output=tmp_path / "a.png")


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"output": "hills.jpg"}, "does not end in .png"),
        ({"size": 8000}, "64 to 2048"),
        ({"ramp": "slopes"}, "Did you mean slope"),
        ({"band": "2"}, "has no band '2'"),
        ({"language": "de"}, "Choose one of: en, fr"),
    ],
)
def test_what_is_wrong_is_said(hills: Path, params: dict[str, str], said: str) -> None:
    with pytest.raises(RequestError, match=said):
        hrdem.view(hills, **params)


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"There is no file .*a\.tif"):
        hrdem.view(tmp_path / "a.tif")


@pytest.mark.slow
def test_a_quicklook_is_drawn_beside_the_output(demo: Addresses, tmp_path: Path) -> None:
    request = {"bbox": SMALL, "product": "dtm", "stac_url": demo.stac, "no_cache": True}
    output, picture = tmp_path / "a.tif", tmp_path / "a.png"
    done = hrdem.extract(**request, output=output, quicklook=True)
    assert done.quicklook == picture
    assert done.as_dict()["quicklook"] == str(picture)
    drawn = picture.read_bytes()
    hrdem.view(output, output=tmp_path / "b.png")
    assert (tmp_path / "b.png").read_bytes() == drawn
    with pytest.raises(OutputExistsError, match=r"b\.png"):
        hrdem.extract(**request, output=tmp_path / "b.tif", quicklook=True)
    assert not (tmp_path / "b.tif").exists()


@pytest.mark.slow
def test_what_is_unchanged_is_drawn_if_its_picture_is_missing(
    demo: Addresses, tmp_path: Path
) -> None:
    request = {"bbox": SMALL, "product": "dtm", "stac_url": demo.stac, "no_cache": True}
    settings = {"output": tmp_path / "a.tif", "if_changed": True}
    hrdem.extract(**request, **settings)
    assert hrdem.extract(**request, **settings, quicklook=True).unchanged
    picture = tmp_path / "a.png"
    before = picture.stat().st_mtime_ns
    assert hrdem.extract(**request, **settings, quicklook=True).unchanged
    assert picture.stat().st_mtime_ns == before


def test_a_quicklook_of_a_vrt_is_a_wrong_request(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="`format=vrt` reads none"):
        hrdem.extract(
            bbox=SMALL, product="dtm", output=tmp_path / "a.vrt", format="vrt", quicklook=True
        )
