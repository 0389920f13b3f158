"""The header of a tiled GeoTIFF: grid, pixel type, levels, and the positions of the tile index.

Parses GeoTIFF 1.1 keys, and GDAL's ghost area where there is one. The tile index itself is not read
here: that of a file of 500,000 x 500,000 pixels has 11 MB, of which a window needs a few kilobytes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from affine import Affine

from hrdem.errors import SourceError
from hrdem.geo.band import Band, band_count_error
from hrdem.geo.grid import Grid, Window
from hrdem.geo.nodata import round_nodata
from hrdem.runtime.limits import HEADER_READ_BYTES
from hrdem.tiff.band_metadata import read_band_metadata
from hrdem.tiff.decode import COMPRESSIONS, LERC
from hrdem.tiff.read_ifd import (
    BoundedReader,
    Directory,
    Fetch,
    InvalidTiffError,
    byte_order,
    read_directories,
)
from hrdem.tiff.write_ifd import TileFormat

_MAX_FILE_BYTES = 1 << 60  # sums of positions stay within 64 bits
_PREDICTORS = (1, 2, 3)  # none, differences of whole numbers, of floating point ones
_TILE_EDGES = range(16, 2_049)  # pixels; a few of the largest fit in the memory of a run
_MAX_TILES_PER_AXIS = 32_768
_MIN_PIXEL_SIZE, _MAX_COORDINATE = 1e-9, 1e9  # metres, feet or degrees

# SampleFormat and BitsPerSample -> type
_DTYPES = {(1, 8): "uint8", (1, 16): "uint16", (1, 32): "uint32", (1, 64): "uint64",
           (2, 8): "int8", (2, 16): "int16", (2, 32): "int32", (2, 64): "int64",
           (3, 32): "float32", (3, 64): "float64"}  # fmt: skip
_USER_DEFINED = 32_767
_REDUCED, _MASK = 1, 4  # bits of NewSubfileType
_WHITE_IS_ZERO, _PALETTE = 0, 3  # values of PhotometricInterpretation
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?|[-+]?(nan|inf)", re.IGNORECASE)
_LINEAR_UNITS = {9001: "metre", 9002: "foot", 9003: "US survey foot"}  # of the EPSG register


@dataclass(frozen=True, slots=True)
class IndexArray:
    """Position of the values of TileOffsets or TileByteCounts.

    Attributes:
        at: Position of the first value in the file.
        count: Number of values, one for each tile in row-major order.
        dtype: Type and byte order of the values, a numpy name.
    """

    at: int
    count: int
    dtype: str

    def span(self, first: int, last: int) -> tuple[int, int]:
        """Return the span of bytes of the values from ``first`` up to ``last``."""
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
        offsets: The tiles' positions; 0 for an absent tile.
        counts: The tiles' lengths in bytes.
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
        """Number of tiles in a row."""
        return -(-self.width // self.tile[0])

    @property
    def rows(self) -> int:
        """Number of rows of tiles."""
        return -(-self.height // self.tile[1])

    def tiles_under(self, window: Window) -> Window:
        """Return the rectangle of tiles that a window touches, in units of tiles."""
        width, height = self.tile
        column, row = window.column // width, window.row // height
        right, bottom = -(-window.right // width), -(-window.bottom // height)
        return Window(column, row, right - column, bottom - row)


@dataclass(frozen=True, slots=True)
class Header:
    """The contents of a file's directories.

    Attributes:
        grid: Pixel grid of full resolution.
        band: What it states about its numbers.
        byte_order: ``"<"`` or ``">"``: byte order of the file and its pixels.
        levels: Full resolution, then the overviews from fine to coarse.
        has_guards: Whether each tile has a leader and a trailer (GDAL's BLOCK_LEADER and
            BLOCK_TRAILER).
    """

    grid: Grid
    band: Band
    byte_order: str
    levels: tuple[Level, ...]
    has_guards: bool

    def level_grid(self, number: int) -> Grid:
        """Return the pixel grid of a level.

        The pixels of an overview fill the image, so that they may be a little off the power of
        two.

        Args:
            number: Number of the level; 0 is full resolution.
        """
        if number == 0:
            return self.grid
        full, reduced = self.grid, self.levels[number]
        dx = full.resolution[0] * full.width / reduced.width
        dy = full.resolution[1] * full.height / reduced.height
        left, _, _, top = full.bounds
        return Grid(full.crs, Affine(dx, 0, left, 0, -dy, top), reduced.width, reduced.height)

    def tile_format(self, level: Level) -> TileFormat:
        """Return the compression and layout of the tiles of a level."""
        return TileFormat(
            tile=level.tile,
            dtype=self.band.stored_dtype,
            byte_order=self.byte_order,
            compression=level.compression,
            predictor=level.predictor,
            lerc=level.lerc,
        )


def read_header(fetch: Fetch, size: int, name: str) -> Header:
    """Parse the directories of a TIFF.

    Args:
        fetch: Returns the bytes of the file from one position up to another.
        size: Size of the file, bytes.
        name: Name of the file, for messages.

    Raises:
        SourceError: If it is not a TIFF, is damaged, or is of an unsupported kind.
    """
    try:
        return _parse_header(BoundedReader(fetch, size, HEADER_READ_BYTES), name)
    except InvalidTiffError as exc:
        raise SourceError(
            f"{name} cannot be read as a tiled GeoTIFF: {exc}. The file may be damaged, or be of "
            "a kind that only GDAL reads. Try `engine=gdal`."
        ) from exc


def _parse_header(data: BoundedReader, name: str) -> Header:
    if data.size > _MAX_FILE_BYTES:
        raise InvalidTiffError(f"the server reports a size of {data.size} bytes")
    images: list[Directory] = []
    is_masked = False
    for directory in read_directories(data):
        kind = directory.number(254, 0)
        if kind & _MASK:
            is_masked = True
        elif not images or kind & _REDUCED:
            images.append(directory)
    if not images:
        raise InvalidTiffError("it has no image")
    first = images[0]
    if (count := first.number(277, 1)) != 1:
        raise band_count_error(count, name)
    full, *overviews = map(_parse_level, images)
    levels = (full, *sorted(overviews, key=lambda level: -level.width))
    dtype = _parse_dtype(first)
    if any(_parse_dtype(directory) != dtype for directory in images):
        raise InvalidTiffError("its overviews have another pixel type")
    if any(level.width > full.width or level.height > full.height for level in overviews):
        raise InvalidTiffError("it has an overview that is larger than the image")
    return Header(
        grid=_parse_grid(first, full),
        band=_parse_band(first, dtype, is_masked),
        byte_order=byte_order(data),
        levels=levels,
        has_guards=_has_guards(data),
    )


def _parse_level(directory: Directory) -> Level:
    width, height = directory.number(256), directory.number(257)
    compression = directory.number(259, 1)
    if compression not in COMPRESSIONS:
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
        raise InvalidTiffError("its FillOrder is not 1")
    lerc = directory.whole(50674) if compression == LERC else ()
    if len(lerc) > 2 or any(value > 255 for value in lerc):
        raise InvalidTiffError("its LERC parameters are not two small numbers")
    columns, rows = -(-width // tile[0]), -(-height // tile[1])
    if max(columns, rows) > _MAX_TILES_PER_AXIS:
        raise InvalidTiffError(f"it has {columns} x {rows} tiles")
    return Level(
        width=width,
        height=height,
        tile=tile,
        compression=compression,
        predictor=predictor,
        offsets=_locate_index(directory, 324, columns * rows),
        counts=_locate_index(directory, 325, columns * rows),
        lerc=lerc or None,
    )


def _locate_index(directory: Directory, tag: int, tiles: int) -> IndexArray:
    at, dtype = directory.locate_values(tag, tiles)
    return IndexArray(at, tiles, dtype)


def _parse_dtype(directory: Directory) -> str:
    bits, kind = directory.number(258, 1), directory.number(339, 1)
    if (kind, bits) not in _DTYPES:
        raise InvalidTiffError(f"its pixels have {bits} bits of kind {kind}")
    return _DTYPES[kind, bits]


def _parse_grid(directory: Directory, full: Level) -> Grid:
    grid = Grid(_parse_crs(directory), _parse_transform(directory), full.width, full.height)
    if not all(abs(edge) < _MAX_COORDINATE for edge in grid.bounds):
        raise InvalidTiffError(f"its bounds, {grid.bounds}, are not on Earth")
    return grid


def _parse_transform(directory: Directory) -> Affine:
    """Read the transform: a tie point and a scale, or a matrix (GeoTIFF 1.1, annex B.6)."""
    scale, tie, matrix = (directory.real(tag) for tag in (33550, 33922, 34264))
    if len(scale) >= 2 and len(tie) == 6:
        dx, dy = scale[0], scale[1]
        left, top = tie[3] - tie[0] * dx, tie[4] + tie[1] * dy
    elif len(matrix) == 16 and matrix[1] == matrix[4] == 0:
        dx, dy, left, top = matrix[0], -matrix[5], matrix[3], matrix[7]
    else:
        raise InvalidTiffError("it has no georeferencing, or a rotated one")
    if not (dx >= _MIN_PIXEL_SIZE and dy >= _MIN_PIXEL_SIZE):
        raise InvalidTiffError(f"its pixels of {dx:g} x {dy:g} are not north-up")
    if _read_geokey(directory, 1025) == 2:  # PixelIsPoint: the tie point is a pixel's centre
        left, top = left - dx / 2, top + dy / 2
    return Affine(dx, 0, left, 0, -dy, top)


def _parse_crs(directory: Directory) -> str:
    """Read the EPSG code of a projected or a geographic CRS (GeoTIFF 1.1, 7.3)."""
    key = {1: 3072, 2: 2048}.get(_read_geokey(directory, 1024))
    code = _read_geokey(directory, key) if key else 0
    if not 0 < code < _USER_DEFINED:
        raise InvalidTiffError("its coordinate reference system has no EPSG code")
    return f"EPSG:{code}"


def _read_geokey(directory: Directory, key_id: int) -> int:
    """Return the value of a GeoKey that is stored in the directory; 0 if it is missing."""
    keys = directory.whole(34735)
    for index in range(4, len(keys) - 3, 4):
        key, location, _, value = keys[index : index + 4]
        if key == key_id and location == 0:
            return value
    return 0


def _parse_band(directory: Directory, dtype: str, is_masked: bool) -> Band:
    """Read what the tags of GDAL, the colours and the vertical CRS state about the numbers."""
    metadata = read_band_metadata(directory)
    photometric = directory.number(262, 1)
    vertical, unit = _read_geokey(directory, 4096), _read_geokey(directory, 4099)
    return Band(
        stored_dtype=dtype,
        stored_nodata=_parse_gdal_nodata(directory, dtype),
        scale=metadata.scale,
        offset=metadata.offset,
        unit=metadata.unit or (_LINEAR_UNITS.get(unit, f"EPSG:{unit}") if unit else ""),
        vertical_crs=f"EPSG:{vertical}" if vertical else "",
        is_masked=is_masked or metadata.has_nodata_values,
        has_palette=photometric == _PALETTE,
        is_inverted=photometric == _WHITE_IS_ZERO,
    )


def _parse_gdal_nodata(directory: Directory, dtype: str) -> float | None:
    """Read GDAL_NODATA; a number that the pixel type cannot represent counts as none."""
    text = directory.text(42113)
    if text and not _NUMBER.fullmatch(text):
        raise InvalidTiffError(f"its nodata value is {text!r}")
    return round_nodata(float(text), dtype) if text else None


def _has_guards(data: BoundedReader) -> bool:
    """Whether GDAL's ghost area declares a leader and a trailer for each tile."""
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
