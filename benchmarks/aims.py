"""What hrdem aims at, and what the runs say."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from benchmarks.contest import FINE, Run
from benchmarks.network import LINES

_OWN, _COPY, _FLOOR = "hrdem", "hrdem:align=blocks", "floor"
_GDAL = ("gdal_translate", "rasterio-tuned", "rasterio-threads")
_SLACK = 64 << 10  # bytes a file, for header and index
_LATENT = tuple(name for name, (rtt, _) in LINES.items() if rtt)
_FAR = "60ms-12MB/s-per-connection"


@dataclass(frozen=True, slots=True)
class Aim:
    """A figure, the most that it should be, and what it is.

    Attributes:
        figure: In words.
        where: Line, codec and window.
        most: The most that it should be.
        found: What it is.
    """

    figure: str
    where: str
    most: float
    found: float


@dataclass(frozen=True, slots=True)
class _Race:
    """The runs of one window of one file on one line."""

    line: str
    codec: str
    size: int
    runs: tuple[Run, ...]

    def median(self, reader: str, of: Callable[[Run], float]) -> float | None:
        values = [of(run) for run in self.runs if run.reader == reader and run.outcome == FINE]
        return statistics.median(values) if values else None

    def wall(self, reader: str) -> float | None:
        return self.median(reader, lambda run: run.wall)

    def fastest(self, readers: Iterable[str]) -> float | None:
        return min(filter(None, map(self.wall, readers)), default=None)

    def aim(self, figure: str, most: float, one: float | None, other: float | None) -> list[Aim]:
        """Compare a figure of ours with another; nothing if one of them is not known."""
        where = f"{self.line}, {self.codec.upper()}, {self.size} px"
        return [Aim(figure, where, most, one / other)] if one and other else []

    def aims(self) -> Iterator[Aim]:
        own = self.wall(_OWN)
        peers = {run.reader for run in self.runs if not run.reader.startswith((_OWN, _FLOOR))}
        if self.line in _LATENT and self.size > 512:
            yield from self.aim("wall over the floor", 1.15, own, self.wall(_FLOOR))
        if self.line == _FAR and self.size == 4_096:
            yield from self.aim("wall over the best peer", 0.5, own, self.fastest(peers))
        if self.line not in _LATENT and self.size == 16_384:
            figure = "wall over the best tuned GDAL, same codec"
            yield from self.aim(figure, 1.0, own, self.fastest(_GDAL))
        if self.size > 512:
            received = self.median(_OWN, lambda run: run.size_received - _SLACK)
            needed = self.median(_FLOOR, lambda run: run.size_received)
            yield from self.aim("bytes over the tiles', less 64 kB", 1.02, received, needed)
        if self.size >= 16_384:
            peak = max((run.peak for run in self.runs if run.reader == _OWN), default=None)
            yield from self.aim("largest peak of memory over 300 MB", 1.0, peak, 300e6)
            cpu, copying = (self.median(each, lambda run: run.cpu) for each in (_OWN, _COPY))
            yield from self.aim("CPU of --align blocks over the usual mode's", 0.3, copying, cpu)


def aims(runs: Sequence[Run]) -> Iterator[Aim]:
    """Compare what can be compared."""
    for where in dict.fromkeys((run.line, run.codec, run.size) for run in runs):
        chosen = (run for run in runs if (run.line, run.codec, run.size) == where)
        yield from _Race(*where, tuple(chosen)).aims()


def aims_table(runs: Sequence[Run]) -> Iterator[str]:
    """Write the comparison as a Markdown table, the figures in the order of the first of each."""
    found = list(aims(runs))
    yield "| figure | where | at most | measured | |"
    yield "|---|---|---|---|---|"
    for figure in dict.fromkeys(aim.figure for aim in found):
        for aim in (each for each in found if each.figure == figure):
            verdict = "reached" if aim.found <= aim.most else "missed"
            yield f"| {figure} | {aim.where} | {aim.most:g} | {aim.found:.2f} | {verdict} |"
