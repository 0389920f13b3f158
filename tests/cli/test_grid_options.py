"""--crs, --resolution and --resampling on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import rasterio

from hrdem.cli.main import run
from hrdem.demo import Addresses

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


def read_error(capsys: pytest.CaptureFixture[str]) -> str:
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
        (["--crs", "EPSG:9518", "--resolution", "0.001"], "Give a horizontal system"),
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
def test_invalid_grid_option(capsys, command: str, arguments: list[str], hint: str) -> None:
    output = ["-o", "out.tif"] if command == "extract" else []
    assert hrdem(command, *output, *arguments) == 2
    assert hint in " ".join(read_error(capsys).split())


def test_crs_that_geotiff_cannot_store(capsys) -> None:
    assert extract("--crs", "+proj=mill +lat_0=60", "--resolution", "50") == 2
    assert "A GeoTIFF cannot hold the CRS" in read_error(capsys)


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize("crs", ["EPSG:32761", "EPSG:2193", "EPSG:27700"])
def test_crs_of_another_region_fails_cleanly_or_works(capsys, crs: str) -> None:
    """Some projections have coordinates for Canada, far outside their area of use."""
    code = extract("--crs", crs, "--resolution", "100", "--allow-inaccurate-datum")
    error = capsys.readouterr().err
    assert "Traceback" not in error
    if code:
        assert (code, "outside Canada" in error) == (4, True)
        assert not list(Path().iterdir())
    else:
        with rasterio.open("out.tif") as dataset:
            assert dataset.crs.to_string() == crs


@pytest.mark.parametrize("folder", ["x" * 300, f"{__file__}/cache"], ids=["long", "in a file"])
def test_cache_folder_that_cannot_be_created(capsys, folder: str) -> None:
    assert extract("--resolution", "20", "--via", "wcs", "--cache-dir", folder) == 7
    message = read_error(capsys)
    assert "Give another --cache-dir" in message


def test_wcs_limit_too_short_to_read(capsys, tmp_path_factory: pytest.TempPathFactory) -> None:
    cache = str(tmp_path_factory.mktemp("cache"))
    limited = ["--via", "wcs", "--wcs-limit", "1e-9", "--cache-dir", cache]
    assert extract("--resolution", "20", *limited) == 5
    assert "COGs hold the same data: --via cog" in read_error(capsys)


def test_plan_prints_grid_mosaic_and_download(capsys) -> None:
    assert hrdem("plan", "--crs", "EPSG:2961", "--resolution", "5") == 0
    lines = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert lines["grid"] == "161 x 224 pixels of 5 m, EPSG:2961"
    assert lines["mosaic"] == "643 x 707 pixels of 2 m, EPSG:3979, overview 1; bilinear"
    assert lines["download"] == "4.76 MB in 4 tiles"


@pytest.mark.parametrize(
    ("arguments", "grid", "mosaic"),
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
def test_plan_prints_units_and_sources(
    capsys, arguments: list[str], grid: str, mosaic: str
) -> None:
    assert hrdem("plan", *arguments) == 0
    printed = capsys.readouterr().out
    assert grid in printed
    assert mosaic in printed


def test_plan_of_native_pixels_has_no_mosaic_line(capsys) -> None:
    assert hrdem("plan", "--crs", "epsg:3979", "--resolution", "1") == 0
    printed = capsys.readouterr().out
    assert "pixels of 1 m, EPSG:3979" in printed
    assert "\nmosaic " not in printed


@pytest.mark.slow
def test_json_of_plan_and_result_agree(capsys) -> None:
    request = ["--crs", "EPSG:4326", "--resolution", "0.001", "--resampling", "average", "--json"]
    request.append("--no-cache")
    assert hrdem("plan", *request) == 0
    plan = json.loads(capsys.readouterr().out)
    assert extract(*request) == 0
    result = json.loads(capsys.readouterr().out)
    for document in (plan, result):
        assert document["request"]["crs"] == "EPSG:4326"
        assert document["request"]["resolution"] == 0.001
        assert document["request"]["resampling"] == "average"
        assert (document["grid"]["crs"], document["grid"]["unit"]) == ("EPSG:4326", "degree")
        assert document["grid"]["resolution"] == [0.001, 0.001]
        (tier,) = document["tiers"]
        assert (tier["collection"], tier["resampled"]) == ("hrdem-mosaic-1m", True)
        assert (tier["merge_grid"]["crs"], tier["merge_grid"]["unit"]) == ("EPSG:3979", "metre")
        (source,) = document["sources"]
        assert [source["resolution"]] * 2 == tier["merge_grid"]["resolution"] == [32, 32]
        assert source["level"] == 5
    assert result["received_bytes"] == plan["estimate"]["transfer_bytes"]
    assert result["statistics"]["pixels"] == result["grid"]["width"] * result["grid"]["height"]


@pytest.mark.slow
def test_result_prints_its_mosaic(capsys) -> None:
    assert extract("--crs", "EPSG:2961", "--resolution", "200", "--resampling", "cubic") == 0
    printed = capsys.readouterr().out
    assert "pixels of 200 m, EPSG:2961" in printed
    assert "pixels of 127.975 m, EPSG:3979, overview 7; cubic" in printed
