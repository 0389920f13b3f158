"""The ArcGIS toolbox without ArcGIS: its tools make words of the command line."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import click
import pytest

from hrdem.cli.main import cli

TOOLBOX = Path(__file__).parents[2] / "integrations" / "arcgis" / "hrdem.pyt"
VALUES = {
    "extent": SimpleNamespace(
        XMin=1.0, YMin=2.0, XMax=3.0, YMax=4.0, spatialReference=SimpleNamespace(factoryCode=3979)
    ),
    "options": "--no-cache",
}


@pytest.fixture
def toolbox(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Load the toolbox with as much of arcpy as it uses."""
    arcpy = ModuleType("arcpy")
    arcpy.ExecuteError = type("ExecuteError", (Exception,), {})
    arcpy.env = SimpleNamespace(isCancelled=False)
    arcpy.Parameter = lambda **known: SimpleNamespace(**known, filter=SimpleNamespace(), value=None)
    monkeypatch.setitem(sys.modules, "arcpy", arcpy)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "command", raising=False)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    loader = importlib.machinery.SourceFileLoader("hrdem_toolbox", str(TOOLBOX))
    spec = importlib.util.spec_from_loader("hrdem_toolbox", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


def fill_in(tool, output: str) -> list[SimpleNamespace]:
    """Return the parameters of a tool as a user fills them in: the first of each list."""
    parameters = tool.getParameterInfo()
    for parameter in parameters:
        value = VALUES.get(parameter.name, parameter.value)
        if parameter.name == "output":
            value = output
        parameter.value = parameter.valueAsText = value
    return parameters


@pytest.mark.parametrize(
    ("number", "output", "expected"),
    [
        (0, "a.tif", {"product": "dtm", "format": "gtiff"}),
        (0, "a.vrt", {"product": "dtm", "format": "vrt-https"}),
        (1, "a.gpkg", {"product": "dtm"}),
    ],
)
def test_words_of_a_tool(
    toolbox: ModuleType, monkeypatch: pytest.MonkeyPatch, number: int, output: str, expected: dict
) -> None:
    ran = []
    monkeypatch.setattr(toolbox, "run_hrdem", lambda words, *_: ran.append(words))
    tool = toolbox.Toolbox().tools[number]()
    tool.execute(fill_in(tool, output), SimpleNamespace(addMessage=str))
    (words,) = ran
    command = cli.get_command(click.Context(cli), words[0])
    assert command is not None
    params = command.make_context(words[0], words[1:]).params
    expected |= {"bbox": (1, 2, 3, 4), "bbox_crs": "EPSG:3979", "no_cache": True}
    expected |= {"collection": "1m"}
    assert {name: params[name] for name in expected} == expected
    assert Path(params["output"]) == Path(output)


def test_an_error_of_the_command_is_that_of_the_tool(
    toolbox: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HRDEM_COMMAND", "/nowhere/hrdem")
    said: list[str] = []
    messages = SimpleNamespace(addMessage=said.append, addErrorMessage=said.append)
    tool = toolbox.Toolbox().tools[0]()
    with pytest.raises(sys.modules["arcpy"].ExecuteError):
        tool.execute(fill_in(tool, "a.tif"), messages)
    assert "cannot be started" in said[0]
