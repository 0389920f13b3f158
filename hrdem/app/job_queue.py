"""The queue: jobs wait in the store, run a few at a time, and are reported to their pages."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio.to_thread

from hrdem.app import equivalents
from hrdem.app.events import Hub
from hrdem.app.job import Job, JobProgress, State, make_id
from hrdem.app.job_store import JobStore
from hrdem.app.problems import RefusedError, describe, no_area, unknown
from hrdem.app.run_job import describe_area_file, list_files, run_process
from hrdem.app.settings import MAX_JOBS_IN_ALL, Settings
from hrdem.errors import ExitCode

log = logging.getLogger(__name__)

AREA_FILE = "area.geojson"
SECONDS_BETWEEN_CLEANINGS = 3600.0
SECONDS_AFTER_FAILURE = 5.0
_SUMMARY = ("grid", "statistics", "percent_by_tier", "received_bytes", "cached_bytes", "seconds")


class JobQueue:
    """Runs jobs. Use it in the thread of the event loop.

    Args:
        settings: Settings of the server.
        store: The jobs.
        hub: Gets each job that changes.
    """

    def __init__(self, settings: Settings, store: JobStore, hub: Hub) -> None:
        self._settings = settings
        self._store = store
        self._hub = hub
        self._wake = asyncio.Event()
        self._stops: dict[str, asyncio.Event] = {}
        self._progress: dict[str, JobProgress] = {}
        self._closing = asyncio.Event()

    @property
    def folder(self) -> Path:
        """The folder of jobs, each of which has a folder of its own in it."""
        return self._settings.data / "jobs"

    async def run(self) -> None:
        """Run jobs until the server stops; those that ran when it last ended begin again."""
        await self._insist(self.recover)
        async with asyncio.TaskGroup() as group:
            for _ in range(self._settings.workers):
                group.create_task(self._work())
            group.create_task(self._clean_up_now_and_then())

    def close(self) -> None:
        """Stop the running jobs; they begin again with the next server."""
        self._closing.set()
        self._wake.set()
        for stop in self._stops.values():
            stop.set()

    def describe(self, job: Job) -> dict[str, Any]:
        """Return a job as the page gets it."""
        position = None
        if job.state is State.QUEUED:
            position = self._store.count_queued_before(job) + 1
        same = equivalents.to_texts(dict(job.request), AREA_FILE, self._settings.services)
        return job.as_dict(position, self._progress.get(job.id), same)

    def add(
        self,
        owner: str,
        request: Mapping[str, Any],
        label: str,
        area_file: Path | None,
        estimated_bytes: int | None,
    ) -> Job:
        """Queue a job.

        Args:
            owner: Id of the browser.
            request: The checked request.
            label: Name of its area.
            area_file: File of an uploaded area, which is copied; None for other areas.
            estimated_bytes: Estimate of its download.

        Raises:
            RefusedError: If too many jobs wait already.
        """
        if self._store.count_open(owner) >= self._settings.max_jobs:
            raise RefusedError(
                429,
                "TooManyJobs",
                f"{self._settings.max_jobs} jobs wait or run already. Wait until one is done, or "
                "cancel some.",
            )
        if self._store.count_open() >= MAX_JOBS_IN_ALL:
            raise RefusedError(429, "TooManyJobs", "The queue is full. Try again in some minutes.")
        job = Job(make_id(), owner, request, label, time.time(), estimated_bytes=estimated_bytes)
        folder = self.folder / job.id
        folder.mkdir(parents=True)
        if area_file is not None:
            try:
                shutil.copyfile(area_file, folder / AREA_FILE)
            except FileNotFoundError as exc:
                raise no_area() from exc
        self._save(job)
        self._wake.set()
        return job

    def again(self, owner: str, id_: str) -> Job:
        """Queue the request of a job once more, as a new job; what has changed is read anew."""
        job = self.get(owner, id_)
        area_file = self.folder / job.id / AREA_FILE
        return self.add(
            owner,
            job.request,
            job.label,
            area_file if "upload" in job.request["area"] else None,
            job.estimated_bytes,
        )

    def get(self, owner: str, id_: str) -> Job:
        """Return a job of a browser.

        Raises:
            RefusedError: If there is none.
        """
        job = self._store.get(id_)
        if job is None or job.owner != owner:
            raise unknown()
        return job

    def list_of(self, owner: str) -> list[dict[str, Any]]:
        """Return the jobs of a browser as its page gets them, the newest first."""
        return [self.describe(job) for job in self._store.list_of(owner)]

    def cancel(self, owner: str, id_: str) -> Job:
        """Cancel a job: one that waits at once, one that runs as soon as it stops."""
        job = self.get(owner, id_)
        if job.id in self._stops:
            job = replace(job, finished=time.time())  # even if the server ends before the job
            self._store.save(job)
            self._stops[job.id].set()
        elif job.state is State.QUEUED:
            job = replace(job, state=State.CANCELLED, finished=time.time())
            self._save(job)
        return job

    async def delete(self, owner: str, id_: str) -> None:
        """Remove a job that does not run, and its files.

        Raises:
            RefusedError: If it runs.
        """
        job = self.get(owner, id_)
        if job.state is State.RUNNING:
            raise RefusedError(409, "Running", "The job is running. Cancel it first.")
        self._forget(job)
        await self._remove_folder(self.folder / job.id)

    def find_file(self, owner: str, id_: str, name: str) -> tuple[Path, dict[str, Any]]:
        """Return the path of a file of a job, and what the job tells of it.

        Raises:
            RefusedError: If the job does not list it.
        """
        job = self.get(owner, id_)
        for file in job.result.get("files", ()):
            if file["name"] == name:
                is_area = file["role"] == "area"
                folder = self.folder / job.id if is_area else self._run_folder(job)
                return folder / file["name"], file
        raise unknown()

    def find_raster(self, owner: str, id_: str, product: str) -> Path:
        """Return the path of the raster of a product.

        Raises:
            RefusedError: If the job has none.
        """
        job = self.get(owner, id_)
        for file in job.result.get("files", ()):
            if file["role"] == "raster" and file["product"] == product:
                return self._run_folder(job) / str(file["name"])
        raise unknown()

    async def evict(self) -> None:
        """Remove what is too old, and the oldest results as long as all are too large."""
        oldest = time.time() - self._settings.keep_days * 86_400
        excess = self._store.total_bytes() - self._settings.max_disk
        for id_ in self._store.drop_old_areas(oldest):
            await self._remove_folder(self._settings.data / "areas" / id_)
        for job in self._store.finished():
            if (job.finished or 0) >= oldest and excess <= 0:
                break
            excess -= job.bytes
            await self._remove_folder(self.folder / job.id)  # first: a full disk takes no changes
            self._forget(job)

    def recover(self) -> None:
        """Queue the jobs that ran when the server ended; remove what they and others left."""
        self._store.queue_again()
        areas = self._store.list_areas()
        for folder in (self._settings.data / "areas").iterdir():
            if folder.name not in areas:
                shutil.rmtree(folder, ignore_errors=True)
        for folder in self.folder.iterdir():
            job = self._store.get(folder.name)
            if job is None:
                shutil.rmtree(folder, ignore_errors=True)
                continue
            for run in folder.glob("run-*"):
                if job.state is not State.DONE or run != self._run_folder(job):
                    shutil.rmtree(run, ignore_errors=True)

    def _run_folder(self, job: Job) -> Path:
        return self.folder / job.id / f"run-{job.run}"

    async def _work(self) -> None:
        while not self._closing.is_set():
            try:
                if job := self._store.next_queued():
                    await self._run(job)
                    continue
            except Exception:  # whatever happens, as a full disk: the queue continues
                log.exception("The queue cannot be read or written.")
                await self._rest(SECONDS_AFTER_FAILURE)
                continue
            self._wake.clear()
            await self._wake.wait()

    async def _run(self, job: Job) -> None:
        """Run a job until it ends."""
        job = replace(job, state=State.RUNNING, started=time.time(), run=job.run + 1)
        self._save(job)
        stop = self._stops[job.id] = asyncio.Event()
        folder = self._run_folder(job)

        def report(progress: JobProgress) -> None:
            self._progress[job.id] = progress
            self._tell(job)

        try:
            self._tell_those_that_wait()
            done = await self._execute(job, folder, stop, report)
            if done.state not in (State.DONE, State.QUEUED):
                await self._remove_folder(folder)
        except Exception as exc:  # whatever happens to one job, the others go on
            log.exception("Job %s failed.", job.id)
            error = describe("Defect", f"The job could not be run: {exc}. Start it again.")
            done = replace(job, state=State.FAILED, result={"error": error})
        finally:
            self._progress.pop(job.id, None)
        if done.state is not State.QUEUED:
            done = replace(done, finished=time.time())
        await self._insist(lambda: self._save(done))
        del self._stops[job.id]
        await self.evict()

    async def _execute(
        self,
        job: Job,
        folder: Path,
        stop: asyncio.Event,
        report: Callable[[JobProgress], None],
    ) -> Job:
        await anyio.to_thread.run_sync(lambda: folder.mkdir(parents=True))
        arguments = [
            "extract",
            *equivalents.to_arguments(dict(job.request), str(self.folder / job.id / AREA_FILE)),
            *self._settings.services.as_arguments(),
            *("--json", "--progress=json"),
        ]
        for name in ("max_download", "max_memory"):
            limit = getattr(self._settings, name)
            if limit is not None:
                arguments.append(f"--{name.replace('_', '-')}={limit}")
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("HRDEM_")  # would change what the page shows
        }
        outcome = await run_process(
            arguments, folder, environment, stop, report, job.estimated_bytes
        )
        if stop.is_set() and outcome.error is not None:
            now = self._store.get(job.id)
            is_cancelled = now is not None and now.finished is not None
            return replace(job, state=State.CANCELLED if is_cancelled else State.QUEUED)
        warnings = outcome.document.get("warnings", [])
        if outcome.error is not None:
            if outcome.code == ExitCode.DEFECT:
                log.error("Job %s failed:\n%s", job.id, outcome.messages)
            result = {"error": outcome.error, "warnings": warnings}
            return replace(job, state=State.FAILED, result=result)
        files = list_files(folder, outcome.document)
        if "upload" in job.request["area"]:
            files.append(describe_area_file(self.folder / job.id / AREA_FILE))
        outputs = outcome.document.get("outputs", [outcome.document])
        summary = {
            each["request"]["product"]: {key: each.get(key) for key in _SUMMARY} for each in outputs
        }
        result = {"files": files, "summary": summary, "warnings": warnings}
        size = sum(file["bytes"] for file in files)
        return replace(job, state=State.DONE, result=result, bytes=size)

    def _forget(self, job: Job) -> None:
        self._store.delete(job.id)
        self._hub.publish_removed(job.owner, job.id)

    def _save(self, job: Job) -> None:
        self._store.save(job)
        self._tell(job)

    def _tell(self, job: Job) -> None:
        if self._hub.has_pages(job.owner):
            self._hub.publish(job.owner, self.describe(job))

    def _tell_those_that_wait(self) -> None:
        """Tell the jobs that wait that they have moved up."""
        for job in self._store.queued():
            self._tell(job)

    async def _clean_up_now_and_then(self) -> None:
        while not self._closing.is_set():
            try:
                await self.evict()
            except Exception:  # whatever happens, jobs go on
                log.exception("Old results cannot be removed.")
            await self._rest(SECONDS_BETWEEN_CLEANINGS)

    async def _insist(self, act: Callable[[], None]) -> None:
        """Do something again until it works, as after a disk was full, or the server stops."""
        while True:
            try:
                return act()
            except (OSError, sqlite3.Error):
                log.exception("The jobs cannot be written.")
            if self._closing.is_set():
                return None
            await self._rest(SECONDS_AFTER_FAILURE)

    async def _rest(self, seconds: float) -> None:
        """Wait, unless the server stops."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._closing.wait()

    @staticmethod
    async def _remove_folder(folder: Path) -> None:
        await anyio.to_thread.run_sync(lambda: shutil.rmtree(folder, ignore_errors=True))
