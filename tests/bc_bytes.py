"""Files of BC sets, put together here from BC 2.0, without the package's writers and formulas."""

from __future__ import annotations

import itertools
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tests.cded_bytes import VOID, ZERO, d24, dms, e12, i

SPACING = 25
NORTH_104P_ALBERS = 2.4281  # degrees, clockwise from grid north: by hand, and by PROJ
RAMP = (
    (0.0, (0x1A, 0x10, 0x81)),
    (0.1, (0x6A, 0xC9, 0x81)),
    (1120.0, (0xF0, 0xE6, 0x8C)),
    (2150.0, (0xE9, 0x85, 0x6A)),
    (3200.0, (0xFF, 0xFF, 0xFF)),
)


@dataclass(frozen=True)
class BcSet:
    """Heights of a block in a projection, and the files that they make.

    Attributes:
        west: Centres of the first column, metres.
        south: Centres of the last row, metres.
        heights: From the north, with a ring of neighbours that is in no file.
        void: Where the files have no data.
    """

    west: int
    south: int
    heights: NDArray[np.int32]
    void: NDArray[np.bool_]
    block: str = "104p"
    projection: str = "albers"
    zone: int = 9
    north: float = NORTH_104P_ALBERS

    @property
    def shape(self) -> tuple[int, int]:
        return self.void.shape[0], self.void.shape[1]

    @property
    def top(self) -> int:
        return self.south + (self.shape[0] - 1) * SPACING

    @property
    def east(self) -> int:
        return self.west + (self.shape[1] - 1) * SPACING

    @property
    def inner(self) -> NDArray[np.int32]:
        return np.where(self.void, VOID, self.heights[1:-1, 1:-1])

    def change(self, row: int, column: int, height: int) -> BcSet:
        """Return the set with another height, for all files that are made from it."""
        heights = self.heights.copy()
        heights[row + 1, column + 1] = height
        return replace(self, heights=heights)

    def name(self, variant: str, kind: str) -> str:
        return f"{self.block}-{self.projection}-{variant}.{kind}"

    def files(self) -> dict[str, bytes]:
        """Return the thirteen files."""
        files = {
            self.name("elevation", "dem"): self.dem(),
            self.name("elevation", "asc"): self.asc(self.inner),
            self.name("slope-pct", "asc"): self.asc(self.derive(percent)),
            self.name("slope-deg", "asc"): self.asc(self.derive(degrees)),
            self.name("aspect", "asc"): self.asc(
                self.derive(lambda dx, dy: aspect(dx, dy, self.north))
            ),
        }
        for sun in (315, 225):
            grey = np.where(self.void, 0, self.derive(lambda dx, dy, sun=sun: shade(dx, dy, sun)))
            coloured = [
                [mix(int(height), int(light)) for height, light in zip(*rows, strict=True)]
                for rows in zip(self.inner, grey, strict=True)
            ]
            for kind, pixels in (("bw", np.stack([grey] * 3, axis=2)), ("clr", coloured)):
                files[self.name(f"hillshd-{kind}-{sun}", "tif")] = tiff(np.array(pixels, np.uint8))
                files[self.name(f"hillshd-{kind}-{sun}", "tfw")] = self.tfw()
        return files

    def derive(self, formula) -> NDArray[np.int32]:
        rows, columns = self.shape
        values = np.full((rows, columns), VOID)
        for row in range(rows):
            for column in range(columns):
                if not self.void[row, column]:
                    around = self.heights[row : row + 3, column : column + 3].tolist()
                    dx, dy = around[1][2] - around[1][0], around[0][1] - around[2][1]
                    values[row, column] = formula(dx, dy)
        return values

    def asc(self, values: NDArray[np.int32]) -> bytes:
        rows, columns = self.shape
        lines = [
            f"ncols {columns}",
            f"nrows {rows}",
            f"xllcorner {self.west - 12.5}",
            f"yllcorner {self.south - 12.5}",
            "cellsize 25",
            "NODATA_value -9999",
        ]
        numbers = np.where(values == VOID, -9999, values).tolist()
        lines += [" ".join(map(str, row)) for row in numbers]
        return "".join(f"{line}\n" for line in lines).encode()

    def tfw(self) -> bytes:
        return f"25\n0.0\n0.0\n-25\n{self.west}\n{self.top}\n".encode()

    def dem(self, fields: Mapping[int, bytes] | None = None) -> bytes:
        """Return the .dem file; `fields` are put over its header, by offset."""
        columns = self.shape[1]
        values = self.inner[::-1].T  # profiles from the west, each from the south
        valid = values[values != VOID]
        parameters = (6378137, 0.0066943800229, 50e6, 5803e4, -126e6, 45e6, 1e6)
        is_albers = self.projection == "albers"
        corners = (
            *(self.west, self.south, self.west, self.top),
            *(self.east, self.top, self.east, self.south),
        )
        record = b"".join(
            [
                self.name("elevation", "dem").rjust(40).encode(),
                b"BMGS - B.C. Gov. - Victoria".rjust(40),
                b" " * 29,
                dms(-130 * 3600) + dms(59 * 3600),
                b"0",
                b" " * 4,
                b"  BC",
                i(6, 1, 1, 3 if is_albers else 1, 0 if is_albers else self.zone),
                b"".join(map(d24, parameters)) + ZERO * 8 if is_albers else ZERO * 15,
                i(6, 2, 2, 4),
                *map(d24, (*corners, valid.min(), valid.max(), 0)),
                i(6, 0),
                e12(25) * 2 + e12(1),
                i(6, 1, columns),
                b" " * 21,
                b"2",
                b"  ",
                i(2, 1, 4),
                b" " * 132,
            ]
        )
        for offset, content in (fields or {}).items():
            record = record[:offset] + content + record[offset + len(content) :]
        assert len(record) == 1024
        return record + b"".join(
            self._profile(number, profile) for number, profile in enumerate(values)
        )

    def _profile(self, number: int, heights: NDArray[np.int32]) -> bytes:
        valid = heights[heights != VOID]
        low, high = (valid.min(), valid.max()) if valid.size else (VOID, VOID)
        x = self.west + number * SPACING
        head = i(6, 1, number + 1, len(heights), 1)
        head += b"".join(map(d24, (x, self.south, 0, low, high)))
        texts = [i(6, height) for height in heights.tolist()]
        blocks = [head + b"".join(texts[:146])]
        blocks += [b"".join(texts[at : at + 170]) for at in range(146, len(texts), 170)]
        return b"".join(block.ljust(1024) for block in blocks)


def percent(dx: int, dy: int) -> int:
    return math.floor(100 * math.hypot(dx, dy) / 50 + 0.5)


def degrees(dx: int, dy: int) -> int:
    return math.floor(math.degrees(math.atan(math.hypot(dx, dy) / 50)) + 0.5)


def aspect(dx: int, dy: int, north: float) -> int:
    """Normal (50, 0, dx) x (0, 50, dy) = (-50 dx, -50 dy, 2500), seen from above."""
    if math.degrees(math.atan(math.hypot(dx, dy) / 50)) < 2:
        return -1
    return math.floor((math.degrees(math.atan2(-50 * dx, -50 * dy)) - north) % 360 + 0.5) % 360


def shade(dx: int, dy: int, sun: int) -> int:
    normal = (-50 * dx, -50 * dy, 2500)
    length = math.sqrt(sum(part * part for part in normal))
    flat = math.cos(math.radians(45))
    towards = (
        math.sin(math.radians(sun)) * flat,
        math.cos(math.radians(sun)) * flat,
        math.sin(math.radians(45)),
    )
    cosine = sum(a * b for a, b in zip(normal, towards, strict=True)) / length
    return math.floor(1 + 254 * max(0.0, cosine) + 0.5)


def mix(height: int, light: int) -> tuple[int, ...]:
    if light == 0:
        return (0, 0, 0)
    steps = list(itertools.pairwise(RAMP))
    bounded = min(max(height, 0), 3200)
    (low, first), (high, last) = next(step for step in steps if bounded <= step[1][0])
    share = (bounded - low) / (high - low)
    colour = [a + share * (b - a) for a, b in zip(first, last, strict=True)]
    return tuple(math.floor(band * light / 255 + 0.5) for band in colour)


def tiff(pixels: NDArray[np.uint8], rows_per_strip: int = 7, **tags: tuple[int, int]) -> bytes:
    """Return a little-endian baseline TIFF; `tags` replace entries, as ``t259=(3, 5)``."""
    rows, columns, bands = pixels.shape
    starts = range(0, rows, rows_per_strip)
    strips = [pixels[at : at + rows_per_strip].tobytes() for at in starts]
    entries = {
        256: (4, [columns]),
        257: (4, [rows]),
        258: (3, [8] * bands),
        259: (3, [1]),
        262: (3, [2]),
        273: (4, []),
        277: (3, [bands]),
        278: (4, [rows_per_strip]),
        279: (4, list(map(len, strips))),
        284: (3, [1]),
    }
    for name, (kind, value) in tags.items():
        entries[int(name[1:])] = kind, [value]
    entries = dict(sorted(entries.items()))
    at = 8 + 2 + 12 * len(entries) + 4
    # values behind the directory: those of three bands, and of several strips
    lengths = {tag: struct.calcsize(f"<{len(v)}{'HI'[k == 4]}") for tag, (k, v) in entries.items()}
    lengths[273] = 4 * len(strips)
    begin = at + sum(length for length in lengths.values() if length > 4)
    entries[273] = 4, [begin + sum(map(len, strips[:n])) for n in range(len(strips))]
    directory, behind = struct.pack("<H", len(entries)), b""
    for tag, (kind, values) in entries.items():
        packed = struct.pack(f"<{len(values)}{'HI'[kind == 4]}", *values)
        directory += struct.pack("<HHI", tag, kind, len(values))
        if len(packed) > 4:
            directory += struct.pack("<I", at + len(behind))
            behind += packed
        else:
            directory += packed.ljust(4, b"\0")
    content = b"II*\0" + struct.pack("<I", 8) + directory + b"\0" * 4 + behind
    assert len(content) == begin
    return content + b"".join(strips)
