"""The files of a BC block: each alone, and against the elevations of its projection (BC 2.0, 1)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

from hrdem.errors import RequestError
from hrdem.legacy.bc.blocks import Projection
from hrdem.legacy.bc.names import FileName, list_files
from hrdem.legacy.bc.products import PRODUCTS
from hrdem.legacy.check.bc_ascii import check_ascii
from hrdem.legacy.check.bc_dem import check_bc_dem
from hrdem.legacy.check.bc_heights import BcHeights
from hrdem.legacy.check.bc_hillshade import check_picture
from hrdem.legacy.check.bc_world_file import check_world_file
from hrdem.legacy.check.checked_file import CheckedFile
from hrdem.legacy.check.finding import Findings
from hrdem.legacy.check.sniff import find_kind
from hrdem.request.options import Edition

#: called for each file when it was judged
OnFindings = Callable[[Findings], None]


def check_bc_file(
    checked: CheckedFile,
    reference: BcHeights | None = None,
    black_and_white: CheckedFile | None = None,
) -> tuple[Findings, BcHeights | None]:
    """Judge a file of a set by its type.

    Args:
        checked: The file.
        reference: Heights of its set; None if it is alone, or has them.
        black_and_white: For a coloured hillshade, the one without colour of the same sun.

    Returns:
        What was found, and heights, if it is the first file that has them.

    Raises:
        RequestError: If it is no such file.
    """
    match checked.name.lower().rpartition(".")[2]:
        case "asc":
            return check_ascii(checked, reference)
        case "tif":
            return check_picture(checked, reference, black_and_white), None
        case "tfw":
            return check_world_file(checked, reference), None
    find_kind(checked)
    return check_bc_dem(checked, reference)


def check_set(label: str, files: Sequence[CheckedFile], on_findings: OnFindings) -> None:
    """Judge the files of a folder that have names of a BC set.

    Args:
        label: Name of the folder in findings.
        files: The files.
        on_findings: Receives the findings about each.
    """
    by_block: dict[str, dict[str, list[CheckedFile]]] = defaultdict(lambda: defaultdict(list))
    for checked in files:
        if name := FileName.parse(checked.name):
            by_block[name.block][name.projection].append(checked)
    for block, by_projection in by_block.items():
        findings = Findings(label, Edition.BC_2_0)
        for projection in Projection:
            present = {checked.name.lower() for checked in by_projection[projection]}
            wanted = [str(name) for name in list_files(block, [projection], PRODUCTS)]
            missing = [name for name in wanted if name not in present]
            findings.judge(
                "1, 5", f"files of {block} in {projection}", not missing,
                expected=f"{len(wanted)} files",
                found=f"{len(wanted) - len(missing)}, without {', '.join(missing)}"
                if missing
                else f"{len(wanted)}",
            )  # fmt: skip
        on_findings(findings)
        for projection in Projection:
            _check_projection(by_projection[projection], on_findings)


def _check_projection(files: Sequence[CheckedFile], on_findings: OnFindings) -> None:
    """Judge the files of a block in a projection, the elevations first."""
    ordered = sorted(files, key=lambda checked: _ORDER.index(_kind(checked)))
    names = {checked.name.lower(): checked for checked in files}
    reference: BcHeights | None = None
    for checked in ordered:
        black_and_white = names.get(checked.name.lower().replace("-clr-", "-bw-"))
        try:
            findings, heights = check_bc_file(checked, reference, black_and_white)
        except RequestError as exc:
            findings, heights = Findings(checked.label, Edition.BC_2_0), None
            findings.judge("4", "file", False, expected="one that can be read", found=str(exc))
        reference = reference or heights
        on_findings(findings)


_ORDER = ("elevation.asc", "elevation.dem", "asc", "tif", "tfw")


def _kind(checked: CheckedFile) -> str:
    """Return what a file is judged as: elevations before what is derived from them."""
    name = checked.name.lower()
    return next(kind for kind in _ORDER if name.endswith(kind))
