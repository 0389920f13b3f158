"""Options come from the table of fields."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from hrdem.cli import options
from hrdem.request import fields

NOTHING = dict.fromkeys(field.name for field in fields.AREA)


def parsed(*arguments: str, **environment: str) -> dict:
    @click.command(cls=options.Command)
    @options.add(*fields.AREA, *fields.LIMITS)
    def command(**params) -> None:
        click.echo(repr({name: params[name] for name in NOTHING}))

    done = CliRunner(env=environment).invoke(command, arguments, catch_exceptions=False)
    return eval(done.stdout) if done.exit_code == 0 else {"error": " ".join(done.output.split())}


@pytest.mark.parametrize(
    ("arguments", "params"),
    [
        ([], {}),
        (["--point", "-75.7,45.4", "--radius", "500"], {"point": (-75.7, 45.4), "radius": 500.0}),
        (["--bbox=-75,45 -74 46"], {"bbox": (-75, 45, -74, 46)}),
        (["--aoi", "-", "--aoi-crs", "EPSG:2959"], {"aoi": "-", "aoi_crs": "EPSG:2959"}),
        (["--layer", "a", "--buffer", "5"], {"layer": "a", "buffer": 5.0}),
        (["--nts", "31G", "--like", "a.tif"], {"nts": "31G", "like": "a.tif"}),
    ],
)
def test_text_becomes_the_parameters_of_python(arguments: list[str], params: dict) -> None:
    assert parsed(*arguments) == NOTHING | params


def test_an_option_has_a_variable() -> None:
    assert parsed(HRDEM_NTS="31G", HRDEM_MAX_MEMORY="2GB")["nts"] == "31G"
    assert "'much' is not a size" in parsed(HRDEM_MAX_MEMORY="much")["error"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--point", "here"], "longitude,latitude"),
        (["--bbox", "1,2,3,north"], "west,south,east,north"),
        (["--radius", "5m"], "'5m' is not a number."),
        (["--max-memory", "much"], "Give it like 500MB, 2GB or 1GiB"),
    ],
)
def test_text_that_cannot_be_parsed_is_a_usage_error(arguments: list[str], message: str) -> None:
    assert message in parsed(*arguments)["error"]


def test_help_lists_options_by_group_with_their_defaults() -> None:
    @click.command(cls=options.Command)
    @options.add(*options.EXTRACT)
    def command(**params) -> None:
        """Extract."""

    shown = CliRunner().invoke(command, ["--help"], terminal_width=200).output
    sections = [line for line in shown.splitlines() if line and not line.startswith(" ")]
    assert sections[1:] == [f"{group}:" for group in fields.Group]
    assert "CRS of --bbox.  [default: EPSG:4326]" in shown
    assert "`" not in shown
