"""--crs, --resolution and --resampling, as people and scripts give them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import rasterio

from hrdem.cli.main import run
from hrdem.demo import Addresses
from tests.rasters import horizontal

HALIFAX = "-63.61,44.59,-63.60,44.60"


@pytest.fixture(autouse=True)
def in_an_empty_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, demo: Addresses) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HRDEM_STAC_URL", demo.stac)
    monkeypatch.setenv("HRDEM_WCS_URL", demo.wcs)
    monkeypatch.setattr("hrdem.sources.wcs.reader.Retries.wait_after", lambda self, failures: 0.0)


def hrdem(command: str, *arguments: str) -> int:
    return run([command, f"--bbox={HALIFAX}", "--product", "dtm", *arguments])


def extract(*arguments: str) -> int:
    return hrdem("extract", "-o", "out.tif", *arguments)


def said(capsys: pytest.CaptureFixture[str]) -> str:
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Traceback" not in captured.err
    assert not list(Path().iterdir())
    return captured.err


@pytest.mark.parametrize("command", ["extract", "plan"])
@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["--crs", "EPSG:4326"], "--resolution 0.000009 for about a metre"),
        (["--crs", "EPSG:4326", "--resolution", "1"], "pixels of 1.11e+05 metres"),
        (["--crs", "EPSG:4326; drop"], "Give it as EPSG:n"),
        (["--bbox-crs", "EPSG:4326; drop"], "Give it as EPSG:n"),
        (["--crs", "EPSG:9518", "--resolution", "0.001"], "horizontal system alone"),
        (["--resolution", "0"], "Give a positive number"),
        (["--resolution=-5"], "Give a positive number"),
        (["--resolution", "nan"], "Give a positive number"),
        (["--resolution", "1e-300"], "Give a --resolution from 0.001 to 10000"),
        (["--resolution", "1e300"], "Give a --resolution from 0.001 to 10000"),
        (["--resolution", "5m"], "'5m' is not a number"),
        (["--resolution", "0.001"], "take a coarser --resolution"),
        (["--resolution", "5,5"], "'5,5' is not a number"),
        (["--resolution", "5", "--resampling", "BILINEAR"], "Choose one of: nearest, bilinear"),
        (["--resolution", "5", "--align", "blocks"], "Choose one of the two"),
        (["--resolution", "10000", "--via", "vrt"], "Give a finer --resolution"),
        (["--resolution", "10000", "--engine", "gdal"], "takes --via cog without --engine gdal"),
        (["--resolution", "10000", "--resampling", "max"], "bilinear, cubic or average"),
        (["--wcs-limit", "1e300", "--via", "wcs"], "more than 0 and up to 86400"),
        (["--wcs-limit", "-1"], "more than 0 and up to 86400"),
    ],
)
def test_a_grid_that_makes_no_sense_is_a_usage_error(
    capsys, command: str, arguments: list[str], hint: str
) -> None:
    output = ["-o", "out.tif"] if command == "extract" else []
    assert hrdem(command, *output, *arguments) == 2
    assert hint in " ".join(said(capsys).split())


def test_a_crs_that_no_geotiff_can_hold_is_a_usage_error(capsys) -> None:
    assert extract("--crs", "+proj=mill +lat_0=60", "--resolution", "50") == 2
    assert "A GeoTIFF cannot hold the CRS" in said(capsys)


@pytest.mark.parametrize("crs", ["EPSG:32761", "EPSG:2193", "EPSG:27700"])
def test_a_crs_of_elsewhere_ends_in_a_sentence_or_a_file(capsys, crs: str) -> None:
    """Some projections have coordinates for Canada, far from where they are true."""
    code = extract("--crs", crs, "--resolution", "100")
    error = capsys.readouterr().err
    assert "Traceback" not in error
    if code:
        assert (code, "outside Canada" in error) == (4, True)
        assert not list(Path().iterdir())
    else:
        with rasterio.open("out.tif") as dataset:
            assert horizontal(dataset.crs) == crs


@pytest.mark.parametrize("folder", ["x" * 300, f"{__file__}/cache"], ids=["long", "in a file"])
def test_a_cache_that_cannot_be_made_is_told(capsys, folder: str) -> None:
    assert extract("--resolution", "20", "--via", "wcs", "--cache-dir", folder) == 7
    message = said(capsys)
    assert "Give another --cache-dir" in message


def test_a_wcs_without_time_is_told(capsys, tmp_path_factory: pytest.TempPathFactory) -> None:
    cache = str(tmp_path_factory.mktemp("cache"))
    limited = ["--via", "wcs", "--wcs-limit", "1e-9", "--cache-dir", cache]
    assert extract("--resolution", "20", *limited) == 5
    assert "COGs hold the same data: --via cog" in said(capsys)


def test_a_plan_tells_what_is_read_and_what_is_made_of_it(capsys) -> None:
    assert hrdem("plan", "--crs", "EPSG:2961", "--resolution", "5") == 0
    lines = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert lines["grid"] == "161 x 224 pixels of 5 m, EPSG:2961"
    assert lines["mosaic"] == "643 x 707 pixels of 2 m, EPSG:3979, overview 1; bilinear"
    assert lines["download"] == "4.76 MB in 4 tiles"


@pytest.mark.parametrize(
    ("arguments", "grid", "made_of"),
    [
        (
            ["--crs", "EPSG:4326", "--resolution", "0.0001"],
            "100 x 100 pixels of 0.0001 degree, EPSG:4326",
            "pixels of 4 m, EPSG:3979, overview 2; bilinear",
        ),
        (
            ["--crs", "EPSG:2225", "--resolution", "30", "--resampling", "max"],
            "pixels of 30 US survey foot, EPSG:2225",
            "pixels of 1 m, EPSG:3979, full resolution; max",
        ),
        (
            ["--crs", "ESRI:102001", "--resolution", "200", "--via", "wcs"],
            "pixels of 200 m, Canada_Albers_Equal_Area_Conic",
            "pixels of 128 m, EPSG:3979, made by the WCS; bilinear",
        ),
        (
            ["--crs", "EPSG:2961", "--engine", "gdal", "--resolution", "200"],
            "pixels of 200 m, EPSG:2961",
            "pixels of 1 m, EPSG:3979, full resolution; bilinear",
        ),
    ],
)
def test_units_and_ways_are_named(capsys, arguments: list[str], grid: str, made_of: str) -> None:
    assert hrdem("plan", *arguments) == 0
    printed = capsys.readouterr().out
    assert grid in printed
    assert made_of in printed


def test_a_plan_of_the_sources_own_pixels_is_made_of_nothing_else(capsys) -> None:
    assert hrdem("plan", "--crs", "epsg:3979", "--resolution", "1") == 0
    printed = capsys.readouterr().out
    assert "pixels of 1 m, EPSG:3979" in printed
    assert "\nmosaic " not in printed


def test_the_plan_and_the_result_tell_programs_the_same(capsys) -> None:
    request = ["--crs", "EPSG:4326", "--resolution", "0.001", "--resampling", "average", "--json"]
    request.append("--no-cache")
    assert hrdem("plan", *request) == 0
    plan = json.loads(capsys.readouterr().out)
    assert extract(*request) == 0
    result = json.loads(capsys.readouterr().out)
    for told in (plan, result):
        assert told["request"]["crs"] == "EPSG:4326"
        assert told["request"]["resolution"] == 0.001
        assert told["request"]["resampling"] == "average"
        assert (told["grid"]["crs"], told["grid"]["unit"]) == ("EPSG:4326", "degree")
        assert told["grid"]["resolution"] == [0.001, 0.001]
        (tier,) = told["tiers"]
        assert (tier["collection"], tier["resampled"]) == ("hrdem-mosaic-1m", True)
        assert (tier["merge_grid"]["crs"], tier["merge_grid"]["unit"]) == ("EPSG:3979", "metre")
        (source,) = told["sources"]
        assert [source["resolution"]] * 2 == tier["merge_grid"]["resolution"] == [32, 32]
        assert source["level"] == 5
    assert result["received_bytes"] == plan["estimate"]["transfer_bytes"]
    assert result["statistics"]["pixels"] == result["grid"]["width"] * result["grid"]["height"]


def test_a_result_tells_what_it_is_made_of(capsys) -> None:
    assert extract("--crs", "EPSG:2961", "--resolution", "200", "--resampling", "cubic") == 0
    printed = capsys.readouterr().out
    assert "pixels of 200 m, EPSG:2961" in printed
    assert "pixels of 127.975 m, EPSG:3979, overview 7; cubic" in printed
