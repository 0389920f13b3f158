"""``hrdem legacy check``: short by default, whole with --json, and its exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import hrdem
from hrdem.cli.main import run
from hrdem.errors import ExitCode
from tests.cded_bytes import Cell


@pytest.fixture
def cell(tmp_path: Path) -> Path:
    """A cell that is complete but for its profiles."""
    path = tmp_path / "031k01_w.dem"
    path.write_bytes(Cell().content())
    return path


def test_a_file_that_conforms_is_one_line(cell: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cell.write_bytes(Cell(profiles=1201).content())
    assert run(["legacy", "check", str(cell)]) == ExitCode.COMPLETE
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("conforms: ")
    assert line.endswith(" rules passed")
    cell.write_bytes(Cell().content())
    run(["legacy", "check", str(cell), "-v"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "031k01_w.dem (cded-2.1)"
    assert "  pass           element 8, ground unit: '3'  [CDED 2.1, 7.4.2 element 8]" in lines


def test_errors_are_listed_with_their_clauses(
    cell: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cell.write_bytes(Cell(fields={892: b"1020", 890: b" 1"}).content())
    assert run(["legacy", "check", str(cell)]) == ExitCode.INCOMPLETE
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "031k01_w.dem (cded-2.0)"
    assert (
        "  error          element 27, horizontal datum: '1'; expected 4  "
        "[CDED 2.1, 7.4.2 element 27]"
    ) in lines
    assert lines[-1].startswith("does not conform: 3 errors, 1 difference of an older edition, ")
    assert run(["legacy", "check", str(cell), "--edition", "cded-2.1"]) == ExitCode.INCOMPLETE
    assert "does not conform: 4 errors, " in capsys.readouterr().out


def test_what_many_files_share_is_printed_once_unless_it_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A shelf of old cells has the same differences thousands of times."""
    content = Cell(fields={892: b"1020"}).content()
    for number in range(1, 7):
        (tmp_path / f"031k0{number}_w.dem").write_bytes(content)
    assert run(["legacy", "check", str(tmp_path)]) == ExitCode.INCOMPLETE
    output = capsys.readouterr().out
    assert output.count("element 28, edition: '1020'") == 1
    assert "6 files, such as 031k01_w.dem\n  older edition  element 28, edition" in output
    assert output.count("error          number of profiles: 1;") == 6
    assert "does not conform: 23 errors in 7 of 7 files and folders, 6 differences" in output
    run(["legacy", "check", str(tmp_path), "-v"])
    assert capsys.readouterr().out.count("element 28, edition: '1020'") == 6


def test_json_has_everything(cell: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(["legacy", "check", str(cell), "--json"])
    document = json.loads(capsys.readouterr().out)
    assert document["conforms"] is False
    assert document["editions"] == {"031k01_w.dem": "cded-2.1"}
    assert document["counts"]["error"] == 2
    assert sum(document["counts"].values()) == len(document["findings"])
    assert document["findings"][0].keys() == {
        *("file", "rule", "clause", "level", "expected", "found"),
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["missing.dem"], "hrdem: missing.dem cannot be read: No such file or directory."),
        (["notes.txt"], "hrdem: notes.txt is no file of the older products."),
        (["notes.txt", "--edition", "cded-2"], "hrdem: --edition cannot be 'cded-2'."),
    ],
)
def test_what_cannot_be_checked_is_said_in_a_sentence(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes.txt").write_text("none", "ascii")
    assert run(["legacy", "check", *arguments]) == ExitCode.USAGE
    assert capsys.readouterr().err.startswith(message)


def test_python_users_get_a_report(cell: Path) -> None:
    steps: list[hrdem.Progress] = []
    report = hrdem.legacy_check(cell.parent, edition="cded-2.1", on_progress=steps.append)
    assert [(each.pixels, each.total_pixels) for each in steps] == [(9_216, 9_216)]
    report = hrdem.legacy_check(cell)
    assert not report.conforms
    assert isinstance(report.findings[0], hrdem.Finding)
