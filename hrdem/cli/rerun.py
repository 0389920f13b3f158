"""``hrdem rerun``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from hrdem.cli import options, service, show
from hrdem.cli.messages import for_terminal
from hrdem.request import file_fields


@click.command("rerun", cls=options.Command)
@click.argument("item", type=click.Path(path_type=Path))
@options.add(*file_fields.RERUN, options.DEMO, options.PROGRESS)
def command(*, item: Path, demo: bool, json: bool, **params: Any) -> int:
    """Make an output again from the STAC item that hrdem extract wrote beside it.

    ITEM is the item, or the output. Of the same sources, and by the same versions of hrdem, GDAL
    and PROJ, the output has the same bytes. The exit code is 6 if a source was republished;
    --newest takes it as it is now.

    \b
      hrdem rerun ottawa.stac.json -o again.tif
      hrdem rerun ottawa.stac.json --newest --overwrite
    """
    import hrdem

    with (
        service.resolve_demo(params, demo=demo) as resolved,
        show.progress(f"rerun {item.name}") as on_progress,
    ):
        done = hrdem.rerun(item, on_progress=on_progress, **resolved)
    show.warn_of_steps_and_nodata(done.result)
    if json:
        show.document(done.as_dict())
    else:
        show.result(done.result)
        for change in done.changes:
            click.echo(for_terminal(f"{'changed':<10} {change}"))
        found = "the bytes" if done.identical else "other bytes than those"
        click.echo(for_terminal(f"{'rerun':<10} {found} that {item.name} describes"))
    return show.exit_code(complete=done.result.complete)
