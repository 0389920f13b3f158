"""Test WCS responses: the coverage is extracted and compared with the request."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.io import DatasetWriter, MemoryFile

from hrdem.errors import WcsError
from hrdem.geo.grid import Grid
from hrdem.http.retry import RetryableError
from hrdem.sources.wcs.response import ChunkTooLargeError, check_coverage, extract_tiff

GRID = Grid("EPSG:3979", Affine(1, 0, 1_780_500, 0, -1, -66_500), 90, 70)
NODATA = -32767.0
HEIGHTS = np.arange(70 * 90, dtype=np.float32).reshape(70, 90)
TOO_LARGE = (
    b'<ows:ExceptionReport xmlns:ows="http://www.opengis.net/ows/1.1"><ows:Exception '
    b'exceptionCode="InvalidParameterValue" locator="width/height"><ows:ExceptionText>'
    b"Raster size out of range, no more than MAXSIZE=2048.</ows:ExceptionText>"
    b"</ows:Exception></ows:ExceptionReport>"
)


def tiff(pixels: np.ndarray = HEIGHTS, grid: Grid = GRID, **options: Any) -> bytes:
    settings = {
        "driver": "GTiff", "width": pixels.shape[-1], "height": pixels.shape[-2], "count": 1,
        "dtype": pixels.dtype.name, "nodata": NODATA, "crs": grid.crs, "transform": grid.transform,
        "tiled": True, "blockxsize": 32, "blockysize": 32,
    }  # fmt: skip
    with MemoryFile() as memory:
        with memory.open(**{**settings, **options}) as dataset:
            dataset.write(np.atleast_3d(pixels.T).T)
        return bytes(memory.read())


def multipart(
    coverage: bytes, *, boundary: str = "wcs", end: str = "\r\n", closing: bool = True
) -> bytes:
    """A description followed by the coverage, in MapServer's format."""
    opening = f"{end}--{boundary}{end}"
    xml = f"Content-Type: text/xml{end}{end}<?xml version='1.0'?>\n<Coverages/>\n"
    head = f"Content-Type: image/geotiff{end}Content-ID: coverage/a.tif{end}{end}"
    body = f"{opening}{xml}{opening}{head}".encode() + coverage
    return body + (f"{end}--{boundary}--{end}".encode() if closing else b"")


def taken(body: bytes, folder: Path) -> bytes:
    answer, coverage = folder / "answer", folder / "coverage"
    answer.write_bytes(body)
    extract_tiff(answer, coverage)
    assert not answer.exists()
    return coverage.read_bytes()


def checked(body: bytes, folder: Path, grid: Grid = GRID) -> None:
    path = folder / "coverage.tif"
    path.write_bytes(body)
    check_coverage(path, grid, "float32", NODATA, "metre")


@pytest.mark.parametrize("options", [{}, {"ENDIANNESS": "BIG"}, {"BIGTIFF": "YES"},
                                     {"BIGTIFF": "YES", "ENDIANNESS": "BIG"}])  # fmt: skip
def test_bare_tiff(tmp_path: Path, options: dict[str, str]) -> None:
    body = tiff(**options)
    assert taken(body, tmp_path) == body
    checked(body, tmp_path)


@pytest.mark.parametrize("end", ["\r\n", "\n"])
@pytest.mark.parametrize("boundary", ["wcs", "----=_Part_7.1", "a" * 70])
def test_multipart_tiff_is_complete(tmp_path: Path, boundary: str, end: str) -> None:
    assert taken(multipart(tiff(), boundary=boundary, end=end), tmp_path) == tiff()


def test_boundary_within_pixels(tmp_path: Path) -> None:
    """MapServer's boundary is the short word wcs."""
    body = tiff()[:-20] + b"\r\n--wcs\r\n 8 bytes." + b"\0" * 3
    assert taken(multipart(body), tmp_path) == body


def test_tiff_before_the_description(tmp_path: Path) -> None:
    body = tiff()
    answer = b"--b\r\nContent-Type: image/tiff\r\n\r\n" + body + b"\r\n--b\r\n\r\n<a/>\r\n--b--"
    assert taken(answer, tmp_path).startswith(body)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b" null\n",
        multipart(tiff(), closing=False),
        multipart(tiff(), closing=False)[:300],
        multipart(b"")[:40],
        TOO_LARGE,
    ],
)
def test_empty_truncated_and_too_large(tmp_path: Path, body: bytes) -> None:
    """A smaller request may avoid an empty, truncated or oversized response."""
    with pytest.raises(ChunkTooLargeError) as told:
        taken(body, tmp_path)
    assert told.value.max_edge == (2048 if b"MAXSIZE" in body else None)


@pytest.mark.parametrize(
    ("code", "kind"),
    [("InvalidParameterValue", WcsError), ("MissingParameterValue", WcsError),
     ("CoverageNotDefined", WcsError), ("NoApplicableCode", RetryableError), ("", RetryableError)],
)  # fmt: skip
@pytest.mark.parametrize("wrapped", [False, True])
def test_exceptions_are_quoted_and_retried(
    tmp_path: Path, code: str, kind: type[Exception], wrapped: bool
) -> None:
    """An exception is quoted, and retried unless the request is invalid."""
    report = (
        f'<ows:ExceptionReport xmlns:ows="http://www.opengis.net/ows"><ows:Exception '
        f'exceptionCode="{code}"><ows:ExceptionText>COVERAGE=dtn not found</ows:ExceptionText>'
        "</ows:Exception></ows:ExceptionReport>"
    ).encode()
    body = b"--wcs\r\n\r\n" + report + b"\r\n--wcs--\r\n" if wrapped else report
    with pytest.raises(kind, match="COVERAGE=dtn not found"):
        taken(body, tmp_path)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"layer does not exist", "layer does not exist"),
        (b"<html><head><title>Sign in</title></head></html>", "Sign in"),
        (b"\x89PNG\r\n\x1a\n\0\0\0", "not a coverage, beginning with"),
        (b"<Coverages xmlns='http://www.opengis.net/wcs/1.1'/>", "not a coverage, beginning with"),
    ],
)
def test_other_content_is_quoted(tmp_path: Path, body: bytes, said: str) -> None:
    with pytest.raises(RetryableError, match=said):
        taken(body, tmp_path)


def moved(columns: float, rows: float, size: float = 1.0) -> Grid:
    left, _, _, top = GRID.bounds
    transform = Affine(size, 0, left + columns, 0, -size, top - rows)
    return Grid(GRID.crs, transform, GRID.width, GRID.height)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (tiff(grid=moved(0.5, 0.5)), "from 1780500.5, -66500.5"),
        (tiff(grid=moved(0, 1e-4)), "90 x 70 pixels"),
        (tiff(grid=moved(0, 0, 1.0001)), "pixels of 1.0001 x 1.0001"),
        (tiff(HEIGHTS[:, :89]), "89 x 70 pixels"),
        (tiff(np.float32([[5]])), "1 x 1 pixels"),
        (tiff(grid=Grid("EPSG:3978", GRID.transform, 90, 70)), "EPSG:3978 instead of EPSG:3979"),
        (tiff(HEIGHTS.astype("f8")), "1 bands of float64"),
        (tiff(HEIGHTS.astype("i2")), "1 bands of int16"),
        (tiff(np.stack([HEIGHTS, HEIGHTS]), count=2), "2 bands of float32"),
        (tiff(nodata=-9999), "nodata -9999 instead of -32767"),
        (tiff()[:-1], "cut off"),
        (tiff(COMPRESS="LZW")[:-40], "cut off"),
        (tiff()[:9_000], "cut off"),
        (tiff()[:100], "cut off"),
        (b"II*\0" + b"\0" * 40, "cut off"),
        (tiff(np.full((70, 90), NODATA, "f4"), ENDIANNESS="BIG"), "swapped bytes"),
        (tiff(np.full((70, 90), NODATA, "f4"), SPARSE_OK="TRUE"), "a block is missing"),
        (tiff(crs=None), "no CRS"),
    ],
)
def test_a_raster_that_is_not_what_was_asked_for_is_refused(
    tmp_path: Path, body: bytes, said: str
) -> None:
    with pytest.raises(RetryableError, match=said) as told:
        checked(body, tmp_path)
    of_another_size = "x" in said and not said.startswith(("90 x 70", "pixels of"))
    damaged = "cut off" in said or "missing" in said or "swapped" in said
    assert isinstance(told.value, ChunkTooLargeError) == (of_another_size or damaged)


def test_south_up_raster_is_refused(tmp_path: Path) -> None:
    upward = Affine(1, 0, 1_780_500, 0, 1, -66_570)
    with pytest.raises(RetryableError):
        checked(tiff(transform=upward), tmp_path)


def test_raster_without_nodata_is_refused(tmp_path: Path) -> None:
    """Its nodata values would be read as heights."""
    with pytest.raises(RetryableError, match="no nodata value"):
        checked(tiff(nodata=None), tmp_path)


def test_nan_as_nodata(tmp_path: Path) -> None:
    path = tmp_path / "coverage.tif"
    path.write_bytes(tiff(nodata=math.nan))
    check_coverage(path, GRID, "float32", math.nan, "metre")


def altered(folder: Path, change: Callable[[DatasetWriter], object]) -> bytes:
    path = folder / "altered.tif"
    path.write_bytes(tiff())
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(path, "r+") as dataset:
        change(dataset)
    return path.read_bytes()


def test_scaled_and_masked_heights_are_read(tmp_path: Path) -> None:
    """By the rules for files; another unit is refused as it is there."""
    scaled = altered(tmp_path, lambda dataset: setattr(dataset, "scales", (0.1,)))
    checked(scaled, tmp_path)
    checked(altered(tmp_path, lambda dataset: dataset.write_mask(HEIGHTS > 100)), tmp_path)
    feet = altered(tmp_path, lambda dataset: setattr(dataset, "units", ("ft",)))
    with pytest.raises(RetryableError, match="'ft'"):
        checked(feet, tmp_path)


def placeholder(value: float, grid: Grid = GRID, bands: int = 1, dtype: str = "float32") -> bytes:
    """One pixel that covers the whole grid."""
    left, bottom, right, top = grid.bounds
    pixel = Affine(right - left, 0, left, 0, bottom - top, top)
    return tiff(
        np.full((bands, 1, 1), value, dtype), Grid(grid.crs, pixel, 1, 1), count=bands, nodata=None
    )


@pytest.mark.parametrize("value", [NODATA, 0, float("nan")])
def test_placeholder_means_no_data(tmp_path: Path, value: float) -> None:
    """One pixel that covers the requested grid means no data."""
    checked(placeholder(value), tmp_path)


def test_placeholder_of_three_integer_bands(tmp_path: Path) -> None:
    checked(placeholder(0, bands=3, dtype="int32"), tmp_path)


def test_pixel_with_a_height_is_no_placeholder(tmp_path: Path) -> None:
    with pytest.raises(ChunkTooLargeError, match="one pixel of 124.5"):
        checked(placeholder(124.5), tmp_path)


def test_pixel_in_another_crs_is_no_placeholder(tmp_path: Path) -> None:
    """Response of a server that read the box as degrees."""
    degrees = Grid("EPSG:4326", GRID.transform, GRID.width, GRID.height)
    with pytest.raises(RetryableError, match="EPSG:4326 instead of EPSG:3979"):
        checked(placeholder(NODATA, degrees), tmp_path)


def test_pixel_inside_the_grid_is_no_placeholder(tmp_path: Path) -> None:
    four = Grid(GRID.crs, GRID.transform, 2, 2)
    inside = Grid(GRID.crs, Affine(1, 0, 1_780_500.5, 0, -1, -66_500.5), 1, 1)
    with pytest.raises(ChunkTooLargeError, match="1 x 1 pixels"):
        checked(tiff(np.float32([[NODATA]]), inside), tmp_path, four)


def test_pixel_elsewhere_is_no_placeholder(tmp_path: Path) -> None:
    """Response of a server to a box with swapped corners, with a plausible height."""
    elsewhere = Grid(GRID.crs, Affine(3_759.4, 0, 1_498_120, 0, -2_506.3, 501_253), 1, 1)
    with pytest.raises(ChunkTooLargeError, match="1 x 1 pixels"):
        checked(tiff(np.float32([[NODATA]]), elsewhere), tmp_path)


def test_one_pixel_for_a_request_of_one(tmp_path: Path) -> None:
    """One pixel is a valid raster if one pixel was requested."""
    one = Grid(GRID.crs, GRID.transform, 1, 1)
    checked(tiff(np.float32([[124.5]]), one), tmp_path, one)


def test_gigantic_block_is_not_allocated(
    tmp_path: Path,
) -> None:
    body = bytearray(tiff())
    at = struct.unpack("<I", body[4:8])[0]
    for entry in range(struct.unpack("<H", body[at : at + 2])[0]):
        place = at + 2 + 12 * entry
        if struct.unpack("<H", body[place : place + 2])[0] in (322, 323):  # width, height of tiles
            body[place + 2 : place + 12] = struct.pack("<HII", 4, 1, 60_000)
    with pytest.raises(ChunkTooLargeError, match="too large to decode"):
        checked(bytes(body), tmp_path)


def test_no_other_format_is_opened(tmp_path: Path) -> None:
    """A VRT would read other files, or other servers."""
    other = tmp_path / "other.tif"
    other.write_bytes(tiff())
    with rasterio.open(other):
        pass
    vrt = f'<VRTDataset rasterXSize="90" rasterYSize="70"><!-- {other} --></VRTDataset>'
    with pytest.raises(ChunkTooLargeError):
        checked(vrt.encode(), tmp_path)
