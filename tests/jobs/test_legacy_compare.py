"""HRDEM minus older DEMs, against the demonstration's formula and kernels written out here."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyproj
import pytest
import rasterio
from numpy.typing import NDArray

import hrdem
from hrdem.cli.main import run
from hrdem.demo import Addresses
from hrdem.demo.terrain import heights
from tests.projections import to_lonlat, to_xy
from tests.shift_grids import NODATA, node, write_datum_grid, write_grid
from tests.usgs_dems import GEOGRAPHIC, TextDem, print_d

VOID = -32767
CDED = {**GEOGRAPHIC, "dx": 0.75, "dy": 0.75}
WEST, SOUTH = -272_520.0, 163_440.0  # 75.7 W, 45.4 N, in arc seconds
COLUMNS, ROWS = 24, 20


Source = dict[str, Any]


@pytest.fixture(scope="module")
def source(demo: Addresses, tmp_path_factory: pytest.TempPathFactory) -> Source:
    """The demonstration, and shifts between the vertical datums that rise east- and southwards."""
    columns, rows = np.meshgrid(np.arange(40), np.arange(40))
    path = tmp_path_factory.mktemp("shifts") / "shifts.tif"
    grid = write_grid(path, 300 + 20 * columns + 11 * rows)
    urls = {"stac_url": demo.stac, "wcs_url": demo.wcs}
    return {**urls, "vertical_grid": str(grid), "no_cache": True}


@pytest.fixture
def in_an_empty_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, source: Source) -> None:
    """With the source in the environment, for commands."""
    monkeypatch.chdir(tmp_path)
    for name, value in source.items():
        monkeypatch.setenv(f"HRDEM_{name.upper()}", str(value))


def old_heights(columns: int = COLUMNS, rows: int = ROWS) -> NDArray[np.int64]:
    """Rows from the north, 400 to 480 m, with three voids."""
    found = 400 + (7 * np.arange(rows)[:, None] + 11 * np.arange(columns)) % 80
    found[0, 0] = found[5, 7] = found[-1, -1] = VOID
    return found


def write_dem(path: Path, found: NDArray[np.int64], west: float = WEST, **fields: float) -> Path:
    """Write rows from the north as profiles from the south, nodes 0.75 seconds apart."""
    profiles = [
        (west + 0.75 * number, SOUTH, column[::-1].tolist())
        for number, column in enumerate(found.T)
    ]
    path.write_bytes(bytes(TextDem({**CDED, **fields}, profiles, real=print_d)))
    return path


def shift_at(lonlat: NDArray[np.float64]) -> NDArray[np.float64]:
    """The shifts of the fixture are a plane, so that this is their interpolation."""
    west, north = node(0, 0)
    east, south = (lonlat[:, 0] - west) * 30, (north - lonlat[:, 1]) * 30
    return 0.3 + 0.02 * east + 0.011 * south


def node_lonlat(columns: int = COLUMNS, rows: int = ROWS) -> NDArray[np.float64]:
    lon = (WEST + 0.75 * np.arange(columns)) / 3600
    lat = (SOUTH + 0.75 * np.arange(rows)[::-1]) / 3600
    return np.stack(np.meshgrid(lon, lat), axis=-1).reshape(-1, 2)


def interpolate_terrain(
    native: NDArray[np.float64], pixel: int, width: float
) -> NDArray[np.float64]:
    """Weigh the terrain's pixels by a triangle of half a width around points of EPSG:3979."""
    left, bottom = np.floor(native.min(axis=0) / pixel - 8) * pixel
    right, top = np.ceil(native.max(axis=0) / pixel + 8) * pixel
    columns, rows = round((right - left) / pixel), round((top - bottom) / pixel)
    terrain = heights(left, top, pixel, columns, rows).astype(np.float64)
    assert (terrain != VOID).all()
    across = (native[:, 0, None] - left) / pixel - 0.5 - np.arange(columns)
    down = (top - native[:, 1, None]) / pixel - 0.5 - np.arange(rows)
    weights = [np.clip(1 - np.abs(each) * pixel / width, 0, None) for each in (across, down)]
    across, down = (each / each.sum(axis=1, keepdims=True) for each in weights)
    return np.einsum("nr,nc,rc->n", down, across, terrain)


def read_written(path: Path) -> NDArray[np.float32]:
    with rasterio.open(path) as dataset:
        found: NDArray[np.float32] = dataset.read(1, masked=True).filled(np.nan)
    return found


@pytest.fixture(scope="module")
def compared(source: Source, tmp_path_factory: pytest.TempPathFactory) -> hrdem.Comparison:
    """A comparison with one file."""
    folder = tmp_path_factory.mktemp("compared")
    dem = write_dem(folder / "031g05_w.dem", old_heights(), edition="1020")
    return hrdem.legacy_compare(dem, output=folder / "out.tif", **source)


def test_the_difference_is_that_to_the_terrain_brought_to_cgvd28(compared) -> None:
    old = old_heights()
    native = to_xy(node_lonlat(), "EPSG:3979")
    expected = interpolate_terrain(native, 8, 23.2) + shift_at(node_lonlat())
    expected = expected.reshape(old.shape) - old
    found = read_written(compared.output)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(np.isnan(found), old == VOID)
    np.testing.assert_allclose(found[old != VOID], expected[old != VOID], atol=0.002)
    assert (compared.counts.old, compared.counts.compared) == (477, 477)


def test_the_file_lies_on_the_nodes_and_tells_what_was_subtracted(compared) -> None:
    with rasterio.open(compared.output) as dataset:
        assert dataset.crs.to_epsg() == 4269
        assert (dataset.width, dataset.height, dataset.nodata) == (COLUMNS, ROWS, VOID)
        step = 0.75 / 3600
        assert dataset.bounds.left == pytest.approx(WEST / 3600 - step / 2, abs=1e-12)
        assert dataset.bounds.bottom == pytest.approx(SOUTH / 3600 - step / 2, abs=1e-12)
        assert dataset.units == ("metre",)
        tags = dataset.tags()
    assert tags["AREA_OR_POINT"] == "Area"
    assert tags["HRDEM_VERTICAL_DATUM"] == "CGVD28"
    assert tags["HRDEM_VERTICAL_GRID"] == "shifts.tif"
    (described,) = json.loads(tags["HRDEM_INPUTS"])
    assert (described["file"], described["edition"]) == ("031g05_w.dem", "1020")
    assert {each["name"] for each in json.loads(tags["HRDEM_SOURCES"])} >= {"9_2-mosaic-1m"}
    assert [path.suffix for path in compared.output.parent.iterdir()].count(".json") == 0


def test_statistics_are_those_of_the_written_differences(compared) -> None:
    found, written = compared.differences, read_written(compared.output)
    values = written[np.isfinite(written)].astype(np.float64)
    assert found.statistics.mean == pytest.approx(values.mean(), abs=1e-9)
    assert found.statistics.standard_deviation == pytest.approx(values.std(), abs=1e-9)
    expected = np.percentile(values, [5, 50, 95], method="inverted_cdf")
    assert found.percentiles == pytest.approx(expected, abs=0.0051)
    row, column = np.unravel_index(np.nanargmax(np.abs(written)), written.shape)
    place = (WEST + 0.75 * column) / 3600, (SOUTH + 0.75 * (ROWS - 1 - row)) / 3600
    assert found.largest.metres == written[row, column]
    assert (found.largest.x, found.largest.y) == pytest.approx(place, abs=1e-9)


@pytest.fixture
def datum_grid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What PROJ needs for NAD27 in Canada: here 2 seconds east, half a second north."""
    before = pyproj.datadir.get_data_dir()
    write_datum_grid(tmp_path / "grids" / "ca_nrc_ntv2_0.tif", 2.0, 0.5, -75, 45)
    monkeypatch.setenv("PROJ_DATA", str(tmp_path / "grids"))
    yield
    pyproj.datadir.set_data_dir(before)


@pytest.mark.usefixtures("datum_grid")
@pytest.mark.slow
def test_a_file_on_nad27_is_compared_where_its_nodes_are(tmp_path: Path, source) -> None:
    old = old_heights()
    hrdem.legacy_compare(
        write_dem(tmp_path / "old.dem", old, datum=1),
        output=tmp_path / "out.tif",
        allow_inaccurate_datum=True,
        **source,
    )
    with rasterio.open(tmp_path / "out.tif") as dataset:
        assert dataset.crs.to_epsg() == 4267
    lonlat = node_lonlat() + np.array([2.0, 0.5]) / 3600
    expected = interpolate_terrain(to_xy(lonlat, "EPSG:3979"), 8, 23.2) + shift_at(lonlat)
    expected = expected.reshape(old.shape) - old
    found = read_written(tmp_path / "out.tif")
    np.testing.assert_allclose(found[old != VOID], expected[old != VOID], atol=0.002)


@pytest.mark.slow
def test_an_ascii_grid_of_albers_is_compared_by_the_kernel_of_its_product(
    tmp_path: Path, source
) -> None:
    """BC Albers with 25 m, here far from home, so that it starts from 16 m."""
    left, bottom = (
        round(each / 25) * 25 for each in to_xy(np.array([[-75.7, 45.4]]), "EPSG:3005")[0]
    )
    rows = 400 + np.arange(12)[:, None] * 3.5 + np.arange(15)
    lines = [f"{name} {value}" for name, value in (
        ("ncols", 15), ("nrows", 12), ("xllcorner", left - 12.5), ("yllcorner", bottom - 12.5),
        ("cellsize", 25), ("NODATA_value", -9999))]  # fmt: skip
    lines += [" ".join(map(str, row)) for row in rows]
    (tmp_path / "old.asc").write_text("\n".join(lines) + "\n", "ascii")
    hrdem.legacy_compare(
        tmp_path / "old.asc", crs="EPSG:3005", output=tmp_path / "out.tif", **source
    )
    x, y = left + 25.0 * np.arange(15), bottom + 25.0 * np.arange(12)[::-1]
    lonlat = to_lonlat(np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2), "EPSG:3005")
    expected = interpolate_terrain(to_xy(lonlat, "EPSG:3979"), 16, 25) + shift_at(lonlat)
    found = read_written(tmp_path / "out.tif")
    np.testing.assert_allclose(found, expected.reshape(12, 15) - rows, atol=0.002)


@pytest.mark.slow
def test_several_files_are_compared_together_and_each_by_itself(tmp_path: Path, source) -> None:
    """They share a profile, as neighbouring cells do."""
    old = old_heights(2 * COLUMNS - 1)
    west = write_dem(tmp_path / "031g05_w.dem", old[:, :COLUMNS])
    east = write_dem(
        tmp_path / "031g05_e.dem", old[:, COLUMNS - 1 :], west=WEST + 0.75 * (COLUMNS - 1)
    )
    done = hrdem.legacy_compare([west, east], output=tmp_path / "out.tif", **source)
    found = read_written(tmp_path / "out.tif")
    assert found.shape == (ROWS, 2 * COLUMNS - 1)
    halves = found[:, :COLUMNS], found[:, COLUMNS - 1 :]
    for each, half in zip(done.by_file, halves, strict=True):
        assert each.statistics.valid == np.isfinite(half).sum()
        assert each.statistics.mean == pytest.approx(np.nanmean(half, dtype=np.float64), abs=1e-9)
    assert done.unequal_nodes == 0


def test_a_file_counts_by_its_own_heights_where_another_lies_over_it(
    tmp_path: Path, source
) -> None:
    """Nodes counted for files that are void there, and with the heights of the first of them."""
    old = np.full((ROWS, COLUMNS), 450)
    other = old - 30
    other[:, ::2] = VOID
    paths = [write_dem(tmp_path / f"{n}.dem", each) for n, each in enumerate((old, other))]
    done = hrdem.legacy_compare(paths, output=tmp_path / "out.tif", **source)
    found = read_written(tmp_path / "out.tif")
    first, second = (each.statistics for each in done.by_file)
    assert (first.valid, first.mean) == (found.size, pytest.approx(np.mean(found, dtype=float)))
    assert second.valid == found.size // 2
    assert second.mean == pytest.approx(np.mean(found[:, 1::2], dtype=float) + 30)
    assert (done.unequal_nodes, done.largest_inequality) == (found.size // 2, 30)


@pytest.mark.slow
def test_zeros_of_the_standard_of_2000_are_left_out_on_request(
    tmp_path: Path, source, caplog
) -> None:
    old = np.where(old_heights() == VOID, 0, old_heights())
    dem = write_dem(tmp_path / "22gDEMe", old)
    assert (
        hrdem.legacy_compare(dem, output=tmp_path / "a.tif", **source).counts.old == COLUMNS * ROWS
    )
    done = hrdem.legacy_compare(dem, output=tmp_path / "b.tif", zero_is_void=True, **source)
    assert done.counts.old == COLUMNS * ROWS - 3
    np.testing.assert_array_equal(np.isnan(read_written(tmp_path / "b.tif")), old == 0)


@pytest.mark.slow
def test_nodes_without_a_shift_are_void_and_counted(tmp_path: Path, source) -> None:
    """The western half lies in a mesh of the grid that has a node without a value."""
    stored = np.full((40, 40), 250)
    stored[18, 8] = NODATA
    lon, _ = node(9, 18)
    grid = write_grid(tmp_path / "shifts.tif", stored)
    west = lon * 3600 - 0.75 * 12
    done = hrdem.legacy_compare(
        write_dem(tmp_path / "a.dem", old_heights(), west=west),
        output=tmp_path / "out.tif",
        **{**source, "vertical_grid": grid},
    )
    void = np.isnan(read_written(tmp_path / "out.tif"))
    assert void[:, :12].all()
    assert not void[:-1, 12:].any()
    assert done.counts.without_shift == ROWS * 12 - 2
    assert done.counts.old == done.counts.compared + done.counts.without_shift


@pytest.mark.usefixtures("in_an_empty_folder")
def test_a_file_where_hrdem_has_nothing_is_refused(tmp_path: Path, capsys) -> None:
    """In Iceland, or all void: exit code 4, and nothing is written."""
    write_dem(tmp_path / "far.dem", old_heights(), west=-20 * 3600)
    write_dem(tmp_path / "void.dem", np.full((ROWS, COLUMNS), VOID))
    for name, message in (
        ("far.dem", "HRDEM has nothing where far.dem lies"),
        ("void.dem", "void"),
    ):
        assert run(["legacy", "compare", name, "-o", "out.tif"]) == 4
        assert message in capsys.readouterr().err
    assert not (tmp_path / "out.tif").exists()


@pytest.mark.slow
def test_heights_above_another_datum_are_compared_with_a_warning(
    tmp_path: Path, source, caplog
) -> None:
    dem = write_dem(tmp_path / "usgs.dem", old_heights(), vertical=3)
    with caplog.at_level(logging.WARNING):
        hrdem.legacy_compare(dem, output=tmp_path / "out.tif", **source)
    assert "usgs.dem does not say that its heights are in CGVD28, but in NAVD88" in caplog.text


@pytest.mark.slow
@pytest.mark.usefixtures("in_an_empty_folder")
def test_the_command_prints_what_was_found(tmp_path: Path, capsys) -> None:
    write_dem(tmp_path / "031g05_w.dem", old_heights())
    assert run(["legacy", "compare", "031g05_w.dem", "-o", "out.tif"]) == 0
    printed = capsys.readouterr().out
    assert "older      031g05_w.dem" in printed
    assert "compared   477 of 477 nodes with a height" in printed
    assert run(["legacy", "compare", "031g05_w.dem", "-o", "out.tif", "--overwrite", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["differences"]["valid_pixels"] == 477
    assert f"mean       {document['differences']['mean']:.2f} m" in printed


@pytest.mark.slow
@pytest.mark.usefixtures("in_an_empty_folder")
def test_a_dry_run_reads_headers_alone(tmp_path: Path, capsys) -> None:
    write_dem(tmp_path / "031g05_w.dem", old_heights())
    assert run(["legacy", "compare", "031g05_w.dem", "-o", "out.tif", "--dry-run"]) == 0
    assert "output     out.tif, not written" in capsys.readouterr().out
    assert not (tmp_path / "out.tif").exists()
