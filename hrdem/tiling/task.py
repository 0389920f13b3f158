"""What a driver and its workers tell each other: plain values that can be pickled."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from hrdem.errors import ExitCode


class OutcomeState(StrEnum):
    """How a tile ended."""

    DONE = "done"
    EMPTY = "empty"  # it has no valid pixel: recorded, not written
    KEPT = "kept"  # another worker recorded it first


@dataclass(frozen=True, slots=True)
class TileTask:
    """A tile to make.

    Attributes:
        name: Name of the tile.
        connections: Maximum number of connections to make it with.
        keeps_connections: Whether these may stay open for the next tile.
    """

    name: str
    connections: int
    keeps_connections: bool = True


@dataclass(frozen=True, slots=True)
class TileOutcome:
    """A tile that was made.

    Attributes:
        name: Name of the tile.
        state: How it ended.
        received_bytes: Bytes of source tiles that came over the network.
        written_bytes: Size of its raster.
        seconds: Duration.
        cpu_seconds: Time of the processor, of all threads.
        throttled: Responses by which a server asked for fewer requests.
        value: What a user's function returned for it, pickled.
    """

    name: str
    state: OutcomeState = OutcomeState.DONE
    received_bytes: int = 0
    written_bytes: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    throttled: int = 0
    value: bytes = b""


@dataclass(frozen=True, slots=True)
class TileFailure:
    """A tile that was not made.

    Attributes:
        name: Name of the tile.
        error: Name of the class of the error.
        reason: Its message.
        source: Address of the source that changed, without credentials; empty if none did.
        throttled: Responses by which a server asked for fewer requests.
        seconds: Duration.
        can_retry: Whether another try may succeed.
        is_outage: Whether a server does not answer, or with an error of its own, so that others
            of its files cannot be read either.
        stops: Whether no other tile can be made either, as on a full disk.
        exit_code: That of the error.
    """

    name: str
    error: str
    reason: str
    source: str = ""
    throttled: int = 0
    seconds: float = 0.0
    can_retry: bool = True
    is_outage: bool = False
    stops: bool = False
    exit_code: ExitCode = ExitCode.INCOMPLETE


Report = TileOutcome | TileFailure
MakeTile = Callable[[TileTask], Report]


class Work(Protocol):
    """What workers do with tiles; it can be pickled.

    Attributes:
        key: Distinguishes it from other work: a worker that serves several drivers opens it once.
    """

    @property
    def key(self) -> str:
        """Text that no other work has."""
        ...

    def open(self) -> AbstractContextManager[MakeTile]:
        """Yield what makes one tile at a time; called once a process.

        Raises:
            HrdemError: If no tile can be made.
        """
        ...
