"""Bytes of CDED cells, put together here from CDED 2.1, 7.4, without the package's writer."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

VOID = -32767
ZERO = b"   0.000000000000000D+00"


def d24(value: float) -> bytes:
    """Return a number as D24.15: a zero before the point, 15 digits after it."""
    if value == 0:
        return ZERO
    digits, _, exponent = f"{abs(value):.14e}".partition("e")
    sign = "-" if value < 0 else ""
    text = f"{sign}0.{digits.replace('.', '')}D{int(exponent) + 1:+03d}"
    return text.rjust(24).encode()


def e12(value: float) -> bytes:
    digits, _, exponent = f"{value:.5e}".partition("e")
    return f"0.{digits.replace('.', '')}E{int(exponent) + 1:+03d}".encode()


def dms(arc_seconds: int) -> bytes:
    degrees, rest = divmod(abs(arc_seconds), 3600)
    minutes, seconds = divmod(rest, 60)
    sign = "-" if arc_seconds < 0 else ""
    return f"{sign + str(degrees):>4}{minutes:2}{seconds:7.4f}".encode()


def i(width: int, *values: int) -> bytes:
    return "".join(f"{value:{width}}" for value in values).encode()


@dataclass(frozen=True)
class Cell:
    """A cell: its name, its corner in arc seconds, and its heights.

    031K01 is 76.5-76 W, 46-46.25 N, so its western cell begins at -275400, 165600.
    """

    name: bytes = b"031k01DEMw"
    west: int = -275_400
    south: int = 165_600
    spacing: tuple[float, float] = (0.75, 0.75)
    profiles: int = 1
    heights: int | NDArray[np.int32] = 7  # or an array of shape (profiles, 1201)
    fields: Mapping[int, bytes] = field(default_factory=dict)  # by offset in the type A record

    @property
    def values(self) -> NDArray[np.int32]:
        shape = (self.profiles, 1201)
        return np.array(np.broadcast_to(np.asarray(self.heights, np.int32), shape))

    def header(self) -> bytes:
        values = self.values
        valid = values[values != VOID]
        low, high = (int(valid.min()), int(valid.max())) if valid.size else (VOID, VOID)
        voids = values.size - valid.size
        west, south = self.west, self.south
        east, north = west + 1200 * self.spacing[0], south + 1200 * self.spacing[1]
        corners = (west, south, west, north, east, north, east, south)
        record = b"".join(
            [
                self.name.rjust(40),
                b"Ministry of Examples".rjust(60),
                b" " * 9,
                dms(west) + dms(south),
                b"9",
                b" " * 4,
                b"ON  ",
                i(6, 1, 1, 0, 0),
                ZERO * 15,
                i(6, 3, 2, 4),
                *map(d24, (*corners, low, high, 0)),
                i(6, 0),
                e12(self.spacing[0]) + e12(self.spacing[1]) + e12(1),
                i(6, 1, 1201),
                b" " * 22,
                i(2, 2 if voids else 0, 1, 4),
                b"1021",
                i(4, round(100 * voids / values.size)),
                b" " * 124,
            ]
        )
        for offset, content in self.fields.items():
            record = record[:offset] + content + record[offset + len(content) :]
        assert len(record) == 1024
        return record

    def profile(self, number: int, heights: NDArray[np.int32]) -> bytes:
        valid = heights[heights != VOID]
        low, high = (int(valid.min()), int(valid.max())) if valid.size else (VOID, VOID)
        x = self.west + number * self.spacing[0]
        head = i(6, 1, number + 1, 1201, 1) + b"".join(map(d24, (x, self.south, 0, low, high)))
        if (heights == heights[0]).all():
            texts = [i(6, int(heights[0]))] * 1201
        else:
            texts = [i(6, height) for height in heights.tolist()]
        blocks = [head + b"".join(texts[:146])]
        blocks += [b"".join(texts[at : at + 170]) for at in range(146, 1201, 170)]
        return b"".join(block.ljust(1024) for block in blocks)

    def content(self) -> bytes:
        values = self.values
        return self.header() + b"".join(
            self.profile(number, values[number]) for number in range(self.profiles)
        )


def write_zip(path: Path, members: Mapping[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def end_of_zip(directory_bytes: int) -> bytes:
    """Return the end of an archive whose directory has a size and begins with the file."""
    return b"PK\5\6" + struct.pack("<4H2IH", 0, 0, 1, 1, directory_bytes, 0, 0)


def end_records(content: bytes, delimiter: bytes) -> bytes:
    """Return a file with something after each record of 1024 bytes."""
    file = io.BytesIO(content)
    return b"".join(record + delimiter for record in iter(lambda: file.read(1024), b""))
