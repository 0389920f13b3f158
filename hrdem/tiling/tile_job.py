"""A job of many tiles as its user has it: planned, saved, run, resumed, looked at."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from hrdem.errors import ExitCode, OutputError, OutputExistsError, RequestError
from hrdem.request import tile_fields
from hrdem.request.convert import parse_part
from hrdem.request.signature import complete
from hrdem.runtime.byte_sizes import format_size
from hrdem.runtime.limits import DEFAULT_CONNECTIONS
from hrdem.tiling.allowance import check_connections
from hrdem.tiling.failures import read_failures
from hrdem.tiling.index.write_index import (
    INDEX_NAMES,
    IndexSummary,
    has_current_indexes,
    remove_indexes,
    write_index,
)
from hrdem.tiling.job import Job, JobCost, Tile
from hrdem.tiling.job_file import decode_job, encode_job
from hrdem.tiling.journal import (
    Journal,
    TileState,
    check_job,
    create_job,
    read_journal,
    read_states,
    replace_job,
)
from hrdem.tiling.map_tiles import MapWork, TileFunction, map_tiles, parse_overlap
from hrdem.tiling.open_engine import check_workers, open_engine
from hrdem.tiling.output_store import (
    ITEM_SUFFIX,
    JOB_NAME,
    OutputStore,
    open_store,
)
from hrdem.tiling.progress import OnJobProgress, ignore_job_progress
from hrdem.tiling.run_job import JobSummary, run_job, select_part
from hrdem.tiling.tile_work import TileWork, WorkerSettings
from hrdem.tiling.verify_tiles import DEFAULT_SAMPLES, VerifySummary, verify_tiles

if TYPE_CHECKING:
    from distributed import Client

_LEFT = (TileState.MISSING, TileState.FAILED)


@dataclass(frozen=True, slots=True)
class TileJob:
    """A job of many tiles: what `hrdem.tile_job` returns.

    It is frozen: pixels, files and versions are decided. Tiles are made by `run`, which can be
    repeated until all are there.

    Attributes:
        job: The plan of the whole and its tiles.
        store: Folder or bucket of the outputs.
        worker: What each worker may use: ``max_memory``, ``cache_dir``, ``no_cache``,
            ``max_cache``.
        max_download: Maximum bytes of source tiles that one run may read; None for no limit.
        connections: Connections of all workers together, where a run is not given another number.
        is_saved: Whether the store holds the job already.
        replaces: The job that the store holds, if it is to be replaced.
    """

    job: Job
    store: OutputStore
    worker: Mapping[str, Any]
    max_download: int | None = None
    connections: int = DEFAULT_CONNECTIONS
    is_saved: bool = True
    replaces: Job | None = None

    @classmethod
    def open(cls, output: str | os.PathLike[str], **params: Any) -> TileJob:
        """Open the job that a folder or a bucket holds.

        Args:
            output: Path or address, as for `hrdem.tile_job`.
            **params: ``max_memory``, ``cache_dir``, ``no_cache``, ``max_cache``, ``connections``,
                ``many_connections``, as there.

        Raises:
            RequestError: If a parameter is invalid.
            OutputError: If it holds none, or cannot be read.
        """
        values = complete((*tile_fields.WORKER, *tile_fields.CONNECTIONS), params)
        connections, many = values.pop("connections"), values.pop("many_connections")
        check_connections(connections, many=many)
        store = open_store(tile_fields.STORE.convert(output))
        document = store.read(JOB_NAME)
        if document is None:
            raise OutputError(
                f"{store.address} holds no job of tiles, because there is no {JOB_NAME} in it. "
                "Give the `output` of one that has begun."
            )
        return cls(decode_job(document), store, values, connections=connections)

    @property
    def tiles(self) -> tuple[Tile, ...]:
        """All tiles, sorted by name."""
        return self.job.tiles

    @property
    def cost(self) -> JobCost:
        """What all tiles take: bytes, requests, output, hours."""
        return self.cost_of(self.tiles)

    def cost_of(self, tiles: tuple[Tile, ...], *, on_dask: bool = False) -> JobCost:
        """Return what some tiles take.

        Stored source tiles that several of them read count once, as the cache has them then, as
        far as its limit allows. Without a cache, and on Dask, whose workers may be on several
        machines, they count for each tile.

        Args:
            tiles: The tiles, in their order in the job.
            on_dask: Whether a Dask scheduler's workers make them.
        """
        has_cache = not (self.worker["no_cache"] or on_dask)
        return self.job.cost_of(tiles, self.worker["max_cache"] if has_cache else 0)

    @property
    def worker_settings(self) -> WorkerSettings:
        """What a worker has to know, which it gets with each tile."""
        folder = self.worker["cache_dir"]
        return WorkerSettings(
            self.store.address,
            self.job.sha256,
            None if folder is None else os.fspath(folder.absolute()),
            no_cache=self.worker["no_cache"],
            max_cache=self.worker["max_cache"],
            max_memory=self.worker["max_memory"],
        )

    def status(self) -> dict[str, TileState]:
        """Return the state of each tile by its name; no pixel is read.

        ``"done"``, ``"empty"`` (there is no data, and no raster), ``"failed"``, ``"stale"`` (a
        source was republished), or ``"missing"``.

        Raises:
            OutputError: If the output cannot be read.
        """
        return self._read_journal().states

    def list_left(
        self, part: tuple[int, int] | None = None, *, only_failed: bool = False
    ) -> tuple[Tile, ...]:
        """Return the tiles that a run would make.

        Args:
            part: Number, from 1, and count of parts, as for `run`; None for all.
            only_failed: Whether only those are returned that failed in the last run.
        """
        return self._list_left(self._read_journal(), part, only_failed=only_failed)

    def read_reasons(self) -> dict[str, str]:
        """Return why tiles failed or are stale, a sentence by the name of each."""
        failures = read_failures(self.store, self.job.sha256, self.store.list_names())
        return {name: failure.reason for name, failure in failures.items()}

    def reopen(self) -> TileJob:
        """Return the job that the output holds now."""
        return TileJob.open(self.store.address, **self.worker)

    def save(self) -> TileJob:
        """Save the job into its output, so that other processes can make parts of it.

        Returns:
            The job that the output holds now: of the same request, if another process was faster.

        Raises:
            OutputExistsError: If the output holds files that no job has made, or another job.
            OutputError: If it cannot be written.
        """
        if self.is_saved:
            return self
        document = encode_job(self.job)
        self._check_unused()
        if self.replaces is not None:
            replace_job(self.store, self.replaces, self.job, document)
            return replace(self, is_saved=True, replaces=None)
        if create_job(self.store, document):
            return replace(self, is_saved=True)
        other = self.reopen()
        if other.job.request_digest != self.job.request_digest:
            raise OutputExistsError(
                f"Another process has begun a job of another request in {self.store.address}. "
                "Choose another `output`."
            )
        return replace(other, max_download=self.max_download, connections=self.connections)

    def run(
        self,
        client: Client | str | None = None,
        *,
        workers: int | None = None,
        part: tuple[int, int] | str | None = None,
        connections: int | None = None,
        many_connections: bool = False,
        only_failed: bool = False,
        on_progress: OnJobProgress = ignore_job_progress,
    ) -> JobSummary:
        """Make the tiles that are missing or have failed, and write the indexes.

        Tiles that are there are not touched. A tile that fails is tried three times; the others are
        made. Ended at any time, the next run makes what is left.

        Args:
            client: `distributed.Client`, or the address of a Dask scheduler, whose workers make the
                tiles; None for processes on this machine.
            workers: Number of these processes; None for one a core, 0 for this process.
            part: Number, from 1, and count of parts, as ``(3, 40)``: only tiles of this part are
                made, for the arrays of batch systems.
            connections: Connections of all workers together; of a part, its share of them. None
                for those of the job.
            many_connections: Whether ``connections`` may be more than 64.
            only_failed: Whether only tiles are made that failed in the last run.
            on_progress: Called with a `JobProgress` whenever a tile has ended.

        Returns:
            What was made, what failed and why, and the exit code of the command line.

        Raises:
            RequestError: If a parameter is invalid, more would be read than ``max_download``, or
                another process replaced the job during the run.
            OutputExistsError: If the output holds files that are not of this job.
            OutputError: If it cannot be written.
            MissingLibraryError: If a library for the client is not installed.
        """
        part = None if part is None else _convert_part(part)
        check_workers(workers, client)
        connections = self._choose_connections(connections, many=many_connections)
        journal = self._read_journal()
        left = self._list_left(journal, part, only_failed=only_failed)
        self._check_download(left, on_dask=client is not None)
        if not self.is_saved:
            return self.save().run(
                client,
                workers=workers,
                part=part,
                connections=connections,
                many_connections=True,
                only_failed=only_failed,
                on_progress=on_progress,
            )
        with open_engine(
            TileWork(self.worker_settings),
            workers=workers,
            scheduler=client,
            connections=connections,
        ) as engine:
            summary = run_job(
                self.job,
                self.store,
                engine,
                journal,
                connections=connections,
                part=part,
                only_failed=only_failed,
                on_progress=on_progress,
            )
        if summary.exit_code is not ExitCode.OUTPUT:  # otherwise they cannot be written either
            self._update_index(part, is_changed=summary.progress.tiles > 0)
        return summary

    def map(
        self,
        function: TileFunction,
        overlap: int = 0,
        client: Client | str | None = None,
        *,
        workers: int | None = None,
        connections: int | None = None,
        many_connections: bool = False,
        on_progress: OnJobProgress = ignore_job_progress,
    ) -> Iterator[tuple[str, Any]]:
        """Call a function with the pixels of each tile that has data; write no raster.

        The job is saved first, for the workers. Nothing is recorded: what is interrupted begins
        again, from the cache as far as it has the pixels.

        Args:
            function: Called with a `TilePixels` in a worker; what it returns must be picklable. It
                is defined in a module, or cloudpickle is installed.
            overlap: Pixels around each tile that it is given as well.
            client: As for `run`.
            workers: As for `run`.
            connections: As for `run`.
            many_connections: As for `run`.
            on_progress: As for `run`.

        Yields:
            Name of a tile, and what the function returned for it, as they end.

        Raises:
            RequestError: If a parameter is invalid, the function cannot be sent to workers, a tile
                is too large, or more would be read than ``max_download``.
            HrdemError: At the end, if tiles failed.
        """
        overlap = parse_overlap(overlap)
        check_workers(workers, client)
        connections = self._choose_connections(connections, many=many_connections)
        tiles = tuple(tile for tile in self.tiles if not tile.is_empty)
        self._check_download(tiles, on_dask=client is not None)
        job = self.save()
        work = MapWork.of(job.worker_settings, function, overlap)
        with open_engine(
            work, workers=workers, scheduler=client, connections=connections
        ) as engine:
            yield from map_tiles(
                job.job, engine, overlap=overlap, connections=connections, on_progress=on_progress
            )

    def index(self, *, parquet: bool = False) -> IndexSummary:
        """Write the indexes of the tiles that are there.

        ``collection.json`` is a STAC collection, ``index.gti.gpkg`` a tile index that GDAL and QGIS
        open as one raster, ``mosaic.vrt`` the same for older programs, if there are few tiles.

        Args:
            parquet: Whether the items are written as ``items.parquet`` too.

        Raises:
            OutputError: If they cannot be written.
            MissingLibraryError: If stac-geoparquet is not installed, for ``items.parquet``.
        """
        self._check_saved()
        return write_index(self.job, self.store, self.status(), parquet=parquet)

    def verify(
        self,
        *,
        samples: int = DEFAULT_SAMPLES,
        seed: int = 0,
        on_progress: Callable[[int, int], None] = lambda _checked, _tiles: None,
    ) -> VerifySummary:
        """Compare each tile with its item, and some windows with the source.

        Args:
            samples: Number of windows that are read again from the source.
            seed: Seed of their choice.
            on_progress: Called with the number of tiles that were compared, and of those to
                compare.

        Raises:
            NoDataError: If no tile is there.
            OutputError: If the output cannot be read.
        """
        self._check_saved()
        with self.worker_settings.open() as (_, context):
            return verify_tiles(
                self.job, self.store, context, samples=samples, seed=seed, on_progress=on_progress
            )

    def _read_journal(self) -> Journal:
        if self.is_saved:
            return read_journal(self.job, self.store)
        old = self.replaces
        known = {} if old is None else read_states(old, self.store)
        keys = {} if old is None else {tile.name: tile.key for tile in old.tiles}
        states = {
            tile.name: known[tile.name] if keys.get(tile.name) == tile.key else TileState.MISSING
            for tile in self.tiles
        }
        return Journal(states, {}, ())

    def _list_left(
        self, journal: Journal, part: tuple[int, int] | None, *, only_failed: bool
    ) -> tuple[Tile, ...]:
        tiles = self.tiles if part is None else select_part(self.tiles, part)
        return tuple(journal.list_left(tiles, only_failed=only_failed))

    def _check_download(self, tiles: tuple[Tile, ...], *, on_dask: bool) -> None:
        needed = self.cost_of(tiles, on_dask=on_dask).source_bytes
        if self.max_download is not None and needed > self.max_download:
            raise RequestError(
                f"The tiles need {format_size(needed)} of the sources, and `max_download` allows "
                f"{format_size(self.max_download)}. Give a larger `max_download`, a larger "
                "`resolution`, or a smaller area."
            )

    def _choose_connections(self, connections: int | None, *, many: bool) -> int:
        if connections is None:
            return self.connections
        check_connections(connections, many=many)
        return connections

    def _check_unused(self) -> None:
        """Check that no file is there that no job has made, and that would be taken or replaced."""
        names, old = self.store.list_names(), self.replaces
        if old is None and JOB_NAME in names:  # another process was faster
            return
        known = set() if old is None else {tile.name for tile in old.tiles}
        new = [tile.name for tile in self.tiles if tile.name not in known]
        files = [file for name in new for file in (*self.job.list_files(name), name + ITEM_SUFFIX)]
        files += INDEX_NAMES if old is None else ()
        foreign = next((file for file in files if file in names), None)
        if foreign is not None:
            raise OutputExistsError(
                f"{self.store.address} has a file {foreign}, which no job of tiles has made there. "
                "Choose another `output`, or remove it."
            )

    def _check_saved(self) -> None:
        if not self.is_saved:
            raise OutputError(f"{self.store.address} does not hold this job yet. Run it first.")

    def _update_index(self, part: tuple[int, int] | None, *, is_changed: bool) -> None:
        """Write the indexes after a run; of parts, the one that completes the job does.

        Raises:
            JobReplacedError: If the store holds another job meanwhile: they would be of its tiles.
        """
        check_job(self.job, self.store)
        states = self.status()
        if part is not None and any(state in _LEFT for state in states.values()):
            return
        if TileState.DONE not in states.values():
            remove_indexes(self.store)
        elif is_changed or not has_current_indexes(self.job, self.store, states):
            write_index(self.job, self.store, states)


def _convert_part(part: tuple[int, int] | str) -> tuple[int, int]:
    try:
        return parse_part(part)
    except ValueError as exc:
        raise RequestError(f"`part`: {exc}") from exc
