"""``hrdem verify``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hrdem.cli import options, show
from hrdem.cli.messages import for_terminal
from hrdem.request import file_fields

if TYPE_CHECKING:
    from hrdem.jobs.verify import Verification


@click.command("verify", cls=options.Command)
@click.argument("file", type=click.Path(path_type=Path))
@options.add(*file_fields.VERIFY, options.PROGRESS)
def command(*, file: Path, json: bool, **params: Any) -> int:
    """Compare a file with the STAC item beside it: size, checksum, grid, statistics.

    The exit code is 0 if nothing differs, 3 if something does. With --remote it is 6 if a source
    was republished, and 5 if one cannot be reached or compared.

    \b
      hrdem verify ottawa.tif
      hrdem verify ottawa.tif --remote
    """
    import hrdem

    with show.progress(f"verify {file.name}") as on_progress:
        done = hrdem.verify(file, on_progress=on_progress, **params)
    if json:
        show.document(done.as_dict())
    else:
        _show(done)
    return done.exit_code


def _show(done: Verification) -> None:
    rows = [(each.name, each.state.value, each.reason) for each in done.checks]
    if done.sources is not None:
        sources = done.sources.sources
        rows += [(each.name, each.state.value, each.reason) for each in sources]
    click.echo(for_terminal(str(done.output)))
    for name, state, reason in rows:
        click.echo(for_terminal(f"{state:<10} {name}  {reason}".rstrip()))
    if done.citation:
        click.echo(for_terminal(f"{'cite as':<10} {done.citation}"))
