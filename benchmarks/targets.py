"""Targets: what hrdem aims at, and what the runs show. Ratios of medians within one benchmark."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from benchmarks.results import BEFORE, EQUAL, Run

_HRDEM, _UNCACHED, _BLOCK_COPY = "hrdem", "hrdem:no_cache=True", "hrdem:align=blocks"
_FLOOR, _THREADS = "floor", "rasterio-threads"
_LOOPBACK, _FAR = "loopback", "60ms-12MB/s-per-connection"
_NEAR, _NARROW = "30ms-60MB/s", "80ms-10MB/s"
#: Link and size of the window -> largest ratio.
_OVER_FLOOR = {
    (_FAR, 16_384): 1.15,
    (_NEAR, 16_384): 1.08,
    (_NARROW, 16_384): 1.05,
    (_FAR, 4_096): 1.4,
    (_NEAR, 4_096): 1.35,
    (_FAR, 512): 1.5,
}
_OVER_BEST_PEER = {(_FAR, 512): 1.0, (_FAR, 4_096): 0.7, (_FAR, 16_384): 0.6}
_OVER_THREADS = {(_LOOPBACK, 16_384): 1.0}
_LARGE = 16_384  # pixels, where the start of the process no longer counts
MAX_CACHE_COST = 1.05
MAX_PEAK_BYTES = 300e6
MAX_BLOCK_COPY_COST = 0.3


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

    def cpu(self, reader: str) -> float | None:
        return self.median(reader, lambda run: run.cpu)

    def compare(
        self, figure: str, limit: float | None, one: float | None, other: float | None
    ) -> Iterator[Target]:
        """Compare two figures, if there is a target here and both were measured."""
        if limit and one and other:
            where = f"{self.link}, {self.codec.upper()}, {self.size:,} px"
            yield Target(figure, where, limit, one / other)

    def targets(self) -> Iterator[Target]:
        here, own = (self.link, self.size), self.wall(_HRDEM)
        is_large = self.size >= _LARGE
        yield from self.compare(
            "wall over the floor", _OVER_FLOOR.get(here), own, self.wall(_FLOOR)
        )
        walls = filter(None, map(self.wall, {run.reader for run in self.runs if _is_peer(run)}))
        best = min(walls, default=None)
        yield from self.compare("wall over the best peer", _OVER_BEST_PEER.get(here), own, best)
        threads = self.wall(_THREADS)
        figure = "wall over rasterio with 8 tuned handles"
        yield from self.compare(figure, _OVER_THREADS.get(here), own, threads)
        figure = "CPU with the cache over that without"
        limit = MAX_CACHE_COST if is_large else None
        yield from self.compare(figure, limit, self.cpu(_HRDEM), self.cpu(_UNCACHED))
        peak = max((run.peak for run in self.runs if run.reader == _HRDEM), default=None)
        yield from self.compare("largest peak of memory over 300 MB", 1.0, peak, MAX_PEAK_BYTES)
        figure = "CPU of --align blocks over the usual way's"
        limit = MAX_BLOCK_COPY_COST if is_large else None
        yield from self.compare(figure, limit, self.cpu(_BLOCK_COPY), self.cpu(_HRDEM))


def targets(runs: Sequence[Run]) -> Iterator[Target]:
    """Compare the figures that the runs without TLS have."""
    plain = [run for run in runs if not run.tls and not run.catalog_ms]
    for where in dict.fromkeys((run.link, run.codec, run.size) for run in plain):
        chosen = (run for run in plain if (run.link, run.codec, run.size) == where)
        yield from _Group(*where, tuple(chosen)).targets()


def targets_table(runs: Sequence[Run]) -> Iterator[str]:
    """Return the comparison as a Markdown table, grouped by figure.

    Runs of an earlier checkout have a column of their own.
    """
    found = list(targets(runs))
    before = [
        dataclasses.replace(run, reader=_HRDEM) if run.reader == BEFORE else run
        for run in runs
        if not run.reader.startswith(_HRDEM)
    ]
    earlier = {(each.figure, each.where): each.measured for each in targets(before)}
    yield "| figure | where | at most | before | measured | |"
    yield "|---|---|--:|--:|--:|---|"
    for figure in dict.fromkeys(target.figure for target in found):
        for target in (each for each in found if each.figure == figure):
            verdict = "reached" if target.measured <= target.limit else "missed"
            old = earlier.get((figure, target.where))
            numbers = (
                f"{target.limit:g} | {'' if old is None else f'{old:.2f}'} | {target.measured:.2f}"
            )
            yield f"| {figure} | {target.where} | {numbers} | {verdict} |"


def _is_peer(run: Run) -> bool:
    return not run.reader.startswith((_HRDEM, BEFORE, _FLOOR, "plain"))
