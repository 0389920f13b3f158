"""Status: whether the sources of finished outputs are still those that they were made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import httpx

from hrdem.catalog.search import find_items_by_id
from hrdem.errors import NetworkError, RequestError, ServerError
from hrdem.http.connections import MAX_CONNECTIONS
from hrdem.http.protocol import Http
from hrdem.http.ranges import read_version
from hrdem.http.source_version import SourceVersion
from hrdem.output.record import OutputRecord, RecordedFile, RecordedSource
from hrdem.request.endpoints import normalize_stac_url
from hrdem.runtime.threads import map_in_order, thread_pool

_GONE = (httpx.codes.NOT_FOUND, httpx.codes.GONE)
_REDACTED = "=REDACTED"  # in addresses without their credentials

VersionQuery = tuple[str, ...]
"""A request for what a server has now: a kind, an address, and details of the kind."""

FoundVersion = SourceVersion | Mapping[str, str] | NetworkError | RequestError
"""The version of a file, the date of each item, or why there is neither."""


class SourceState(StrEnum):
    """What became of a source, the most important first."""

    CHANGED = "changed"
    UNREACHABLE = "unreachable"
    UNKNOWN = "unknown"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """What became of one source of an output.

    Attributes:
        name: Name of the source.
        href: Address of the file or of the WCS.
        state: What became of it.
        reason: What is different, or why it is not known; empty if it is unchanged.
    """

    name: str
    href: str
    state: SourceState
    reason: str = ""

    def as_dict(self) -> dict[str, str]:
        """Return it as JSON-ready values."""
        return {
            "name": self.name,
            "href": self.href,
            "state": self.state.value,
            "reason": self.reason,
        }


@dataclass(frozen=True, slots=True)
class OutputStatus:
    """What became of the sources of an output.

    Attributes:
        output: Path of the output.
        sources: Its sources.
    """

    output: Path
    sources: tuple[SourceStatus, ...]

    @property
    def state(self) -> SourceState:
        """``changed`` if a source is, else ``unreachable`` or ``unknown`` if one is."""
        states = {source.state for source in self.sources}
        return next(state for state in SourceState if state in states)

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready values."""
        return {
            "output": str(self.output),
            "state": self.state.value,
            "sources": [source.as_dict() for source in self.sources],
        }


def check_sources(records: Sequence[OutputRecord], http: Http) -> list[OutputStatus]:
    """Compare the versions that outputs record with those that servers have now.

    Each file is requested once, 16 bytes of it, and the items of each coverage are searched for;
    several at the same time.

    Args:
        records: What the outputs say of themselves.
        http: HTTP client.
    """
    queries = list(dict.fromkeys(each for record in records for each in _list_queries(record)))
    with thread_pool(MAX_CONNECTIONS, "status") as pool:
        results = map_in_order(pool, lambda each: _send(each, http), queries, len(queries) + 1)
        found = dict(zip(queries, results, strict=True))
    return [
        OutputStatus(
            record.output,
            tuple(_compare_source(source, record, found) for source in record.sources),
        )
        for record in records
    ]


def _list_queries(record: OutputRecord) -> list[VersionQuery]:
    """List the requests that the sources of an output take."""
    queries: list[VersionQuery] = []
    for source in record.sources:
        if source.dates and not source.files:
            queries.append(_query_items(source, record))
        queries += [_query_version(file) for file in source.files if _is_known(file)]
    return queries


def _query_items(source: RecordedSource, record: OutputRecord) -> VersionQuery:
    return "items", record.stac_url, source.collection, *sorted(source.dates)


def _query_version(file: RecordedFile) -> VersionQuery:
    return "whole" if file.is_small else "beginning", file.href


def _is_known(file: RecordedFile) -> bool:
    """Whether the address of a file is complete: credentials are not recorded."""
    return _REDACTED not in file.href


def _send(query: VersionQuery, http: Http) -> FoundVersion:
    """Return the version of a file, or the dates of items by id; an error if that fails."""
    kind, address, *details = query
    try:
        if kind == "items":
            collection, *ids = details
            found = find_items_by_id(ids, collection, normalize_stac_url(address), http)
            return {item.id: item.updated for item in found}
        return read_version(address, http, ranged=kind == "beginning")
    except (NetworkError, RequestError) as exc:  # also of a recorded address that is invalid
        return exc


def _compare_source(
    source: RecordedSource, record: OutputRecord, found: Mapping[VersionQuery, FoundVersion]
) -> SourceStatus:
    """Compare a source with what servers have now."""
    compared = [
        _compare_file(file, found[_query_version(file)])
        if _is_known(file)
        else (SourceState.UNKNOWN, "Its address needs credentials, which are not recorded.")
        for file in source.files
    ]
    if not source.files:
        now = found[_query_items(source, record)] if source.dates else {}
        compared.append(_compare_items(source.dates, now))
    if not source.is_whole:
        unknown = "The versions of the files that the VRT refers to are not recorded."
        compared.append((SourceState.UNKNOWN, unknown))
    state, reason = min(compared, key=lambda each: [*SourceState].index(each[0]))
    return SourceStatus(source.name, source.href, state, reason)


def _compare_items(dates: Mapping[str, str], now: FoundVersion) -> tuple[SourceState, str]:
    """Compare the dates of the items of a coverage: a WCS reports no version."""
    if isinstance(now, NetworkError | RequestError):
        return SourceState.UNREACHABLE, str(now)
    assert not isinstance(now, SourceVersion)
    for name, date in dates.items():
        if name not in now:
            return SourceState.CHANGED, f"{name} is no longer in the catalogue."
        if now[name] != date:
            before, after = date or "no date", now[name] or "no date"
            return SourceState.CHANGED, f"{name} was of {before}, now it is of {after}."
    if not dates or not all(dates.values()):
        return SourceState.UNKNOWN, "The catalogue has no date for its items."
    return SourceState.UNCHANGED, ""


def _compare_file(file: RecordedFile, now: FoundVersion) -> tuple[SourceState, str]:
    """Compare the versions of a file."""
    if isinstance(now, ServerError) and now.status in _GONE:
        return SourceState.CHANGED, f"It is no longer there. {now}"
    if isinstance(now, NetworkError | RequestError):
        return SourceState.UNREACHABLE, str(now)
    assert isinstance(now, SourceVersion)
    if file.size != now.size:
        return SourceState.CHANGED, f"It had {file.size:,} bytes, now it has {now.size:,}."
    pairs = ("ETag", file.etag, now.etag), ("date", file.last_modified, now.last_modified)
    for title, before, after in pairs:
        if before and after:
            if before == after:
                return SourceState.UNCHANGED, ""
            return SourceState.CHANGED, f"Its {title} was {before}, now it is {after}."
    return SourceState.UNKNOWN, "There is neither an ETag nor a date to compare."
