"""GetCoverage responses: find the TIFF by its bytes, extract it, and compare it with the request.

Servers send rasters of one pixel, shifted by half a pixel or cut off, with status 200. So neither
status nor media type is trusted, and every property of the raster is compared.
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
from rasterio.io import DatasetReader

from hrdem.errors import SourceError, WcsError
from hrdem.geo.band import check_band
from hrdem.geo.grid import Grid
from hrdem.http.retry import RetryableError
from hrdem.runtime.gdal_env import pinned_gdal
from hrdem.runtime.gdal_errors import GDAL_ERRORS, gdal_message, raise_if_out_of_memory
from hrdem.runtime.text import to_one_line
from hrdem.sources.gdal_band import describe_band, split_crs
from hrdem.sources.ogc_exceptions import blames_request, is_too_large, read_refusal, size_limit
from hrdem.tiff.read_ifd import has_tiff_signature

_MAX_REFUSAL_BYTES = 16 << 10  # that are searched for a message
# Of all bands: GDAL decodes whole blocks, however little of them is read.
_MAX_BLOCK_PIXELS = 1 << 20
_OPENING = re.compile(rb"\s{0,8}(--[^\r\n]{1,200})\r?\n")
_HEADER_END = re.compile(rb"\r?\n\r?\n")
_MAX_CRS_CHARACTERS = 200  # of the name of a CRS in a message
_COPY_BYTES = 1 << 20  # at a time
_OK = 200  # status with which servers send exception reports
_MAX_PLACEHOLDER_SHIFT_PIXELS = 0.4  # pixels; half a pixel off is the raster of another request
_PLACEHOLDER_VALUES = (0.0, -9999.0)  # in a raster of one pixel without data, besides nodata


class ChunkTooLargeError(RetryableError):
    """A response that a smaller request may avoid: none, a truncated raster, one of another size.

    Attributes:
        max_edge: Maximum width and height, pixels, if the server states one.
    """

    def __init__(self, message: str, max_edge: int | None = None) -> None:
        super().__init__(message)
        self.max_edge = max_edge


def extract_tiff(body: Path, tiff: Path) -> None:
    """Extract the TIFF from the body of a response.

    Bare TIFFs and those in the parts of multipart/mixed or multipart/related (RFC 2046, 5.1) are
    found by their first bytes.

    Args:
        body: File with the body; it is removed.
        tiff: Path to write the TIFF to.

    Raises:
        ChunkTooLargeError: If the body is empty, ``null``, cut off, or a refusal of the size.
        WcsError: If the server reports that the request is wrong.
        RetryableError: If it reports another failure.
        OSError: If a file cannot be written.
    """
    size = body.stat().st_size
    if size == 0:
        raise ChunkTooLargeError("the response is empty")
    with body.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        start, stop = _find_tiff(content)
    if (start, stop) == (0, size):
        body.replace(tiff)
        return
    with body.open("rb") as source, tiff.open("wb") as target:
        source.seek(start)
        for at in range(start, stop, _COPY_BYTES):  # mapped, the body would count as memory
            target.write(source.read(min(_COPY_BYTES, stop - at)))
    body.unlink()


def check_coverage(path: Path, grid: Grid, dtype: str, nodata: float, unit: str) -> None:
    """Check that a TIFF has exactly the pixels of a grid, and that all of them can be decoded.

    Its numbers are read as those of files are (`hrdem.geo.band`).

    A raster of one pixel that spans the grid means that there is no data (see `is_placeholder`).

    Args:
        path: The TIFF.
        grid: The requested grid.
        dtype: Type of the values of the coverage.
        nodata: Nodata value of the coverage.
        unit: Unit of the product, as `hrdem.geo.band.check_band` takes it.

    Raises:
        ChunkTooLargeError: If it has another size, or is damaged.
        RetryableError: If it differs in another way.
    """
    try:
        with pinned_gdal(), rasterio.open(path, driver="GTiff") as dataset:
            _check_block_size(dataset)
            if is_placeholder(dataset, grid):
                _check_placeholder(dataset, nodata)
                return
            _check_properties(dataset, grid, dtype, nodata, unit)
            _check_blocks(dataset, path.stat().st_size)
    except GDAL_ERRORS as exc:
        raise_if_out_of_memory(exc)
        raise ChunkTooLargeError(f"the raster is damaged or cut off: {gdal_message(exc)}") from exc


def is_placeholder(dataset: DatasetReader, grid: Grid) -> bool:
    """Whether a raster is the single pixel that GeoTrellis returns where there is no data.

    The request must be larger than one pixel, and the pixel must span it: other servers return a
    single pixel with any height for requests that they misunderstand.
    """
    if (dataset.width, dataset.height) != (1, 1) or grid.window.pixels == 1:
        return False
    if dataset.crs is not None and dataset.crs != CRS.from_user_input(grid.crs):
        return False
    dx, dy = grid.resolution
    shift = np.abs(np.subtract(dataset.bounds, grid.bounds)) / (dx, dy, dx, dy)
    return bool((shift < _MAX_PLACEHOLDER_SHIFT_PIXELS).all())


def _find_tiff(body: mmap.mmap) -> tuple[int, int]:
    """Return the first byte of the TIFF in a body, and the byte after its last."""
    if has_tiff_signature(body[:4]):
        return 0, len(body)
    opening = _OPENING.match(body)
    if opening is None:
        raise _parse_refusal_body(body[:_MAX_REFUSAL_BYTES])
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
                raise ChunkTooLargeError("the multipart response is cut off")
            return start, closed - (body[closed - 1 : closed] == b"\r")
        at = body.find(b"\n" + boundary, start - 1)
    if closed < 0:
        raise ChunkTooLargeError("the multipart response is cut off")
    raise _parse_refusal_body(body[opening.end() : opening.end() + _MAX_REFUSAL_BYTES])


def _parse_refusal_body(body: bytes) -> Exception:
    """Return the error of a response without a TIFF, from its first bytes."""
    refusal = read_refusal(body)
    if refusal is None:
        return RetryableError(
            f"a response that is not a coverage, beginning with {body[:16]!r}", _OK
        )
    if refusal.text in ("", "null") and not refusal.code:
        return ChunkTooLargeError(f"the response is {refusal.text or 'empty'}")
    if is_too_large(refusal):
        return ChunkTooLargeError(str(refusal), size_limit(refusal))
    if blames_request(refusal):
        return WcsError(str(refusal))
    return RetryableError(str(refusal), _OK)


def _check_block_size(dataset: DatasetReader) -> None:
    """Refuse large blocks: a file of 5 kB may declare one pixel in a block of 14 GB."""
    height, width = dataset.block_shapes[0]
    if width * height * dataset.count > _MAX_BLOCK_PIXELS:
        raise ChunkTooLargeError(
            f"blocks of {width} x {height} pixels, which are too large to decode"
        )


def _check_placeholder(dataset: DatasetReader, nodata: float) -> None:
    if np.dtype(dataset.dtypes[0]).kind == "f":
        value = float(dataset.read(1)[0, 0])
        if not any(
            _equal_nodata(value, each)
            for each in (math.nan, nodata, dataset.nodata, *_PLACEHOLDER_VALUES)
        ):
            raise ChunkTooLargeError(f"one pixel of {value:g} in the place of the raster")


def _equal_nodata(one: float | None, other: float | None) -> bool:
    """Whether two nodata values are the same, NaN included."""
    if one is None or other is None:
        return False
    return one == other or (math.isnan(one) and math.isnan(other))


def _mismatch(message: str) -> RetryableError:
    """Return the error of a raster of the right size that differs otherwise: halving is no use."""
    return RetryableError(message, _OK)


def _check_properties(
    dataset: DatasetReader, grid: Grid, dtype: str, nodata: float, unit: str
) -> None:
    transform = dataset.transform
    band = describe_band(dataset)
    if dataset.count != 1 or band.dtype != dtype:
        raise _mismatch(
            f"{dataset.count} bands of {', '.join(set(dataset.dtypes))} instead of one of {dtype}"
        )
    try:
        check_band(band, unit, "it")
    except SourceError as exc:
        raise _mismatch(str(exc)) from exc
    crs, _ = split_crs(dataset.crs)
    if not crs or CRS.from_user_input(crs) != CRS.from_user_input(grid.crs):
        message = to_one_line(crs or "no CRS", _MAX_CRS_CHARACTERS)
        raise _mismatch(f"a raster in {message} instead of {grid.crs}")
    if not _has_pixels_of(Grid(grid.crs, transform, dataset.width, dataset.height), grid):
        size = (
            f"{dataset.width} x {dataset.height} pixels of {transform.a:.10g} x "
            f"{-transform.e:.10g} m from {transform.c:.10g}, {transform.f:.10g}"
        )
        if dataset.shape == (grid.height, grid.width):
            raise _mismatch(size)
        raise ChunkTooLargeError(size)  # GeoTrellis sometimes loses a row or a column to rounding
    declared = band.stored_nodata
    if not _equal_nodata(declared, nodata) and not (declared is None and band.is_masked):
        stated = "no nodata value" if declared is None else f"nodata {declared:g}"
        raise _mismatch(f"{stated} instead of {nodata:g}")


def _has_pixels_of(found: Grid, requested: Grid) -> bool:
    """Whether a raster has exactly the requested pixels, its rows from north to south."""
    transform = found.transform
    if transform.b or transform.d or not all(map(math.isfinite, transform)):
        return False
    return requested.locate(found) == requested.window


def _check_blocks(dataset: DatasetReader, size: int) -> None:
    """Decode every block: one that is absent or cut off must not be read as nodata.

    Nor may nodata be read as heights: GDAL (3.9 to 3.12, at least) does not swap the bytes of empty
    blocks when it writes big-endian files, where -32767 then reads as 2.3e-38.
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
    nodata = describe_band(dataset).stored_nodata
    swapped = None if nodata is None else np.array(nodata, dataset.dtypes[0]).byteswap()
    if swapped is not None and _equal_nodata(float(swapped), nodata):
        swapped = None
    for _, window in dataset.block_windows(1):
        pixels = dataset.read(1, window=window)
        if swapped is not None and (pixels == swapped).any():
            raise ChunkTooLargeError(f"heights of {swapped:g}, which are nodata with swapped bytes")
