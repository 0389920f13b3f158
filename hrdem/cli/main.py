"""The ``hrdem`` command: finds subcommands, turns errors into messages and exit codes."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import re
import sys
import threading
import traceback

import click

from hrdem._version import __version__
from hrdem.cli.documents import Report, is_json_requested
from hrdem.cli.lazy_group import LazyGroup
from hrdem.cli.messages import SEVERAL_SHEETS, TILE_SHEETS, for_terminal
from hrdem.errors import ExitCode, HrdemError
from hrdem.runtime.redaction import redact_secrets
from hrdem.runtime.signals import interrupt_on_end_signals
from hrdem.runtime.text import escape_unprintable

# in the order of the help
COMMANDS = (
    *("extract", "tile", "tile status", "tile retry", "tile verify", "tile index", "plan"),
    *(
        "preview",
        "view",
        "search",
        "assets",
        "sample",
        "profile",
        "surveys",
        "compare",
        "status",
        "verify",
        "rerun",
        "legacy",
        "cache",
        "app",
        "doctor",
        "schema",
        "demo",
    ),
)

DISK_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}  # of a file behind stdout
_LOOSE_NUMBER = re.compile(r"unexpected extra arguments? \(-?[\d.,]+[ )]")
_LOOSE_SHEET = re.compile(r"unexpected extra arguments? \(\d{1,3}[A-Za-z]")
_NO_THREAD = "can't start new thread"  # what Python calls a limit of threads or memory


@click.group(
    cls=LazyGroup,
    modules={name: f"hrdem.cli.{name.replace(' ', '_')}" for name in COMMANDS},
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, message="%(prog)s %(version)s")
def cli() -> None:
    """Canadian elevation for your area.

    Finds the tiles of NRCan's HRDEM Mosaic under an area of interest, reads only the pixels of the
    area, and merges them into one local GeoTIFF.

    \b
      hrdem extract --bbox -75.72,45.40,-75.66,45.44 --product dtm -o ottawa.tif

    Add --demo to try it without a network. Results go to standard output, messages to standard
    error. Each option can also be set by an environment variable, such as HRDEM_CACHE_DIR for
    --cache-dir.
    """


def main() -> None:
    """Run the command line and end the process with its exit code."""
    interrupt_on_end_signals()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # characters that the terminal lacks
    # threads of numpy's linear algebra, which hrdem hardly uses, compute while they wait for work
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    code = run(sys.argv[1:])
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, AttributeError):  # closed already
            stream.flush()
    if code or sum(not each.daemon for each in threading.enumerate()) > 1:
        os._exit(code)  # do not wait for threads that read from a silent server
    sys.exit(code)


def run(arguments: list[str]) -> int:
    """Run the command line on arguments and return its exit code."""
    report = Report(is_json_requested(arguments))
    code = _run(arguments, report)
    report.end(code)
    return code


def _run(arguments: list[str], report: Report) -> int:
    try:
        code = cli.main(arguments, prog_name="hrdem", standalone_mode=False, obj=report)
    except HrdemError as exc:
        text = for_terminal(" ".join([str(exc), *_notes(exc)]))
        _print_error(f"hrdem: {text}")
        return report.fail(exc.exit_code, type(exc).__name__, text)
    except click.ClickException as exc:
        with contextlib.suppress(OSError):  # the reader is gone
            exc.show()
        if advice := _advise(exc):
            _print_error(advice)
        text = for_terminal(f"{exc.format_message()} {advice}".rstrip())
        return report.fail(exc.exit_code, "UsageError", text)
    except (click.Abort, KeyboardInterrupt) as exc:
        text = for_terminal(" ".join(["interrupted. No unfinished output is left.", *_notes(exc)]))
        _print_error(f"hrdem: {text}")
        return report.fail(ExitCode.INTERRUPTED, "Interrupted", text)
    except OSError as exc:
        if exc.errno not in DISK_ERRORS or exc.filename is not None:
            return _report_defect(exc, report)
        _print_error(f"hrdem: the results cannot be written to standard output: {exc}.")
        return ExitCode.OUTPUT
    except SystemExit:  # from click, if the reader of stdout is gone, such as head
        return ExitCode.COMPLETE
    except Exception as exc:  # noqa: BLE001 (anything else is a defect, and reported as one)
        return _report_limit(exc, report) if _is_limit(exc) else _report_defect(exc, report)
    return code if isinstance(code, int) else ExitCode.COMPLETE


def _advise(exc: click.ClickException) -> str:
    """Return what to do about arguments that click does not understand; empty if it says so."""
    if _is_about_number(exc) and _takes_bbox(exc):
        return (
            "Give numbers with commas between them and no blanks: --bbox W,S,E,N or "
            "--point LON,LAT."
        )
    if _LOOSE_SHEET.search(exc.message):
        return TILE_SHEETS if _takes_one_sheet(exc) else SEVERAL_SHEETS
    return ""


def _is_limit(exc: Exception) -> bool:
    """Whether the system refused memory or a thread."""
    return isinstance(exc, MemoryError) or _NO_THREAD in str(exc)


def _report_limit(exc: Exception, report: Report) -> int:
    reason = escape_unprintable(str(exc)).rstrip(".") or "no memory left"
    text = (
        f"the system refuses memory or a thread ({reason}). Raise the limit of the shell "
        "(ulimit -v, ulimit -u), the batch job or the container, or stop other programs."
    )
    _print_error(f"hrdem: {text}")
    return report.fail(ExitCode.DEFECT, "SystemLimit", text)


def _is_about_number(exc: click.ClickException) -> bool:
    """Whether a number was taken for an option or an argument."""
    if isinstance(exc, click.NoSuchOption):
        return exc.option_name[1:2].isdigit()
    return _LOOSE_NUMBER.search(exc.message) is not None


def _takes_bbox(exc: click.ClickException) -> bool:
    context = exc.ctx if isinstance(exc, click.UsageError) else None
    return context is not None and any(each.name == "bbox" for each in context.command.params)


def _takes_one_sheet(exc: click.ClickException) -> bool:
    context = exc.ctx if isinstance(exc, click.UsageError) else None
    return context is not None and any(each.metavar == "SHEET" for each in context.command.params)


def _report_defect(exc: Exception, report: Report) -> int:
    _print_error(escape_unprintable(redact_secrets(traceback.format_exc())))
    _print_error("hrdem: this is a defect of hrdem. Please report it with the lines above.")
    reason = escape_unprintable(redact_secrets(repr(exc)))
    text = f"A defect of hrdem: {reason}. Please report it with the lines on standard error."
    return report.fail(ExitCode.DEFECT, "Defect", text)


def _print_error(text: str) -> None:
    with contextlib.suppress(OSError):  # the reader is gone
        click.echo(text, err=True)


def _notes(exc: BaseException) -> list[str]:
    """Return the notes of an error, or of the one below it: click wraps an interrupt."""
    notes = [*getattr(exc, "__notes__", ())]
    return notes if exc.__context__ is None or notes else _notes(exc.__context__)
