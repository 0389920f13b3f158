"""``hrdem status``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hrdem.cli import options, show
from hrdem.cli.messages import for_terminal
from hrdem.errors import ExitCode
from hrdem.request import fields

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hrdem.jobs.status import OutputStatus


@click.command("status", cls=options.Command)
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@options.add(*fields.STATUS)
def command(*, files: Sequence[Path], json: bool, **params: Any) -> ExitCode:
    """Check whether the sources of outputs are still those that they were made of.

    Versions of files are compared; no pixel is read. The exit code is 0 if all are unchanged, 6 if
    one was republished, and 5 if one cannot be reached or compared.

    \b
      hrdem status ottawa.tif gatineau.tif
    """
    import hrdem

    statuses = hrdem.status(*files, **params)
    if json:
        show.document({"outputs": [status.as_dict() for status in statuses]})
    else:
        for status in statuses:
            _print_status(status)
    return _choose_exit_code(statuses)


def _print_status(status: OutputStatus) -> None:
    from hrdem.jobs.status import SourceState

    click.echo(for_terminal(f"{status.state.value:<11} {status.output}"))
    for source in status.sources:
        if source.state is not SourceState.UNCHANGED:
            text = f"{source.state.value}: {source.reason}"
            click.echo(for_terminal(f"{'':<11} {source.name} {text}"))


def _choose_exit_code(statuses: Sequence[OutputStatus]) -> ExitCode:
    from hrdem.jobs.status import SourceState

    states = {status.state for status in statuses}
    if SourceState.CHANGED in states:
        return ExitCode.SOURCE_CHANGED
    return ExitCode.COMPLETE if states <= {SourceState.UNCHANGED} else ExitCode.NETWORK
