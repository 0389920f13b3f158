"""How CDED cells are delivered: both halves of a sheet in one archive (CDED 2.1, 10.2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hrdem.legacy.check.cded_names import (
    CellName,
    parse_file_name,
    parse_metadata_name,
    parse_zip_name,
)
from hrdem.legacy.check.finding import Findings
from hrdem.request.options import Edition


@dataclass(frozen=True, slots=True)
class Delivery:
    """Names of what is delivered together.

    Attributes:
        label: Name of the archive or the folder in findings.
        name: Its own name.
        is_archive: Whether it is an archive.
        members: Names of the files in it.
    """

    label: str
    name: str
    is_archive: bool
    members: Sequence[str]


def check_delivery(delivery: Delivery, edition: Edition) -> Findings:
    """Judge the names of what is delivered together.

    A folder may hold several sheets; each must have both halves.
    """
    findings = Findings(delivery.label, edition)
    cells = [name for name in map(parse_file_name, delivery.members) if name]
    sheets = sorted({cell.sheet for cell in cells})
    clause = "10.2.2" if any(cell.version for cell in cells) else "10.2.1"
    for sheet in sheets:
        halves = sorted({cell.half for cell in cells if cell.sheet == sheet})
        findings.judge(
            f"{clause} (2)", f"both cells of {sheet}", len(halves) == 2,
            expected="west and east together",
            found="both" if len(halves) == 2 else {"w": "west", "e": "east"}[halves[0]],
        )  # fmt: skip
    if delivery.is_archive:
        _judge_archive(delivery, cells, sheets, clause, findings)
    elif sheets:
        findings.note(
            f"{clause} (1)", "compression", expected="a zip for each sheet on delivery",
            found="files in a folder",
        )  # fmt: skip
    return findings


def _judge_archive(
    delivery: Delivery, cells: list[CellName], sheets: list[str], clause: str, findings: Findings
) -> None:
    name = parse_zip_name(delivery.name)
    is_purchaser = clause == "10.2.2"
    findings.judge(
        clause, "name of the archive", name is not None and name[1] == is_purchaser,
        expected="such as 011G13_1071673780004.zip" if is_purchaser else "such as 031k01.zip",
        found=delivery.name,
    )  # fmt: skip
    findings.judge(
        f"{clause} (1)", "sheet of the archive",
        len(sheets) == 1 and (name is None or sheets[0] == name[0]),
        expected=f"cells of {name[0]}" if name else "cells of one sheet",
        found=f"cells of {', '.join(sheets)}" if sheets else "no cell with a name of CDED",
    )  # fmt: skip
    metadata = [each for each in map(parse_metadata_name, delivery.members) if each]
    if is_purchaser:
        findings.judge(
            "10.2.2 (5)", "metadata", metadata == sheets,
            expected=" ".join(f"{sheet}_meta.xml" for sheet in sheets),
            found=" ".join(f"{sheet}_meta.xml" for sheet in metadata) or "none",
        )  # fmt: skip
    others = [
        each
        for each in delivery.members
        if not parse_file_name(each) and not parse_metadata_name(each)
    ]
    if others or len(cells) > 2 * len(sheets):
        findings.note(
            clause, "other files", expected="two cells, and metadata",
            found=" ".join(others) or "a cell more than once",
        )  # fmt: skip
