"""``hrdem tile retry``."""

from __future__ import annotations

from typing import Any

import click

from hrdem.cli import options, service, show_tiles
from hrdem.request import tile_fields


@click.command("retry", cls=options.Command)
@click.argument("output")
@options.add(
    *tile_fields.WORKER,
    *tile_fields.CONNECTIONS,
    *tile_fields.ENGINE,
    options.DEMO,
    options.PROGRESS,
)
def command(*, output: str, demo: bool, json: bool, **params: Any) -> int:
    """Make the tiles again that failed in the last run of a job.

    The command that began the job also makes those that are missing; as long as there are any, the
    exit code is 3.

    \b
      hrdem tile retry slopes
    """
    import hrdem

    run = show_tiles.RunOptions.take(params)
    with service.resolve_demo(params, demo=demo, port=options.PORT.default) as worker:
        job = hrdem.TileJob.open(output, **worker)
        return show_tiles.run(job, run, as_json=json, only_failed=True)
