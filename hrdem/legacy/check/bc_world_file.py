"""A world file of a BC hillshade: six lines, the centre of the upper left pixel (BC 2.0, 4.3)."""

from __future__ import annotations

from hrdem.legacy.bc.blocks import SPACING_METRES
from hrdem.legacy.check.bc_header import judge_bc_name
from hrdem.legacy.check.bc_heights import BcHeights
from hrdem.legacy.check.checked_file import CheckedFile
from hrdem.legacy.check.finding import Findings
from hrdem.request.options import Edition

CLAUSE = "4.3"
MAX_BYTES = 4_096
STEPS = (SPACING_METRES, 0.0, 0.0, -SPACING_METRES)


def check_world_file(checked: CheckedFile, reference: BcHeights | None) -> Findings:
    """Judge a world file.

    Args:
        checked: The file.
        reference: Heights of its set; None if it is alone.

    Raises:
        RequestError: If it cannot be read.
    """
    findings = Findings(checked.label, Edition.BC_2_0)
    judge_bc_name(checked.name, findings)
    content = checked.read(MAX_BYTES + 1)
    lines = content.split()
    numbers = [_parse_number(line) for line in lines[:7]]
    is_six = len(numbers) == 6 == content.strip().count(b"\n") + 1 and None not in numbers
    findings.judge(
        CLAUSE, "lines", is_six, expected="six, with a number each",
        found=f"{content.count(bytes([10]))} lines, {len(lines)} words",
    )  # fmt: skip
    if not is_six:
        return findings
    *steps, x, y = (number or 0.0 for number in numbers)
    findings.judge(
        CLAUSE, "pixel size and rotation", tuple(steps) == STEPS, expected="25 0.0 0.0 -25",
        found=" ".join(f"{step:g}" for step in steps),
    )  # fmt: skip
    found = f"{x:.10g} {y:.10g}"
    findings.judge(
        "2, 4.3", "position", x % SPACING_METRES == 0 == y % SPACING_METRES,
        expected="centre of the upper left pixel, multiples of 25", found=found,
    )  # fmt: skip
    if reference is not None:
        grid = reference.grid
        findings.judge(
            CLAUSE, f"position against {reference.label}", (x, y) == (grid.west, grid.north),
            expected=f"{grid.west:.10g} {grid.north:.10g}", found=found,
        )  # fmt: skip
    return findings


def _parse_number(text: bytes) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
