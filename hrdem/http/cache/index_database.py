"""The database of the index of cached byte ranges: its tables, and how SQLite opens it."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

MAX_JOURNAL_BYTES = 1 << 20  # of the write-ahead log, before it is written to the database
_PAGE_BYTES = 1_024  # small, as each part changes a few pages
_MAX_WAIT_SECONDS = 30.0  # for another process that is writing
_MAX_MODE_ATTEMPTS = 50  # to choose the kind of journal, which SQLite does not wait for
_MODE_PAUSE_SECONDS = 0.02
_FORMAT = 1  # the user_version below
DAMAGED_CODES = {  # of errors; also if it has other tables
    sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR
}  # fmt: skip
# The total is kept by triggers, so that a limit costs the same however many parts there are.
_SCHEMA = """
CREATE TABLE versions (
    key BLOB PRIMARY KEY, address TEXT NOT NULL, url TEXT NOT NULL, etag TEXT NOT NULL,
    size INTEGER NOT NULL, last_modified TEXT NOT NULL, opened REAL NOT NULL
);
CREATE TABLE parts (
    id INTEGER PRIMARY KEY, version BLOB NOT NULL, start INTEGER NOT NULL, size INTEGER NOT NULL,
    checksum INTEGER NOT NULL, used REAL NOT NULL
);
CREATE INDEX parts_by_start ON parts (version, start);
CREATE INDEX parts_by_use ON parts (used);
CREATE TABLE total (bytes INTEGER NOT NULL, swept REAL NOT NULL);
INSERT INTO total VALUES (0, 0);
CREATE TRIGGER part_added AFTER INSERT ON parts
    BEGIN UPDATE total SET bytes = bytes + ((new.size + 4095) & -4096); END;
CREATE TRIGGER part_removed AFTER DELETE ON parts
    BEGIN UPDATE total SET bytes = bytes - ((old.size + 4095) & -4096); END;
PRAGMA user_version = 1;
"""


def open_to_write(path: Path) -> sqlite3.Connection:
    """Open a database, and create it, and its folder, if it is missing.

    Raises:
        sqlite3.Error: If it is damaged, or cannot be written.
        OSError: If the folder cannot be created.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    base = _open(path.absolute().as_uri())
    try:
        base.execute(f"PRAGMA page_size = {_PAGE_BYTES}")  # of a new database
        _choose_journal(base)
        base.execute("PRAGMA synchronous = NORMAL")
        base.execute(f"PRAGMA wal_autocheckpoint = {MAX_JOURNAL_BYTES // _PAGE_BYTES}")
        with transaction(base):  # fails if the file cannot be written
            (found,) = base.execute("PRAGMA user_version").fetchone()
            if found != _FORMAT:  # fails if there are tables of another one
                for statement in _SCHEMA.strip().split(";\n"):
                    base.execute(statement)
            _check_total(base)
    except BaseException:
        base.close()
        raise
    return base


def open_to_read(path: Path) -> sqlite3.Connection:
    """Open a database as it is; in a folder that cannot be written, without its journal.

    Raises:
        sqlite3.Error: If it is missing or damaged.
    """
    address = f"{path.absolute().as_uri()}?mode=ro"
    for ending in ("", "&immutable=1"):
        base = _open(address + ending)
        try:
            base.execute("SELECT bytes FROM total").fetchone()
        except sqlite3.Error:
            base.close()
            if ending:
                raise
        else:
            break
    return base


def _open(address: str) -> sqlite3.Connection:
    """Open a database for whichever thread has the lock; statements are committed one by one."""
    return sqlite3.connect(
        address, timeout=_MAX_WAIT_SECONDS, isolation_level=None, check_same_thread=False, uri=True
    )


def _choose_journal(base: sqlite3.Connection) -> None:
    """Choose a write-ahead log, or a rollback journal on file systems without shared memory."""
    for attempt in range(_MAX_MODE_ATTEMPTS):
        try:
            base.execute("PRAGMA journal_mode = WAL").fetchone()
        except sqlite3.OperationalError as exc:
            code = exc.sqlite_errorcode & 0xFF
            if code == sqlite3.SQLITE_BUSY and attempt < _MAX_MODE_ATTEMPTS - 1:
                time.sleep(_MODE_PAUSE_SECONDS)
                continue
            if code != sqlite3.SQLITE_IOERR:
                raise
            base.execute("PRAGMA locking_mode = EXCLUSIVE")  # needs no shared memory
            base.execute("PRAGMA journal_mode = TRUNCATE").fetchone()
            base.execute("PRAGMA locking_mode = NORMAL")
        return


def damage(what: str) -> sqlite3.DatabaseError:
    """Return the error of a damage that SQLite does not notice."""
    error = sqlite3.DatabaseError(what)
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return error


def _check_total(base: sqlite3.Connection) -> None:
    row = base.execute("SELECT bytes FROM total").fetchone()
    if row is None or not isinstance(row[0], int):
        raise damage("it has no total")


@contextlib.contextmanager
def transaction(base: sqlite3.Connection) -> Iterator[None]:
    """Commit what is executed as a whole, after waiting for other processes that write."""
    try:
        base.execute("BEGIN IMMEDIATE")  # an interrupt while it waits is raised when it has begun
        yield
        base.execute("COMMIT")
    except BaseException:
        if base.in_transaction:
            base.execute("ROLLBACK")
        raise
