"""Targets: what hrdem aims at, and what the runs show."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from benchmarks.comparison import EQUAL, Run
from benchmarks.links import LINKS

_HRDEM, _BLOCK_COPY, _FLOOR = "hrdem", "hrdem:align=blocks", "floor"
_GDAL = ("gdal_translate", "rasterio-tuned", "rasterio-threads")
_OVERHEAD_BYTES = 64 << 10  # a file, for header and index
_LATENT = tuple(name for name, (rtt, _) in LINKS.items() if rtt)
_FAR = "60ms-12MB/s-per-connection"


@dataclass(frozen=True, slots=True)
class Target:
    """A figure with its limit.

    Attributes:
        figure: Description.
        where: Link, codec and window.
        limit: Largest value that reaches the target.
        measured: Measured value.
    """

    figure: str
    where: str
    limit: float
    measured: float


@dataclass(frozen=True, slots=True)
class _Group:
    """The runs of one window of one file on one link."""

    link: str
    codec: str
    size: int
    runs: tuple[Run, ...]

    def median(self, reader: str, of: Callable[[Run], float]) -> float | None:
        values = [of(run) for run in self.runs if run.reader == reader and run.outcome == EQUAL]
        return statistics.median(values) if values else None

    def wall(self, reader: str) -> float | None:
        return self.median(reader, lambda run: run.wall)

    def fastest(self, readers: Iterable[str]) -> float | None:
        return min(filter(None, map(self.wall, readers)), default=None)

    def compare(
        self, figure: str, limit: float, one: float | None, other: float | None
    ) -> list[Target]:
        """Compare a figure of ours with another; empty if one of them is unknown."""
        where = f"{self.link}, {self.codec.upper()}, {self.size} px"
        return [Target(figure, where, limit, one / other)] if one and other else []

    def targets(self) -> Iterator[Target]:
        own = self.wall(_HRDEM)
        peers = {run.reader for run in self.runs if not run.reader.startswith((_HRDEM, _FLOOR))}
        if self.link in _LATENT and self.size > 512:
            yield from self.compare("wall over the floor", 1.15, own, self.wall(_FLOOR))
        if self.link == _FAR and self.size == 4_096:
            yield from self.compare("wall over the best peer", 0.5, own, self.fastest(peers))
        if self.link not in _LATENT and self.size == 16_384:
            figure = "wall over the best tuned GDAL, same codec"
            yield from self.compare(figure, 1.0, own, self.fastest(_GDAL))
        if self.size > 512:
            received = self.median(_HRDEM, lambda run: run.size_received - _OVERHEAD_BYTES)
            needed = self.median(_FLOOR, lambda run: run.size_received)
            yield from self.compare("bytes over the tiles', less 64 kB", 1.02, received, needed)
        if self.size >= 16_384:
            peak = max((run.peak for run in self.runs if run.reader == _HRDEM), default=None)
            yield from self.compare("largest peak of memory over 300 MB", 1.0, peak, 300e6)
            cpu, copying = (
                self.median(each, lambda run: run.cpu) for each in (_HRDEM, _BLOCK_COPY)
            )
            yield from self.compare(
                "CPU of --align blocks over the usual mode's", 0.3, copying, cpu
            )


def targets(runs: Sequence[Run]) -> Iterator[Target]:
    """Compare the figures that the runs have."""
    for where in dict.fromkeys((run.link, run.codec, run.size) for run in runs):
        chosen = (run for run in runs if (run.link, run.codec, run.size) == where)
        yield from _Group(*where, tuple(chosen)).targets()


def targets_table(runs: Sequence[Run]) -> Iterator[str]:
    """Return the comparison as a Markdown table, grouped by figure."""
    found = list(targets(runs))
    yield "| figure | where | at most | measured | |"
    yield "|---|---|---|---|---|"
    for figure in dict.fromkeys(target.figure for target in found):
        for target in (each for each in found if each.figure == figure):
            verdict = "reached" if target.measured <= target.limit else "missed"
            numbers = f"{target.limit:g} | {target.measured:.2f}"
            yield f"| {figure} | {target.where} | {numbers} | {verdict} |"
