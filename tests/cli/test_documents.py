"""Documents for programs: results and errors as JSON, warnings in them, and a schema for each."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import click
import pytest

from hrdem.cli import documents, progress
from hrdem.cli.main import run
from hrdem.cli.progress import ProgressForm
from hrdem.cli.reference import commands
from hrdem.cli.schema import list_schemas, read_schema
from hrdem.demo import Addresses
from hrdem.runtime.progress import Progress
from tests.documents import find_problems
from tests.pages import run_commands

BBOX = ("--bbox", "-75.72,45.40,-75.719,45.401", "--product", "dtm", "--no-cache")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, demo: Addresses, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HRDEM_STAC_URL", demo.stac)
    return tmp_path


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any, str]:
    """Exit code and document of a command, and what it printed on standard error."""
    code = run([*arguments])
    out, err = capsys.readouterr()
    return code, json.loads(out), err


def test_an_error_is_a_document_and_a_message(
    capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    (folder / "a.tif").touch()
    code, document, err = printed(capsys, "extract", *BBOX, "-o", "a.tif", "--json")
    assert code == 7
    assert document["error"] == {
        "code": 7,
        "class": "OutputExistsError",
        "message": "a.tif exists; give --overwrite to replace it, or another -o.",
        "hint": "",
    }
    assert err == f"hrdem: {document['error']['message']}\n"


@pytest.mark.parametrize(
    ("arguments", "kind", "message", "hint"),
    [
        (["extract", "--json"], "UsageError", "Missing option '--product'.", ""),
        (
            ["search", "--bbox", "1", "2", "3", "4", "--json"],
            "UsageError",
            "Got unexpected extra arguments (2 3 4)",
            "Give numbers with commas between",
        ),
        (["serch", "--json"], "UsageError", "No such command 'serch'.", ""),
        (
            ["search", "--nts", "999Z99", "--json"],
            "RequestError",
            "999Z99",
            "",
        ),
    ],
)
def test_invalid_arguments_are_a_document_too(
    capsys: pytest.CaptureFixture[str], arguments: list[str], kind: str, message: str, hint: str
) -> None:
    code, document, _ = printed(capsys, *arguments)
    error = document["error"]
    assert (code, error["code"], error["class"]) == (2, 2, kind)
    assert message in error["message"] + error["hint"]
    assert hint in error["message"] + error["hint"]


def test_a_defect_is_a_document_without_its_traceback(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**_: object) -> None:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr("hrdem.api.search", fail)
    monkeypatch.setenv("HRDEM_JSON", "1")
    code, document, err = printed(capsys, "search", "--nts", "031G05")
    assert (code, document["error"]["class"]) == (1, "Defect")
    assert "ZeroDivisionError('oh')" in document["error"]["message"]
    assert "Traceback" in err


@pytest.mark.slow
def test_warnings_are_in_the_document_also_quietly(
    capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    edge = ("--bbox", "1695000,-400500,1697500,-398000", "--bbox-crs", "EPSG:3979")
    options = ("--product", "dtm", "--resolution", "50", "--no-cache", "-o", "a.tif", "--json")
    arguments = ("extract", *edge, *options)
    code, document, err = printed(capsys, *arguments)
    (warning,) = document["warnings"]
    assert code == 0
    assert "has no data in" in warning
    assert "--fill" in warning
    assert err == f"hrdem: {warning}\n"
    _, document, err = printed(capsys, *arguments, "--overwrite", "--quiet")
    assert (document["warnings"], err) == ([warning], "")


def test_a_log_file_has_the_messages_of_each_run(
    capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    for _ in range(2):
        run(["extract", *BBOX, "-o", "a.tif", "--log-file", "run.log"])
    text = (folder / "run.log").read_text("utf-8")
    lines = [re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ (\w+) (.*)", each) for each in
             text.splitlines()]  # fmt: skip
    logged = [line.groups() for line in lines if line]
    assert len(logged) == len(lines)
    ends = [text for _, text in logged if text.startswith("Exit code")]
    assert [re.sub(r"[\d.]+ s", "", each) for each in ends] == ["Exit code 0, .", "Exit code 7, ."]
    assert ("ERROR", "a.tif exists; give --overwrite to replace it, or another -o.") in logged
    assert capsys.readouterr().err.count("\n") == 1


def test_a_log_file_that_cannot_be_written_is_an_error_of_the_output(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, document, _ = printed(capsys, "search", *BBOX[:2], "--log-file", "no/a.log", "--json")
    assert (code, document["error"]["class"]) == (7, "OutputError")
    assert "no/a.log cannot be written" in document["error"]["message"]


def test_progress_is_lines_of_json_on_request(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = printed(
        capsys, "extract", *BBOX, "-o", "a.tif", "--progress", "json", "--json"
    )  # fmt: skip
    lines = [json.loads(line) for line in err.splitlines()]
    assert code == 0
    assert {line["event"] for line in lines} == {"progress"}
    assert lines[-1]["pixels"] == lines[-1]["total_pixels"] > 0


@pytest.mark.slow
def test_each_command_with_a_bar_prints_lines_of_json(
    capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    assert run(["extract", *BBOX, "-o", "a.tif", "--quiet"]) == 0
    files = ("rerun", "a.stac.json", "-o", "b.tif", "--no-cache"), ("verify", "a.tif")
    line = "LINESTRING(-75.72 45.40, -75.71 45.41)"
    places = ("sample", "--point", "-75.72,45.40"), ("profile", line)
    for arguments in (
        *files,
        ("compare", "a.tif", "b.tif"),
        *((*each, "--product", "dtm", "--no-cache") for each in places),
    ):
        capsys.readouterr()
        code, _, err = printed(capsys, *arguments, "--progress", "json", "--json")
        lines = [json.loads(each) for each in err.splitlines()]
        assert code == 0, arguments
        assert lines[-1]["pixels"] == lines[-1]["total_pixels"] > 0, arguments


def test_without_a_terminal_progress_is_a_line_a_minute(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(range(0, 10_000, 10))
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    with click.Context(click.Command("extract")), progress.progress("dtm a.tif") as on_progress:
        for pixels in range(1, 21):
            on_progress(Progress(5 * pixels, 100, 1_000_000))
    lines = capsys.readouterr().err.splitlines()
    assert 2 <= len(lines) <= 5
    assert re.fullmatch(r"hrdem: dtm a\.tif: \d+ %, 1 MB, \S+ [kB]+/s", lines[0])


@pytest.mark.parametrize("form", list(ProgressForm))
def test_nothing_is_printed_where_there_is_no_progress(
    capsys: pytest.CaptureFixture[str], form: ProgressForm
) -> None:
    with click.Context(click.Command("extract")) as context:
        context.meta["progress"] = form.value
        with progress.progress("a"):
            pass
    assert capsys.readouterr().err == ""


def test_every_command_has_a_schema() -> None:
    shared = {"cache-prune": "cache-freed", "cache-clear": "cache-freed"}
    names = [name.replace(" ", "-") for name, _ in commands()]
    expected = {shared.get(name, name) for name in names}
    assert expected <= {*list_schemas()}
    for name in list_schemas():
        schema = read_schema(name)
        assert schema["properties"]["schema_version"] == {"const": documents.SCHEMA_VERSION}
        assert find_problems(name, {}) != []


def test_a_document_without_a_schema_or_with_an_unknown_key_is_found() -> None:
    (missing,) = find_problems("no-such", {})
    assert "hrdem/schemas/no-such.json" in missing
    freed = {"schema_version": 1, "freed_bytes": 0, "bytes": 1, "folder": "a", "warnings": []}
    assert find_problems("cache-freed", freed) == []
    assert "'lost'" in find_problems("cache-freed", {**freed, "lost": 1})[0]
    assert "$.bytes" in find_problems("cache-freed", {**freed, "bytes": "1"})[0]


def test_schemas_are_listed_printed_and_collected(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["schema"]) == 0
    assert "tile-status       hrdem tile status" in capsys.readouterr().out
    assert printed(capsys, "schema", "plan")[1] == read_schema("plan")
    assert printed(capsys, "schema", "--json")[1]["schemas"]["plan"] == read_schema("plan")
    code, document, _ = printed(capsys, "schema", "plam", "--json")
    assert (code, document["error"]["message"]) == (2, "There is no document 'plam'.")


@pytest.mark.slow
def test_the_page_on_automation_runs(demo: Addresses, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HRDEM_NO_CACHE", "1")
    assert run_commands("automation.md")
