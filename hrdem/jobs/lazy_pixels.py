"""Pixels of a plan's output that are read when they are indexed, in any thread or process.

Dask's tasks depend on one key of the graph that holds them. A worker receives the plan with it
once, however many chunks it reads, and a task is as small as its window.
"""

from __future__ import annotations

import contextlib
import pickle
import threading
import uuid
import weakref
import zlib
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Self

import numpy as np

from hrdem.geo.grid import Pixels, Window
from hrdem.http.protocol import Http
from hrdem.http.run_context import RunContext, RunSettings
from hrdem.jobs.extract import warn_of_infinite_pixels
from hrdem.jobs.read_pixels import read_pixels, read_pixels_and_sources
from hrdem.planning.cut_plan import cut_plan
from hrdem.planning.plan import Plan
from hrdem.processing.memory_budget import divide_by_runs
from hrdem.processing.vertical.shift_grid import ShiftGrid
from hrdem.runtime.gdal_env import pinned_gdal
from hrdem.runtime.lru import LruCache
from hrdem.runtime.memory import measure_baseline
from hrdem.runtime.progress import ignore_progress

MAX_CONCURRENT_READS = 8  # in a process; they share the connections of one client
MAX_RECENT_PLANS = 4  # that a process holds unpickled between its tasks
_COMPRESSION_LEVEL = 1  # an outline hardly shrinks more at others

Index = tuple[slice | int | Sequence[int], ...]


class LazyPixels:
    """Pixels of a plan's output that are read when they are indexed.

    A pickled copy reads the same pixels, with a client of its own process, and reports no progress.

    Args:
        key: Name that no other pixels have.
        shape: Height and width.
        dtype: Pixel type, a numpy name.
        reader: Reads the pixels; or one that was pickled, for when it is needed.

    Attributes:
        shape: Height and width.
        dtype: Pixel type.
    """

    ndim = 2

    def __init__(
        self, key: str, shape: tuple[int, int], dtype: str, reader: PlanReader | bytes
    ) -> None:
        self.shape = shape
        self.dtype = np.dtype(dtype)
        self._key = key
        self._reader = None if isinstance(reader, bytes) else reader
        self._pickled = reader if isinstance(reader, bytes) else None

    @classmethod
    def of(cls, plan: Plan, shift_grid: ShiftGrid | None, settings: RunSettings) -> Self:
        """Return the pixels of a plan's output.

        Args:
            plan: The plan.
            shift_grid: From `hrdem.processing.vertical.find_grid.find_shift_grid`.
            settings: Client, cache and limits to read with.
        """
        shape = plan.grid.height, plan.grid.width
        return cls(uuid.uuid4().hex, shape, plan.dtype, PlanReader(plan, shift_grid, settings))

    def __getitem__(self, index: Index) -> Pixels:
        """Read pixels.

        Args:
            index: For each axis a slice, a position, or a list of positions.
        """
        chosen = [np.arange(size)[part] for size, part in zip(self.shape, index, strict=True)]
        if not all(positions.size for positions in chosen):
            return np.broadcast_to(self.dtype.type(), self.shape)[tuple(index)]
        top, left = (int(positions.min()) for positions in chosen)
        bottom, right = (int(positions.max()) for positions in chosen)
        pixels = self._open().read(Window(left, top, right - left + 1, bottom - top + 1))
        within = (
            slice(None, None, part.step) if isinstance(part, slice) else positions - first
            for part, positions, first in zip(index, chosen, (top, left), strict=True)
        )
        result: Pixels = pixels[tuple(within)]
        return result

    def __reduce__(self) -> tuple[Any, ...]:
        if self._pickled is None:
            assert self._reader is not None
            self._pickled = self._reader.pickle()
        return LazyPixels, (self._key, self.shape, self.dtype.name, self._pickled)

    def _open(self) -> PlanReader:
        if self._reader is None:
            assert self._pickled is not None
            self._reader = _unpickle_reader(self._key, self._pickled)
        return self._reader


class PlanReader:
    """Reads windows of a plan's output, several at the same time; warns once of infinite pixels.

    Args:
        plan: The plan.
        shift_grid: Differences added to heights; None for none.
        settings: Client, cache and limits to read with.
    """

    def __init__(self, plan: Plan, shift_grid: ShiftGrid | None, settings: RunSettings) -> None:
        self._plan = plan
        self._shift_grid = shift_grid
        self._settings = settings
        self._lock = threading.Lock()
        self._client: _SharedClient | None = None
        self._has_warned = False

    def read(self, window: Window) -> Pixels:
        """Read the pixels of a window, once there is memory for it.

        Raises:
            HrdemError: As `read_pixels` does.
        """
        plan = self._plan
        with self._open(window) as opened:
            if opened is None:
                return np.full((window.height, window.width), plan.nodata, plan.dtype)
            cut, context = opened
            pixels, stats = read_pixels(cut, cut.grid.window, self._shift_grid, context)
        self._warn(stats.infinite)
        return pixels

    def read_with_sources(self, window: Window) -> tuple[list[Pixels], tuple[str, ...]]:
        """Read a window and its sources, once there is memory for it.

        Returns:
            Arrays, as `hrdem.jobs.read_pixels.read_pixels_and_sources` returns them; and the name
            of the source of each id, from 1.

        Raises:
            HrdemError: As `read_pixels_and_sources` does.
        """
        plan, size = self._plan, (window.height, window.width)
        with self._open(window) as opened:
            if opened is None:
                ids = [np.zeros(size, np.uint8) for _ in plan.request.product.surfaces]
                return [np.full(size, plan.nodata, plan.dtype), *ids], ()
            cut, context = opened
            arrays, stats = read_pixels_and_sources(cut, cut.grid.window, self._shift_grid, context)
        self._warn(stats.infinite)
        return arrays, tuple(source.name for source in cut.sources)

    @contextlib.contextmanager
    def _open(self, window: Window) -> Iterator[tuple[Plan, RunContext] | None]:
        """Yield the plan of a window and what to read it with; None if it has no source."""
        settings = self._settings
        with pinned_gdal():
            cut = cut_plan(self._plan, window)
            if cut is None:
                yield None
                return
            with _runs.take(settings.max_memory) as (max_memory, used_memory):
                if settings.http is None and not settings.client_settings.offline:
                    settings = replace(settings, http=self._open_client())
                with replace(settings, max_memory=max_memory).open() as opened:
                    yield cut, replace(opened, baseline_memory=lambda: used_memory)

    def pickle(self) -> bytes:
        """Return it pickled, without the client and the callback, which belong to this process."""
        settings = replace(self._settings, http=None, on_progress=ignore_progress)
        content = pickle.dumps((self._plan, self._shift_grid, settings), pickle.HIGHEST_PROTOCOL)
        return zlib.compress(content, _COMPRESSION_LEVEL)

    def _warn(self, infinite: int) -> None:
        if not infinite:
            return
        with self._lock:
            has_warned, self._has_warned = self._has_warned, True
        if not has_warned:
            warn_of_infinite_pixels(infinite, in_part=True)

    def _open_client(self) -> Http:
        with self._lock:
            if self._client is None:
                self._client = _share_client(self._settings)
            return self._client.http


class _SharedClient:
    """A client that is closed when no reader has it any more."""

    def __init__(self, settings: RunSettings) -> None:
        self.http = settings.client_settings.make_client(settings.trusted)
        weakref.finalize(self, self.http.close)


class _ConcurrentRuns:
    """Limits the reads of a process at a time, so that each has memory."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._count = 0
        self._used_memory: int | None = None  # before the first read

    @contextlib.contextmanager
    def take(self, max_memory: int) -> Iterator[tuple[int, int]]:
        """Wait for memory; yield the limit of one read, and the bytes that were used before."""
        with self._changed:
            if self._used_memory is None:
                self._used_memory = measure_baseline()
            used = self._used_memory
            max_runs, limit = divide_by_runs(max_memory, used, MAX_CONCURRENT_READS)
            self._changed.wait_for(lambda: self._count < max_runs)
            self._count += 1
        try:
            yield limit, used
        finally:
            with self._changed:
                self._count -= 1
                self._changed.notify_all()


_runs = _ConcurrentRuns()
_lock = threading.Lock()
_clients: weakref.WeakValueDictionary[Hashable, _SharedClient] = weakref.WeakValueDictionary()
_recent: LruCache[PlanReader] = LruCache(MAX_RECENT_PLANS)


def _share_client(settings: RunSettings) -> _SharedClient:
    """Return the client of this process for the services that a user named."""
    key = settings.trusted, settings.client_settings.max_connections
    with _lock:
        client = _clients.get(key)
        if client is None:
            client = _clients[key] = _SharedClient(settings)
        return client


def _unpickle_reader(key: str, pickled: bytes) -> PlanReader:
    """Return the reader that was pickled, the same one as long as it is among the recent ones."""
    with _lock:
        reader = _recent.get(key)
        if reader is None:
            reader = PlanReader(*pickle.loads(zlib.decompress(pickled)))  # noqa: S301 (dask's own)
            _recent.put(key, reader, 1)
        return reader
