"""Warps compared with GDAL's warper and with plain arithmetic, whatever the blocks."""

from __future__ import annotations

import itertools
import math
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from rasterio.enums import Resampling as OfRasterio
from rasterio.vrt import WarpedVRT
from rasterio.warp import transform

from hrdem.demo.terrain import heights
from hrdem.errors import NoDataError, OutputError
from hrdem.geo.crs import LONLAT, NATIVE_CRS
from hrdem.geo.grid import Grid, Pixels, Window, snap_grid
from hrdem.geo.resampling import Resampling, Sampling
from hrdem.geo.transform import project_points
from hrdem.output.geotiff import GeoTiffWriter
from hrdem.output.geotiff_metadata import Band
from hrdem.processing import warp
from hrdem.processing.warp import AlignedRaster, WarpedRaster
from hrdem.tiff.encode import BLOCK, choose_tile_format, encode

Kernel = Callable[[NDArray[np.float64]], NDArray[np.float64]]

NODATA = -32767.0
LONG = (pytest.mark.slow, pytest.mark.long)
# EPSG:3979 with another origin
MOVED = "+proj=lcc +lat_0=49 +lon_0=-95 +lat_1=49 +lat_2=77 +x_0=12 +datum=NAD83 +type=crs"
BANDS = [Band("dtm", "metre")]
# longitude and latitude where each is used, rotated against EPSG:3979
PLACES = {
    "EPSG:2961": (-63.6, 44.6),
    "EPSG:2959": (-81.0, 46.5),
    "EPSG:26910": (-123.1, 49.3),
    "EPSG:4326": (-63.6, 44.6),
    "EPSG:4617": (-75.7, 45.4),
    "EPSG:3005": (-131.9, 53.3),
    "EPSG:3153": (-131.9, 53.3),
    "EPSG:3157": (-123.1, 49.3),
    "EPSG:3979": (-75.7, 45.4),
}
# the same on NAD83(CSRS): WGS 84 and NAD83 coordinates are treated as NAD83(CSRS)
TWINS = {"EPSG:4326": "EPSG:4617", "EPSG:26910": "EPSG:3157", "EPSG:3005": "EPSG:3153"}
ANY_CRS = st.sampled_from(sorted(PLACES))
ANY_KERNEL = st.sampled_from(sorted(Resampling))
RELAXED = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def make_grid(crs: str, resolution: float, pixels: int) -> Grid:
    """Return a grid of about `pixels` each way at the place where the CRS is used."""
    resolution = resolution / 100_000 if crs in {"EPSG:4326", "EPSG:4617"} else resolution
    x, y = transform(LONLAT, TWINS.get(crs, crs), *([each] for each in PLACES[crs]))
    half = pixels / 2 * resolution
    return snap_grid(crs, resolution, (x[0] - half, y[0] - half, x[0] + half, y[0] + half))


def min_spacing(grid: Grid) -> float:
    """Return the least distance of neighbouring pixels in metres of EPSG:3979."""
    return Sampling(grid, NATIVE_CRS, Resampling.NEAREST).min_spacing


def make_native_grid(bounds: tuple[float, float, float, float], resolution: float = 1) -> Grid:
    """Return a grid in EPSG:3979."""
    return snap_grid(NATIVE_CRS, resolution, bounds)


def make_heights(grid: Grid) -> Pixels:
    """Return heights without nodata."""
    left, _, _, top = grid.bounds
    pixels = heights(left, top, grid.resolution[0], grid.width, grid.height, collection="30m")
    return np.where(pixels == NODATA, np.float32(100), pixels)


def make_heights_with_lakes(grid: Grid) -> Pixels:
    """Return heights with lakes of nodata about a hundred metres apart."""
    left, _, _, top = grid.bounds
    x = left + np.arange(grid.width) * grid.resolution[0]
    y = top - np.arange(grid.height)[:, None] * grid.resolution[0]
    lakes = np.hypot(x % 97 - 40, y % 89 - 30) < 13
    return np.where(lakes, np.float32(NODATA), make_heights(grid))


def write_source(path: Path, grid: Grid, pixels: Pixels, nodata: float = NODATA) -> Path:
    """Write pixels to a GeoTIFF."""
    tile_format = choose_tile_format(pixels.dtype.name)
    with GeoTiffWriter(path, grid, grid.crs, nodata, tile_format, BANDS, overwrite=True) as writer:
        for window in grid.window.split(BLOCK, BLOCK):
            tile = encode(pixels[window.slices], tile_format, nodata)
            writer.write(window.column // BLOCK, window.row // BLOCK, tile)
        writer.commit(None, {}, (path.with_suffix(".json"), lambda _: "{}"))
    return path


def warp_in_blocks(
    source: Path,
    grid: Grid,
    resampling: Resampling,
    nodata: float = NODATA,
    border: int = 0,
) -> Pixels:
    """Warp block by block, each with a border around it."""
    with rasterio.open(source) as dataset:
        dtype = dataset.dtypes[0]
    raster = WarpedRaster.onto(source, grid, resampling, nodata, border)
    pixels = np.empty((grid.height, grid.width), dtype)
    for window in grid.window.split(BLOCK, BLOCK):
        with_border = Window(
            window.column - border,
            window.row - border,
            window.width + 2 * border,
            window.height + 2 * border,
        )
        found, valid = raster.read(with_border)
        expected = ~np.isnan(found) if np.isnan(nodata) else found != np.float32(nodata)
        np.testing.assert_array_equal(valid, expected)
        inner = slice(border, border + window.height), slice(border, border + window.width)
        pixels[window.slices] = found[inner]
    return pixels


@pytest.mark.parametrize("resolution", [1.2, 2.7])
def test_a_window_of_a_raster_is_warped_as_the_whole(tmp_path: Path, resolution: float) -> None:
    """Where it starts at another column and row than the lattice that it is given."""
    whole = Grid(NATIVE_CRS, Affine(1, 0, 1_500_000.3, 0, -1, -170_000.6), 200, 180)
    window = Window(37, 21, 120, 110)
    pixels, part = make_heights(whole), whole.crop(window)
    a = write_source(tmp_path / "a.tif", whole, pixels)
    b = write_source(tmp_path / "b.tif", part, pixels[window.slices])
    left, bottom, right, top = part.bounds
    grid = snap_grid(NATIVE_CRS, resolution, (left + 20, bottom + 20, right - 20, top - 20))
    expected, _ = WarpedRaster.onto(a, grid, Resampling.MED, NODATA).read(grid.window)
    found = WarpedRaster.onto(b, grid, Resampling.MED, NODATA, lattice=whole)
    np.testing.assert_array_equal(found.read(grid.window)[0], expected)
    assert np.ptp(expected) > 1


def find_positions(grid: Grid, source: Grid) -> NDArray[np.float64]:
    """Return row and column in a source of each pixel's centre, array (2, rows, columns)."""
    dx, dy = grid.resolution
    x = grid.transform.c + (np.arange(grid.width) + 0.5) * dx
    y = grid.transform.f - (np.arange(grid.height) + 0.5) * dy
    crs = TWINS.get(grid.crs, grid.crs)
    across, down = np.meshgrid(x, y)
    found = np.array(transform(crs, source.crs, across.ravel(), down.ravel()))
    left, _, _, top = source.bounds
    columns = (found[0] - left) / source.resolution[0]
    rows = (top - found[1]) / source.resolution[1]
    return np.array([rows, columns]).reshape(2, grid.height, grid.width)


@pytest.fixture
def write_needed(tmp_path: Path) -> Callable[..., tuple[Path, Grid, Pixels]]:
    """Write just the source that a grid needs."""

    def write(
        grid: Grid,
        resampling: Resampling,
        resolution: float = 1,
        margin: int = 0,
        make: Callable[[Grid], Pixels] = make_heights_with_lakes,
    ) -> tuple[Path, Grid, Pixels]:
        lattice = make_native_grid(
            Sampling(grid, NATIVE_CRS, resampling).source_bounds(resolution), resolution
        )
        wide = Window(-margin, -margin, lattice.width + 2 * margin, lattice.height + 2 * margin)
        lattice = lattice.crop(wide)
        pixels = make(lattice)
        return write_source(tmp_path / "source.tif", lattice, pixels), lattice, pixels

    return write


WriteNeeded = Callable[..., tuple[Path, Grid, Pixels]]


@pytest.mark.parametrize("crs", sorted(PLACES))
@pytest.mark.parametrize(
    "resolution",
    [pytest.param(0.7, marks=LONG), 1, pytest.param(2.3, marks=pytest.mark.slow)],
)
def test_nearest_is_the_pixel_under_the_centre(
    write_needed: WriteNeeded, crs: str, resolution: float
) -> None:
    grid = make_grid(crs, resolution, 400)
    path, source, pixels = write_needed(grid, Resampling.NEAREST)
    rows, columns = np.floor(find_positions(grid, source)).astype(int)
    np.testing.assert_array_equal(
        warp_in_blocks(path, grid, Resampling.NEAREST), pixels[rows, columns]
    )


def triangle(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.clip(1 - np.abs(x), 0, None)


def keys_cubic(x: NDArray[np.float64]) -> NDArray[np.float64]:
    x = np.abs(x)
    near, far = 1.5 * x**3 - 2.5 * x**2 + 1, -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return np.where(x <= 1, near, np.where(x < 2, far, 0))


def b_spline(x: NDArray[np.float64]) -> NDArray[np.float64]:
    x = np.abs(x)
    return np.where(x <= 1, 2 / 3 - x**2 + x**3 / 2, np.where(x < 2, (2 - x) ** 3 / 6, 0))


def lanczos3(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(np.abs(x) < 3, np.sinc(x) * np.sinc(x / 3), 0)


KERNELS = {
    Resampling.BILINEAR: (triangle, 1),
    Resampling.CUBIC: (keys_cubic, 2),
    Resampling.CUBICSPLINE: (b_spline, 2),
    Resampling.LANCZOS: (lanczos3, 3),
}


def convolve(
    pixels: Pixels, positions: NDArray[np.float64], kernel: Kernel, radius: int, width: float
) -> NDArray[np.float64]:
    """Sum the pixels around each position, weighted by a kernel."""
    reach = int(np.ceil(radius * width)) + 1
    first = np.floor(positions - 0.5).astype(int)
    total = np.zeros(positions.shape[1:])
    weights = np.zeros(positions.shape[1:])
    for down in range(-reach, reach + 2):
        for across in range(-reach, reach + 2):
            rows, columns = first[0] + down, first[1] + across
            weight = kernel((rows + 0.5 - positions[0]) / width)
            weight = weight * kernel((columns + 0.5 - positions[1]) / width)
            inside = weight != 0
            total[inside] += weight[inside] * pixels[rows[inside], columns[inside]]
            weights += weight
    return total / weights


# 3 m on the output is 2.9 to 3.1 source pixels in EPSG:3979
@pytest.mark.parametrize(
    ("crs", "resolution", "width"),
    [
        pytest.param("EPSG:2961", 1, 1, marks=LONG),
        ("EPSG:2961", 3, 3.1),
        pytest.param("EPSG:26910", 3, 3.0, marks=pytest.mark.slow),
        ("EPSG:3979", 3, 3),
        ("EPSG:4617", 0.4, 1),
    ],
)
@pytest.mark.parametrize("resampling", sorted(KERNELS))
def test_kernels_equal_the_textbooks(
    write_needed: WriteNeeded,
    resampling: Resampling,
    crs: str,
    resolution: float,
    width: float,
) -> None:
    grid = make_grid(crs, resolution, 90)
    path, source, pixels = write_needed(grid, resampling, make=make_heights)
    kernel, radius = KERNELS[resampling]
    width = 1 if resampling is Resampling.LANCZOS else width
    expected = convolve(pixels, find_positions(grid, source), kernel, radius, width)
    # GDAL treats a sum of weights within 0.00001 of one as one
    np.testing.assert_allclose(
        warp_in_blocks(path, grid, resampling), expected, rtol=1.1e-5, atol=1e-4
    )


def warp_with_gdal(path: Path, grid: Grid, resampling: Resampling, width: float) -> Pixels:
    """Warp with rasterio alone, in GDAL's own blocks, to a millionth of a millimetre."""
    name = {"cubicspline": "cubic_spline"}.get(resampling, str(resampling))
    with (
        rasterio.open(path) as dataset,
        WarpedVRT(
            dataset,
            crs=TWINS.get(grid.crs, grid.crs),
            transform=grid.transform,
            width=grid.width,
            height=grid.height,
            resampling=OfRasterio[name],
            tolerance=1e-9,
            nodata=NODATA,
            XSCALE=1 / width,
            YSCALE=1 / width,
            SOURCE_EXTRA=30,
        ) as virtual,
    ):
        pixels: Pixels = virtual.read(1)
    return pixels


@pytest.mark.parametrize(
    ("crs", "resolution", "width"),
    [
        ("EPSG:2961", 1.3, 1.3),
        pytest.param("EPSG:26910", 4, 4.0, marks=LONG),
        pytest.param("EPSG:4326", 0.8, 1, marks=pytest.mark.slow),
        pytest.param("EPSG:3979", 5, 5, marks=LONG),
    ],
)
@pytest.mark.parametrize("resampling", sorted(Resampling))
def test_every_kernel_equals_gdals(
    write_needed: WriteNeeded, resampling: Resampling, crs: str, resolution: float, width: float
) -> None:
    """Also around lakes of nodata."""
    grid = make_grid(crs, resolution, 190)
    path, _, _ = write_needed(grid, resampling)
    width = 1 if resampling is Resampling.LANCZOS else width
    pixels = warp_in_blocks(path, grid, resampling)
    expected = warp_with_gdal(path, grid, resampling, width)
    np.testing.assert_array_equal(pixels == NODATA, expected == NODATA)
    assert 0.01 < (pixels == NODATA).mean() < 0.5
    np.testing.assert_allclose(pixels, expected, rtol=0, atol=1e-4)


@pytest.mark.slow
@RELAXED
@given(
    crs=ANY_CRS,
    resampling=ANY_KERNEL,
    resolution=st.floats(0.4, 6),
    pixels=st.integers(1, 150),
    max_bytes=st.integers(1_000, 200_000),
)
@example("EPSG:2961", Resampling.LANCZOS, 1.0, 150, 20_000)
@example("EPSG:26910", Resampling.CUBICSPLINE, 5.0, 40, 1)
@example("EPSG:3979", Resampling.NEAREST, 0.4, 150, 20_000)
def test_pixels_do_not_depend_on_blocks(
    write_needed: WriteNeeded,
    crs: str,
    resampling: Resampling,
    resolution: float,
    pixels: int,
    max_bytes: int,
) -> None:
    grid = make_grid(crs, resolution, pixels)
    path, _, _ = write_needed(grid, resampling)
    at_once = warp_in_blocks(path, grid, resampling)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(warp, "MAX_SOURCE_BYTES", max_bytes)
        np.testing.assert_array_equal(warp_in_blocks(path, grid, resampling), at_once)


@pytest.mark.slow
@pytest.mark.long
@RELAXED
@given(
    crs=ANY_CRS,
    resampling=ANY_KERNEL,
    resolution=st.floats(0.4, 9),
    pixels=st.integers(1, 120),
    native_resolution=st.sampled_from([1, 2]),
)
@example("EPSG:2961", Resampling.LANCZOS, 1.0, 120, 1)
@example("EPSG:26910", Resampling.CUBICSPLINE, 9.0, 120, 1)
@example("EPSG:4326", Resampling.AVERAGE, 9.0, 120, 1)
def test_larger_source_changes_no_pixel(
    write_needed: WriteNeeded,
    crs: str,
    resampling: Resampling,
    resolution: float,
    pixels: int,
    native_resolution: float,
) -> None:
    grid = make_grid(crs, resolution, pixels)
    path, _, _ = write_needed(grid, resampling, native_resolution)
    exact = warp_in_blocks(path, grid, resampling)
    path, _, _ = write_needed(grid, resampling, native_resolution, margin=60)
    np.testing.assert_array_equal(exact, warp_in_blocks(path, grid, resampling))


@pytest.mark.parametrize("crs", ["EPSG:2961", "EPSG:4326"])
@pytest.mark.parametrize("resampling", [Resampling.CUBIC, Resampling.LANCZOS])
def test_smaller_source_changes_pixels(
    write_needed: WriteNeeded, resampling: Resampling, crs: str
) -> None:
    grid = make_grid(crs, 2, 120)
    path, _, _ = write_needed(grid, resampling)
    exact = warp_in_blocks(path, grid, resampling)
    path, _, _ = write_needed(grid, resampling, margin=-4)
    assert (exact != warp_in_blocks(path, grid, resampling)).any()


def test_source_bounds_include_curved_edges() -> None:
    """Along a parallel of 4 degrees, the middle is kilometres south of the ends in EPSG:3979."""
    grid = snap_grid("EPSG:4326", 0.001, (-77, 45, -73, 46))
    _, bottom, _, top = Sampling(grid, NATIVE_CRS, Resampling.NEAREST).source_bounds(1)
    lonlat = np.column_stack([np.linspace(-77, -73, 4001), np.full(4001, 45)])
    south = project_points(lonlat, LONLAT, NATIVE_CRS)[:, 1]
    assert bottom <= south.min() < bottom + 2
    corners = np.array([[-77, 45], [-73, 45], [-77, 46], [-73, 46]])
    assert project_points(corners, LONLAT, NATIVE_CRS)[:, 1].max() <= top


def assert_overlap_is_equal(
    write_needed: WriteNeeded, grid: Grid, shift: tuple[int, int], resampling: Resampling
) -> None:
    """Warp a grid and a shifted one, each from just the source that it needs."""
    other = grid.crop(grid.window.shifted(*shift))
    shared = grid.window.intersection(other.window.shifted(*shift))
    assert shared is not None
    path, _, _ = write_needed(grid, resampling)
    here = warp_in_blocks(path, grid, resampling)
    path, _, _ = write_needed(other, resampling)
    there = warp_in_blocks(path, other, resampling)
    np.testing.assert_array_equal(
        here[shared.slices], there[shared.shifted(-shift[0], -shift[1]).slices]
    )


@pytest.mark.parametrize("resampling", ["nearest", "bilinear", "max"])
def test_overlapping_outputs_agree_at_resolutions_that_binary_cannot_hold(
    write_needed: WriteNeeded, resampling: str
) -> None:
    """Pixel edges of 1.2 m fall on edges of 1 m; GDAL decided by the last bits of their sum."""
    west, south = -1_700_000, 1_830_000
    grid = snap_grid(NATIVE_CRS, 1.2, (west, south, west + 80, south + 80))
    assert_overlap_is_equal(write_needed, grid, (-37, -23), Resampling(resampling))


@pytest.mark.slow
@RELAXED
@given(
    crs=ANY_CRS,
    resampling=ANY_KERNEL,
    resolution=st.one_of(st.floats(0.4, 9), st.sampled_from([0.3, 0.7, 1.2, 1.25, 2.5, 2.7, 4])),
    shift=st.tuples(st.integers(-90, 90), st.integers(-90, 90)),
)
@example("EPSG:2959", Resampling.BILINEAR, 2.45, (90, 0))
def test_overlapping_outputs_have_the_same_pixels(
    write_needed: WriteNeeded,
    crs: str,
    resampling: Resampling,
    resolution: float,
    shift: tuple[int, int],
) -> None:
    assert_overlap_is_equal(write_needed, make_grid(crs, resolution, 100), shift, resampling)


@pytest.mark.parametrize(
    ("crs", "resampling"),
    [
        ("EPSG:3979", Resampling.NEAREST),
        (MOVED, Resampling.NEAREST),
        ("EPSG:3979", Resampling.MAX),
        (MOVED, Resampling.MAX),
        pytest.param("EPSG:3979", Resampling.MIN, marks=pytest.mark.slow),
    ],
)
def test_ties_are_decided_by_exact_arithmetic(
    write_needed: WriteNeeded, crs: str, resampling: Resampling
) -> None:
    """A centre on an edge is in the next pixel to the right and below; a touched pixel is not in.

    To MOVED, PROJ computes positions, which come out beside the edges.
    """
    west, south = -1_700_000, 1_830_000
    grid = snap_grid(crs, 1.2, (west, south, west + 80, south + 80))
    path, source, pixels = write_needed(grid, resampling)
    left, _, _, top = (Fraction(edge) for edge in source.bounds)
    left += 12 if crs == MOVED else 0
    size = Fraction(12, 10)

    def spans(start: float, origin: Fraction, sign: int, count: int) -> list[slice]:
        first = round(start * sign / 1.2)
        edges = [(first + n) * size - origin * sign for n in range(count + 1)]
        if resampling is Resampling.NEAREST:
            middles = [math.floor(edge + size / 2) for edge in edges[:-1]]
            return [slice(middle, middle + 1) for middle in middles]
        return [slice(math.floor(a), math.ceil(b)) for a, b in itertools.pairwise(edges)]

    columns = spans(grid.transform.c, left, 1, grid.width)
    rows = spans(grid.transform.f, top, -1, grid.height)
    reduce = np.fmin.reduce if resampling is Resampling.MIN else np.fmax.reduce
    heights_or_nan = np.where(pixels == NODATA, np.nan, pixels)
    expected = [
        [reduce(heights_or_nan[row, column], axis=None) for column in columns] for row in rows
    ]
    np.testing.assert_array_equal(
        warp_in_blocks(path, grid, resampling), np.nan_to_num(expected, nan=NODATA)
    )


@pytest.mark.parametrize(
    "nodata",
    [
        NODATA,
        pytest.param(0.0, marks=pytest.mark.slow),
        float("nan"),
        pytest.param(float("-inf"), marks=LONG),
        pytest.param(1e30, marks=LONG),
    ],
)
@pytest.mark.parametrize("resampling", sorted(Resampling))
def test_nodata_never_bleeds_into_heights(
    tmp_path: Path, resampling: Resampling, nodata: float
) -> None:
    grid = make_grid("EPSG:2961", 1.7, 150)
    source = make_native_grid(Sampling(grid, NATIVE_CRS, resampling).source_bounds(1))
    pixels = np.full((source.height, source.width), 250, np.float32)
    holes = np.random.default_rng(3).random(pixels.shape) < 0.4
    pixels[holes] = nodata
    found = warp_in_blocks(
        write_source(tmp_path / "source.tif", source, pixels, nodata),
        grid,
        resampling,
        nodata=nodata,
    )
    valid = ~np.isnan(found) if np.isnan(nodata) else found != np.float32(nodata)
    assert valid.mean() > 0.5
    np.testing.assert_allclose(found[valid], 250, rtol=1.1e-5)
    if resampling is Resampling.NEAREST:
        rows, columns = np.floor(find_positions(grid, source)).astype(int)
        np.testing.assert_array_equal(valid, ~holes[rows, columns])


@pytest.mark.parametrize("dtype", ["float32", "int16", "uint8"])
@pytest.mark.parametrize("resampling", [Resampling.AVERAGE, Resampling.BILINEAR])
def test_result_equal_to_nodata_stays_valid(
    tmp_path: Path, resampling: Resampling, dtype: str
) -> None:
    """The mean of 4 and 6 is 5, which is the nodata value here."""
    source = make_native_grid((0, 0, 80, 80))
    pixels = np.where(np.arange(80) % 2, 4, 6).astype(dtype)[None].repeat(80, axis=0)
    path = write_source(tmp_path / "source.tif", source, pixels, 5)
    found = warp_in_blocks(path, make_native_grid((20, 20, 60, 60), 2), resampling, 5)
    assert (found != 5).all()
    np.testing.assert_allclose(found, 5, atol=1.01 if dtype != "float32" else 1e-5)


@pytest.mark.parametrize("crs", [*TWINS, "EPSG:32610"])
def test_wgs_84_and_nad83_are_treated_as_nad83_csrs(write_needed: WriteNeeded, crs: str) -> None:
    twin = make_grid({**TWINS, "EPSG:32610": "EPSG:3157"}[crs], 1, 200)
    path, _, _ = write_needed(twin, Resampling.CUBIC)
    grid = Grid(crs, twin.transform, twin.width, twin.height)
    np.testing.assert_array_equal(
        warp_in_blocks(path, grid, Resampling.CUBIC), warp_in_blocks(path, twin, Resampling.CUBIC)
    )
    needed = [
        Sampling(each, NATIVE_CRS, Resampling.CUBIC).source_bounds(1) for each in (grid, twin)
    ]
    assert needed[0] == pytest.approx(needed[1], abs=1e-6)
    assert min_spacing(grid) == pytest.approx(min_spacing(twin))


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize(
    "resampling", [pytest.param(Resampling.NEAREST, marks=LONG), Resampling.CUBIC]
)
def test_border_around_blocks_changes_no_pixel(
    write_needed: WriteNeeded, resampling: Resampling
) -> None:
    grid = make_grid("EPSG:2961", 1, 1_100)
    path, _, _ = write_needed(grid, resampling)
    plain = warp_in_blocks(path, grid, resampling)
    np.testing.assert_array_equal(warp_in_blocks(path, grid, resampling, border=1), plain)
    np.testing.assert_array_equal(warp_in_blocks(path, grid, resampling, border=37), plain)


@pytest.mark.slow
@pytest.mark.long
def test_pixels_outside_the_source_are_nodata(write_needed: WriteNeeded) -> None:
    grid = make_grid("EPSG:2961", 1, 100)
    path, _, _ = write_needed(grid, Resampling.BILINEAR)
    wide = grid.crop(Window(-2_000, -600, 2_600, 1_200))
    found = warp_in_blocks(path, wide, Resampling.BILINEAR)
    here = found[600 : 600 + grid.height, 2_000 : 2_000 + grid.width]
    np.testing.assert_array_equal(here, warp_in_blocks(path, grid, Resampling.BILINEAR))
    assert (found[:, :1_500] == NODATA).all()


@pytest.mark.parametrize(
    ("crs", "resolution", "expected"),
    [("EPSG:3979", 7, 7), ("EPSG:2961", 10, 10.2), ("EPSG:4617", 10, 8.0)],
)
def test_min_spacing_is_the_least_neighbour_distance(
    crs: str, resolution: float, expected: float
) -> None:
    grid = make_grid(crs, resolution, 400)
    rows, columns = find_positions(grid, make_native_grid((0, 0, 1, 1)))
    nearest = min(
        np.hypot(np.diff(rows, axis=axis), np.diff(columns, axis=axis)).min() for axis in (0, 1)
    )
    assert min_spacing(grid) == pytest.approx(nearest, rel=1e-6)
    assert min_spacing(grid) == pytest.approx(expected, rel=0.02)


def test_single_pixel_can_be_warped(write_needed: WriteNeeded) -> None:
    grid = make_grid("EPSG:2961", 5, 1).crop(Window(0, 0, 1, 1))
    assert min_spacing(grid) == pytest.approx(5.1, rel=0.02)
    path, _, pixels = write_needed(grid, Resampling.MAX)
    assert warp_in_blocks(path, grid, Resampling.MAX).item() in pixels


def test_damaged_source_is_an_error(write_needed: WriteNeeded) -> None:
    grid = make_grid("EPSG:2961", 1, 600)
    path, _, _ = write_needed(grid, Resampling.NEAREST)
    content = path.read_bytes()
    path.write_bytes(content[:16] + bytes(len(content) // 2) + content[16 + len(content) // 2 :])
    with pytest.raises(OutputError, match=r"merged raster .*source\.tif cannot be read"):
        warp_in_blocks(path, grid, Resampling.NEAREST)
    raster = WarpedRaster.onto(path, grid, Resampling.NEAREST, NODATA)
    path.unlink()
    with pytest.raises(OutputError, match="Check the disk and run it again"):
        raster.read(grid.window)


def test_grid_outside_canada_is_an_error() -> None:
    grid = snap_grid("EPSG:4326", 1, (-100, 80, -90, 95))
    with pytest.raises(NoDataError, match="far outside Canada"):
        Sampling(grid, NATIVE_CRS, Resampling.NEAREST).source_bounds(1)


PROGRAM = """
import sys
from pathlib import Path
from hrdem.geo.grid import snap_grid
from hrdem.geo.resampling import Resampling
from hrdem.runtime.threads import map_in_order, thread_pool
from hrdem.processing.warp import AlignedRaster, WarpedRaster
import rasterio
left, bottom = map(float, sys.argv[3:])
grid = snap_grid("EPSG:2961", 200, (left, bottom, left + 8_000, bottom + 8_000))
resampling = Resampling(sys.argv[2])
raster = WarpedRaster.onto(Path(sys.argv[1]), grid, resampling, -32767)
with rasterio.Env(GDAL_CACHEMAX=32 << 20), thread_pool(4, "warp") as pool:
    for pixels, valid in map_in_order(pool, raster.read, grid.window.split(512, 512), 8):
        maximum = pixels.max()
status = Path("/proc/self/status").read_text().split()  # ru_maxrss would include the parent's
print(maximum, status[status.index("VmHWM:") + 1])
"""


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux", reason="there is no /proc elsewhere")
@pytest.mark.parametrize("resampling", ["average", pytest.param("bilinear", marks=LONG)])
def test_memory_does_not_grow_with_the_scale(tmp_path: Path, resampling: str) -> None:
    """One block of 200 m pixels covers 11,000 x 11,000 source pixels of 1 m: 480 MB."""
    middle = np.array([PLACES["EPSG:2961"]])
    x, y = project_points(middle, LONLAT, "EPSG:2961")[0]
    left, top = (project_points(middle, LONLAT, NATIVE_CRS)[0] // 1_000 * 1_000) + (-6_000, 6_000)
    source = Grid(NATIVE_CRS, Affine(1, 0, left, 0, -1, top), 12_000, 12_000)
    tile_format = choose_tile_format("float32")
    path = tmp_path / "source.tif"
    tile = encode(np.full((BLOCK, BLOCK), 42, np.float32), tile_format, NODATA)
    with GeoTiffWriter(path, source, source.crs, NODATA, tile_format, BANDS) as writer:
        for window in source.window.split(BLOCK, BLOCK):
            writer.write(window.column // BLOCK, window.row // BLOCK, tile)
        writer.commit(None, {}, (path.with_suffix(".json"), lambda _: "{}"))
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, path, resampling, str(x - 4_000), str(y - 4_000)],
        capture_output=True,
        text=True,
        check=True,
    )
    maximum, kilobytes = map(float, done.stdout.split())
    assert maximum == 42
    assert kilobytes < 300_000


def test_aligned_pixels_are_read_as_they_are(tmp_path: Path) -> None:
    """A grid whose corner is at column 3, row 2 of the raster; what is beyond it is nodata."""
    path, height, width = tmp_path / "a.tif", 6, 8
    heights = np.arange(height * width, dtype=np.float32).reshape(height, width)
    heights[4, 5] = NODATA
    with rasterio.open(
        path, "w", "GTiff", width=width, height=height, count=2, dtype="float32", nodata=NODATA,
        crs=NATIVE_CRS, transform=Affine(1, 0, 0, 0, -1, 9),
    ) as dataset:  # fmt: skip
        dataset.write(np.stack([heights, 100 + heights]))
    padded = np.full((20, 20), NODATA, np.float32)
    padded[5 : 5 + height, 5 : 5 + width] = heights
    raster = AlignedRaster(path, 3, 2, NODATA)
    for window in (Window(0, 0, 2, 3), Window(-5, -4, 12, 11), Window(2, -3, 6, 4)):
        pixels, valid = raster.read(window)
        expected = padded[window.shifted(3 + 5, 2 + 5).slices]
        np.testing.assert_array_equal(pixels, expected)
        np.testing.assert_array_equal(valid, expected != NODATA)
    pixels, _ = raster.read(Window(0, 0, 1, 2), band=1)
    assert pixels.tolist() == [[100 + 2 * 8 + 3], [100 + 3 * 8 + 3]]
    pixels, valid = raster.read(Window(5, 0, 2, 1))
    assert pixels.tolist() == [[NODATA, NODATA]]
    assert not valid.any()
    with pytest.raises(OutputError, match=r"missing.tif cannot be read"):
        AlignedRaster(tmp_path / "missing.tif", 0, 0, NODATA).read(Window(0, 0, 1, 1))
