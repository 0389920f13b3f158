"""The index of cached byte ranges: an SQLite database of the parts that files of the cache hold.

Several processes use it at a time. It is written after the file of a part, so a part that is listed
was whole when it was written; its checksum shows whether it still is.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from hrdem.http.cache.index_database import (
    DAMAGED_CODES,
    damage,
    open_to_read,
    open_to_write,
    transaction,
)
from hrdem.http.source_version import SourceVersion

MAX_PART_BYTES = 4 << 20
_BLOCK_BYTES = 4_096  # of most file systems: a part takes whole ones
_USE_SECONDS = 60.0  # the time of use of a part is recorded this exactly
_ADD = "INSERT INTO parts VALUES (?, ?, ?, ?, ?, ?)"
_WITHIN = (
    "SELECT id FROM parts WHERE version = ? AND start >= ? AND start < ? AND start + size <= ?"
)
_LOOK_UP = (
    "SELECT bytes, EXISTS (SELECT 1 FROM versions WHERE key = ?) AND NOT EXISTS "
    "(SELECT 1 FROM parts WHERE version = ? AND start >= ? AND start < ? AND start + size <= ?) "
    "FROM total"
)
_TOTAL = "SELECT bytes FROM total"
_COUNT = "UPDATE total SET bytes = (SELECT COALESCE(SUM((size + 4095) & -4096), 0) FROM parts)"
_FORGET_VERSIONS = "DELETE FROM versions WHERE key NOT IN (SELECT version FROM parts)"

Found = TypeVar("Found")

log = logging.getLogger(__name__)
_inherited: list[sqlite3.Connection] = []  # of a parent process: SQLite forbids even to close them


@dataclass(frozen=True, slots=True)
class CachedPart:
    """A range of bytes of a remote file that a file of the cache holds.

    Attributes:
        id: Number that names the file.
        start: Position of the first byte in the remote file.
        size: Number of bytes, at most `MAX_PART_BYTES`.
        checksum: CRC-32 of the version, the position and the bytes.
        used: When it was last used, seconds since 1970.
    """

    id: int
    start: int
    size: int
    checksum: int
    used: float

    @property
    def stop(self) -> int:
        """Position after the last byte."""
        return self.start + self.size


def disk_bytes(size: int) -> int:
    """Return the bytes that a file takes on most disks."""
    return -(-size // _BLOCK_BYTES) * _BLOCK_BYTES


class RangeIndex:
    """The index, for several threads and processes at a time.

    All methods raise `OSError` if the database cannot be read or written.

    Args:
        path: Path of the database, which is created when it is needed.
        on_damage: Called if the database is damaged and was removed, before a new one is created.
        read_only: Whether to create and write nothing.
    """

    def __init__(
        self, path: Path, on_damage: Callable[[], object], *, read_only: bool = False
    ) -> None:
        self._path = path
        self._on_damage = on_damage
        self._read_only = read_only
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._process = os.getpid()
        self._is_closed = False
        self._used: dict[int, float] = {}  # times of use that are not recorded yet

    def close(self) -> None:
        """Record the times of use and close the database; it may be called twice."""
        try:
            with contextlib.suppress(OSError):
                if self._used:
                    self._run(self._record_use)
        finally:  # also after an interrupt: others wait for its locks
            with self._lock:
                self._is_closed = True
                self._disconnect()

    def open(self) -> None:
        """Open the database, and create it if it is missing.

        Raises:
            OSError: If it cannot be read, or written unless it is for reading only.
        """
        self._run(lambda _: None)

    def find(self, version: SourceVersion, start: int, stop: int) -> list[CachedPart]:
        """Find the parts that overlap a span, by position."""
        query = (
            "SELECT id, start, size, checksum, used FROM parts WHERE version = ? "
            "AND start > ? AND start < ? AND start + size > ? ORDER BY start, size DESC"
        )
        limits = version_key(version), start - MAX_PART_BYTES, stop, start
        return self._run(lambda base: [_make_part(row) for row in base.execute(query, limits)])

    def look_up(self, version: SourceVersion, part: CachedPart) -> tuple[int, bool]:
        """Return the bytes that all parts take on the disk, and whether a part adds to them.

        It does if its version has parts, none of which lies within it.
        """
        query = _LOOK_UP
        limits = version_key(version), *_limits(version, part)
        total, adds = self._run(lambda base: base.execute(query, limits).fetchone())
        return int(total), bool(adds)

    def add(self, part: CachedPart, version: SourceVersion) -> None:
        """List a part that adds to the others of its version."""
        row = part.id, version_key(version), part.start, part.size, part.checksum, part.used
        self._run(lambda base: base.execute(_ADD, row))

    def replace(self, part: CachedPart, version: SourceVersion) -> list[int]:
        """List a part, and its version, in place of parts that lie within it.

        Returns:
            The numbers of those.
        """
        limits = _limits(version, part)
        row = part.id, version_key(version), part.start, part.size, part.checksum, part.used

        def insert(base: sqlite3.Connection) -> list[int]:
            with transaction(base):
                replaced = base.execute(_WITHIN, limits).fetchall()
                base.executemany("DELETE FROM parts WHERE id = ?", replaced)
                base.execute(_ADD, row)
                base.execute(
                    "INSERT OR IGNORE INTO versions VALUES (?, ?, ?, ?, ?, ?, ?)",
                    _version_row(version, part.used),
                )
            return [number for (number,) in replaced]

        return self._run(insert)

    def remove(self, numbers: Iterable[int]) -> None:
        """Remove parts by their numbers."""
        rows = [(number,) for number in numbers]

        def delete(base: sqlite3.Connection) -> None:
            with transaction(base):
                base.executemany("DELETE FROM parts WHERE id = ?", rows)

        self._run(delete)

    def mark_used(self, parts: Iterable[CachedPart]) -> None:
        """Remember that parts were used; it is recorded together with others."""
        now = time.time()
        recent = {part.id: now for part in parts if now - part.used > _USE_SECONDS}
        if not recent or self._read_only:
            return
        with self._lock:
            self._used.update(recent)
            is_due = now - min(self._used.values()) > _USE_SECONDS
        if is_due:
            self._run(self._record_use)

    def mark_opened(self, version: SourceVersion) -> None:
        """Record that a version is the latest of its file."""
        row = _version_row(version, time.time())
        self._run(
            lambda base: base.execute("REPLACE INTO versions VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        )

    def latest(self, address: str) -> SourceVersion | None:
        """Return the version of a file that was opened last, by the fingerprint of its address.

        One that has parts comes before: others were republished, whatever the clock said.
        """
        query = (
            "SELECT url, etag, size, last_modified, address FROM versions WHERE address = ? "
            "ORDER BY EXISTS (SELECT 1 FROM parts WHERE version = key) DESC, opened DESC LIMIT 1"
        )
        row = self._run(lambda base: base.execute(query, (address,)).fetchone())
        return None if row is None else SourceVersion(*row)

    def find_others(self, version: SourceVersion) -> list[int]:
        """Find the parts of other versions of the same file."""
        query = "SELECT id FROM parts JOIN versions ON version = key WHERE address = ? AND key != ?"
        limits = version.address, version_key(version)
        return self._run(lambda base: [row[0] for row in base.execute(query, limits)])

    def total_bytes(self) -> int:
        """Return the bytes that all parts take on the disk."""
        return self._run(lambda base: int(base.execute(_TOTAL).fetchone()[0]))

    def find_oldest(self, size: int, before: float) -> list[CachedPart]:
        """Find least recently used parts that take a number of bytes together, or all there are.

        Args:
            size: Bytes on the disk.
            before: Parts that were used since are left out, seconds since 1970.
        """
        query = (
            "SELECT id, start, size, checksum, used FROM parts WHERE used < ? ORDER BY used, start"
        )

        def select(base: sqlite3.Connection) -> list[CachedPart]:
            self._record_use(base)
            found: list[CachedPart] = []
            left = size
            with contextlib.closing(base.execute(query, (before,))) as rows:
                while left > 0 and (row := rows.fetchone()):
                    found.append(_make_part(row))
                    left -= disk_bytes(found[-1].size)
            return found

        return self._run(select)

    def list_versions(self) -> list[tuple[SourceVersion, int, float]]:
        """List versions that have parts, with their bytes on the disk and their last use."""
        query = (
            "SELECT url, etag, versions.size, last_modified, address, "
            "SUM((parts.size + 4095) & -4096), MAX(used) "
            "FROM parts JOIN versions ON version = key GROUP BY key"
        )
        rows = self._run(lambda base: base.execute(query).fetchall())
        return [(SourceVersion(*row[:5]), int(row[5]), float(row[6])) for row in rows]

    def list_numbers(self) -> set[int]:
        """List the numbers of all parts."""
        return self._run(lambda base: {row[0] for row in base.execute("SELECT id FROM parts")})

    def begin_sweep(self, pause: float) -> bool:
        """Whether this process should remove files without a part: once in so many seconds.

        Versions without parts are removed, and the total is counted.
        """
        now = time.time()

        def claim(base: sqlite3.Connection) -> bool:
            query = "UPDATE total SET swept = ? WHERE NOT swept BETWEEN ? AND ?"
            with transaction(base):
                is_due = base.execute(query, (now, now - pause, now)).rowcount > 0
                if is_due:
                    base.execute(_FORGET_VERSIONS)
                    base.execute(_COUNT)
            return is_due

        return self._run(claim)

    def clear(self) -> None:
        """Remove all parts and versions."""

        def delete(base: sqlite3.Connection) -> None:
            with transaction(base):
                base.execute("DELETE FROM parts")
                base.execute("DELETE FROM versions")
                base.execute(_COUNT)
            with contextlib.suppress(sqlite3.OperationalError):  # another process is reading
                base.execute("VACUUM")

        self._run(delete)

    def _record_use(self, base: sqlite3.Connection) -> None:
        """Record the times of use that were remembered."""
        used, self._used = self._used, {}
        if used:
            with transaction(base):
                base.executemany(
                    "UPDATE parts SET used = ? WHERE id = ?",
                    [(when, number) for number, when in used.items()],
                )

    def _run(self, work: Callable[[sqlite3.Connection], Found]) -> Found:
        """Call a function with the connection; a damaged database is replaced by an empty one."""
        with self._lock:
            for attempt in range(2):
                try:
                    return work(self._connect())
                except OverflowError as exc:  # a size that no file has
                    raise OSError(f"the index {self._path}: {exc}") from exc
                except sqlite3.Error as exc:
                    code = getattr(exc, "sqlite_errorcode", 0) & 0xFF  # without its details
                    if attempt or self._read_only or code not in DAMAGED_CODES:
                        raise OSError(f"the index {self._path}: {exc}") from exc
                    self._replace(exc)
        raise AssertionError  # the second attempt returns or raises

    def _replace(self, why: sqlite3.Error) -> None:
        self._disconnect()
        for ending in ("", "-wal", "-shm", "-journal"):
            self._path.with_name(self._path.name + ending).unlink(missing_ok=True)
        self._on_damage()
        log.warning(
            "The index of the cache, %s, was damaged (%s): what was cached is fetched again.",
            self._path,
            why,
        )

    def _connect(self) -> sqlite3.Connection:
        if self._is_closed:
            raise OSError(f"the index {self._path} was closed")
        if self._connection is not None and self._process != os.getpid():
            _inherited.append(self._connection)
            self._connection = None
        if self._connection is None:
            self._process = os.getpid()
            self._connection = (
                open_to_read(self._path) if self._read_only else open_to_write(self._path)
            )
        return self._connection

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None and self._process == os.getpid():
            connection.close()


def _make_part(row: tuple[Any, ...]) -> CachedPart:
    part = CachedPart(*row)
    if not all(isinstance(value, int) for value in row[:-1]) or not isinstance(part.used, float):
        raise damage("a part has other values than numbers")
    return part


def version_key(version: SourceVersion) -> bytes:
    """Return the key of a version: whatever differs has another one, also after it was removed."""
    named = f"{version.address} {version.etag} {version.size} {version.last_modified}"
    return hashlib.sha256(named.encode()).digest()[:16]


def _limits(version: SourceVersion, part: CachedPart) -> tuple[object, ...]:
    """Return the values of `_WITHIN`."""
    return version_key(version), part.start, part.stop, part.stop


def _version_row(version: SourceVersion, opened: float) -> tuple[object, ...]:
    address, url, etag = version.address, version.url, version.etag
    return version_key(version), address, url, etag, version.size, version.last_modified, opened
