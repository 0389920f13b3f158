"""The jobs and areas of all browsers, in SQLite, so that they outlive the server.

One connection holds the database alone: a second server on the same folder is refused, and the
system ends the lock with the process.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from hrdem.app.job import Job, State
from hrdem.errors import OutputError

SCHEMA_VERSION = 1
_SCHEMA = """
create table job (
    id text primary key,
    owner text not null,
    request text not null,
    label text not null,
    created real not null,
    started real,
    finished real,
    state text not null,
    run integer not null,
    estimated_bytes integer,
    bytes integer not null,
    result text not null
) strict;
create index job_by_owner on job (owner, created);
create index job_by_state on job (state, created);
create table area (
    id text primary key,
    owner text not null,
    created real not null,
    description text not null
) strict;
create index area_by_owner on area (owner, created);
"""
_COLUMNS = (
    *("id", "owner", "request", "label", "created", "started", "finished", "state", "run"),
    *("estimated_bytes", "bytes", "result"),
)
_OPEN = (State.QUEUED.value, State.RUNNING.value)


@dataclass(frozen=True, slots=True)
class StoredArea:
    """An area that a browser sent.

    Attributes:
        id: Its id.
        owner: Id of the browser.
        description: What the page shows of it.
    """

    id: str
    owner: str
    description: Mapping[str, Any]


class JobStore:
    """Stores jobs and areas. Use it in one thread at a time, and as a context manager.

    Args:
        path: The database; created if it does not exist.

    Raises:
        OutputError: If another server uses it, or it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, timeout=0.5, isolation_level=None, check_same_thread=False)
        try:
            self._db.execute("pragma locking_mode = exclusive")
            self._db.execute("pragma journal_mode = wal")
            self._db.execute("pragma synchronous = normal")
            self._db.execute("begin exclusive")
            (version,) = self._db.execute("pragma user_version").fetchone()
            if version == 0:
                for statement in _SCHEMA.split(";"):
                    self._db.execute(statement)
                self._db.execute(f"pragma user_version = {SCHEMA_VERSION}")
            self._db.execute("commit")
        except sqlite3.Error as exc:
            self._db.close()
            is_locked = getattr(exc, "sqlite_errorcode", 0) == sqlite3.SQLITE_BUSY
            reason = "another hrdem app uses it" if is_locked else str(exc)
            raise OutputError(
                f"The jobs in {path.parent} cannot be opened: {reason}. Stop the other one, or "
                "give another folder of data."
            ) from exc
        if version > SCHEMA_VERSION:
            self._db.close()
            raise OutputError(
                f"The jobs in {path.parent} are those of a newer hrdem. Give another folder of "
                "data."
            )

    def __enter__(self) -> Self:
        """Return the store."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self._db.close()

    def save(self, job: Job) -> None:
        """Add a job, or replace it."""
        values = [getattr(job, name) for name in _COLUMNS]
        row = [
            json.dumps(value) if name in ("request", "result") else value
            for name, value in zip(_COLUMNS, values, strict=True)
        ]
        marks = ", ".join("?" * len(row))
        self._db.execute(
            f"insert or replace into job ({', '.join(_COLUMNS)}) values ({marks})",  # noqa: S608
            row,
        )

    def get(self, id_: str) -> Job | None:
        """Return a job; None if there is none."""
        return next(self._select("where id = ?", id_), None)

    def list_of(self, owner: str) -> list[Job]:
        """Return the jobs of a browser, the newest first."""
        return [*self._select("where owner = ? order by created desc, rowid desc", owner)]

    def next_queued(self) -> Job | None:
        """Return the job to start next: the oldest of a browser with the fewest running jobs."""
        return next(
            self._select(
                "where state = 'queued' order by (select count(*) from job as other "
                "where other.state = 'running' and other.owner = job.owner), created, rowid limit 1"
            ),
            None,
        )

    def queued(self) -> list[Job]:
        """Return the jobs that wait, the oldest first."""
        return [*self._select("where state = 'queued' order by created, rowid")]

    def count_queued_before(self, job: Job) -> int:
        """Count the jobs that have waited for longer than one."""
        (count,) = self._db.execute(
            "select count(*) from job where state = 'queued' and created < ?", (job.created,)
        ).fetchone()
        return int(count)

    def count_open(self, owner: str | None = None) -> int:
        """Count the jobs that wait or run, of a browser or in all."""
        (count,) = self._db.execute(
            "select count(*) from job where state in (?, ?) and (? is null or owner = ?)",
            (*_OPEN, owner, owner),
        ).fetchone()
        return int(count)

    def queue_again(self) -> list[Job]:
        """Queue the jobs that ran when the server ended, but for those that were being cancelled.

        Returns:
            Those that wait now.
        """
        jobs = [*self._select("where state = 'running' and finished is null")]
        for job in jobs:
            self.save(replace(job, state=State.QUEUED, started=None))
        for job in [*self._select("where state = 'running'")]:
            self.save(replace(job, state=State.CANCELLED))
        return jobs

    def finished(self) -> list[Job]:
        """Return the jobs that ended, the oldest first."""
        return [
            *self._select(
                "where finished is not null and state != 'running' order by finished, rowid"
            )
        ]

    def total_bytes(self) -> int:
        """Return the size of the files of all jobs."""
        (total,) = self._db.execute("select coalesce(sum(bytes), 0) from job").fetchone()
        return int(total)

    def delete(self, id_: str) -> None:
        """Delete a job, if it is there."""
        self._db.execute("delete from job where id = ?", (id_,))

    def add_area(self, area: StoredArea) -> None:
        """Add an area."""
        row = area.id, area.owner, time.time(), json.dumps(area.description)
        self._db.execute("insert into area values (?, ?, ?, ?)", row)

    def get_area(self, id_: str, owner: str) -> StoredArea | None:
        """Return an area of a browser; None if there is none."""
        found = self._db.execute(
            "select description from area where id = ? and owner = ?", (id_, owner)
        ).fetchone()
        return found and StoredArea(id_, owner, json.loads(found[0]))

    def list_areas(self) -> set[str]:
        """Return the ids of the areas of all browsers."""
        return {id_ for (id_,) in self._db.execute("select id from area").fetchall()}

    def drop_areas(self, owner: str, most: int) -> list[str]:
        """Delete the oldest areas of a browser beyond a number; return their ids."""
        rows = self._db.execute(
            "delete from area where id in (select id from area where owner = ? "
            "order by created desc, rowid desc limit -1 offset ?) returning id",
            (owner, most),
        ).fetchall()
        return [id_ for (id_,) in rows]

    def drop_old_areas(self, before: float) -> list[str]:
        """Delete the areas that were sent before a time; return their ids."""
        rows = self._db.execute("delete from area where created < ? returning id", (before,))
        return [id_ for (id_,) in rows.fetchall()]

    def _select(self, condition: str, *values: Any) -> Iterator[Job]:
        query = f"select {', '.join(_COLUMNS)} from job {condition}"  # noqa: S608 (ours alone)
        with closing(self._db.execute(query, values)) as rows:
            for row in rows.fetchall():
                found = dict(zip(_COLUMNS, row, strict=True))
                found |= {
                    "request": json.loads(found["request"]),
                    "result": json.loads(found["result"]),
                    "state": State(found["state"]),
                }
                yield Job(**found)
