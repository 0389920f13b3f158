"""Options come from the table of fields."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from hrdem.cli import options, reference
from hrdem.request import area_fields, fields, service_fields

NOTHING = {field.name: field.default for field in area_fields.AREA}


def parsed(*arguments: str, **environment: str) -> dict:
    @click.command(cls=options.Command)
    @options.add(*area_fields.AREA, *service_fields.LIMITS)
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


@pytest.mark.parametrize(("name", "value"), [("BBOX", "abc"), ("BUFFER", "wide")])
def test_wrong_value_of_the_environment_names_the_variable(name: str, value: str) -> None:
    """The message named an option that nobody had given."""
    error = parsed(**{f"HRDEM_{name}": value})["error"]
    assert f"for '--{name.lower()}' from HRDEM_{name}" in error
    assert "HRDEM" not in parsed("--bbox", "abc")["error"]


SAMPLES = {"W,S,E,N": "1,2,3,4", "LON,LAT": "1,2", "SIZE": "1GB", "FOLDER": ".", "PORT": "0"}


@pytest.mark.parametrize("name", sorted(name for name, _ in reference.commands()))
def test_option_with_a_value_is_given_once(name: str) -> None:
    """The last one used to win, without a word."""
    command = dict(reference.commands())[name]
    for field in reference.fields_of(command):
        if field.is_flag and field.name != "crop":
            continue
        value = [] if field.is_flag else [SAMPLES.get(field.form, "1")]
        again = field.flags[0] if field.flags else field.option
        with pytest.raises(click.UsageError, match=f"{field.option}.* was given more than once"):
            command.make_context(name, [field.option, *value, again, *value])


def test_repeated_option_names_a_way_that_works() -> None:
    assert "--fill 2m,30m" in repeated("--fill", "2m", "30m")
    assert "features are united" in repeated("--aoi", "a.gpkg", "b.gpkg")
    assert "hrdem tile --aoi FILE --name-by FIELD" in repeated("--aoi", "a.gpkg", "b.gpkg")
    assert "hrdem tile --nts 031K01,031K02 writes a file" in repeated("--nts", "31G", "31H")


def repeated(option: str, *values: str) -> str:
    command = dict(reference.commands())["plan"]
    arguments = [part for value in values for part in (option, value)]
    return " ".join(CliRunner().invoke(command, arguments).output.split())


def test_option_beside_its_variable_and_flags_may_repeat() -> None:
    assert parsed("--nts", "31H", HRDEM_NTS="31G")["nts"] == "31H"
    assert parsed("-v", "-v", "--json", "--json") == NOTHING


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
    others = fields.Group.TILES, fields.Group.SERVER
    own = [group for group in fields.Group if group not in others]
    assert sections[1:] == [f"{group}:" for group in own]
    assert "CRS of --bbox.  [default: EPSG:4326]" in shown
    assert "`" not in shown
