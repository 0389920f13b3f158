"""The work of a worker: it opens the job and one client, and makes tile after tile with them."""

from __future__ import annotations

import contextlib
import platform
from collections.abc import Iterator
from dataclasses import dataclass

from hrdem.errors import RequestError
from hrdem.http.client_settings import ClientSettings
from hrdem.http.run_context import RunContext
from hrdem.runtime.limits import DEFAULT_MAX_CACHE_BYTES, DEFAULT_MAX_MEMORY_BYTES
from hrdem.tiling.job import Job
from hrdem.tiling.job_file import decode_job
from hrdem.tiling.journal import job_replaced_error
from hrdem.tiling.make_tile import make_tile
from hrdem.tiling.output_store import JOB_NAME, open_store
from hrdem.tiling.report_tile import report_tile
from hrdem.tiling.task import MakeTile

# Memory is divided as if a worker had these, whatever the machine, so that all write a file's tiles
# in the same order.
CODERS = 2
BASELINE_BYTES = 190_000_000  # of a worker with its job, before its first tile


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """What a worker has to know to make the tiles of a job; it can be pickled.

    Attributes:
        address: Address of the job's store.
        sha256: Hash of the job, which the store has to hold.
        cache_dir: Folder of the cache; None for the system's cache folder.
        no_cache: Whether to neither read nor write the cache.
        max_cache: Largest size of the cache in bytes.
        max_memory: Peak memory of a worker, bytes.
    """

    address: str
    sha256: str
    cache_dir: str | None = None
    no_cache: bool = False
    max_cache: int = DEFAULT_MAX_CACHE_BYTES
    max_memory: int = DEFAULT_MAX_MEMORY_BYTES

    @contextlib.contextmanager
    def open(self) -> Iterator[tuple[Job, RunContext]]:
        """Yield the job, read from its store, and a context with a client of its own."""
        job = _read_job(self.address, self.sha256)
        request = job.plan.request
        services = (request.stac_url, request.wcs_url)
        trusted = tuple(url for url in services if url is not None)
        settings = ClientSettings(self.cache_dir, self.no_cache, self.max_cache)
        with settings.client(None, trusted, fetches=True) as http, settings.data_dir() as cache:
            yield (
                job,
                RunContext(
                    http,
                    cache,
                    self.max_memory,
                    coders=CODERS,
                    baseline_memory=lambda: BASELINE_BYTES,
                ),
            )


def _read_job(address: str, sha256: str) -> Job:
    """Read the job that a driver runs."""
    content = open_store(address).read(JOB_NAME)
    if content is None:
        raise RequestError(
            f"There is no {JOB_NAME} in {address} on the machine {platform.node()}. Give a folder "
            "as `output` that all machines share, or the address of a bucket."
        )
    job = decode_job(content)
    if job.sha256 != sha256:
        raise job_replaced_error(address)
    return job


@dataclass(frozen=True, slots=True)
class TileWork:
    """Make tiles and commit them to the job's store (see `hrdem.tiling.task.Work`).

    Attributes:
        settings: What a worker has to know.
    """

    settings: WorkerSettings

    @property
    def key(self) -> str:
        """Hash of the job, and the settings."""
        return repr(self.settings)

    @contextlib.contextmanager
    def open(self) -> Iterator[MakeTile]:
        """Yield what makes one tile at a time."""
        store = open_store(self.settings.address)
        with self.settings.open() as (job, context):
            yield lambda task: report_tile(
                task, job, context, lambda tile: make_tile(job, tile, store, context)
            )
