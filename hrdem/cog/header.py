"""What a tiled TIFF says about itself before its pixels: directories, grid, places of the index.

Classic TIFF (TIFF 6.0, section 2) and BigTIFF, both byte orders, GeoTIFF 1.1 keys, and GDAL's ghost
area, which is used when it is there and not needed. The tile index itself is not read here: of a
file of 500,000 x 500,000 pixels it is 11 MB, of which a window needs a few kilobytes.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from affine import Affine

from hrdem.errors import SourceError
from hrdem.grid import Grid, Window

Fetch = Callable[[int, int], bytes]

FIRST_BYTES = 16_384  # holds all directories of a mosaic file; more is fetched if not
_MOST_BYTES = 4 << 20  # of directories and their values
_MOST_PARTS = 64  # that they are fetched in
_MOST_DIRECTORIES = 64
_MOST_ENTRIES = 1_000
_MOST_VALUES = 65_536
_MOST_TEXT = 256
_LARGEST_FILE = 1 << 60  # bytes: positions and their sums stay far from the end of 64 bits
_LERC = 34887
# none, LZW, DEFLATE in both numbers, LERC, ZSTD
_COMPRESSIONS = (1, 5, 8, 32946, _LERC, 50000)
_PREDICTORS = (1, 2, 3)  # none, differences of whole numbers, of floating point ones
_TILE_EDGES = range(16, 4_097)
_MOST_ACROSS = 32_768  # tiles side by side, or one above the other
_FINEST, _FARTHEST = 1e-9, 1e9  # of pixels and places on Earth, in metres, feet or degrees

# TIFF type -> struct code; TIFF 6.0, section 2, and BigTIFF's type 16
_WHOLE = {1: "B", 3: "H", 4: "I", 16: "Q"}
_REAL = {11: "f", 12: "d"}
_TEXT = {2: "s"}
_CODES = _WHOLE | _REAL | _TEXT
# SampleFormat and BitsPerSample -> type
_DTYPES = {(kind, bits): f"{name}{bits}"
           for kind, name, sizes in ((1, "uint", (8, 16, 32, 64)), (2, "int", (8, 16, 32, 64)),
                                     (3, "float", (32, 64)))
           for bits in sizes}  # fmt: skip
_USER_DEFINED = 32_767
_REDUCED, _MASK = 1, 4  # bits of NewSubfileType


@dataclass(frozen=True, slots=True)
class IndexArray:
    """Where TileOffsets or TileByteCounts lie.

    Attributes:
        at: Position of the first value in the file.
        count: Number of values, one for each tile in row-major order.
        dtype: Type and byte order of the values, as numpy names it.
    """

    at: int
    count: int
    dtype: str

    def span(self, first: int, last: int) -> tuple[int, int]:
        """Return the bytes, from and up to, of the values from ``first`` up to ``last``."""
        size = np.dtype(self.dtype).itemsize
        return self.at + first * size, self.at + last * size


@dataclass(frozen=True, slots=True)
class Level:
    """Full resolution or one overview.

    Attributes:
        width: Columns.
        height: Rows.
        tile: Width and height of a tile, pixels.
        compression: TIFF compression number.
        predictor: TIFF predictor number, 1 for none.
        offsets: Where the tiles' positions lie; 0 is a tile that is absent.
        counts: Where the tiles' lengths lie.
        lerc: LERC's version and further compression (tag 50674), None for other codecs.
    """

    width: int
    height: int
    tile: tuple[int, int]
    compression: int
    predictor: int
    offsets: IndexArray
    counts: IndexArray
    lerc: tuple[int, ...] | None

    @property
    def columns(self) -> int:
        """Number of tiles side by side."""
        return -(-self.width // self.tile[0])

    @property
    def rows(self) -> int:
        """Number of tiles one above the other."""
        return -(-self.height // self.tile[1])

    def tiles_under(self, window: Window) -> Window:
        """Return the rectangle of tiles that a window touches, counted in tiles."""
        width, height = self.tile
        column, row = window.column // width, window.row // height
        right, bottom = -(-window.right // width), -(-window.bottom // height)
        return Window(column, row, right - column, bottom - row)


@dataclass(frozen=True, slots=True)
class Header:
    """A parsed file.

    Attributes:
        grid: Pixel grid of full resolution.
        dtype: Type of the pixels in this machine's byte order, as numpy names it.
        byte_order: ``"<"`` or ``">"``: that of the file, and so of its pixels.
        nodata: Declared nodata value as the pixels hold it, None if there is none that they can
            hold.
        levels: Full resolution, then the overviews from fine to coarse.
        guarded: Whether each tile lies between a leader and a trailer (GDAL's BLOCK_LEADER and
            BLOCK_TRAILER).
    """

    grid: Grid
    dtype: str
    byte_order: str
    nodata: float | None
    levels: tuple[Level, ...]
    guarded: bool


def read_header(fetch: Fetch, size: int, name: str) -> Header:
    """Parse the directories of a TIFF.

    Args:
        fetch: Returns the bytes of the file from a position up to another.
        size: Size of the file.
        name: Of the file, for messages.

    Raises:
        SourceError: If it is not a TIFF, is damaged, or is of a kind that is not read here.
    """
    try:
        return _parse(_Bytes(fetch, size), size)
    except _DamagedError as exc:
        raise SourceError(
            f"{name} cannot be read as a tiled GeoTIFF: {exc}. The file may be damaged, or be of "
            "a kind that only GDAL reads: try --engine gdal."
        ) from exc


class _DamagedError(Exception):
    pass


class _Bytes:
    """The beginning of a file, and further parts on demand, at most so much in all."""

    def __init__(self, fetch: Fetch, size: int) -> None:
        self._fetch = fetch
        self._size = size
        self._left = _MOST_BYTES
        self._parts: list[tuple[int, bytes]] = []
        self._load(0, FIRST_BYTES)

    def __call__(self, start: int, length: int) -> bytes:
        if start < 0 or start + length > self._size:
            raise _DamagedError(
                f"it points to byte {start + length}, beyond its {self._size} bytes"
            )
        for _ in range(2):
            for at, part in self._parts:
                if at <= start and start + length <= at + len(part):
                    return part[start - at : start - at + length]
            self._load(start, max(length, FIRST_BYTES))
        raise _DamagedError(f"bytes {start} to {start + length} cannot be had")

    def _load(self, start: int, length: int) -> None:
        stop = min(start + length, self._size)
        self._left -= stop - start
        if self._left < 0 or len(self._parts) == _MOST_PARTS:
            raise _DamagedError(
                f"its directories take more than {_MOST_BYTES} bytes or {_MOST_PARTS} requests"
            )
        self._parts.insert(0, (start, self._fetch(start, stop)))


@dataclass(frozen=True, slots=True)
class _Entry:
    kind: int
    count: int
    at: int  # position of the values


class _Directory:
    """The entries of one image file directory, their values read when asked for."""

    def __init__(self, data: _Bytes, order: str, entries: dict[int, _Entry]) -> None:
        self._data = data
        self._order = order
        self._entries = entries

    def __contains__(self, tag: int) -> bool:
        return tag in self._entries

    def number(self, tag: int, default: int | None = None) -> int:
        values = self._values(tag, _WHOLE, 1)
        if not values:
            if default is None:
                raise _DamagedError(f"tag {tag} is missing")
            return default
        return int(values[0])

    def whole(self, tag: int) -> tuple[int, ...]:
        return self._values(tag, _WHOLE, _MOST_VALUES)

    def real(self, tag: int) -> tuple[float, ...]:
        return self._values(tag, _REAL, _MOST_VALUES)

    def text(self, tag: int) -> str:
        values = self._values(tag, _TEXT, _MOST_TEXT)
        return str(b"".join(values).partition(b"\0")[0], "latin-1").strip()

    def _values(self, tag: int, codes: dict[int, str], most: int) -> tuple[Any, ...]:
        """The values of a tag, which has to be of one of the types; none if it is not there."""
        entry = self._entries.get(tag)
        if entry is None:
            return ()
        if entry.kind not in codes or entry.count > most:
            raise _DamagedError(f"tag {tag} has {entry.count} values of type {entry.kind}")
        form = f"{self._order}{entry.count}{codes[entry.kind]}"
        return struct.unpack(form, self._data(entry.at, struct.calcsize(form)))

    def array(self, tag: int, count: int, size: int) -> IndexArray:
        """The place of an index, which has to have as many values as there are tiles."""
        entry = self._entries.get(tag)
        if entry is None or entry.kind not in (3, 4, 16) or entry.count != count:
            raise _DamagedError(f"tag {tag} is no index of its {count} tiles")
        array = IndexArray(entry.at, count, self._order + {3: "u2", 4: "u4", 16: "u8"}[entry.kind])
        if array.span(0, count)[1] > size:
            raise _DamagedError(f"tag {tag} lies beyond the end of the file")
        return array


def _parse(data: _Bytes, size: int) -> Header:
    order = {b"II": "<", b"MM": ">"}.get(data(0, min(size, 2)))
    if order is None or size < 16:
        raise _DamagedError("it does not begin as a TIFF does")
    if size > _LARGEST_FILE:
        raise _DamagedError(f"the server says that it has {size} bytes")
    images: list[_Directory] = []
    for directory in _directories(data, order, size):
        kind = directory.number(254, 0)
        if not kind & _MASK and (not images or kind & _REDUCED):
            images.append(directory)
    if not images:
        raise _DamagedError("it has no image")
    first = images[0]
    full, *overviews = (_level(directory, size) for directory in images)
    levels = (full, *sorted(overviews, key=lambda level: -level.width))
    dtype = _dtype(first)
    if any(_dtype(directory) != dtype for directory in images):
        raise _DamagedError("its overviews have another type of pixels")
    if any(level.width > full.width or level.height > full.height for level in overviews):
        raise _DamagedError("it has an overview that is larger than the image")
    return Header(
        grid=_grid(first, full),
        dtype=dtype,
        byte_order=order,
        nodata=_nodata(first, dtype),
        levels=levels,
        guarded=_guarded(data, order, size),
    )


def _directories(data: _Bytes, order: str, size: int) -> Iterator[_Directory]:
    version = struct.unpack(f"{order}H", data(2, 2))[0]
    if version == 42:
        count_form, entry_form, inline, next_form = "H", "HHI", 4, "I"
        at = struct.unpack(f"{order}I", data(4, 4))[0]
    elif version == 43:
        if struct.unpack(f"{order}HH", data(4, 4)) != (8, 0):
            raise _DamagedError("its BigTIFF header is not one")
        count_form, entry_form, inline, next_form = "Q", "HHQ", 8, "Q"
        at = struct.unpack(f"{order}Q", data(8, 8))[0]
    else:
        raise _DamagedError("it does not begin as a TIFF does")
    count_size, next_size = struct.calcsize(count_form), struct.calcsize(next_form)
    head = struct.calcsize(f"<{entry_form}")
    seen: set[int] = set()
    while at:
        if at in seen or len(seen) == _MOST_DIRECTORIES:
            raise _DamagedError("its directories form a loop, or are too many")
        seen.add(at)
        (count,) = struct.unpack(order + count_form, data(at, count_size))
        if not 0 < count <= _MOST_ENTRIES:
            raise _DamagedError(f"its directory at byte {at} has {count} entries")
        table = data(at + count_size, count * (head + inline) + next_size)
        entries = {}
        for index in range(count):
            begin = index * (head + inline)
            tag, kind, values = struct.unpack_from(order + entry_form, table, begin)
            place = at + count_size + begin + head
            if values * _size(kind) > inline:
                (place,) = struct.unpack_from(order + next_form, table, begin + head)
            entries[tag] = _Entry(kind, values, place)
        yield _Directory(data, order, entries)
        (at,) = struct.unpack_from(order + next_form, table, count * (head + inline))


def _size(kind: int) -> int:
    """Bytes of a value; what is not read here may count as one."""
    return struct.calcsize(f"<{_CODES[kind]}") if kind in _CODES else 1


def _level(directory: _Directory, size: int) -> Level:
    width, height = directory.number(256), directory.number(257)
    compression = directory.number(259, 1)
    if compression not in _COMPRESSIONS:
        raise _DamagedError(f"its compression, number {compression}, is not one for elevation")
    if 322 not in directory:
        raise _DamagedError("it is stored in strips, not in tiles")
    tile = directory.number(322), directory.number(323)
    if width < 1 or height < 1 or tile[0] not in _TILE_EDGES or tile[1] not in _TILE_EDGES:
        raise _DamagedError(f"it has {width} x {height} pixels in tiles of {tile[0]} x {tile[1]}")
    if directory.number(277, 1) != 1:
        raise _DamagedError(f"it has {directory.number(277)} bands instead of one")
    predictor = directory.number(317, 1)
    if predictor not in _PREDICTORS:
        raise _DamagedError(f"its predictor is number {predictor}")
    if directory.number(266, 1) != 1:
        raise _DamagedError("the bits of its bytes run backwards")
    lerc = directory.whole(50674) if compression == _LERC else ()
    if len(lerc) > 2 or any(value > 255 for value in lerc):
        raise _DamagedError("its parameters of LERC are not two small numbers")
    columns, rows = -(-width // tile[0]), -(-height // tile[1])
    if max(columns, rows) > _MOST_ACROSS:
        raise _DamagedError(f"it has {columns} x {rows} tiles")
    return Level(
        width=width,
        height=height,
        tile=tile,
        compression=compression,
        predictor=predictor,
        offsets=directory.array(324, columns * rows, size),
        counts=directory.array(325, columns * rows, size),
        lerc=lerc or None,
    )


def _dtype(directory: _Directory) -> str:
    bits, kind = directory.number(258, 1), directory.number(339, 1)
    if (kind, bits) not in _DTYPES:
        raise _DamagedError(f"its pixels have {bits} bits of kind {kind}")
    return _DTYPES[kind, bits]


def _grid(directory: _Directory, full: Level) -> Grid:
    grid = Grid(_crs(directory), _transform(directory), full.width, full.height)
    if not all(abs(edge) < _FARTHEST for edge in grid.bounds):
        raise _DamagedError(f"its edges, {grid.bounds}, lie nowhere on Earth")
    return grid


def _transform(directory: _Directory) -> Affine:
    """GeoTIFF 1.1, annex B.6: a tie point and a scale, or a matrix."""
    scale, tie, matrix = (directory.real(tag) for tag in (33550, 33922, 34264))
    if len(scale) >= 2 and len(tie) == 6:
        dx, dy = scale[0], scale[1]
        left, top = tie[3] - tie[0] * dx, tie[4] + tie[1] * dy
    elif len(matrix) == 16 and matrix[1] == matrix[4] == 0:
        dx, dy, left, top = matrix[0], -matrix[5], matrix[3], matrix[7]
    else:
        raise _DamagedError("it has no georeferencing, or a rotated one")
    if not (dx >= _FINEST and dy >= _FINEST):
        raise _DamagedError(f"its pixels of {dx:g} x {dy:g} do not run east and south")
    if _geokey(directory, 1025) == 2:  # PixelIsPoint: the tie point is a pixel's centre
        left, top = left - dx / 2, top + dy / 2
    return Affine(dx, 0, left, 0, -dy, top)


def _crs(directory: _Directory) -> str:
    """GeoTIFF 1.1, 7.3: the code of a projected or a geographic system."""
    key = {1: 3072, 2: 2048}.get(_geokey(directory, 1024))
    code = _geokey(directory, key) if key else 0
    if not 0 < code < _USER_DEFINED:
        raise _DamagedError("its coordinate reference system has no EPSG code")
    return f"EPSG:{code}"


def _geokey(directory: _Directory, wanted: int) -> int:
    """The value of a key that is held in the directory itself; 0 if it is not there."""
    keys = directory.whole(34735)
    for index in range(4, len(keys) - 3, 4):
        key, place, _, value = keys[index : index + 4]
        if key == wanted and place == 0:
            return value
    return 0


def _nodata(directory: _Directory, dtype: str) -> float | None:
    """GDAL_NODATA; a number that is none of the pixels' is as good as none."""
    text = directory.text(42113)
    if not text:
        return None
    try:
        value = float(text)
    except ValueError as exc:
        raise _DamagedError(f"its nodata value is {text!r}") from exc
    if np.dtype(dtype).kind == "f":
        with np.errstate(over="ignore"):
            return float(np.dtype(dtype).type(value))
    held = np.iinfo(dtype)
    return int(value) if value.is_integer() and held.min <= value <= held.max else None


def _guarded(data: _Bytes, order: str, size: int) -> bool:
    """Whether GDAL's ghost area promises a leader and a trailer around each tile."""
    at = 16 if struct.unpack(f"{order}H", data(2, 2))[0] == 43 else 8
    if size < at + 43:
        return False
    found = re.fullmatch(rb"GDAL_STRUCTURAL_METADATA_SIZE=(\d{6}) bytes\n", data(at, 43))
    if not found or size < at + 43 + int(found[1]):
        return False
    ghost = data(at + 43, int(found[1]))
    return (
        b"BLOCK_LEADER=SIZE_AS_UINT4\n" in ghost
        and b"BLOCK_TRAILER=LAST_4_BYTES_REPEATED\n" in ghost
        and b"KNOWN_INCOMPATIBLE_EDITION=NO" in ghost
    )
