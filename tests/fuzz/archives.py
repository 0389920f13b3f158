"""Fuzz target for ZIP archives of DEMs, which are opened and read or end in an error message."""

from __future__ import annotations

import io
import random
import struct
import tempfile
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from hrdem.errors import RequestError
from hrdem.legacy.archive import MAX_MEMBER_BYTES
from hrdem.legacy.inputs import open_inputs
from tests.fuzz.findings import FindingError, check_shown, check_told
from tests.legacy_dems import make_ascii, make_bc_dem, make_cell

_MOST_MESSAGE = 600  # characters
_MOST_LABEL = 220
_MOST_PIXELS = 1 << 20  # of an archive of some kB
_HEIGHTS = np.arange(6, dtype=np.int16).reshape(2, 3)
_CELL = bytes(make_cell(_HEIGHTS))
_GRID = make_ascii(_HEIGHTS, 12.5, 12.5)
_PRJ = b'PROJCS["x",GEOGCS["y",DATUM["D_North_American_1983",SPHEROID["GRS_1980",6378137,298.257'


def _pack(members: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", method) as archive:
        for name, member in members.items():
            archive.writestr(zipfile.ZipInfo(name), member, method)
    return content.getvalue()


SEEDS = {
    "sheet": _pack({"031k01_e.dem": _CELL, "031k01_w.dem": _CELL}),
    "purchaser": _pack(
        {"011g13_0100_deme.dem": _CELL, "011g13_0100_demw.dem": _CELL, "011g13_meta.xml": b"<x/>"},
        zipfile.ZIP_STORED,
    ),
    "BC": _pack(
        {
            "104p-albers-elevation.dem": bytes(make_bc_dem(_HEIGHTS, 25, 25, albers=True)),
            "104p-albers-elevation.asc": _GRID,
            "104p-albers-aspect.asc": _GRID,
        }
    ),
    "prj": _pack({"old.asc": _GRID, "old.prj": _PRJ + b'222101]],PRIMEM["Greenwich",0]]]'}),
    "half": _pack({"031k01_e.dem": _CELL}),
    "two": _pack({f"031k0{n}_{half}.dem": _CELL for n in (1, 2) for half in "ew"}),
    "none": _pack({"readme.txt": b"x"}),
    "no CRS": _pack({"old.asc": _GRID}),
    "bzip2": _pack({"old.dem": _CELL}, zipfile.ZIP_BZIP2),
    "cut": _pack({"031k01_e.dem": _CELL, "031k01_w.dem": _CELL})[:-40],
}


def attempt_archive(content: bytes) -> str:
    """Open all DEMs of an archive and read them.

    Returns:
        The outcome.

    Raises:
        FindingError: If much more is read than there is, or an error message or a name cannot be
            displayed.
        Exception: Any other exception that a reader fails to handle.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.zip"
        path.write_bytes(content)
        try:
            labels, pixels = _read(path)
        except RequestError as exc:
            return check_told(exc, _MOST_MESSAGE)
    for label in labels:
        check_shown(label, _MOST_LABEL)
    if pixels > _MOST_PIXELS:
        raise FindingError(f"{pixels} pixels out of {len(content)} bytes")
    return f"read {len(labels)}"


def _read(path: Path) -> tuple[list[str], int]:
    """Return the names of the DEMs of an archive, and the number of their pixels."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rasters = open_inputs([path])
        pixels = sum(raster.read().size for raster in rasters)
    return [raster.file.label for raster in rasters], pixels


# fields of a local header, of an entry of the directory, and of its end: offset and format
_FIELDS = {
    b"PK\3\4": (
        (4, "H"), (6, "H"), (8, "H"), (14, "I"), (18, "I"), (22, "I"), (26, "H"), (28, "H"),
    ),
    b"PK\1\2": (
        (6, "H"), (8, "H"), (10, "H"), (16, "I"), (20, "I"), (24, "I"), (28, "H"), (30, "H"),
        (32, "H"), (34, "H"), (42, "I"),
    ),
    b"PK\5\6": ((4, "H"), (6, "H"), (8, "H"), (10, "H"), (12, "I"), (16, "I"), (20, "H")),
}  # fmt: skip
_NUMBERS = (
    0, 1, 2, 3, 8, 9, 12, 14, 20, 45, 63, 64, 0x800, 0x801, 4_096, 0xFFFF, MAX_MEMBER_BYTES,
    MAX_MEMBER_BYTES + 1, 1 << 31, 0xFFFFFFFF,
)  # fmt: skip
_NAMES = (
    b"031k01_e.dem", b"031k01_w.dem", b"031k02_e.dem", b"../../../a.dem", b"a/b/c/d/e.dem",
    b"\x1b[31mab.dem", b"\xff\xfe\xfd\xfc.asc", b".dem", b"x\x00yz.dem", b"__MACOSX/a.dem",
    b"104p-utm-elevation.asc", b"old.prj",
)  # fmt: skip


def mutated_archive(content: bytes, seed: int) -> bytes:
    """Mutate headers, names and members of an archive."""
    chance = random.Random(seed)
    changed = bytearray(content)
    for _ in range(chance.choice((1, 1, 2, 2, 3, 5))):
        _change(changed, chance)
    return bytes(changed[: chance.randrange(len(changed) + 1)] if seed % 20 == 0 else changed)


def _change(content: bytearray, chance: random.Random) -> None:
    mark = chance.choice(list(_FIELDS))
    places = [at for at in range(len(content)) if content.startswith(mark, at)]
    if not places:
        return
    at, pick = chance.choice(places), chance.random()
    if pick < 0.6:
        offset, form = chance.choice(_FIELDS[mark])
        value = chance.choice((*_NUMBERS, chance.randrange(1 << 16), len(content)))
        if at + offset + 4 <= len(content):
            struct.pack_into(
                f"<{form}", content, at + offset, value % (1 << 8 * struct.calcsize(form))
            )
    elif pick < 0.8:
        name = chance.choice(_NAMES)
        start = at + (46 if mark == b"PK\1\2" else 30)
        content[start : start + len(name)] = name
    elif pick < 0.9:
        spot = chance.randrange(len(content))
        content[spot : spot + 4] = chance.randbytes(4)
    else:
        content[at:at] = content[at : at + chance.randrange(200)]
