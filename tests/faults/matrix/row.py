"""A row: what goes wrong, and what then happens, ends, and is said."""

from __future__ import annotations

from dataclasses import dataclass

from hrdem.errors import ExitCode
from hrdem.http.timeouts import Timeouts
from tests.faults.matrix import commands
from tests.faults.matrix.commands import Way
from tests.faults.matrix.store import Answer, Place

ALWAYS = 1_000_000  # requests: more than any run sends
PATIENT = Timeouts(connect=5, read=30, total=60)
EVERYWHERE = (Place.CATALOGUE, Place.HEADER, Place.INDEX, Place.TILES)
OUTSIDE, INSIDE = (Place.CATALOGUE, Place.TILES), (Place.HEADER, Place.INDEX)
FILES = (Place.HEADER, Place.INDEX, Place.TILES)

TRIED_AGAIN = "ridden out: tried again"
GOES_ON = "ridden out: goes on where it broke off"
ENDS = "ends the run"


@dataclass(frozen=True, kw_only=True)
class Row:
    """A row.

    Attributes:
        wrong: What goes wrong.
        happens: What happens then.
        codes: Exit codes of the command.
        said: What is said on standard error, word for word but for what may be anything.
        answer: What the server does, if it is the server.
        at: Where; each place is tried by itself.
        first: The first request there that it does that to, counted from 1.
        times: To how many it does it.
        way: How the command is run.
        files_at: Scheme and host that the catalogue gives for files, if not the server's.
        options: Further options of the command.
        timeouts: How long the command waits.
        edition: Which edition the pixels are of, if there are any.
    """

    wrong: str
    happens: str = ENDS
    codes: tuple[int, ...] = (ExitCode.NETWORK,)
    said: str = ""
    answer: Answer | None = None
    at: tuple[Place, ...] = ()
    first: int = 1
    times: int = ALWAYS
    way: Way = commands.here
    files_at: str = ""
    options: tuple[str, ...] = ()
    timeouts: Timeouts = PATIENT
    edition: int = 1


def once(
    wrong: str, said: str, answer: Answer, at: tuple[Place, ...] = OUTSIDE,
    happens: str = TRIED_AGAIN, timeouts: Timeouts = PATIENT,
) -> Row:  # fmt: skip
    """A row of what passes."""
    return Row(
        wrong=wrong, happens=happens, codes=(ExitCode.COMPLETE,), said=said, answer=answer, at=at,
        times=1, timeouts=timeouts,
    )  # fmt: skip
