"""Entries of the metadata of CDED (CDED 2.1, 8.1 and 8.2), and a user's file of them."""

from __future__ import annotations

import datetime as dt
import json
import math
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from hrdem.errors import RequestError
from hrdem.legacy.cded.csdgm import UNKNOWN
from hrdem.request.aoi.local_files import resolve_local_path
from hrdem.request.aoi.nts import Sheet, parse_sheet
from hrdem.runtime.closest import find_closest

MAX_FILE_BYTES = 1 << 20
MAX_SHOWN_CHARACTERS = 40  # of a value in a message
_DATE = re.compile(r"(\d{4})(?:([-/]?)(\d\d)(?:\2(\d\d))?)?(?:[T ].*)?", re.ASCII)
_SCALE = re.compile(r"(?:1[:/])?(\d+)", re.ASCII)


class EntryKind(Enum):
    """What the FGDC standard takes as the value of an entry; the value describes it."""

    TEXT = "text"
    DATE = "a date like 2018-05-31, 2018-05 or 2018"
    NUMBER = "a number from 0 up"
    SCALE = "a scale like 1:50000"


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of the metadata.

    Attributes:
        name: Its name in the document, in lower case with underscores.
        kind: What it takes.
        words: Words that the FGDC standard takes in place of a date.
    """

    name: str
    kind: EntryKind = EntryKind.TEXT
    words: tuple[str, ...] = ()


#: 8.1: of a collection, one record
COLLECTION_ENTRIES = (
    Entry("source_horizontal_positional_accuracy_report"),
    Entry("source_vertical_positional_accuracy_report"),
    Entry("type_of_source_media"),
    Entry("source_citation_abbreviation"),
    Entry("source_contribution"),
    Entry("source_currentness_reference"),
    Entry("cded_process_description"),
)
#: 8.2: of a data set, a record for each source
DATA_SET_ENTRIES = (
    Entry("identifier"),
    Entry("edition"),
    Entry("version"),
    Entry("organization"),
    Entry("source_data_type"),
    Entry("source_product_name"),
    Entry("source_validity_beginning_date", EntryKind.DATE),
    Entry("source_validity_ending_date", EntryKind.DATE, ("Present",)),
    Entry("source_availability_date", EntryKind.DATE, ("Unpublished material",)),
    Entry("cded_process_date", EntryKind.DATE, ("Not complete",)),
    Entry("planimetric_accuracy", EntryKind.NUMBER),
    Entry("planimetric_explanation_code"),
    Entry("altimetric_accuracy", EntryKind.NUMBER),
    Entry("altimetric_explanation_code"),
    Entry("first_spacing_contour_interval", EntryKind.NUMBER),
    Entry("second_spacing_contour_interval", EntryKind.NUMBER),
    Entry("scale", EntryKind.SCALE),
    Entry("nts_50k_1"),
    Entry("nts_50k_2"),
    Entry("nts_50k_3"),
    Entry("nts_50k_4"),
)
#: what the FGDC standard demands besides
FURTHER_ENTRIES = tuple(
    map(
        Entry,
        (
            "purpose",
            "access_constraints",
            "use_constraints",
            "contact_organization",
            "contact_person",
            "contact_address",
            "contact_city",
            "contact_province",
            "contact_postal_code",
            "contact_telephone",
        ),
    )
)
ENTRIES = {
    entry.name: entry for entry in (*COLLECTION_ENTRIES, *DATA_SET_ENTRIES, *FURTHER_ENTRIES)
}
_OF_THE_HEADER = ("edition", "version")  # which the header and the names of files have too

Values = dict[str, str]


@dataclass(frozen=True, slots=True)
class UserEntries:
    """Entries of a user's file, as the FGDC standard takes them.

    Attributes:
        common: For all sheets.
        by_sheet: For single sheets, by their names.
    """

    common: Mapping[str, str]
    by_sheet: Mapping[str, Mapping[str, str]]

    def of_sheet(self, sheet: Sheet) -> Values:
        """Return the entries for a sheet; its own come before those for all."""
        return {**self.common, **self.by_sheet.get(sheet.name, {})}


def read_entries(source: str | os.PathLike[str]) -> UserEntries:
    """Read a file of entries.

    Args:
        source: TOML or JSON file: a value for each name of an entry, and tables of them under the
            names of sheets.

    Raises:
        RequestError: If it cannot be read, has an unknown entry, or a value of another kind.
    """
    path = resolve_local_path(source, "metadata")
    table = _parse(path.name, _read_text(path))
    sheets = {key: value for key, value in table.items() if isinstance(value, dict)}
    common = {key: value for key, value in table.items() if key not in sheets}
    return UserEntries(
        _check(common, path.name),
        {_name_sheet(key, path.name): _check(value, path.name) for key, value in sheets.items()},
    )


def to_fgdc_date(text: str) -> str | None:
    """Return a year, month or day as the FGDC standard has it: 2018, 201805, 20180531.

    Returns:
        The date; None if it is none.
    """
    match = _DATE.fullmatch(text.strip())
    if match is None:
        return None
    year, _, month, day = match.groups()
    try:
        dt.date(int(year), int(month or 1), int(day or 1))
    except ValueError:
        return None
    return "".join(filter(None, (year, month, day)))


def _read_text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as exc:
        raise RequestError(
            f"{path.name}, given as `metadata`, cannot be read: {exc.strerror or exc}. Give a TOML "
            "or JSON file."
        ) from exc
    if len(data) > MAX_FILE_BYTES:
        raise RequestError(
            f"{path.name}, given as `metadata`, has more than {MAX_FILE_BYTES:,} bytes. Give a "
            "TOML or JSON file of entries."
        )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        raise RequestError(
            f"{path.name}, given as `metadata`, is not in UTF-8 ({exc.reason} at byte "
            f"{exc.start:,}). Save it in UTF-8."
        ) from exc


def _parse(name: str, text: str) -> dict[str, Any]:
    is_json = text.lstrip().startswith("{")
    try:
        table: dict[str, Any] = json.loads(text) if is_json else tomllib.loads(text)
    except (ValueError, RecursionError) as exc:
        language = "JSON" if is_json else "TOML"
        raise RequestError(
            f"{name}, given as `metadata`, is not valid {language}: {exc}. Correct it."
        ) from exc
    return table


def _name_sheet(key: str, name: str) -> str:
    """Return the official name of the sheet that a table is for."""
    try:
        return parse_sheet(key).name
    except RequestError as exc:
        raise RequestError(
            f"{name}, given as `metadata`, has a table {_show(key)}, and tables are named after "
            "NTS sheets, such as 031K01. Rename it, or put its entries before the first table."
        ) from exc


def _check(table: Mapping[str, Any], name: str) -> Values:
    """Return the values of a table as text.

    Raises:
        RequestError: If one is unknown, or of another kind.
    """
    values = {}
    for key, value in table.items():
        entry = ENTRIES.get(key)
        if entry is None:
            closest = find_closest(key, ENTRIES)
            hint = f"Did you mean {closest}?" if closest else f"Entries are {', '.join(ENTRIES)}."
            raise RequestError(
                f"{name}, given as `metadata`, has an entry {_show(key)}, which is not known. "
                f"{hint}"
            )
        if key in _OF_THE_HEADER:
            raise RequestError(
                f"{name}, given as `metadata`, has an entry {key}, which the files' headers and "
                "names have too. Give `data_edition`, and leave it out there."
            )
        text = _format(entry, value)
        if text is None:
            kind = "text" if entry.kind is EntryKind.TEXT else entry.kind.value
            words = ", ".join((*entry.words, UNKNOWN))
            other = "" if entry.kind is EntryKind.TEXT else f", or {words}"
            raise RequestError(
                f"{name}, given as `metadata`, has {key} = {_show(value)}, which is not {kind}"
                f"{other}. Correct it."
            )
        values[key] = text
    return values


def _format(entry: Entry, value: Any) -> str | None:
    """Return a value as text in the form of the standard; None if it is of another kind."""
    if isinstance(value, bool) or not isinstance(value, str | int | float | dt.date):
        return None
    text = " ".join(str(value).split())
    known = {word.lower(): word for word in (*entry.words, UNKNOWN)}
    if text.lower() in known:
        return known[text.lower()]
    match entry.kind:
        case EntryKind.TEXT:
            return text or None
        case EntryKind.DATE:
            return to_fgdc_date(text)
        case EntryKind.SCALE:
            match = _SCALE.fullmatch(text.replace(",", "").replace(" ", ""))
            return str(int(match[1])) if match and int(match[1]) > 1 else None
        case EntryKind.NUMBER:
            return _format_number(text)


def _format_number(text: str) -> str | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return f"{number:.15g}" if math.isfinite(number) and number >= 0 else None


def _show(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= MAX_SHOWN_CHARACTERS else f"{text[:MAX_SHOWN_CHARACTERS]}…"
