"""What a tiled TIFF says about itself before its pixels: grid, levels, places of the index.

GeoTIFF 1.1 keys, and GDAL's ghost area, which is used when it is there and not needed. The tile
index itself is not read here: of a file of 500,000 x 500,000 pixels it is 11 MB, of which a window
needs a few kilobytes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from affine import Affine

from hrdem.errors import SourceError
from hrdem.geo.grid import Grid, Window
from hrdem.tiff.read_ifd import (
    BoundedReader,
    Directory,
    Fetch,
    InvalidTiffError,
    byte_order,
    read_directories,
)
from hrdem.tiff.write_ifd import TileFormat

# holds all directories of a mosaic file, more is fetched if not; comes in one round trip
HEADER_READ_BYTES = 12_288
_LARGEST_FILE = 1 << 60  # bytes: positions and their sums stay far from the end of 64 bits
_LERC = 34887
# none, LZW, DEFLATE in both numbers, LERC, ZSTD
_COMPRESSIONS = (1, 5, 8, 32946, _LERC, 50000)
_PREDICTORS = (1, 2, 3)  # none, differences of whole numbers, of floating point ones
_TILE_EDGES = range(16, 2_049)  # pixels; a few of the largest fit into the memory of a run
_MOST_ACROSS = 32_768  # tiles side by side, or one above the other
_FINEST, _FARTHEST = 1e-9, 1e9  # of pixels and places on Earth, in metres, feet or degrees

# SampleFormat and BitsPerSample -> type
_DTYPES = {(1, 8): "uint8", (1, 16): "uint16", (1, 32): "uint32", (1, 64): "uint64",
           (2, 8): "int8", (2, 16): "int16", (2, 32): "int32", (2, 64): "int64",
           (3, 32): "float32", (3, 64): "float64"}  # fmt: skip
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
        has_guards: Whether each tile lies between a leader and a trailer (GDAL's BLOCK_LEADER and
            BLOCK_TRAILER).
    """

    grid: Grid
    dtype: str
    byte_order: str
    nodata: float | None
    levels: tuple[Level, ...]
    has_guards: bool

    def tile_format(self, level: Level) -> TileFormat:
        """Return how the tiles of a level are stored."""
        return TileFormat(
            tile=level.tile,
            dtype=self.dtype,
            byte_order=self.byte_order,
            compression=level.compression,
            predictor=level.predictor,
            lerc=level.lerc,
        )


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
        return _parse(BoundedReader(fetch, size, HEADER_READ_BYTES))
    except InvalidTiffError as exc:
        raise SourceError(
            f"{name} cannot be read as a tiled GeoTIFF: {exc}. The file may be damaged, or be of "
            "a kind that only GDAL reads: try `engine=gdal`."
        ) from exc


def _parse(data: BoundedReader) -> Header:
    if data.size > _LARGEST_FILE:
        raise InvalidTiffError(f"the server says that it has {data.size} bytes")
    images: list[Directory] = []
    for directory in read_directories(data):
        kind = directory.number(254, 0)
        if not kind & _MASK and (not images or kind & _REDUCED):
            images.append(directory)
    if not images:
        raise InvalidTiffError("it has no image")
    first = images[0]
    full, *overviews = map(_level, images)
    levels = (full, *sorted(overviews, key=lambda level: -level.width))
    dtype = _dtype(first)
    if any(_dtype(directory) != dtype for directory in images):
        raise InvalidTiffError("its overviews have another type of pixels")
    if any(level.width > full.width or level.height > full.height for level in overviews):
        raise InvalidTiffError("it has an overview that is larger than the image")
    return Header(
        grid=_grid(first, full),
        dtype=dtype,
        byte_order=byte_order(data),
        nodata=_nodata(first, dtype),
        levels=levels,
        has_guards=_has_guards(data),
    )


def _level(directory: Directory) -> Level:
    width, height = directory.number(256), directory.number(257)
    compression = directory.number(259, 1)
    if compression not in _COMPRESSIONS:
        raise InvalidTiffError(f"its compression, number {compression}, is not one for elevation")
    if 322 not in directory:
        raise InvalidTiffError("it is stored in strips, not in tiles")
    tile = directory.number(322), directory.number(323)
    if width < 1 or height < 1 or tile[0] not in _TILE_EDGES or tile[1] not in _TILE_EDGES:
        raise InvalidTiffError(
            f"it has {width} x {height} pixels in tiles of {tile[0]} x {tile[1]}"
        )
    if directory.number(277, 1) != 1:
        raise InvalidTiffError(f"it has {directory.number(277)} bands instead of one")
    predictor = directory.number(317, 1)
    if predictor not in _PREDICTORS:
        raise InvalidTiffError(f"its predictor is number {predictor}")
    if directory.number(266, 1) != 1:
        raise InvalidTiffError("the bits of its bytes run backwards")
    lerc = directory.whole(50674) if compression == _LERC else ()
    if len(lerc) > 2 or any(value > 255 for value in lerc):
        raise InvalidTiffError("its parameters of LERC are not two small numbers")
    columns, rows = -(-width // tile[0]), -(-height // tile[1])
    if max(columns, rows) > _MOST_ACROSS:
        raise InvalidTiffError(f"it has {columns} x {rows} tiles")
    return Level(
        width=width,
        height=height,
        tile=tile,
        compression=compression,
        predictor=predictor,
        offsets=_index(directory, 324, columns * rows),
        counts=_index(directory, 325, columns * rows),
        lerc=lerc or None,
    )


def _index(directory: Directory, tag: int, tiles: int) -> IndexArray:
    at, dtype = directory.place(tag, tiles)
    return IndexArray(at, tiles, dtype)


def _dtype(directory: Directory) -> str:
    bits, kind = directory.number(258, 1), directory.number(339, 1)
    if (kind, bits) not in _DTYPES:
        raise InvalidTiffError(f"its pixels have {bits} bits of kind {kind}")
    return _DTYPES[kind, bits]


def _grid(directory: Directory, full: Level) -> Grid:
    grid = Grid(_crs(directory), _transform(directory), full.width, full.height)
    if not all(abs(edge) < _FARTHEST for edge in grid.bounds):
        raise InvalidTiffError(f"its edges, {grid.bounds}, lie nowhere on Earth")
    return grid


def _transform(directory: Directory) -> Affine:
    """GeoTIFF 1.1, annex B.6: a tie point and a scale, or a matrix."""
    scale, tie, matrix = (directory.real(tag) for tag in (33550, 33922, 34264))
    if len(scale) >= 2 and len(tie) == 6:
        dx, dy = scale[0], scale[1]
        left, top = tie[3] - tie[0] * dx, tie[4] + tie[1] * dy
    elif len(matrix) == 16 and matrix[1] == matrix[4] == 0:
        dx, dy, left, top = matrix[0], -matrix[5], matrix[3], matrix[7]
    else:
        raise InvalidTiffError("it has no georeferencing, or a rotated one")
    if not (dx >= _FINEST and dy >= _FINEST):
        raise InvalidTiffError(f"its pixels of {dx:g} x {dy:g} do not run east and south")
    if _geokey(directory, 1025) == 2:  # PixelIsPoint: the tie point is a pixel's centre
        left, top = left - dx / 2, top + dy / 2
    return Affine(dx, 0, left, 0, -dy, top)


def _crs(directory: Directory) -> str:
    """GeoTIFF 1.1, 7.3: the code of a projected or a geographic system."""
    key = {1: 3072, 2: 2048}.get(_geokey(directory, 1024))
    code = _geokey(directory, key) if key else 0
    if not 0 < code < _USER_DEFINED:
        raise InvalidTiffError("its coordinate reference system has no EPSG code")
    return f"EPSG:{code}"


def _geokey(directory: Directory, wanted: int) -> int:
    """The value of a key that is held in the directory itself; 0 if it is not there."""
    keys = directory.whole(34735)
    for index in range(4, len(keys) - 3, 4):
        key, place, _, value = keys[index : index + 4]
        if key == wanted and place == 0:
            return value
    return 0


def _nodata(directory: Directory, dtype: str) -> float | None:
    """GDAL_NODATA; a number that is none of the pixels' is as good as none."""
    text = directory.text(42113)
    if not text:
        return None
    try:
        value = float(text)
    except ValueError as exc:
        raise InvalidTiffError(f"its nodata value is {text!r}") from exc
    if np.dtype(dtype).kind == "f":
        with np.errstate(over="ignore"):
            return float(np.dtype(dtype).type(value))
    held = np.iinfo(dtype)
    return int(value) if value.is_integer() and held.min <= value <= held.max else None


def _has_guards(data: BoundedReader) -> bool:
    """Whether GDAL's ghost area promises a leader and a trailer around each tile."""
    at = 16 if b"+" in data(2, 2) else 8
    if data.size < at + 43:
        return False
    found = re.fullmatch(rb"GDAL_STRUCTURAL_METADATA_SIZE=(\d{6}) bytes\n", data(at, 43))
    if not found or data.size < at + 43 + int(found[1]):
        return False
    ghost = data(at + 43, int(found[1]))
    return (
        b"BLOCK_LEADER=SIZE_AS_UINT4\n" in ghost
        and b"BLOCK_TRAILER=LAST_4_BYTES_REPEATED\n" in ghost
        and b"KNOWN_INCOMPATIBLE_EDITION=NO" in ghost
    )
