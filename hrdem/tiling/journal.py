"""The journal of a job: the files in its store tell which tiles are done."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

from hrdem.errors import RequestError
from hrdem.runtime.threads import map_in_order, thread_pool
from hrdem.tiling.failures import Failure, list_failure_records, read_failures
from hrdem.tiling.job import Job, Tile
from hrdem.tiling.job_file import format_hash
from hrdem.tiling.output_store import ITEM_SUFFIX, JOB_NAME, OutputStore

T = TypeVar("T")
R = TypeVar("R")

_MAX_THREADS = 16  # requests of many small files


class JobReplacedError(RequestError):
    """A store holds another job than the one that is run, whose files are not to be replaced."""


class TileState(StrEnum):
    """What there is of a tile.

    Attributes:
        DONE: Its rasters, and the item that commits it.
        EMPTY: Nothing to write: no stored source tile, or no valid pixel.
        FAILED: Nothing, as it could not be made in the last run.
        STALE: Nothing, as one of its sources is no longer the planned version.
        MISSING: Nothing yet, or a raster that no item commits.
    """

    DONE = "done"
    EMPTY = "empty"
    FAILED = "failed"
    STALE = "stale"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Journal:
    """What there is of a job.

    Attributes:
        states: State of each tile by its name.
        failures: Records of tiles that were not made, by name; some were made since.
        lost: Tiles whose item describes rasters that are not all there.
    """

    states: dict[str, TileState]
    failures: dict[str, Failure]
    lost: tuple[str, ...]

    def list_left(self, tiles: Iterable[Tile], *, only_failed: bool = False) -> list[Tile]:
        """Return those of some tiles that a run makes: not stale ones.

        Args:
            tiles: Tiles of the job.
            only_failed: Whether only those are returned that failed in the last run.
        """
        wanted = {TileState.FAILED} if only_failed else {TileState.FAILED, TileState.MISSING}
        return [tile for tile in tiles if self.states[tile.name] in wanted]


def read_journal(job: Job, store: OutputStore) -> Journal:
    """Read what there is of a job, from one listing of its store.

    Besides records of failures, only items without a raster are read: those of tiles that have no
    valid pixel.

    Args:
        job: The job whose document the store holds.
        store: Its store.

    Raises:
        OutputError: If the store cannot be read.
    """
    names = store.list_names()
    failures = read_failures(store, job.sha256, names)
    without_raster = _find_items_without_raster(job, names)
    empty = _find_empty_tiles(store, without_raster)
    states = {}
    for tile in job.tiles:
        if f"{tile.name}{ITEM_SUFFIX}" in names and _has_rasters(job, tile.name, names):
            states[tile.name] = TileState.DONE
        elif tile.is_empty or tile.name in empty:
            states[tile.name] = TileState.EMPTY
        elif tile.name in failures:
            states[tile.name] = TileState(failures[tile.name].state)
        else:
            states[tile.name] = TileState.MISSING
    return Journal(states, failures, tuple(each for each in without_raster if each not in empty))


def read_states(job: Job, store: OutputStore) -> dict[str, TileState]:
    """Return the state of each tile by its name (see `read_journal`)."""
    return read_journal(job, store).states


def check_job(job: Job, store: OutputStore) -> None:
    """Check that a store still holds a job, before a file is written into it.

    Raises:
        JobReplacedError: If another job took its place: its tiles are not to be replaced.
    """
    expected = format_hash(job.sha256)
    if store.read(JOB_NAME, len(expected)) != expected:
        raise job_replaced_error(store.address)


def job_replaced_error(address: str) -> JobReplacedError:
    """Return the error for a store that holds another job.

    Args:
        address: Address of the store.
    """
    return JobReplacedError(
        f"The job in {address} has been replaced by another one meanwhile: run it again."
    )


def commit_item(job: Job, store: OutputStore, name: str, item: Mapping[str, Any]) -> bool:
    """Write the item of a tile, which says that the tile is done.

    Args:
        job: The job.
        store: Its store, which holds the tile's raster unless the tile is empty.
        name: Name of the tile.
        item: The item.

    Returns:
        False if there was an item, of another worker.

    Raises:
        JobReplacedError: If another job took the place of this one.
    """
    check_job(job, store)
    return store.write(f"{name}{ITEM_SUFFIX}", encode_json(item), if_absent=True)


def create_job(store: OutputStore, document: bytes) -> bool:
    """Put the document of a job into its store; return False if there is another one."""
    return store.write(JOB_NAME, document, if_absent=True)


def replace_job(store: OutputStore, old: Job, new: Job, document: bytes) -> None:
    """Replace a job by one that was planned again, and keep the tiles that would not change.

    What the new job does not vouch for is removed before, so the listing is that of the job that
    is there whenever this is interrupted; and again after, for workers of the old job that
    committed a tile between.

    Args:
        store: The job's store.
        old: The job that is there.
        new: The job that takes its place.
        document: Document of the new job.
    """
    _remove_outdated(store, old, new)
    store.write(JOB_NAME, document)
    _remove_outdated(store, old, new)


def _remove_outdated(store: OutputStore, old: Job, new: Job) -> None:
    """Remove items that a new job does not vouch for, files that it will not replace, failures."""
    names = store.list_names()
    keys = {tile.name: tile.key for tile in new.tiles}
    written = {tile.name for tile in new.tiles if not tile.is_empty}
    changed = [tile.name for tile in old.tiles if keys.get(tile.name) != tile.key]
    _remove(store, names, [f"{name}{ITEM_SUFFIX}" for name in changed])
    kept = {file for name in written for file in new.list_files(name)}
    gone = (file for name in changed for file in old.list_files(name) if file not in kept)
    _remove(store, names, gone)
    _remove(store, names, list_failure_records(names))


def discard_lost_items(job: Job, store: OutputStore, lost: Iterable[str]) -> None:
    """Remove the items of tiles whose raster was removed, so that they can be made again.

    Args:
        job: The job.
        store: Its store.
        lost: Names of the tiles, from its journal.
    """
    if not lost:
        return
    names = store.list_names()  # again: one may have been committed while the store was listed
    still = set(_find_items_without_raster(job, names))
    _remove(store, names, [f"{name}{ITEM_SUFFIX}" for name in lost if name in still])


def read_items(store: OutputStore, names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return the items of tiles by name; without those that are not valid, or not there."""

    def read(name: str) -> tuple[str, Any]:
        try:
            return name, json.loads(store.read(f"{name}{ITEM_SUFFIX}") or b"null")
        except ValueError:
            return name, None

    return {name: item for name, item in _for_each(read, names) if isinstance(item, dict)}


def encode_json(document: Mapping[str, Any]) -> bytes:
    """Return a JSON document as it is written into a store."""
    return f"{json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)}\n".encode()


def _find_empty_tiles(store: OutputStore, names: Iterable[str]) -> set[str]:
    """Return the names of those tiles whose item says that they have no valid pixel."""
    return {name for name, item in read_items(store, names).items() if item.get("assets") == {}}


def _find_items_without_raster(job: Job, names: Mapping[str, int]) -> list[str]:
    return [
        tile.name
        for tile in job.tiles
        if f"{tile.name}{ITEM_SUFFIX}" in names and not _has_rasters(job, tile.name, names)
    ]


def _has_rasters(job: Job, name: str, names: Mapping[str, int]) -> bool:
    return all(raster in names for raster in job.list_rasters(name))


def _remove(store: OutputStore, names: Mapping[str, int], files: Iterable[str]) -> None:
    """Remove files that a listing has."""
    _for_each(store.remove, [file for file in files if file in names])


def _for_each(work: Callable[[T], R], values: Iterable[T]) -> list[R]:
    with thread_pool(_MAX_THREADS, "journal") as pool:
        return list(map_in_order(pool, work, values, 2 * _MAX_THREADS))
