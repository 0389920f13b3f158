"""``hrdem legacy check``."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import click

from hrdem.cli import options, show
from hrdem.cli.messages import for_terminal
from hrdem.request import legacy_fields

if TYPE_CHECKING:
    from hrdem.legacy.check.finding import CheckReport, Finding

#: files that one line is printed for; what more of them share is printed once, but for errors
MAX_REPEATS = 4


@click.command("check", cls=options.Command)
@click.argument("path")
@options.add(*legacy_fields.CHECK, options.PROGRESS)
def command(*, path: str, json: bool, **params: Any) -> int:
    """Check a .dem, .asc, .tif or .tfw file, a zip of such files, or a folder of them.

    Each element and rule of CDED 2.1 or BC 2.0 is checked, and in a folder what its files say of
    each other. Errors, differences of older editions and notes are listed, those that many files
    share once; -v lists everything, with what is right. The exit code is 3 if there is an error.

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

    shared: dict[tuple[str, str], list[Finding]] = defaultdict(list)
    for finding in report.findings:
        if not with_passes and finding.level in (Level.OLDER, Level.NOTE):
            shared[finding.rule, finding.clause].append(finding)
    file = ""
    for finding in report.findings:
        if finding.level is Level.PASS and not with_passes:
            continue
        repeats = len(shared[finding.rule, finding.clause])
        if repeats > MAX_REPEATS and finding.level is not Level.ERROR:
            continue
        if finding.file != file:
            file = finding.file
            click.echo(for_terminal(f"{file} ({report.editions[file].value})"))
        click.echo(for_terminal(_describe(finding)))
    for findings in shared.values():
        if len(findings) > MAX_REPEATS:
            click.echo(for_terminal(f"{len(findings):,} files, such as {findings[0].file}"))
            click.echo(for_terminal(_describe(findings[0])))
    click.echo(_summarize(report))


def _summarize(report: CheckReport) -> str:
    """Return the result, and the number of findings of each level."""
    from hrdem.legacy.check.finding import Level

    names = {
        Level.ERROR: ("error", "errors"),
        Level.OLDER: ("difference of an older edition", "differences of older editions"),
        Level.NOTE: ("note", "notes"),
        Level.PASS: ("rule passed", "rules passed"),
    }
    counts = [
        f"{count:,} {names[level][count != 1]}" for level in names if (count := report.count(level))
    ]
    if report.conforms:
        return f"conforms: {', '.join(counts)}"
    wrong = {finding.file for finding in report.findings if finding.level is Level.ERROR}
    if len(report.editions) > 1:
        counts[0] += f" in {len(wrong):,} of {len(report.editions):,} files and folders"
    return f"does not conform: {', '.join(counts)}"


def _describe(finding: Finding) -> str:
    """Return a line about a finding."""
    text = f"{finding.rule}: {finding.found}"
    if finding.level != "pass":
        text = f"{text}; expected {finding.expected}"
    return f"  {finding.level.value:<13}  {text}  [{finding.clause}]"
