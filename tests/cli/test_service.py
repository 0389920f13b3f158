"""--demo replaces the addresses of services, and nothing of it is cached."""

from __future__ import annotations

import math
import socket

import click
import pytest
from click.testing import CliRunner

from hrdem.cli import options, service
from hrdem.processing.vertical.shift_grid import read_user_grid
from hrdem.request import product_fields, service_fields
from tests.shift_grids import millimetres, write_grid


def resolved(*arguments: str, **environment: str) -> str:
    @click.command(cls=options.Command)
    @options.add(service_fields.STAC_URL, *service_fields.CACHE, options.DEMO)
    def command(*, demo: bool, json: bool, **params) -> None:
        with service.resolve_demo(params, demo=demo) as changed:
            click.echo(f"{changed['stac_url']} {changed['no_cache']}")

    done = CliRunner(env=environment).invoke(command, arguments, catch_exceptions=False)
    return " ".join(done.output.split())


def test_without_demo_the_parameters_are_unchanged() -> None:
    assert resolved() == f"{service_fields.STAC_URL.default} False"
    assert resolved("--stac-url", "http://x.example/", "--no-cache") == "http://x.example/ True"


@pytest.mark.slow
def test_demo_has_its_own_address_and_no_cache() -> None:
    url, no_cache = resolved("--demo", HRDEM_STAC_URL="http://x.example/").split()
    assert url.startswith("http://127.0.0.1:")
    assert no_cache == "True"


@pytest.mark.slow
def test_a_port_that_is_taken_is_replaced_without_a_traceback(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with service.resolve_demo({"no_cache": False}, demo=True, port=port):
            pass
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--stac-url", "http://x.example/"], "Give either --demo or --stac-url, not both."),
        (["--offline"], "Start hrdem demo serve, and give its --stac-url"),
    ],
)
def test_demo_contradicts_other_sources(arguments: list[str], message: str) -> None:
    assert message in resolved("--demo", *arguments)


@pytest.mark.slow
def test_demo_has_its_own_shifts_between_vertical_datums(tmp_path) -> None:
    """It needs no network; a grid that is given is used all the same."""
    own = write_grid(tmp_path / "own.tif", millimetres())

    @click.command(cls=options.Command)
    @options.add(
        *(field for field in product_fields.GRID if field.name == "vertical_grid"), options.DEMO
    )
    def command(*, demo: bool, json: bool, **params) -> None:
        with service.resolve_demo(params, demo=demo) as changed:
            grid = read_user_grid(changed["vertical_grid"])
            click.echo(f"{grid.path.name} {grid.shift(-76, 45):.3f}")

    said = CliRunner().invoke(command, ["--demo"], catch_exceptions=False).output
    expected = 300 + 400 * math.sin(-76 / 7) + 200 * math.cos(45 / 3)
    assert said == f"demonstration.tif {expected / 1000:.3f}\n"
    given = CliRunner().invoke(command, ["--demo", "--vertical-grid", str(own)])
    assert given.output.startswith("own.tif")
