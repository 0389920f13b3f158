"""The ``hrdem`` command: finds its subcommands, turns errors into sentences and exit codes."""

from __future__ import annotations

import contextlib
import errno
import importlib
import io
import os
import signal
import sys
import traceback
from types import FrameType

import click

from hrdem._version import __version__
from hrdem.cli.options import for_terminal
from hrdem.errors import ExitCode, HrdemError
from hrdem.runtime.redaction import without_secrets
from hrdem.runtime.text import printable

# Heavy libraries are imported inside the commands, and a command only when it is called.
_COMMANDS = {
    "extract": "Extract an area as one local GeoTIFF.",
    "plan": "Tell what extract would read, without reading it.",
    "preview": "Make a picture of an area.",
    "search": "List the catalogue's items under an area.",
    "assets": "List the addresses of an item's files, for QGIS, ArcGIS or GDAL.",
    "cache": "Tell what is kept of what was fetched, or remove it.",
    "doctor": "Tell whether hrdem can work here, and how to mend what is wrong.",
    "demo": "Serve a local demonstration over synthetic terrain.",
}

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}  # a disk that stdout leads to
_ENDS = {signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)}


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in _COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"hrdem.cli.{name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, message="%(prog)s %(version)s")
def cli() -> None:
    """Canadian elevation for your area.

    Finds the sub-tiles of NRCan's HRDEM Mosaic under an area of interest, reads just the pixels
    of the area, and merges them into one local GeoTIFF.

    \b
      hrdem extract --bbox -75.72,45.40,-75.66,45.44 --product dtm -o ottawa.tif

    Add --demo to try it without a network. Results go to standard output, everything else to
    standard error. Every option can be set by an environment variable, HRDEM_ and its name.
    """


def main() -> None:
    """Run the command line and leave the process with its exit code."""
    for number in _ENDS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _stop)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # names that the terminal cannot show
    code = run(sys.argv[1:])
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, AttributeError):  # closed, or gone
            stream.flush()
    if code:
        os._exit(code)  # without waiting for threads that wait for a silent server
    sys.exit(code)


def _stop(number: int, frame: FrameType | None) -> None:
    """End cleanly, as Ctrl-C does; or at once, if that takes too long for the user."""
    for other in _ENDS:
        signal.signal(other, lambda *_: os._exit(ExitCode.INTERRUPTED))
    raise KeyboardInterrupt


def run(arguments: list[str]) -> int:
    """Run the command line on arguments and return its exit code."""
    try:
        code = cli.main(arguments, prog_name="hrdem", standalone_mode=False)
    except HrdemError as exc:
        _print_error(f"hrdem: {for_terminal(' '.join([str(exc), *_notes(exc)]))}")
        return exc.exit_code
    except click.ClickException as exc:
        with contextlib.suppress(OSError):  # who would read it has gone
            exc.show()
        if isinstance(exc, click.NoSuchOption) and exc.option_name[1:2].isdigit():
            _print_error("Give numbers with commas between and no blanks: --bbox W,S,E,N.")
        return exc.exit_code
    except (click.Abort, KeyboardInterrupt) as exc:
        _print_error(
            f"hrdem: {' '.join(['interrupted; no unfinished output is left.', *_notes(exc)])}"
        )
        return ExitCode.INTERRUPTED
    except OSError as exc:
        if exc.errno not in _FULL or exc.filename is not None:
            return _defect()
        _print_error(f"hrdem: the results cannot be written to standard output: {exc}.")
        return ExitCode.OUTPUT
    except SystemExit:  # how click ends when the reader of our output has gone, as head does
        return ExitCode.COMPLETE
    except Exception:  # noqa: BLE001 (whatever is left is our defect, and told as one)
        return _defect()
    return code if isinstance(code, int) else ExitCode.COMPLETE


def _defect() -> int:
    _print_error(printable(without_secrets(traceback.format_exc())))
    _print_error("hrdem: this is a defect of hrdem. Please report it with the lines above.")
    return ExitCode.DEFECT


def _print_error(text: str) -> None:
    with contextlib.suppress(OSError):  # who would read it has gone
        click.echo(text, err=True)


def _notes(exc: BaseException) -> list[str]:
    """What was added to an error on its way; click puts one of its own around an interrupt."""
    told = [*getattr(exc, "__notes__", ())]
    return told if exc.__context__ is None or told else _notes(exc.__context__)
