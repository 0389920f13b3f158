"""Fuzz target for checks of older products: findings that can be displayed, or an error message."""

from __future__ import annotations

import io
import random
import tempfile
import warnings
import zipfile
from pathlib import Path

import numpy as np

from hrdem.errors import RequestError
from hrdem.jobs.legacy_check import check_path
from hrdem.legacy.archive import MAX_DIRECTORY_BYTES
from tests.bc_bytes import BcSet, tiff
from tests.cded_bytes import Cell, end_of_zip, end_records
from tests.fuzz import dems, mutation
from tests.fuzz.findings import check_shown, check_told

_MOST_MESSAGE = 400  # characters
_MOST_FINDINGS = 200


def _make_zip(method: int = zipfile.ZIP_DEFLATED, **members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "."), content)
    return file.getvalue()


_HEIGHTS = np.arange(7 * 8).reshape(7, 8) % 9 + 100
_BLOCK = BcSet(772_400, 1_610_000, _HEIGHTS, np.eye(5, 6) > 0)
_CELL = Cell(profiles=2).content()
_DIRECTORY_BYTES = MAX_DIRECTORY_BYTES + 1
SEEDS = {
    "cell": _CELL,
    "lines": end_records(_CELL, b"\r\n"),
    "Albers": _BLOCK.dem(),
    "grid": _BLOCK.asc(_BLOCK.inner),
    "picture": tiff(np.full((5, 6, 3), 181, np.uint8), 2),
    "world file": _BLOCK.tfw(),
    "zip": _make_zip(
        **{"031k01_w__dem": _CELL[:3072], "031k01_meta__xml": b"<metadata><a>1</a></metadata>"}
    ),
    "bzip2": _make_zip(zipfile.ZIP_BZIP2, **{"031k01_w__dem": _CELL[:3072]}),
    "directory": b"PK\1\2".ljust(_DIRECTORY_BYTES, b"\0") + end_of_zip(_DIRECTORY_BYTES),
}
_WORDS = (
    b"nan", b"inf", b"-", b"1e999", b"99999", b"-9999", b"0", b"1_0", b"", b" ", b"\n", b"\0",
    b"\xff\xfe", b"9" * 400, b"<!DOCTYPE a [<!ENTITY b 'c'>]>", b"&b;", b"PK\1\2", b"\x1b[31m",
)  # fmt: skip


def attempt_check(content: bytes) -> str:
    """Check a file, alone and in a folder, under the name that its beginning asks for.

    Returns:
        The outcome.

    Raises:
        FindingError: If a finding or a message cannot be displayed, or there are too many.
        Exception: Any other exception that the check fails to handle.
    """
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("error")
        path = Path(folder) / _find_name(content)
        path.write_bytes(content)
        try:
            report = check_path(path)
        except RequestError as exc:
            return check_told(exc, _MOST_MESSAGE, hidden=folder)
        assert len(check_path(Path(folder)).findings) < _MOST_FINDINGS
    for finding in report.findings:
        for text in (finding.file, finding.rule, finding.expected, finding.found):
            check_shown(text, _MOST_MESSAGE)
    return "checked"


def _find_name(content: bytes) -> str:
    starts = {b"PK": "031k01.zip", b"II": "104p-utm-hillshd-bw-315.tif"}
    starts |= {b"nc": "104p-albers-elevation.asc", b"25": "104p-utm-hillshd-bw-315.tfw"}
    return starts.get(content[:2], "031k01_w.dem")


def mutated_check(content: bytes, seed: int) -> bytes:
    """Mutate a file in the way of its kind."""
    chance = random.Random(seed)
    if content[:2] == b"II" and seed % 3:
        return mutation.mutated(content, seed)
    if content[:1] == b" " and seed % 3:
        return dems.mutated_dem(content, seed)
    for _ in range(chance.choice((1, 1, 2, 3))):
        at = chance.randrange(len(content) + 1)
        match chance.randrange(3):
            case 0:
                content = content[:at] + chance.choice(_WORDS) + content[at:]
            case 1:
                content = content[:at] + content[at + chance.choice((1, 2, 40)) :]
            case _:
                content = content[:at] + bytes([chance.randrange(256)]) + content[at + 1 :]
    return content
