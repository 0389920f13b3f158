"""Work for engines that needs no job: it sleeps, fails or dies as the name of a tile says."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hrdem.errors import RequestError
from hrdem.tiling.task import MakeTile, Report, TileFailure, TileOutcome, TileTask


@dataclass(frozen=True)
class Scripted:
    """Tiles are named after what happens to them.

    Attributes:
        folder: Where each tile that begins adds a line with its name and the process.
    """

    folder: Path
    key: str = "scripted"

    @contextlib.contextmanager
    def open(self) -> Iterator[MakeTile]:
        yield self._make
        (self.folder / "closed").touch()

    def _make(self, task: TileTask) -> Report:
        with (self.folder / "begun").open("a") as file:
            file.write(f"{task.name} {os.getpid()} {task.connections}\n")
        kind, _, detail = task.name.partition("-")
        if kind == "sleep":
            time.sleep(float(detail))
        if kind == "reads":
            until = time.monotonic() + 30
            while not (self.folder / "closed").exists() and time.monotonic() < until:
                time.sleep(0.01)
        if kind == "computes":
            sum(range(10**12))  # no other thread runs meanwhile
        if kind == "dies" and self._times(task.name) == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        if kind == "fails":
            return TileFailure(task.name, "TransferError", "The line is cut.")
        value = bytes(int(detail)) if kind == "returns" else b""
        return TileOutcome(task.name, cpu_seconds=os.getpid(), value=value)

    def _times(self, name: str) -> int:
        return [line.split()[0] for line in self.begun()].count(name)

    def begun(self) -> list[str]:
        return (self.folder / "begun").read_text().splitlines()


@dataclass(frozen=True)
class Unusable:
    """Work that cannot be opened."""

    key: str = "unusable"

    @contextlib.contextmanager
    def open(self) -> Iterator[MakeTile]:
        raise RequestError("There is no job.json here.")
        yield


@dataclass(frozen=True)
class Unwritable:
    """Work that cannot be opened, as the system refuses."""

    key: str = "unwritable"

    @contextlib.contextmanager
    def open(self) -> Iterator[MakeTile]:
        raise PermissionError(13, "Permission denied", "/read-only")
        yield


@dataclass(frozen=True)
class Deadly:
    """Work whose process ends before it begins."""

    key: str = "deadly"

    @contextlib.contextmanager
    def open(self) -> Iterator[MakeTile]:
        os._exit(9)
        yield
