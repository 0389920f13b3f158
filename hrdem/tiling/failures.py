"""The record of tiles that were not made, and why: failed.json, of a part failed-3-of-40.json."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from hrdem.errors import ExitCode, OutputError
from hrdem.tiling.output_store import OutputStore

SCHEMA_VERSION = 1
_RECORD = re.compile(r"failed(-\d+-of-\d+)?\.json")


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a tile was not made.

    Attributes:
        state: ``"failed"``, or ``"stale"`` if one of its sources is no longer the planned version.
        error: Name of the class of the error.
        reason: Its message.
        source: Address of the source that changed; empty if none did.
        tries: Number of tries.
        exit_code: That of the error.
    """

    state: str
    error: str
    reason: str
    source: str
    tries: int
    exit_code: int = ExitCode.INCOMPLETE


def get_failures_name(part: tuple[int, int] | None = None) -> str:
    """Return the name of the record of a run.

    Args:
        part: Number and count of the part that it makes; None for all tiles.
    """
    return "failed.json" if part is None else f"failed-{part[0]}-of-{part[1]}.json"


def list_failure_records(names: Mapping[str, int]) -> list[str]:
    """Return the names of records in a listing of a store; those of parts are the last.

    Args:
        names: Sizes by name, from `OutputStore.list_names`.
    """
    records = (name for name in names if _RECORD.fullmatch(name))
    return sorted(records, key=lambda name: (name != get_failures_name(), name))


def read_failures(store: OutputStore, sha256: str, names: Mapping[str, int]) -> dict[str, Failure]:
    """Read the records of all runs of a job.

    Where two name one tile, that of a part is the later one: a run of all tiles removes them.

    Args:
        store: The job's store.
        sha256: Hash of the job; records of another one do not count.
        names: Sizes of the store's files by name.

    Returns:
        Failures by the name of the tile; tiles that were made since are among them.

    Raises:
        OutputError: If a record is not valid.
    """
    found: dict[str, Failure] = {}
    for name in list_failure_records(names):
        found |= _read_record(store, name, sha256)
    return found


def _read_record(store: OutputStore, name: str, sha256: str) -> dict[str, Failure]:
    try:
        document: dict[str, Any] = json.loads(store.read(name) or b"{}")
        if document.get("job") != sha256:
            return {}
        return {tile: Failure(**failure) for tile, failure in document["tiles"].items()}
    except (ValueError, TypeError, LookupError, AttributeError) as exc:
        raise OutputError(
            f"{store.address}/{name} is not a record of hrdem ({exc}). Remove it, and run the same "
            "command again."
        ) from exc


def write_failures(
    store: OutputStore,
    sha256: str,
    failures: Mapping[str, Failure],
    part: tuple[int, int] | None = None,
) -> None:
    """Write the record of a run; without failures it is removed.

    That of all tiles takes the place of those of parts.

    Args:
        store: The job's store.
        sha256: Hash of the job.
        failures: Failures by the name of the tile.
        part: Number and count of the part that the run makes; None for all tiles.

    Raises:
        OutputError: If it cannot be written.
    """
    name = get_failures_name(part)
    if failures:
        _write_record(store, name, sha256, failures)
    else:
        store.remove(name)
    if part is None:
        for record in list_failure_records(store.list_names()):
            if record != name:
                store.remove(record)


def _write_record(
    store: OutputStore, name: str, sha256: str, failures: Mapping[str, Failure]
) -> None:
    tiles = {tile: asdict(failures[tile]) for tile in sorted(failures)}
    document = {"schema_version": SCHEMA_VERSION, "job": sha256, "tiles": tiles}
    store.write(name, f"{json.dumps(document, indent=2, ensure_ascii=False)}\n".encode())
