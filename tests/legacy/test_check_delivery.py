"""Archives and folders of CDED: both halves together, names, metadata, and shared profiles."""

from __future__ import annotations

import os
import tracemalloc
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from hrdem.errors import RequestError
from hrdem.jobs.legacy_check import check_path
from hrdem.legacy import archive
from hrdem.legacy.check import checked_file
from hrdem.legacy.check.cded_delivery import Delivery, check_delivery
from hrdem.legacy.check.cded_names import CellName, locate_cell
from hrdem.legacy.check.edges import compare_edges, find_edges
from hrdem.legacy.check.finding import Findings, Level
from hrdem.request.options import Edition
from tests.cded_bytes import Cell, end_of_zip, write_zip

ZIP = "011G13_1071673780004.zip"
W, E, XML = "011g13_0100demw.dem", "011g13_0100deme.dem", "011g13_meta.xml"


def judge(name: str, *members: str) -> dict[str, str]:
    """Return what breaks a rule in an archive, by rule."""
    findings = check_delivery(Delivery(name, name, True, members), Edition.CDED_2_1)
    return {each.rule: each.found for each in findings.all if each.level is Level.ERROR}


def test_the_examples_of_the_document_are_right() -> None:
    assert judge("031k01.zip", "031k01_e.dem", "031k01_w.dem") == {}
    assert judge("031k.zip", "031k_e.dem", "031k_w.dem") == {}
    assert judge(ZIP, E, W, XML) == {}


@pytest.mark.parametrize(
    ("name", "members", "rule", "found"),
    [
        ("031k01.zip", ["031k01_e.dem"], "both cells of 031k01", "east"),
        (ZIP, [W, XML], "both cells of 011g13", "west"),
        (ZIP, [E, W], "metadata", "none"),
        (ZIP, [E, W, "011g14_meta.xml"], "metadata", "011g14_meta.xml"),
        ("31k01.zip", ["031k01_e.dem", "031k01_w.dem"], "name of the archive", "31k01.zip"),
        ("031k01_e.dem.zip", ["031k01_e.dem"], "name of the archive", "031k01_e.dem.zip"),
        ("011g13.zip", [E, W, XML], "name of the archive", "011g13.zip"),
        ("031k02.zip", ["031k01_e.dem", "031k01_w.dem"], "sheet of the archive", "cells of 031k01"),
        ("031k01.zip", ["a.dem"], "sheet of the archive", "no cell with a name of CDED"),
    ],
)
def test_each_rule_of_delivery_is_judged(
    name: str, members: list[str], rule: str, found: str
) -> None:
    assert judge(name, *members)[rule] == found


def test_an_archive_of_two_sheets_is_wrong() -> None:
    members = [f"{sheet}_{half}.dem" for sheet in ("031k01", "031k02") for half in "ew"]
    assert judge("031k01.zip", *members) == {"sheet of the archive": "cells of 031k01, 031k02"}


def make_sheet(
    change: Mapping[str, np.ndarray] | None = None, profiles: int = 1201
) -> dict[str, bytes]:
    """Return both cells of 031K01, level but for what is changed."""
    heights = {"w": 7, "e": 7, **(change or {})}
    return {
        f"031k01_{half}.dem": Cell(
            f"031k01DEM{half}".encode(), west, profiles=profiles, heights=heights[half]
        ).content()
        for half, west in (("w", -275_400), ("e", -274_500))
    }


@pytest.mark.slow
def test_an_archive_is_checked_with_its_cells(tmp_path: Path) -> None:
    report = check_path(write_zip(tmp_path / "031k01.zip", make_sheet()))
    assert report.conforms
    assert [*report.editions] == [
        "031k01.zip/031k01_w.dem",
        "031k01.zip/031k01_e.dem",
        "031k01.zip",
    ]
    shared = [finding for finding in report.findings if finding.clause == "CDED 2.1, 3.3"]
    assert [finding.found for finding in shared] == ["0 of 1201 differ, by up to 0 m"]


@pytest.mark.slow
def test_cells_of_a_folder_are_compared_where_they_touch(tmp_path: Path) -> None:
    heights = np.full((1201, 1201), 7)
    heights[0, 5:9] = 10
    for name, content in make_sheet({"e": heights}).items():
        (tmp_path / name).write_bytes(content)
    report = check_path(tmp_path)
    (error,) = (each for each in report.findings if each.level is Level.ERROR)
    assert (error.file, error.clause) == ("031k01_w.dem", "CDED 2.1, 3.3")
    assert error.found == "4 of 1201 differ, by up to 3 m"


def make_edges(sheet: str, half: str, heights: np.ndarray):
    place = locate_cell(CellName(sheet, half))
    assert place
    return find_edges(f"{sheet}_{half}.dem", heights.astype(np.int16), place)


def test_nodes_are_compared_across_68_degrees() -> None:
    """South of it profiles are 0.75" apart and cells 15' wide, north of it both are double."""
    points = np.arange(1201)
    south = np.zeros((1201, 1201))
    south[-1] = points  # node k of the western cell is 0.75 k seconds from the sheet's edge
    # 087B04 is 120-119 W, 68-68.25 N; under its western half are both cells of a sheet
    north = np.zeros((1201, 1201))
    north[0] = 2 * points
    east = south.copy()
    east[-1] = points + 1200
    cells = [
        make_edges("086m13", "w", south),
        make_edges("086m13", "e", east),
        make_edges("087b04", "w", north),
    ]
    assert cells[2].place.south == cells[0].place.north == 68 * 3600
    findings = [each for each in compare_edges(cells) if "northern" in each.rule]
    assert [finding.found for finding in findings] == 2 * ["0 of 601 differ, by up to 0 m"]
    north[0, 3] += 1
    changed = [*cells[:2], make_edges("087b04", "w", north)]
    findings = [each for each in compare_edges(changed) if "northern" in each.rule]
    assert findings[0].found == "1 of 601 differ, by up to 1 m"
    assert findings[0].level is Level.ERROR


def test_cells_of_two_scales_are_not_compared() -> None:
    level = np.zeros((1201, 1201))
    assert compare_edges([make_edges("031k", "w", level), make_edges("031k04", "w", level)]) == []


def test_metadata_of_purchasers_are_read(tmp_path: Path) -> None:
    """A document with one of the entries: it is XML, and what it lacks is noted."""
    cells = {
        f"031k01_0100dem{name[7]}.dem": content for name, content in make_sheet(profiles=1).items()
    }
    xml = b"<metadata><idinfo><citation><citeinfo><edition>1.0</edition></citeinfo></citation>"
    path = tmp_path / "031K01_1071673780004.zip"
    write_zip(path, {**cells, "031k01_meta.xml": xml + b"</idinfo></metadata>"})
    report = check_path(path)
    found = {each.rule: each.level for each in report.findings if each.file.endswith(".xml")}
    assert found.pop("XML") is Level.PASS
    assert found.pop("edition and version") is Level.PASS
    assert found == {"entries": Level.NOTE}
    for damaged in (xml, b"<a/>", b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', b"\xff\xfe<"):
        write_zip(path, {**cells, "031k01_meta.xml": damaged})
        report = check_path(path)
        assert [each.level for each in report.findings if each.rule == "XML"] == [Level.ERROR]


def test_metadata_beside_the_cells_of_a_folder_are_read(tmp_path: Path) -> None:
    path = tmp_path / "031k01_meta.xml"
    path.write_bytes(b"<metadata>")
    with pytest.raises(RequestError, match="has no file to check"):
        check_path(tmp_path)
    for name, content in make_sheet(profiles=1).items():
        (tmp_path / name).write_bytes(content)
    for checked in (tmp_path, path):
        found = [each for each in check_path(checked).findings if each.file == path.name]
        assert [(each.rule, each.level) for each in found] == [("XML", Level.ERROR)]


def test_damaged_archives_end_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_zip(tmp_path / "031k01.zip", make_sheet(profiles=3))
    content = path.read_bytes()
    path.write_bytes(content[:5000])
    with pytest.raises(RequestError, match=r"031k01\.zip cannot be read as a ZIP"):
        check_path(path)
    path.write_bytes(content[:4000] + b"\xff" * 9 + content[4009:])  # its checksum is another one
    report = check_path(path)
    (error,) = (each for each in report.findings if each.rule == "file")
    assert "Bad CRC-32" in error.found
    path.write_bytes(content.replace(b"031k01_w.dem", b"031k01_w\x8ddem", 1))
    report = check_path(path)  # the name before the member is another one than in the directory
    (error,) = (each for each in report.findings if each.rule == "file")
    assert error.found.count("cannot be read") == 1
    path.write_bytes(content)
    monkeypatch.setattr(checked_file, "MAX_ARCHIVE_BYTES", 50_000)
    with pytest.raises(RequestError, match="has 51,200 bytes unpacked, and at most 50,000"):
        check_path(path)
    monkeypatch.setattr(archive, "MAX_MEMBER_BYTES", 25_000)
    with pytest.raises(RequestError, match="has 25,600 bytes, more than the 25,000 that are read"):
        check_path(path)
    monkeypatch.setattr(archive, "MAX_MEMBERS", 1)
    with pytest.raises(RequestError, match="has 2 members, and at most 1 are read"):
        check_path(path)
    write_zip(path, {"a.txt": b""})
    monkeypatch.undo()
    with pytest.raises(RequestError, match=r"031k01\.zip has no \.dem in it"):
        check_path(path)


def test_a_directory_of_any_size_is_not_read_into_memory(tmp_path: Path) -> None:
    path = tmp_path / "031k01.zip"
    with path.open("wb") as file:
        file.truncate(60_000_000)  # without taking room on the disk
        file.seek(0, os.SEEK_END)
        file.write(end_of_zip(directory_bytes=60_000_000))
    tracemalloc.start()
    with pytest.raises(RequestError, match="as a ZIP: its directory has 60,000,000 bytes. Get"):
        check_path(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10_000_000


def test_a_member_that_expands_without_a_bound_is_an_error_and_not_read(tmp_path: Path) -> None:
    """By bzip2 4 kB are gigabytes; the other cell is checked."""
    west, east = make_sheet(profiles=3).items()
    path = tmp_path / "031k01.zip"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr(*west, zipfile.ZIP_BZIP2)
        file.writestr(*east, zipfile.ZIP_STORED)
    findings = check_path(path).findings
    (error,) = (each for each in findings if each.rule == "file")
    assert error.found.startswith(f"{west[0]} in 031k01.zip is compressed by a method other than")
    assert any(each.file.endswith(east[0]) for each in findings)


def test_folders_without_a_file_to_check_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(RequestError, match="has no file to check"):
        check_path(tmp_path)
    (tmp_path / "a.dem").write_bytes(b"none")
    report = check_path(tmp_path)  # among others it is an error of that file
    assert [finding.rule for finding in report.findings] == ["file"]
    monkeypatch.setattr(checked_file, "MAX_FILES", 0)
    with pytest.raises(RequestError, match="has more than 0 files"):
        check_path(tmp_path)


def test_findings_are_one_printable_line() -> None:
    findings = Findings("a.dem", Edition.CDED_2_1)
    findings.judge("7.4.1", "rule", False, expected="nothing", found="\x1b[31m" + 500 * "x\n")
    (finding,) = findings.all
    assert finding.found.isprintable()
    assert len(finding.found) == 120
