"""``hrdem tile status``."""

from __future__ import annotations

import click

from hrdem.cli import options, show_tiles


@click.command("status", cls=options.Command)
@click.argument("output")
@options.add()
def command(*, output: str, json: bool) -> int:
    """Print which tiles of a job are done, empty, failed, stale or missing; no pixel is read.

    Empty ones have no data, and no file. Those that failed are made again by the command that began
    the job, or by hrdem tile retry; of stale ones a source was republished, and --update makes them
    anew. The exit code is 0 if nothing is left to do, 3 if tiles are missing or failed, 6 if some
    are stale.

    \b
      hrdem tile status slopes
    """
    import hrdem

    return show_tiles.status(hrdem.TileJob.open(output), as_json=json)
