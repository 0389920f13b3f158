"""What the QGIS plugin runs, without QGIS: its words are those of the command line."""

from __future__ import annotations

import importlib.util
import os
import sys
import time
from pathlib import Path
from types import ModuleType

import click
import pytest

from hrdem.cli.main import cli
from hrdem.demo import Addresses
from hrdem.request.options import Interpolation
from hrdem.request.products import COLLECTIONS, PRODUCTS

PLUGIN = Path(__file__).parents[2] / "integrations" / "qgis" / "hrdem_processing"
BOX = (-75.72, 45.4, -75.71, 45.41)


def load(path: Path) -> ModuleType:
    """Load a module that is in no package of the project."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


command = load(PLUGIN / "command.py")


def parse(words: list[str]) -> dict[str, object]:
    """Return the parameters of a command as the command line reads them."""
    found = cli.get_command(click.Context(cli), words[0])
    assert found is not None
    return found.make_context(words[0], words[1:]).params


def test_the_choices_are_those_of_hrdem() -> None:
    assert set(command.PRODUCTS) == set(PRODUCTS)
    assert list(command.COLLECTIONS) == list(COLLECTIONS)
    assert list(command.INTERPOLATIONS) == [each.value for each in Interpolation]


def test_words_of_an_extraction() -> None:
    params = parse(
        command.make_extract_words(
            BOX, "EPSG:4326", "dsm-slope", "2m", "a b.tif", "30m", 5.0, "EPSG:2959", "--no-cache"
        )
    )
    expected = {
        "bbox": BOX, "bbox_crs": "EPSG:4326", "product": "dsm-slope", "collection": "2m",
        "output": "a b.tif", "fill": "30m", "resolution": 5, "crs": "EPSG:2959",
        "no_cache": True, "overwrite": True, "format": "gtiff",
    }  # fmt: skip
    assert {name: params[name] for name in expected} == expected


def test_an_output_that_ends_in_vrt_refers_to_remote_files() -> None:
    words = command.make_extract_words(BOX, "EPSG:4326", "dtm", "1m", "a.VRT")
    assert parse(words)["format"] == "vrt"


def test_words_of_surveys() -> None:
    params = parse(command.make_surveys_words(BOX, "EPSG:4326", "dtm", "1m", "a.gpkg", "--offline"))
    assert (params["bbox"], params["output"], params["offline"]) == (BOX, Path("a.gpkg"), True)


def test_words_of_heights_at_points() -> None:
    params = parse(
        command.make_sample_words(
            "a.gpkg", "EPSG:3979", "dsm", "2m", "b.gpkg", "cubic", "30m", "--surveys"
        )
    )
    expected = {
        "points": "a.gpkg", "points_crs": "EPSG:3979", "product": "dsm", "collection": "2m",
        "output": Path("b.gpkg"), "interpolation": "cubic", "fill": "30m", "surveys": True,
    }  # fmt: skip
    assert {name: params[name] for name in expected} == expected


def test_a_further_option_replaces_that_of_the_form() -> None:
    """An option that is given twice is an error of the command."""
    more = "--collection=lidar --year 2020 --fill 30m"
    for words in (
        command.make_extract_words(BOX, "EPSG:4326", "dtm", "1m", "a.tif", fill="2m", more=more),
        command.make_sample_words("a.gpkg", "", "dtm", "1m", "b.gpkg", fill="2m", more=more),
        command.make_surveys_words(BOX, "EPSG:4326", "dtm", "1m", "a.gpkg", "--collection lidar"),
    ):
        params = parse(words)
        assert params["collection"] == "lidar"
        assert params.get("fill") in (None, "30m")


def test_further_options_with_an_open_quote_are_an_error() -> None:
    with pytest.raises(command.CommandError, match="No closing quotation"):
        command.make_surveys_words(BOX, "EPSG:4326", "dtm", "1m", "a.gpkg", "--stac-url 'a")


def test_without_the_command_the_message_says_where_to_set_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(command.CommandError, match="HRDEM_COMMAND"):
        command.run_hrdem(["search"])
    monkeypatch.setenv("HRDEM_COMMAND", "/nowhere/hrdem")
    with pytest.raises(command.CommandError, match="cannot be started"):
        command.run_hrdem(["search"])


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="paths with backslashes are no words of a shell")
def test_document_and_errors_of_a_run(demo: Addresses, monkeypatch: pytest.MonkeyPatch) -> None:
    """The variables of QGIS's own Python and GDAL do not reach the command."""
    monkeypatch.setenv("HRDEM_COMMAND", f"{sys.executable} -m hrdem")
    monkeypatch.setenv("PYTHONHOME", "/nowhere")
    words = ["search", *command.make_box_words(BOX, "EPSG:4326"), "--stac-url", demo.stac]
    assert [item["id"] for item in command.run_hrdem(words)["items"]] == ["9_2-mosaic-1m"]
    with pytest.raises(command.CommandError, match="There is no collection '5m'"):
        command.run_hrdem([*words, "--collection", "5m"])


@pytest.mark.skipif(os.name == "nt", reason="there is no sleep")
def test_cancelling_ends_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HRDEM_COMMAND", "sh -c 'sleep 60'")
    began = time.monotonic()
    with pytest.raises(command.CommandError, match="Cancelled"):
        command.run_hrdem([], is_cancelled=lambda: True)
    assert time.monotonic() - began < 10
