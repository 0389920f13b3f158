"""ESRI ASCII grids: the document's example, what other software writes, damaged files."""

from __future__ import annotations

import io
import subprocess
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine

from hrdem.errors import RequestError
from hrdem.geo.grid import Grid
from hrdem.geo.nodata import VOID
from hrdem.usgsdem import ascii_pixels
from hrdem.usgsdem.ascii_grid import format_ascii_header, read_ascii_header
from hrdem.usgsdem.ascii_pixels import format_ascii_rows, read_ascii_pixels, read_ascii_rows

EXAMPLE = b"""\
ncols 5
nrows 4
xllcorner 1248087.5
yllcorner 1229737.5
cellsize 25
NODATA_value -9999
661 661 670 679 691
701 702 -9999 703 703
703 703 702 -7 0
702 702 702 701 5959
"""
HEIGHTS = np.array(
    [
        [661, 661, 670, 679, 691],
        [701, 702, VOID, 703, 703],
        [703, 703, 702, -7, 0],
        [702, 702, 702, 701, 5959],
    ],
    np.int16,
)
GRID = Grid("EPSG:3005", Affine(25, 0, 1248087.5, 0, -25, 1229837.5), 5, 4)


def read(content: bytes) -> np.ndarray:
    file = io.BytesIO(content)
    return read_ascii_pixels(file, read_ascii_header(file, "old.asc"), "old.asc")


def header_with(**lines: str) -> bytes:
    """The example's header with other values; an empty one leaves the line out."""
    values = {"ncols": "5", "nrows": "4", "xllcorner": "100", "yllcorner": "200", "cellsize": "25"}
    return "".join(f"{key} {text}\n" for key, text in (values | lines).items() if text).encode()


def test_a_grid_is_written_as_the_document_prints_it() -> None:
    """BC 2.0, 4.2: one space between values, a line a row, none at its end."""
    rows = b"".join(map(format_ascii_rows, (HEIGHTS[:3], HEIGHTS[3:])))
    assert format_ascii_header(GRID) + rows == EXAMPLE


def test_a_grid_is_read() -> None:
    file = io.BytesIO(EXAMPLE)
    header = read_ascii_header(file, "old.asc")
    assert header.make_grid("EPSG:3005") == GRID
    assert header.nodata == -9999
    pixels = read_ascii_pixels(file, header, "old.asc")
    assert pixels.dtype == np.int16
    assert np.array_equal(pixels, HEIGHTS)


def test_every_int16_is_written_and_read_back(tmp_path: Path) -> None:
    """The oracle is GDAL; -9999 and -32767 both come back as no data."""
    values = np.arange(-32768, 32768).astype(np.int16).reshape(256, 256)
    path = tmp_path / "all.asc"
    grid = Grid("", Affine(25, 0, 0, 0, -25, 6400), 256, 256)
    path.write_bytes(format_ascii_header(grid) + format_ascii_rows(values))
    with rasterio.open(path) as raster:
        expected = np.where(values == VOID, -9999, values)
        assert np.array_equal(raster.read(1), expected)
        assert raster.nodata == -9999
        assert raster.transform == Affine(25, 0, 0, 0, -25, 6400)
    assert np.array_equal(read(path.read_bytes()), np.where(values == -9999, VOID, values))


@pytest.mark.parametrize("dtype", ["Int16", "Float32"])
def test_grids_of_gdal_are_read(dtype: str, tmp_path: Path) -> None:
    """GDAL pads the header, ends rows with a blank, and writes oblong pixels as dx and dy."""
    values = np.array([[1.5, -2.25, 1e-7], [70_000, -9999, 3]])
    if dtype == "Int16":
        values = np.array([[1, -2, 0], [5959, -9999, 3]])
    source, target = tmp_path / "old.tif", tmp_path / "old.asc"
    transform = Affine(0.0002083, 0, -76.25, 0, -0.0004166, 46.25)
    with rasterio.open(
        source, "w", "GTiff", 3, 2, 1, "EPSG:4269", transform, dtype.lower(), nodata=-9999
    ) as raster:
        raster.write(values.astype(dtype.lower()), 1)
    subprocess.run(["gdal_translate", "-q", "-of", "AAIGrid", source, target], check=True)
    with target.open("rb") as file:
        header = read_ascii_header(file, target.name)
        pixels = read_ascii_pixels(file, header, target.name)
    assert header.make_grid("EPSG:4269").transform.almost_equals(transform, 1e-11)
    assert pixels.dtype == dtype.lower()
    assert np.array_equal(pixels, np.where(values == -9999, VOID, values).astype(dtype.lower()))


def test_other_line_ends_order_case_and_broken_rows_are_read() -> None:
    lines = b"NROWS 2\r\nNCOLS 3\r\nXLLCENTER 112.5\r\nyllcenter 12.5\r\nCELLSIZE 25.0\r\n"
    file = io.BytesIO(lines + b"1 2\r\n+3 4.0 5e0\r\n\t6")
    header = read_ascii_header(file, "old.asc")
    assert header.make_grid("").bounds == (100, 0, 175, 50)
    assert header.nodata is None
    assert read_ascii_pixels(file, header, "old.asc").tolist() == [[1, 2, 3], [4, 5, 6]]


def test_a_nodata_value_of_nan_or_of_float32_is_no_data() -> None:
    lines = header_with(ncols="2", nrows="1")
    for text in (b"nan", b"-3.40282347e+38", b"1e300"):
        pixels = read(lines + b"nodata_value " + text + b"\n0.5 " + text)
        assert pixels.tolist() == [[0.5, VOID]]


def test_pixels_of_many_chunks_are_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """A chunk may end anywhere: in a number, in a row, in a line end."""
    for size in range(1, 40):
        monkeypatch.setattr(ascii_pixels, "CHUNK_BYTES", size)
        assert np.array_equal(read(EXAMPLE.replace(b"\n", b"\r\n")), HEIGHTS)


def test_rows_come_as_they_are_read() -> None:
    """A file of any length takes the memory of some rows."""
    columns, rows = 1000, 3000
    text = b"12345 " * columns + b"\n"
    file = io.BytesIO(header_with(ncols="1000", nrows="3000") + text * rows)
    strips = list(read_ascii_rows(file, read_ascii_header(file, "old.asc"), "old.asc"))
    assert sum(map(len, strips)) == rows
    assert max(strip.nbytes for strip in strips) < 3 << 20


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "old.asc is not an ESRI ASCII grid: its header has no ncols that is"),
        (b"II*\0" + bytes(500), "its header has no ncols"),
        (header_with(ncols="5.5"), "no ncols that is a whole number above 0"),
        (header_with(nrows="0"), "no nrows that is a whole number above 0"),
        (header_with(nrows="inf"), "its nrows is 'inf', not a number"),
        (header_with(nrows="1_0"), "its nrows is '1_0', not a number"),
        (header_with(xllcorner="442262,5"), "its xllcorner is '442262,5', not a number"),
        (header_with(xllcorner=""), "its header needs one of xllcorner and xllcenter"),
        (header_with(yllcenter="5"), "its header needs one of yllcorner and yllcenter"),
        (header_with(cellsize="0"), "its header has no cellsize above 0"),
        (header_with(cellsize=""), "its header has no cellsize above 0"),
        (header_with(xllcorner="1e300"), "its pixels are too small for its x coordinate"),
        (header_with() + b"ncols 5\n", "its header has ncols twice"),
        (header_with(ncols="99999", nrows="99999"), "at most 67,108,864 are read"),
        (
            header_with(ncols="1048577"),
            "pixels, and at most 67,108,864 are read, 1,048,576 in a row",
        ),
        (header_with(ncols="1e300"), "old.asc has 1e+300 x 4 pixels, and at most"),
        (EXAMPLE[:-5], "old.asc is cut off: it has 19 of the 20 numbers"),
        (
            EXAMPLE[: EXAMPLE.index(b"661")],
            "old.asc is cut off: its header announces 5 columns and 4 rows, and 1 b",
        ),
        (EXAMPLE + b"1\n", "old.asc has more than the 20 numbers"),
        (EXAMPLE.replace(b"670", b"6x0"), "old.asc has '6x0' among its pixels"),
        (EXAMPLE.replace(b"670", b"1_0"), "old.asc has '1_0' among its pixels"),
        (EXAMPLE.replace(b"670", b"6-0"), "old.asc has '6-0' among its pixels"),
        (EXAMPLE.replace(b"670", b"-"), "old.asc has '-' among its pixels"),
        (EXAMPLE.replace(b"670", b"--6"), "old.asc has '--6' among its pixels"),
        (EXAMPLE.replace(b"670", b"inf"), "old.asc has pixels too large for float32"),
        (EXAMPLE.replace(b"670", b"9" * 60), "old.asc has pixels too large for float32"),
        (EXAMPLE.replace(b"670", b"9" * 5_000_000), "old.asc has '999999"),
    ],
)
def test_a_damaged_grid_is_refused_with_a_sentence(content: bytes, said: str) -> None:
    with pytest.raises(RequestError) as caught:
        read(content)
    assert said in str(caught.value)


def test_oblong_pixels_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="not square"):
        format_ascii_header(Grid("", Affine(25, 0, 0, 0, -20, 0), 5, 4))


def test_a_header_that_announces_much_takes_no_memory() -> None:
    """67 million pixels, and 20 bytes: refused before there is room for them."""
    content = header_with(ncols="8192", nrows="8192") + b"0.5 " * 5
    tracemalloc.start()
    try:
        with pytest.raises(RequestError, match=r"is cut off: its header announces 8,192 columns"):
            read(content)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1 << 20
