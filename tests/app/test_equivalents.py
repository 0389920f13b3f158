"""The command line and the Python call that the page shows do what the page does."""

from __future__ import annotations

import inspect
import shlex
from pathlib import Path
from typing import Any

import pytest
import rasterio

import hrdem
from hrdem.app.equivalents import (
    to_arguments,
    to_command_line,
    to_parameters,
    to_python,
    to_texts,
)
from hrdem.app.settings import Services
from hrdem.cli.main import run
from hrdem.demo import Addresses
from hrdem.errors import RequestError

BOX = {"bbox": [-75.7000, 45.4000, -75.6995, 45.4004]}
AREA = (
    '{"type": "Polygon", "coordinates": [[[-75.7, 45.4], [-75.6995, 45.4], [-75.6998, 45.4004], '
    "[-75.7, 45.4]]]}"
)
UPLOAD = {"area": {"upload": "1"}, "products": ["dtm", "dtm-slope"], "crop": None, "fill": []}
SETTINGS: list[Any] = [
    UPLOAD,
    *(
        pytest.param(request, marks=(pytest.mark.slow, pytest.mark.long))
        for request in (
            {"area": BOX, "products": ["dtm"], "fill": ["2m", "30m"], "source_band": True},
            {"area": BOX, "products": ["dtm"], "crs": "EPSG:2959", "resolution": 2.5},
            {"area": {"point": [-75.7, 45.4], "radius": 20}, "products": ["dsm"], "crop": False},
            {"area": BOX, "products": ["dsm"], "format": "cog", "vertical_datum": None},
        )
    ),
]


@pytest.mark.parametrize("request_", SETTINGS)
def test_both_texts_write_the_same_pixels(
    request_: dict[str, Any], on_demo: Path, demo: Addresses
) -> None:
    Path("my area.geojson").write_text(AREA, "utf-8")
    command = to_command_line(request_, "my area.geojson")
    program, *arguments = shlex.split(command)
    assert (program, arguments[1:]) == ("hrdem", to_arguments(request_, "my area.geojson"))
    assert run(arguments) == 0
    written = {path.name: pixels_of(path) for path in sorted(on_demo.glob("*.tif"))}
    layers = ["dtm.source.tif", "dtm.year.tif"] if request_.get("source_band") else []
    outputs = [f"{product}.tif" for product in request_["products"]]
    assert list(written) == sorted([*outputs, *layers])
    services = f"stac_url={demo.stac!r}, no_cache=True, overwrite=True"
    call = to_python(request_, "my area.geojson").replace("(", f"({services},", 1)
    exec(compile(call, "<page>", "exec"), {})
    assert {name: pixels_of(on_demo / name) for name in written} == written


def pixels_of(path: Path) -> tuple[bytes, Any]:
    with rasterio.open(path) as raster:
        return raster.read().tobytes(), raster.profile


def test_what_is_not_chosen_or_is_the_default_is_not_in_the_texts() -> None:
    request = {"area": BOX, "products": ["dtm"], "crs": None, "source_band": False, "fill": []}
    request |= {"collection": "1m", "format": "gtiff"}
    assert to_command_line(request, None) == (
        "hrdem extract --bbox -75.7,45.4,-75.6995,45.4004 --product dtm --output dtm.tif"
    )


@pytest.mark.slow
def test_both_texts_read_the_demonstration_of_the_page(on_demo: Path) -> None:
    """Heights of the demonstration, with its own shifts, not those of the live service."""
    services = Services("http://127.0.0.1:9", None, "http://127.0.0.1:9", is_demo=True)
    request = {"area": BOX, "products": ["dtm"], "vertical_datum": "CGVD28"}
    command = to_command_line(request, None, services=services)
    assert command.startswith("hrdem extract --demo --bbox")
    assert run(shlex.split(command)[1:]) == 0
    written = pixels_of(on_demo / "dtm.tif")
    for path in on_demo.glob("dtm.*"):
        path.unlink()
    exec(compile(to_python(request, None, services=services), "<page>", "exec"), {})
    assert pixels_of(on_demo / "dtm.tif") == written


def test_both_texts_name_the_services_of_the_page() -> None:
    """But not those that are read anyway."""
    request = {"area": BOX, "products": ["dtm"]}
    usual = inspect.signature(hrdem.extract).parameters["stac_url"].default
    texts = to_texts(request, "area.geojson", Services(usual, None, ""))
    assert "stac" not in str(texts)
    texts = to_texts(request, "area.geojson", Services("http://a/stac/", "http://a/wcs", ""))
    assert "--stac-url=http://a/stac/ --wcs-url=http://a/wcs" in texts["command_line"]
    assert "    stac_url='http://a/stac/',\n    wcs_url='http://a/wcs',\n" in texts["python"]


@pytest.mark.parametrize(
    "name", ["it's; rm -rf ~.geojson", "$(id) `id`.geojson", 'a"\\b\n.geojson']
)
def test_names_are_quoted_for_the_shell_and_for_python(name: str) -> None:
    request = {"area": {"upload": "1"}, "products": ["dtm"]}
    assert shlex.split(to_command_line(request, name))[3] == name
    called: list[dict[str, Any]] = []
    body = to_python(request, name).replace("import hrdem\n", "").replace("hrdem.extract", "call")
    exec(body, {"call": lambda **parameters: called.append(parameters)})
    assert called == [to_parameters(request, name)]


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"products": ["dtm"]}, "No area"),
        ({"area": BOX | {"nts": "031G05"}, "products": ["dtm"]}, "No area"),
        ({"area": BOX, "products": []}, "No product"),
        ({"area": {"upload": "1"}, "products": ["dtm"]}, "not there any more"),
        ({"area": BOX, "products": ["dtm"], "output": "/etc/passwd"}, "no setting 'output'"),
    ],
)
def test_what_no_run_can_do_is_refused(request_: dict[str, Any], message: str) -> None:
    with pytest.raises(RequestError, match=message):
        to_parameters(request_, None)
