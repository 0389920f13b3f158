"""--demo replaces the addresses of services, and nothing of it is cached."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from hrdem.cli import options, service
from hrdem.request import fields


def resolved(*arguments: str, **environment: str) -> str:
    @click.command(cls=options.Command)
    @options.add(fields.STAC_URL, *fields.CACHE, options.DEMO)
    def command(*, demo: bool, json: bool, **params) -> None:
        with service.resolve_demo(params, demo=demo) as changed:
            click.echo(f"{changed['stac_url']} {changed['no_cache']}")

    done = CliRunner(env=environment).invoke(command, arguments, catch_exceptions=False)
    return " ".join(done.output.split())


def test_without_demo_the_parameters_are_unchanged() -> None:
    assert resolved() == f"{fields.STAC_URL.default} False"
    assert resolved("--stac-url", "http://x.example/", "--no-cache") == "http://x.example/ True"


def test_demo_has_its_own_address_and_no_cache() -> None:
    url, no_cache = resolved("--demo", HRDEM_STAC_URL="http://x.example/").split()
    assert url.startswith("http://127.0.0.1:")
    assert no_cache == "True"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--stac-url", "http://x.example/"], "Give either --demo or --stac-url, not both."),
        (["--offline"], "Start hrdem demo serve, and give its --stac-url"),
    ],
)
def test_demo_contradicts_other_sources(arguments: list[str], message: str) -> None:
    assert message in resolved("--demo", *arguments)
