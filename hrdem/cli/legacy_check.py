"""``hrdem legacy check``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from hrdem.cli import options, show
from hrdem.cli.messages import for_terminal
from hrdem.request import fields

if TYPE_CHECKING:
    from hrdem.legacy.check.finding import CheckReport, Finding


@click.command("check", cls=options.Command)
@click.argument("path")
@options.add(*fields.LEGACY_CHECK)
def command(*, path: str, json: bool, **params: Any) -> int:
    """Check a .dem, .asc, .tif or .tfw file, a zip of such files, or a folder of them.

    Each element and rule of CDED 2.1 or BC 2.0 is checked, and in a folder what its files say of
    each other. Errors, differences of older editions and notes are listed; -v lists what is right
    too. The exit code is 3 if there is an error.

    \b
      hrdem legacy check 031k01.zip
    """
    import hrdem

    with show.progress("check") as on_progress:
        report = hrdem.legacy_check(path, on_progress=on_progress, **params)
    if json:
        show.document(report.as_dict())
    else:
        _print_report(report, with_passes=click.get_current_context().meta["verbose"] > 0)
    return show.exit_code(complete=report.conforms)


def _print_report(report: CheckReport, *, with_passes: bool) -> None:
    from hrdem.legacy.check.finding import Level

    shown = [each for each in report.findings if with_passes or each.level is not Level.PASS]
    file = ""
    for finding in shown:
        if finding.file != file:
            file = finding.file
            click.echo(for_terminal(f"{file} ({report.editions[file].value})"))
        click.echo(for_terminal(_describe(finding)))
    names = {
        Level.ERROR: ("error", "errors"),
        Level.OLDER: ("difference of an older edition", "differences of older editions"),
        Level.NOTE: ("note", "notes"),
        Level.PASS: ("rule passed", "rules passed"),
    }
    counts = [
        f"{count:,} {names[level][count != 1]}" for level in names if (count := report.count(level))
    ]
    state = "conforms" if report.conforms else "does not conform"
    click.echo(f"{state}: {', '.join(counts)}")


def _describe(finding: Finding) -> str:
    """Return a line about a finding."""
    text = f"{finding.rule}: {finding.found}"
    if finding.level != "pass":
        text = f"{text}; expected {finding.expected}"
    return f"  {finding.level.value:<13}  {text}  [{finding.clause}]"
