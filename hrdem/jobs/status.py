"""Status: whether the sources of finished outputs are still those that they were made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import httpx

from hrdem.catalog.search import find_items_by_id
from hrdem.errors import NetworkError, ServerError
from hrdem.http.connections import MAX_CONNECTIONS
from hrdem.http.protocol import Http
from hrdem.http.ranges import read_version
from hrdem.http.source_version import SourceVersion
from hrdem.output.record import OutputRecord, RecordedFile, RecordedSource
from hrdem.request.endpoints import normalize_stac_url
from hrdem.runtime.threads import map_in_order, thread_pool

_GONE = (httpx.codes.NOT_FOUND, httpx.codes.GONE)
_REDACTED = "=REDACTED"  # in addresses without their credentials

Question = tuple[str, ...]
"""What is asked of a server: a kind, an address, and details of the kind."""

Answer = SourceVersion | Mapping[str, str] | NetworkError
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

    Each file is asked for once, by a request for 16 bytes, and each coverage by a search for its
    items; several at the same time.

    Args:
        records: What the outputs say of themselves.
        http: HTTP client.
    """
    questions = list(dict.fromkeys(each for record in records for each in _list_questions(record)))
    with thread_pool(MAX_CONNECTIONS, "status") as pool:
        answers = map_in_order(pool, lambda each: _send(each, http), questions, len(questions) + 1)
        found = dict(zip(questions, answers, strict=True))
    return [
        OutputStatus(
            record.output,
            tuple(_compare_source(source, record, found) for source in record.sources),
        )
        for record in records
    ]


def _list_questions(record: OutputRecord) -> list[Question]:
    """List what servers are asked for an output."""
    questions: list[Question] = []
    for source in record.sources:
        if source.dates:
            questions.append(_ask_for_items(source, record))
        questions += [_ask_for_version(file) for file in source.files if _is_known(file)]
    return questions


def _ask_for_items(source: RecordedSource, record: OutputRecord) -> Question:
    return "items", record.stac_url, source.collection, *sorted(source.dates)


def _ask_for_version(file: RecordedFile) -> Question:
    return "whole" if file.is_small else "beginning", file.href


def _is_known(file: RecordedFile) -> bool:
    """Whether the address of a file is complete: credentials are not recorded."""
    return _REDACTED not in file.href


def _send(question: Question, http: Http) -> Answer:
    """Return the version of a file, or the dates of items by id; an error if that fails."""
    kind, address, *details = question
    try:
        if kind == "items":
            collection, *ids = details
            found = find_items_by_id(ids, collection, normalize_stac_url(address), http)
            return {item.id: item.updated for item in found}
        return read_version(address, http, ranged=kind == "beginning")
    except NetworkError as exc:
        return exc


def _compare_source(
    source: RecordedSource, record: OutputRecord, answers: Mapping[Question, Answer]
) -> SourceStatus:
    """Compare a source with what servers answer now."""
    compared = [
        _compare_file(file, answers[_ask_for_version(file)])
        if _is_known(file)
        else (SourceState.UNKNOWN, "Its address needs credentials, which are not recorded.")
        for file in source.files
    ]
    if not source.files:
        answer = answers[_ask_for_items(source, record)] if source.dates else {}
        compared.append(_compare_items(source.dates, answer))
    if not source.is_whole:
        unknown = "The versions of the files that the VRT refers to are not recorded."
        compared.append((SourceState.UNKNOWN, unknown))
    state, reason = min(compared, key=lambda each: [*SourceState].index(each[0]))
    return SourceStatus(source.name, source.href, state, reason)


def _compare_items(dates: Mapping[str, str], answer: Answer) -> tuple[SourceState, str]:
    """Compare the dates of the items of a coverage: a WCS reports no version."""
    if isinstance(answer, NetworkError):
        return SourceState.UNREACHABLE, str(answer)
    assert not isinstance(answer, SourceVersion)
    for name, date in dates.items():
        if name not in answer:
            return SourceState.CHANGED, f"{name} is no longer in the catalogue."
        if answer[name] != date:
            now = answer[name] or "no date"
            return SourceState.CHANGED, f"{name} was of {date or 'no date'}, now it is of {now}."
    if not dates or not all(dates.values()):
        return SourceState.UNKNOWN, "The catalogue has no date for its items."
    return SourceState.UNCHANGED, ""


def _compare_file(file: RecordedFile, now: Answer) -> tuple[SourceState, str]:
    """Compare the versions of a file."""
    if isinstance(now, ServerError) and now.status in _GONE:
        return SourceState.CHANGED, f"It is no longer there. {now}"
    if isinstance(now, NetworkError):
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
