"""One row: a fault, its effect, the exit code and the message."""

from __future__ import annotations

from dataclasses import dataclass

from hrdem.errors import ExitCode
from hrdem.http.timeouts import Timeouts
from tests.faults.matrix import commands
from tests.faults.matrix.commands import Runner
from tests.faults.matrix.store import Answer, Place

ALWAYS = 1_000_000  # requests: more than any run sends
PATIENT = Timeouts(connect=5, read=30, total=60)
EVERYWHERE = (Place.CATALOGUE, Place.HEADER, Place.INDEX, Place.TILES)
OUTSIDE, INSIDE = (Place.CATALOGUE, Place.TILES), (Place.HEADER, Place.INDEX)
FILES = (Place.HEADER, Place.INDEX, Place.TILES)

RETRIED = "recovers: retried"
RESUMED = "recovers: resumed"
ENDS = "ends the run"


@dataclass(frozen=True, kw_only=True)
class Row:
    """A fault and how the command line handles it.

    Attributes:
        fault: What goes wrong.
        effect: What the command does about it.
        exit_codes: Exit codes of the command, one per run.
        message: Text on standard error; … matches anything.
        answer: The server's faulty reply, if the server is at fault.
        at: Places of the fault; each is a test of its own.
        first: The first request at that place that fails, counted from 1.
        times: How many requests fail.
        run: How the command is run.
        files_url: Scheme and host of the files in the catalogue, if not the server's.
        options: Further options of the command.
        timeouts: Timeouts of the command.
        edition: Edition of the expected pixels.
    """

    fault: str
    effect: str = ENDS
    exit_codes: tuple[int, ...] = (ExitCode.NETWORK,)
    message: str = ""
    answer: Answer | None = None
    at: tuple[Place, ...] = ()
    first: int = 1
    times: int = ALWAYS
    run: Runner = commands.here
    files_url: str = ""
    options: tuple[str, ...] = ()
    timeouts: Timeouts = PATIENT
    edition: int = 1


def once(
    fault: str, message: str, answer: Answer, at: tuple[Place, ...] = OUTSIDE,
    effect: str = RETRIED, timeouts: Timeouts = PATIENT,
) -> Row:  # fmt: skip
    """A row of a fault that passes."""
    return Row(
        fault=fault, effect=effect, exit_codes=(ExitCode.COMPLETE,), message=message,
        answer=answer, at=at, times=1, timeouts=timeouts,
    )  # fmt: skip
