"""Type B records, compared byte for byte with ones written out value by value, and by GDAL."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
import rasterio.shutil

from hrdem.usgsdem.elements import Layout
from hrdem.usgsdem.header import Header, format_header
from hrdem.usgsdem.read import read_dem
from hrdem.usgsdem.records import count_records
from hrdem.usgsdem.write import measure_heights, write_dem
from tests.usgsdem.test_header import BC_HEADER, CDED_HEADER

VOID = -32767


def make_header(header: Header, rows: int, columns: int) -> Header:
    """Return a header for a part of a DEM, from its south-west corner."""
    x, y = header.corners[0]
    east, north = (columns - 1) * header.resolution[0], (rows - 1) * header.resolution[1]
    corners = ((x, y), (x, y + north), (x + east, y + north), (x + east, y))
    return replace(header, corners=corners, profiles=columns)


def write(header: Header, layout: Layout, heights, **params) -> bytes:
    file = io.BytesIO()
    write_dem(file, header, layout, np.asarray(heights, np.int16), **params)
    return file.getvalue()


def test_a_profile_is_written_byte_for_byte() -> None:
    heights = np.array([[-7, 5959], [VOID, 0], [1000, VOID]])
    content = write(make_header(CDED_HEADER, 3, 2), Layout.CDED, heights)
    assert content[1024:2048] == (
        b"     1     1     3     1"
        b"  -0.275400000000000D+06   0.165600000000000D+06"
        b"   0.000000000000000D+00"
        b"  -0.700000000000000D+01   0.100000000000000D+04"
        b"  1000-32767    -7"
    ).ljust(1024)
    assert content[2048:3072] == (
        b"     1     2     3     1"
        b"  -0.275399250000000D+06   0.165600000000000D+06"
        b"   0.000000000000000D+00"
        b"   0.000000000000000D+00   0.595900000000000D+04"
        b"-32767     0  5959"
    ).ljust(1024)
    assert len(content) == 3072


def test_a_profile_without_heights_has_the_void_as_its_range() -> None:
    content = write(make_header(BC_HEADER, 2, 1), Layout.BC, [[VOID], [VOID]])
    assert content[1024 + 96 : 1024 + 156] == b"  -0.327670000000000D+05" * 2 + b"-32767-32767"


@pytest.mark.parametrize(
    ("points", "records"), [(1, 1), (146, 1), (147, 2), (316, 2), (317, 3), (1201, 8), (4659, 28)]
)
def test_a_profile_takes_whole_records(points: int, records: int) -> None:
    assert count_records(points) == records
    heights = np.arange(points)[::-1, None]
    content = write(make_header(CDED_HEADER, points, 1), Layout.CDED, heights)
    assert len(content) == 1024 * (1 + records)
    values = [f"{height:6d}" for height in range(points)]
    blocks = ["".join(values[:146]).ljust(880)]
    blocks += ["".join(values[at : at + 170]).ljust(1024) for at in range(146, points, 170)]
    assert content[1024 + 144 :].decode() == "".join(blocks)


@pytest.mark.parametrize("delimiter", [b"\n", b"\r\n"])
def test_records_may_end_in_a_line_end(delimiter: bytes) -> None:
    header = make_header(CDED_HEADER, 150, 2)
    heights = np.arange(300).reshape(150, 2)
    blocks = write(header, Layout.CDED, heights)
    lines = write(header, Layout.CDED, heights, delimiter=delimiter)
    starts = range(0, len(blocks), 1024)
    assert lines == b"".join(blocks[start : start + 1024] + delimiter for start in starts)


def test_profiles_of_several_buffers_are_those_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    header = make_header(CDED_HEADER, 150, 5)
    heights = np.arange(750).reshape(150, 5)
    at_once = write(header, Layout.CDED, heights)
    monkeypatch.setattr("hrdem.usgsdem.write.MAX_BUFFER_BYTES", 5000)
    done: list[int] = []
    assert write(header, Layout.CDED, heights, on_profiles=done.append) == at_once
    assert done == [2, 2, 1]


def test_parts_of_the_columns_give_the_file_of_the_whole() -> None:
    header = make_header(CDED_HEADER, 150, 5)
    heights = np.arange(750, dtype=np.int16).reshape(150, 5)
    file = io.BytesIO()
    write_dem(file, header, Layout.CDED, iter([heights[:, :2], heights[:, 2:3], heights[:, 3:]]))
    assert file.getvalue() == write(header, Layout.CDED, heights)


def test_a_header_of_another_size_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="of 2 profiles is needed"):
        write(make_header(CDED_HEADER, 2, 3), Layout.CDED, np.zeros((2, 2)))
    with pytest.raises(ValueError, match="with corners"):
        write(replace(CDED_HEADER, corners=None, profiles=2), Layout.CDED, np.zeros((2, 2)))


@pytest.mark.parametrize(
    ("heights", "expected"),
    [
        ([[5, -3], [0, 7]], (-3, 7, 0)),
        ([[5, VOID], [0, 7]], (0, 7, 25)),
        ([[VOID] * 200, [VOID] * 199 + [9]], (9, 9, 100)),  # 99.75 %
        ([[VOID] + [1] * 199], (1, 1, 1)),  # 0.5 %
        ([[VOID] + [1] * 200], (1, 1, 0)),
        ([[VOID, VOID]], (VOID, VOID, 100)),
        ([[-32768, VOID]], (-32768, -32768, 50)),
    ],
)
def test_range_and_percent_leave_voids_out(heights, expected: tuple[int, int, int]) -> None:
    assert measure_heights(np.array(heights, np.int16)) == expected


def relief(rows: int, columns: int):
    """Return heights of a few hundred metres, negative ones and voids."""
    row, column = np.indices((rows, columns))
    heights = np.rint(300 * np.sin(row / 37) * np.cos(column / 23) + 200).astype(np.int16)
    heights[row * 3 + column * 2 < 40] = VOID
    return heights


UTM_HEADER = replace(
    BC_HEADER,
    system=1,
    zone=9,
    projection=(0.0,) * 15,
    corners=((442_275.0, 6_539_800.0),) * 4,
)
FILES = {
    "CDED": (CDED_HEADER, Layout.CDED, "EPSG:4269", 3600),
    "UTM": (UTM_HEADER, Layout.BC, "EPSG:26909", 1),
    "Albers": (BC_HEADER, Layout.BC, "EPSG:3005", 1),
}


@pytest.fixture(params=FILES)
def written(request: pytest.FixtureRequest, tmp_path: Path):
    """A file of 5 x 1201 nodes: its path, heights, CRS, and west, south, dx, dy of the nodes."""
    header, layout, crs, units = FILES[request.param]
    header = make_header(header, 1201, 5)
    path = tmp_path / "a.dem"
    heights = relief(1201, 5)
    path.write_bytes(write(header, layout, heights))
    nodes = [value / units for value in (*header.corners[0], *header.resolution[:2])]
    return path, heights, crs, nodes


def test_gdal_reads_the_same_heights_in_the_same_place(written) -> None:
    """It takes system 3 for degrees: BC Albers has its pixels, not its place."""
    path, heights, crs, (west, south, dx, dy) = written
    with rasterio.open(path) as dataset:
        assert dataset.driver == "USGSDEM"
        assert np.array_equal(dataset.read(1), heights)
        assert dataset.nodata == VOID
        if crs == "EPSG:3005":
            assert dataset.transform.c * 3600 == pytest.approx(west - dx / 2)
            return
        assert dataset.crs.to_epsg() == int(crs.removeprefix("EPSG:"))
        assert dataset.bounds == pytest.approx(
            (west - dx / 2, south - dy / 2, west + 4.5 * dx, south + 1200.5 * dy), abs=1e-9
        )


def test_our_reader_reads_it_back_bit_for_bit(written) -> None:
    path, heights, crs, (west, south, dx, dy) = written
    dem = read_dem(path)
    assert np.array_equal(dem.heights, heights)
    assert dem.heights.dtype == heights.dtype
    assert dem.grid.crs == crs
    assert dem.grid.centre(0, 1200) == pytest.approx((west, south), abs=1e-9)
    assert dem.grid.resolution == pytest.approx((dx, dy), abs=1e-12)


@pytest.mark.skipif(shutil.which("gdalinfo") is None, reason="needs gdalinfo")
def test_the_gdal_of_the_distribution_reads_it_too(written) -> None:
    path, _, crs, (west, south, dx, dy) = written
    done = subprocess.run(
        ["gdalinfo", "-json", "-checksum", path], capture_output=True, text=True, check=True
    )
    said = json.loads(done.stdout)
    with rasterio.open(path) as dataset:
        assert said["bands"][0]["checksum"] == dataset.checksum(1)
    if crs != "EPSG:3005":
        assert said["geoTransform"] == pytest.approx(
            [west - dx / 2, dx, 0, south + 1200.5 * dy, 0, -dy], abs=1e-9
        )
        system = rasterio.CRS.from_wkt(said["coordinateSystem"]["wkt"])
        assert system.to_epsg() == int(crs.removeprefix("EPSG:"))


@pytest.mark.skipif(
    tuple(map(int, rasterio.__gdal_version__.split(".")[:2])) >= (3, 11),
    reason="GDAL 3.11 removed its writer of USGS DEMs",
)
def test_our_reader_reads_what_the_writer_of_gdal_wrote(tmp_path: Path) -> None:
    heights = relief(40, 30)
    source, path = tmp_path / "a.tif", tmp_path / "a.dem"
    transform = rasterio.Affine(25, 0, 442_262.5, 0, -25, 6_539_787.5 + 40 * 25)
    with rasterio.open(
        source, "w", "GTiff", width=30, height=40, count=1, dtype="int16", nodata=VOID,
        crs="EPSG:26909", transform=transform,
    ) as dataset:  # fmt: skip
        dataset.write(heights, 1)
    rasterio.shutil.copy(source, path, driver="USGSDEM")
    dem = read_dem(path)
    assert np.array_equal(dem.heights, heights)
    assert (dem.grid.crs, dem.grid.transform) == ("EPSG:26909", transform)


@pytest.mark.slow
def test_a_whole_cell_is_read_by_gdal(tmp_path: Path) -> None:
    """Its size is that of CDED: 1 + 1201 x 8 records."""
    heights = relief(1201, 1201)
    path = tmp_path / "031k01_w.dem"
    path.write_bytes(write(CDED_HEADER, Layout.CDED, heights))
    assert path.stat().st_size == 9_839_616
    with rasterio.open(path) as dataset:
        assert np.array_equal(dataset.read(1), heights)
        assert dataset.crs.to_epsg() == 4269
        assert dataset.bounds == pytest.approx(
            (-76.5 - 1 / 9600, 46 - 1 / 9600, -76.25 + 1 / 9600, 46.25 + 1 / 9600), abs=1e-9
        )


def test_the_header_is_the_first_record() -> None:
    header = make_header(BC_HEADER, 2, 1)
    content = write(header, Layout.BC, [[1], [2]])
    assert content[:1024] == format_header(header, Layout.BC)
