"""A finished run as its STAC item records it: request, encoding, sources, bytes of its output."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hrdem.errors import RequestError, SourceChangedError
from hrdem.output.provenance import get_stac_path, list_software
from hrdem.output.publish import StoredFile, list_described_files
from hrdem.output.record import (
    INVALID_JSON,
    MAX_ITEM_BYTES,
    RecordedSource,
    check_text,
    parse_stored_file,
)
from hrdem.request.fields import ENCODING
from hrdem.request.request_document import complete_recorded

ITEM_SUFFIX = ".json"
MAX_CODERS = 64  # threads that an item of others may start


@dataclass(frozen=True, slots=True)
class RecordedRun:
    """What the item of an output records of the run that made it.

    Attributes:
        item: Path of the item.
        output: Path of the output that it describes, which need not exist.
        request: The request, from `hrdem.request.request_document.encode_request`.
        stac_url: Root of the STAC API that was searched, without credentials.
        wcs_url: Address of its WCS; None if none is known.
        encoding: How the output is written.
        memory: How memory was divided, from `RunContext.memory_as_dict`, which orders the tiles of
            wide outputs.
        sources: Its sources.
        shift_grid: SHA-256 of the grid that shifted heights; empty if none did.
        stored: Size and checksum of the output, and of its layers.
        software: Versions of the programs that its bytes depend on, by name.
    """

    item: Path
    output: Path
    request: Mapping[str, Any]
    stac_url: str
    wcs_url: str | None
    encoding: Mapping[str, Any]
    memory: Mapping[str, int]
    sources: tuple[RecordedSource, ...]
    shift_grid: str
    stored: tuple[StoredFile, ...]
    software: Mapping[str, str]

    def find_changes(self, sources: Sequence[Mapping[str, Any]], *, moved: bool) -> list[str]:
        """Return a sentence for each source that is not the one that is recorded.

        Args:
            sources: Those of a plan, from `Plan.sources_as_dict` with members.
            moved: Whether they are at another address than the recorded ones, as a copy of the
                catalogue is.
        """
        now = {source.name: source for source in map(RecordedSource.of, sources)}
        before = {source.name: source for source in self.sources}
        changes = [f"{name} is no longer there." for name in before if name not in now]
        changes += [f"{name} was not there." for name in now if name not in before]
        for name, source in before.items():
            if name in now and (change := source.describe_change(now[name], moved=moved)):
                changes.append(f"{name}: {change}")
        return changes

    def describe_software(self) -> str:
        """Return which programs have other versions than the recorded ones; empty if none has."""
        here = list_software()
        names = [name for name in here if here[name] != self.software.get(name)]
        return ", ".join(
            f"{name} {self.software.get(name, 'of unknown version')} (here {here[name]})"
            for name in names
        )


def read_run(path: Path) -> RecordedRun:
    """Read the run that an item records.

    Args:
        path: Path of the item, or of the output beside it.

    Raises:
        RequestError: If there is no such item, or it does not record what a run needs.
    """
    item = path if path.suffix.lower() == ITEM_SUFFIX else get_stac_path(path)
    content = _read_json(item)
    try:
        properties = content["properties"]
        _check_rerunnable(item, properties)
        recorded = properties["hrdem:rerun"]
        wcs_url = recorded["parameters"]["wcs_url"]
        return RecordedRun(
            item,
            list_described_files(item)[0],
            request=recorded,
            stac_url=check_text(recorded["parameters"]["stac_url"]),
            wcs_url=None if wcs_url is None else check_text(wcs_url),
            memory=_read_memory(recorded["memory"]),
            encoding=complete_recorded(ENCODING, recorded["encoding"]),
            sources=tuple(map(RecordedSource.of, properties["hrdem:sources"])),
            shift_grid=str(properties.get("hrdem:vertical_grid_sha256", "")),
            stored=tuple(map(parse_stored_file, content["assets"].values())),
            software=dict(properties["processing:software"]),
        )
    except RequestError:  # also a ValueError
        raise
    except INVALID_JSON as exc:
        raise _foreign_error(item) from exc


def _read_memory(values: Mapping[str, Any]) -> dict[str, int]:
    names = ("max_memory", "used_memory", "coders")
    memory = {name: int(values[name]) for name in names}
    if min(memory.values()) < 0 or not 0 < memory["coders"] <= MAX_CODERS:
        raise ValueError("memory")
    return memory


def _check_rerunnable(item: Path, properties: Mapping[str, Any]) -> None:
    """Check that an item is that of a whole output, and has the request."""
    if "hrdem:job" in properties:
        raise RequestError(
            f"{item} describes a tile of a job, whose pixels follow from the whole area. Run the "
            "same `hrdem tile` (hrdem.tile_job) again: it makes tiles that are missing, and also "
            "those of changed sources if it is to update the job."
        )
    if "hrdem:request" not in properties:
        raise _foreign_error(item)
    if "hrdem:rerun" not in properties:
        raise RequestError(
            f"{item} has no hrdem:rerun: outline and CRS of the area, parameters and encoding, "
            "which earlier versions of hrdem did not record. Extract the area again."
        )


def check_unchanged(run: RecordedRun, changes: Sequence[str]) -> None:
    """Check that there are no changes of sources, from `RecordedRun.find_changes`.

    Raises:
        SourceChangedError: If there are.
    """
    if changes:
        more = f" So do {len(changes) - 1} more." if len(changes) > 1 else ""
        raise SourceChangedError(
            f"A source differs from the one that {run.item} records. {changes[0]}{more} Nothing "
            "was written. `newest` takes the sources as they are now."
        )


def _read_json(item: Path) -> Any:
    if not item.is_file():
        raise RequestError(f"{item} does not exist. Give a STAC item that hrdem extract wrote.")
    with contextlib.suppress(OSError, *INVALID_JSON):
        if item.stat().st_size <= MAX_ITEM_BYTES:
            return json.loads(item.read_bytes())
    raise _foreign_error(item)


def _foreign_error(item: Path) -> RequestError:
    return RequestError(f"{item} is not a STAC item that hrdem extract writes, or is damaged.")
