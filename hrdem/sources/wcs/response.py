"""The coverage in an answer: found by its bytes, taken out, and held against what was asked.

Servers answer with status 200 and a raster of one pixel, half a pixel off, or cut off. So neither
status nor media type is believed, and of the raster nothing that was not compared.
"""

from __future__ import annotations

import itertools
import math
import mmap
import re
from pathlib import Path

import numpy as np
import rasterio
from rasterio.crs import CRS
from rasterio.enums import MaskFlags
from rasterio.io import DatasetReader

from hrdem.errors import WcsError
from hrdem.geo.grid import Grid
from hrdem.http.retry import RetryableError
from hrdem.runtime.gdal_errors import GDAL_ERRORS, gdal_message
from hrdem.runtime.text import to_one_line
from hrdem.sources.ogc_exceptions import is_too_large, read_refusal, size_limit
from hrdem.tiff.read_ifd import has_tiff_signature

_EXCERPT = 16 << 10  # bytes that are looked at for words
_LARGEST_BLOCK = (
    1 << 20
)  # pixels of all bands; GDAL holds a whole block, however little of it is read
_OPENING = re.compile(rb"\s{0,8}(--[^\r\n]{1,200})\r?\n")
_HEADER_END = re.compile(rb"\r?\n\r?\n")
_MOST_SHOWN = 200  # characters of the name of a CRS
_COPIED = 1 << 20  # bytes at a time
_MASKS = (MaskFlags.per_dataset, MaskFlags.alpha)
_SAID_OK = 200  # the status under which servers send exceptions
_OUR_FAULT = ("ParameterValue", "NotDefined", "NotSupported")  # ends of codes of exceptions
_SPANS = 0.4  # pixels that the place of one pixel over all may be off; half is another request
_ABSENT = (0.0, -9999.0)  # what stands for no data in a raster of one pixel, besides nodata


class ChunkTooLargeError(RetryableError):
    """An answer that a smaller request may mend: nothing, part of a raster, one of another size.

    Attributes:
        max_edge: Most pixels in a row or column that the server says to give, if it does.
    """

    def __init__(self, said: str, max_edge: int | None = None) -> None:
        super().__init__(said)
        self.max_edge = max_edge


def extract_tiff(answer: Path, coverage: Path) -> None:
    """Leave only the TIFF of an answer, under another name.

    Bare TIFFs and those in the parts of multipart/mixed or multipart/related (RFC 2046, 5.1) are
    found by their first bytes.

    Args:
        answer: Body of the answer; it is gone afterwards.
        coverage: Where the TIFF goes.

    Raises:
        ChunkTooLargeError: If the answer is empty, ``null``, cut off, or refused for its size.
        WcsError: If the server says that the request is wrong.
        Again: If it says something else.
        OSError: If a file cannot be written.
    """
    size = answer.stat().st_size
    if size == 0:
        raise ChunkTooLargeError("the answer is empty")
    with answer.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as body:
        start, stop = _tiff_in(body)
    if (start, stop) == (0, size):
        answer.replace(coverage)
        return
    with answer.open("rb") as file, coverage.open("wb") as taken:
        file.seek(start)
        for at in range(start, stop, _COPIED):  # mapped, the body would count as memory
            taken.write(file.read(min(_COPIED, stop - at)))
    answer.unlink()


def check_coverage(path: Path, grid: Grid, dtype: str, nodata: float) -> None:
    """Make sure that a TIFF holds exactly the pixels of a grid, each of them.

    A raster of one pixel that spans the grid says that there is no data (see `is_placeholder`).

    Args:
        path: The TIFF.
        grid: What was asked for.
        dtype: Type of the pixels that the coverage has.
        nodata: Nodata value that the coverage has.

    Raises:
        ChunkTooLargeError: If it has another size, or is damaged.
        Again: If it is anything else.
    """
    try:
        with rasterio.Env(), rasterio.open(path, driver="GTiff") as dataset:
            _check_block_size(dataset)
            if is_placeholder(dataset, grid):
                _check_placeholder(dataset, nodata)
                return
            _check_raster(dataset, grid, dtype, nodata)
            _check_blocks(dataset, path.stat().st_size, nodata)
    except GDAL_ERRORS as exc:
        raise ChunkTooLargeError(f"the raster is damaged or cut off: {gdal_message(exc)}") from exc


def is_placeholder(dataset: DatasetReader, grid: Grid) -> bool:
    """Whether a raster is the single pixel that GeoTrellis gives where there is no data.

    The request has to have been larger, and the pixel has to span it: other servers give a single
    pixel of any height for requests that they misunderstood.
    """
    if (dataset.width, dataset.height) != (1, 1) or grid.window.pixels == 1:
        return False
    if dataset.crs is not None and dataset.crs != CRS.from_user_input(grid.crs):
        return False
    dx, dy = grid.resolution
    apart = np.abs(np.subtract(dataset.bounds, grid.bounds)) / (dx, dy, dx, dy)
    return bool((apart < _SPANS).all())


def _tiff_in(body: mmap.mmap) -> tuple[int, int]:
    """First byte of the TIFF in a body, and the byte after its last."""
    if has_tiff_signature(body[:4]):
        return 0, len(body)
    opening = _OPENING.match(body)
    if opening is None:
        raise _no_coverage(body[:_EXCERPT])
    boundary = opening[1].rstrip()
    closed = body.rfind(b"\n" + boundary + b"--")
    at = opening.start(1)
    while at >= 0:
        header_end = _HEADER_END.search(body, at)
        if header_end is None:
            break
        start = header_end.end()
        if has_tiff_signature(body[start : start + 4]):
            if closed < start:
                raise ChunkTooLargeError("the multipart answer is cut off")
            return start, closed - (body[closed - 1 : closed] == b"\r")
        at = body.find(b"\n" + boundary, start - 1)
    if closed < 0:
        raise ChunkTooLargeError("the multipart answer is cut off")
    raise _no_coverage(body[opening.end() : opening.end() + _EXCERPT])


def _no_coverage(body: bytes) -> Exception:
    """What is wrong with an answer that begins so and holds no TIFF."""
    refusal = read_refusal(body)
    if refusal is None:
        return RetryableError(
            f"an answer that is no coverage, beginning with {body[:16]!r}", _SAID_OK
        )
    if refusal.text in ("", "null") and not refusal.code:
        return ChunkTooLargeError(f"the answer is {refusal.text or 'empty'}")
    if is_too_large(refusal):
        return ChunkTooLargeError(str(refusal), size_limit(refusal))
    if refusal.code.endswith(_OUR_FAULT):
        return WcsError(str(refusal))
    return RetryableError(str(refusal), _SAID_OK)


def _check_block_size(dataset: DatasetReader) -> None:
    """A file of 5 kB may announce one pixel in a block of 14 GB."""
    height, width = dataset.block_shapes[0]
    if width * height * dataset.count > _LARGEST_BLOCK:
        raise ChunkTooLargeError(
            f"blocks of {width} x {height} pixels, which are too large to decode"
        )


def _check_placeholder(dataset: DatasetReader, nodata: float) -> None:
    if np.dtype(dataset.dtypes[0]).kind == "f":
        value = float(dataset.read(1)[0, 0])
        if not any(_same(value, each) for each in (math.nan, nodata, dataset.nodata, *_ABSENT)):
            raise ChunkTooLargeError(f"one pixel of {value:g} in the place of the raster")


def _same(one: float | None, other: float | None) -> bool:
    """Whether two nodata values are the same, NaN included."""
    if one is None or other is None:
        return False
    return one == other or (math.isnan(one) and math.isnan(other))


def _other(said: str) -> RetryableError:
    """An answer of the right size, but not what was asked for: less of it would not be either."""
    return RetryableError(said, _SAID_OK)


def _check_raster(dataset: DatasetReader, grid: Grid, dtype: str, nodata: float) -> None:
    here = dataset.transform
    if dataset.count != 1 or dataset.dtypes[0] != dtype:
        raise _other(
            f"{dataset.count} bands of {', '.join(set(dataset.dtypes))} instead of one of {dtype}"
        )
    if dataset.crs is None or dataset.crs != CRS.from_user_input(grid.crs):
        said = to_one_line(str(dataset.crs or "no CRS"), _MOST_SHOWN)
        raise _other(f"a raster in {said} instead of {grid.crs}")
    if not _is_same(Grid(grid.crs, here, dataset.width, dataset.height), grid):
        told = (
            f"{dataset.width} x {dataset.height} pixels of {here.a:.10g} x {-here.e:.10g} m from "
            f"{here.c:.10g}, {here.f:.10g}"
        )
        if dataset.shape == (grid.height, grid.width):
            raise _other(told)
        raise ChunkTooLargeError(told)  # GeoTrellis sometimes loses a row or a column to rounding
    if not _same(dataset.nodata, nodata):
        told = "no nodata value" if dataset.nodata is None else f"nodata {dataset.nodata:g}"
        raise _other(f"{told} instead of {nodata:g}")
    if (dataset.scales, dataset.offsets) != ((1.0,), (0.0,)):
        raise _other("heights that are scaled")
    if any(flag in _MASKS for flag in dataset.mask_flag_enums[0]):
        raise _other("a mask beside its pixels")


def _is_same(met: Grid, asked: Grid) -> bool:
    """Whether a raster has exactly the pixels that were asked for, rows running down."""
    here = met.transform
    if here.b or here.d or not all(map(math.isfinite, here)):
        return False
    return asked.locate(met) == asked.window


def _check_blocks(dataset: DatasetReader, size: int, nodata: float) -> None:
    """Decode every block: one that is absent or cut off must not pass as nodata.

    Nor must nodata pass as heights: GDAL (3.9 to 3.12, at least) leaves the bytes of empty blocks
    as they are when it writes big-endian files, where -32767 then reads as 2.3e-38.
    """
    height, width = dataset.block_shapes[0]
    rows, columns = range(-(-dataset.height // height)), range(-(-dataset.width // width))
    for row, column in itertools.product(rows, columns):
        place, length = (
            int(dataset.get_tag_item(f"BLOCK_{what}_{column}_{row}", "TIFF", 1) or 0)
            for what in ("OFFSET", "SIZE")
        )
        if place <= 0 or length <= 0 or place + length > size:
            raise ChunkTooLargeError("a block is missing or cut off")
    swapped = np.array(nodata, dataset.dtypes[0]).byteswap()
    for _, window in dataset.block_windows(1):
        pixels = dataset.read(1, window=window)
        if not _same(float(swapped), nodata) and (pixels == swapped).any():
            raise ChunkTooLargeError(f"heights of {swapped:g}, which are nodata with swapped bytes")
