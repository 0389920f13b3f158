"""``hrdem plan``."""

from __future__ import annotations

from typing import Any

import click

from hrdem.cli import options, service, show
from hrdem.request import fields


@click.command("plan", cls=options.Command)
@options.add(*fields.PLAN, options.DEMO)
def command(*, demo: bool, json: bool, **params: Any) -> int:
    """Print what extract would read and write, without reading the pixels.

    Coverage and download are estimates from overviews and a sample of blocks.

    \b
      hrdem plan --bbox -75.72,45.40,-75.66,45.44 --product dtm
    """
    with service.resolve_demo(params, demo=demo) as resolved:
        return show.plan_and_estimate(resolved, as_json=json)
