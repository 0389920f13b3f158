"""A user's file of entries of the metadata."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hrdem.errors import RequestError
from hrdem.legacy.cded.entries import MAX_FILE_BYTES, read_entries, to_fgdc_date
from hrdem.request.aoi.nts import parse_sheet

NAME = "meta.toml"


@pytest.fixture(autouse=True)
def in_an_empty_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def read(text: str | bytes, sheet: str = "031K01") -> dict[str, str]:
    Path(NAME).write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_entries(NAME).of_sheet(parse_sheet(sheet))


def refuse(text: str | bytes) -> str:
    with pytest.raises(RequestError) as info:
        read(text)
    start = f"{NAME}, given as `metadata`, "
    assert str(info.value).startswith(start)
    return str(info.value).removeprefix(start)


@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
def test_toml_and_json_give_the_same(bom: bytes) -> None:
    toml = 'organization = "Énergie"\nplanimetric_accuracy = 5\nscale = "1:20 000"\n'
    table = {"organization": "Énergie", "planimetric_accuracy": 5.0, "scale": 20_000}
    expected = {"organization": "Énergie", "planimetric_accuracy": "5", "scale": "20000"}
    assert read(bom + toml.encode()) == expected
    assert read(bom + json.dumps(table).encode()) == expected


def test_a_sheet_has_its_own_entries_before_those_for_all() -> None:
    text = 'purpose = "All"\nidentifier = "A"\n["31k/1"]\npurpose = "Mine"\n[031K]\npurpose = "B"\n'
    assert read(text, "031K01") == {"purpose": "Mine", "identifier": "A"}
    assert read(text, "031K02") == {"purpose": "All", "identifier": "A"}
    assert read(text, "031K") == {"purpose": "B", "identifier": "A"}


@pytest.mark.parametrize(
    ("value", "date"),
    [
        ("2018-05-31", "20180531"),
        ('"2003/02/20"', "20030220"),
        ('"20030220"', "20030220"),
        ("20030220", "20030220"),
        ("2018", "2018"),
        ('"2018-05"', "201805"),
        ("2018-05-31T10:00:00Z", "20180531"),
        ('"unknown"', "Unknown"),
        ('"present"', "Present"),
    ],
)
def test_dates_become_those_of_the_standard(value: str, date: str) -> None:
    key = "source_validity_ending_date"
    assert read(f"{key} = {value}") == {key: date}


@pytest.mark.parametrize(
    "text", ["", "last year", "2018-13", "2018-02-30", "18-05-31", "0000", "١٩٩٩"]
)
def test_what_is_no_date(text: str) -> None:
    assert to_fgdc_date(text) is None


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('planimetric_accuracy = "good"', " = 'good', which is not a number from 0 up, or Unknown"),
        ("altimetric_accuracy = nan", "altimetric_accuracy = nan, which is not a number from"),
        ("altimetric_accuracy = -0.5", "altimetric_accuracy = -0.5, which is not a number from"),
        ("scale = 1", "scale = 1, which is not a scale like 1:50000, or Unknown. Correct it."),
        ('cded_process_date = "May"', " 2018-05-31, 2018-05 or 2018, or Not complete, Unknown. C"),
        ("source_validity_beginning_date = 'Present'", "which is not a date like"),
        ("purpose = ''", "purpose = '', which is not text. Correct it."),
        ("purpose = true", "purpose = True, which is not text. Correct it."),
        ("purpose = ['a']", "purpose = ['a'], which is not text. Correct it."),
    ],
)
def test_values_of_another_kind_are_refused(line: str, message: str) -> None:
    assert message in refuse(line)


def test_unknown_entries_name_the_nearest_one() -> None:
    assert refuse("plannimetric_accuracy = 5") == (
        "has an entry 'plannimetric_accuracy', which is not known. Did you mean "
        "planimetric_accuracy?"
    )
    assert refuse("author = 'me'").startswith(
        "has an entry 'author', which is not known. Entries are source_horizontal_"
    )
    assert "Did you mean purpose?" in refuse("[031K01]\npurpos = 'x'")


def test_edition_and_version_are_those_of_the_header() -> None:
    for entry in ("edition", "version"):
        assert f"has an entry {entry}, which the files' headers" in refuse(f"{entry} = 1")


def test_tables_are_named_after_sheets() -> None:
    assert refuse("[031Z01]\npurpose = 'x'").startswith(
        "has a table '031Z01', and tables are named"
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"purpose = ", "is not valid TOML: "),
        (b'{"purpose": ', "is not valid JSON: "),
        (b"{" * 100_000, "is not valid JSON: "),
        (b"a = " + b"[" * 100_000, "is not valid TOML: "),
        (b"purpose = '\xe9'", "is not in UTF-8 (invalid continuation byte at byte 11). Save it"),
        (b" " * (MAX_FILE_BYTES + 1), f"has more than {MAX_FILE_BYTES:,} bytes."),
    ],
    ids=["toml", "json", "deep json", "deep toml", "latin 1", "large"],
)
def test_files_that_cannot_be_parsed(content: bytes, message: str) -> None:
    assert refuse(content).startswith(message)


def test_files_that_cannot_be_read() -> None:
    with pytest.raises(RequestError, match=r"no file a\.toml\. Check the path .* as `metadata`"):
        read_entries("a.toml")
    Path("folder").mkdir()
    with pytest.raises(RequestError, match=r"^folder, given as `metadata`, cannot be read: "):
        read_entries("folder")


def test_no_entries_are_no_entries() -> None:
    assert read("") == {}
