"""Masks of polygons on grids."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pyproj
import pytest
import shapely
import shapely.affinity
from affine import Affine
from numpy.typing import NDArray
from rasterio.features import rasterize

import hrdem.geo.mask
from hrdem.errors import NoDataError
from hrdem.geo.grid import Grid, Window
from hrdem.geo.mask import MAX_EDGE_ERROR_PIXELS, PolygonMask

GRID = Grid("EPSG:3979", Affine(2, 0, 1_500_000, 0, -2, -200_000), 24, 24)
HALF = Fraction(1, 2)


def place(pixels: shapely.Geometry) -> shapely.Geometry:
    """Place a geometry in pixels of GRID in EPSG:3979."""
    return shapely.transform(pixels, lambda points: points * [2, -2] + [1_500_000, -200_000])


def fill(pixels: shapely.Geometry, grid: Grid = GRID) -> NDArray[np.bool_]:
    return PolygonMask.of(place(pixels), "EPSG:3979", grid).rasterize(grid.window)


def fill_in_rational_numbers(pixels: shapely.Geometry) -> NDArray[np.bool_]:
    """Half-open: edges count from their upper end to above their lower one, and west of centres."""
    edges = [
        (*map(Fraction, begin), *map(Fraction, end))
        for ring in shapely.get_rings(pixels)
        for begin, end in zip(ring.coords[:-1], ring.coords[1:], strict=True)
    ]
    inside = np.zeros((GRID.height, GRID.width), np.bool_)
    for row in range(GRID.height):
        y = row + HALF
        crossings = [
            x0 + (y - y0) * (x1 - x0) / (y1 - y0)
            for x0, y0, x1, y1 in edges
            if min(y0, y1) <= y < max(y0, y1)
        ]
        for column in range(GRID.width):
            inside[row, column] = sum(x < column + HALF for x in crossings) % 2
    return inside


@pytest.mark.parametrize("steps", [1, 2, 6])
def test_decisions_are_exact(steps: int) -> None:
    """Corners and edges through centres, and rings that touch, cross and overlap themselves."""
    rng = np.random.default_rng(steps)
    for _ in range(4):
        ring, hole = (rng.integers(0, 24 * steps, (9, 2)) / steps for _ in range(2))
        star = shapely.Polygon(ring, [hole])
        if steps == 6:  # sixths are not fractions of two: exact only in the steps of the mask
            star = shapely.transform(star, lambda points: np.rint(points * 2**20) / 2**20)
        np.testing.assert_array_equal(fill(star), fill_in_rational_numbers(star))


@pytest.mark.parametrize(("metres", "pixels"), [(2, 1), (10, 25)])
def test_a_square_with_its_edges_on_centres_keeps_its_area(metres: int, pixels: int) -> None:
    """A square of 2 m found no pixel of 2 m, and one of 10 m had 16."""
    inside = fill(shapely.box(3.5, 3.5, 3.5 + metres / 2, 3.5 + metres / 2))
    assert inside.sum() == pixels
    assert inside[3, 4]
    assert not inside[4, 3]


def test_neighbours_share_each_centre_once() -> None:
    rng = np.random.default_rng(0)
    corners = shapely.MultiPoint(
        [(0, 0), (24, 0), (0, 24), (24, 24), *rng.integers(0, 48, (40, 2)) / 2]
    )
    triangles = shapely.get_parts(shapely.delaunay_triangles(corners))
    assert (sum(fill(each).astype(int) for each in triangles) == 1).all()


@pytest.mark.parametrize("crs", ["EPSG:2959", "EPSG:3979"])
def test_neighbours_in_degrees_share_each_centre_once(crs: str) -> None:
    """Their common edges are the same curve, from whichever end they are drawn."""
    lon, lat = np.meshgrid(np.linspace(-76, -73, 6), np.linspace(45, 47, 6))
    corners = np.column_stack([lon.ravel(), lat.ravel()])
    corners += np.random.default_rng(1).uniform(-0.1, 0.1, corners.shape)
    triangles = shapely.get_parts(shapely.delaunay_triangles(shapely.MultiPoint(corners)))
    x, y = pyproj.Transformer.from_crs("EPSG:4617", crs, always_xy=True).transform(-74.5, 46)
    grid = Grid(crs, Affine(300, 0, x - 30_000, 0, -300, y + 30_000), 200, 200)
    masks = (PolygonMask.of(each, "EPSG:4617", grid) for each in triangles)
    assert (sum(each.rasterize(grid.window).astype(int) for each in masks) == 1).all()


def test_runs_name_their_polygon() -> None:
    rng = np.random.default_rng(5)
    corners = shapely.MultiPoint(rng.integers(0, 48, (40, 2)) / 2)
    triangles = shapely.get_parts(shapely.delaunay_triangles(corners))
    mask = PolygonMask.of(place(shapely.MultiPolygon(triangles.tolist())), "EPSG:3979", GRID)
    window = Window(3, 2, 17, 19)
    found = np.zeros((len(triangles), *fill(triangles[0]).shape), np.bool_)
    for runs in mask.find_runs(window, 5):
        assert runs.top <= runs.row.min() <= runs.row.max() < runs.top + 5
        for n, row, first, end in zip(runs.polygon, runs.row, runs.first, runs.end, strict=True):
            assert not found[n, row, first:end].any()
            found[n, row, first:end] = True
    for triangle, inside in zip(triangles, found, strict=True):
        np.testing.assert_array_equal(inside[window.slices], fill(triangle)[window.slices])
    assert found.sum() == mask.count(window)


def test_a_pixel_does_not_depend_on_its_window() -> None:
    ring = np.random.default_rng(2).integers(-10, 68, (300, 2)) / 2
    mask = PolygonMask.of(place(shapely.Polygon(ring)), "EPSG:3979", GRID)
    whole = mask.rasterize(GRID.window)
    for window in GRID.window.split(7, 5):
        np.testing.assert_array_equal(mask.rasterize(window), whole[window.slices])
    some = np.array([0, 3, 4, 11, 23])
    np.testing.assert_array_equal(mask.contains(some, some[1:]), whole[np.ix_(some[1:], some)])


def test_away_from_edges_it_is_gdals() -> None:
    ring = np.random.default_rng(3).uniform(0, 24, (40, 2))
    shape = shapely.make_valid(shapely.Polygon(ring))
    gdal = rasterize([place(shape)], (24, 24), transform=GRID.transform)
    np.testing.assert_array_equal(fill(shape), gdal == 1)


def test_parts_between_centres_have_no_pixel() -> None:
    assert not fill(
        shapely.MultiPolygon([shapely.box(3.6, 3.6, 4.4, 9), shapely.box(7, 8, 9, 8.4)])
    ).any()
    assert not fill(shapely.LineString([(0, 0), (24, 24)])).any()
    assert not fill(shapely.Polygon()).any()


def differences(shape: shapely.Geometry, crs: str, grid: Grid) -> int:
    """Count pixels that differ from those whose centre, taken back, is inside, but for the edge."""
    inside = PolygonMask.of(shape, crs, grid).rasterize(grid.window)
    x, y = np.meshgrid(*grid.centre(np.arange(grid.width), np.arange(grid.height)))
    back = pyproj.Transformer.from_crs(grid.crs, crs, always_xy=True)
    expected = shapely.contains_xy(shape, *back.transform(x, y))
    different = inside != expected
    x, y = x[different, None], y[different, None]
    turn, reach = np.linspace(0, 2 * np.pi, 33), 1.01 * MAX_EDGE_ERROR_PIXELS * min(grid.resolution)
    around = shapely.contains_xy(
        shape, *back.transform(x + reach * np.cos(turn), y + reach * np.sin(turn))
    )
    return int((around.all(axis=1) | ~around.any(axis=1)).sum())


@pytest.mark.parametrize(
    ("shape", "crs", "output", "pixel"),
    [
        (shapely.box(-72.1, 45, -72, 47), "EPSG:4617", "EPSG:2959", 2),
        (shapely.box(-110, 49, -109.98, 60), "EPSG:4617", "EPSG:2957", 2),
        (shapely.box(1_600_000, -150_000, 1_605_000, -50_000), "EPSG:3979", "EPSG:2959", 2),
        (shapely.box(500_000, 5e6, 505_000, 5_100_000), "EPSG:2959", "EPSG:4617", 2e-5),
    ],
)
def test_long_edges_stay_in_place(
    shape: shapely.Polygon, crs: str, output: str, pixel: float
) -> None:
    """By their corners in EPSG:3979 they were up to 700 m off."""
    west, south, east, north = shape.bounds
    there = pyproj.Transformer.from_crs(crs, output, always_xy=True)
    for place in ((west, (south + north) / 2), (east, 0.9 * south + 0.1 * north)):
        x, y = there.transform(*place)
        corner = Affine(pixel, 0, x - 50.3 * pixel, 0, -pixel, y + 50.3 * pixel)
        assert differences(shape, crs, Grid(output, corner, 100, 100)) == 0


@pytest.mark.slow
@pytest.mark.parametrize("output", ["EPSG:2957", "EPSG:3153", "EPSG:3979", "EPSG:4617"])
@pytest.mark.parametrize("crs", ["EPSG:2960", "EPSG:3979", "EPSG:4617"])
def test_shapes_of_any_size_stay_in_place(crs: str, output: str) -> None:
    rng = np.random.default_rng([int(crs[5:]), int(output[5:])])
    there = pyproj.Transformer.from_crs(crs, output, always_xy=True)
    start = pyproj.Transformer.from_crs("EPSG:4617", crs, always_xy=True)
    for size in (300, 30_000, 800_000):
        centre = start.transform(-95 + rng.uniform(-25, 25), 58 + rng.uniform(-9, 9))
        scale = size / 111_000 if crs == "EPSG:4617" else size
        shape = shapely.make_valid(shapely.Polygon(centre + scale * rng.uniform(-1, 1, (6, 2))))
        edge = shape.boundary.interpolate(rng.random(), normalized=True)
        x, y = there.transform(edge.x, edge.y)
        pixel = size / rng.uniform(50, 5_000) / (111_000 if output == "EPSG:4617" else 1)
        corner = Affine(pixel, 0, x - 50.3 * pixel, 0, -pixel / 2, y + 25.3 * pixel)
        assert differences(shape, crs, Grid(output, corner, 100, 100)) == 0


@pytest.mark.parametrize(
    ("shape", "crs", "output"),
    [
        (shapely.box(-1e6, -1e6, 1e6, 1e6), "EPSG:3995", "EPSG:4617"),  # around the pole
        (shapely.box(-1e6, -1e6, 1e6, 1e6), "EPSG:3995", "EPSG:3979"),
        (shapely.box(60, 40, 100, 60), "EPSG:4617", "EPSG:3979"),  # the seam of EPSG:3979
        (shapely.box(-100, -90, -90, 0), "EPSG:4617", "EPSG:3979"),  # the other pole is infinite
    ],
)
def test_a_seam_of_the_projection_is_refused(shape: shapely.Polygon, crs: str, output: str) -> None:
    pixel = 0.01 if output == "EPSG:4617" else 1_000
    with pytest.raises(NoDataError):
        PolygonMask.of(shape, crs, Grid(output, Affine(pixel, 0, 0, 0, -pixel, 0), 9, 9))


@pytest.mark.parametrize("window", [Window(2, 1, 21, 22), Window(8, 9, 15, 13)])
def test_blocks_and_counts_are_those_of_the_pixels(window: Window) -> None:
    """What is found for a whole window at once is what exact arithmetic finds pixel by pixel."""
    rng, edge = np.random.default_rng(3), 5
    for corners in (3, 9, 9, 40):
        shape = shapely.Polygon(rng.integers(-8, 64, (corners, 2)) / 2)
        inside = fill_in_rational_numbers(shape)[window.slices]
        padded = np.zeros((25, 25), np.bool_)
        padded[: window.height, : window.width] = inside
        blocks = padded.reshape(5, edge, 5, edge).any(axis=(1, 3))
        expected = blocks[: -(-window.height // edge), : -(-window.width // edge)]
        mask = PolygonMask.of(place(shape), "EPSG:3979", GRID)
        np.testing.assert_array_equal(mask.find_blocks(window, edge).chosen, expected)
        assert mask.count(window) == inside.sum()


@pytest.mark.parametrize("crossings", [1, 7, 30])
def test_pixels_do_not_depend_on_the_crossings_at_a_time(
    monkeypatch: pytest.MonkeyPatch, crossings: int
) -> None:
    """A hundred thousand crossings are taken in pieces, each of at least one edge."""
    shape = shapely.Polygon(np.random.default_rng(4).integers(-8, 64, (30, 2)) / 2)
    inside = fill_in_rational_numbers(shape)
    monkeypatch.setattr(hrdem.geo.mask, "MAX_CROSSINGS", crossings)
    np.testing.assert_array_equal(fill(shape), inside)
    mask = PolygonMask.of(place(shape), "EPSG:3979", GRID)
    assert mask.count(GRID.window) == inside.sum()


def test_parts_far_below_each_other_are_all_found() -> None:
    """Rows without any edge are skipped, up to the next part and not beyond it."""
    shape = shapely.MultiPolygon(
        [shapely.box(1, 1, 3, 3), shapely.box(20, 11, 22, 12), shapely.box(6, 21, 7, 23)]
    )
    mask = PolygonMask.of(place(shape), "EPSG:3979", GRID)
    chosen = np.zeros((8, 8), np.bool_)
    chosen[0, 0:1] = chosen[3, 6:8] = chosen[7, 2] = True
    np.testing.assert_array_equal(mask.find_blocks(GRID.window, 3).chosen, chosen)
    tall = Grid(GRID.crs, GRID.transform, 24, 4_000)
    moved = shapely.affinity.translate(shape, 0, 1_500)
    deep = shapely.union_all([shape, moved, shapely.box(0, 3_000, 1, 3_999)])
    mask = PolygonMask.of(place(deep), "EPSG:3979", tall)
    assert mask.count(tall.window) == 2 * (4 + 2 + 2) + 999


@pytest.mark.parametrize("side", [7.01, 7.2, 7.4, 7.49, 7.51, 7.6, 7.99])
def test_edges_within_the_first_and_the_last_column_count(side: float) -> None:
    """Of a window that ends or starts at the column that an edge leads through."""
    column = Window(7, 0, 1, 24)
    expected = np.zeros((24, 8), np.bool_)
    expected[4:20, 7] = side < 7.5
    mask = PolygonMask.of(place(shapely.box(side, 4, 20, 20)), "EPSG:3979", GRID)
    np.testing.assert_array_equal(mask.rasterize(Window(0, 0, 8, 24)), expected)
    np.testing.assert_array_equal(mask.rasterize(column), expected[:, 7:])
    mask = PolygonMask.of(place(shapely.box(2, 4, side, 20)), "EPSG:3979", GRID)
    expected[4:20, 7] = side > 7.5
    np.testing.assert_array_equal(mask.rasterize(column), expected[:, 7:])


@pytest.mark.parametrize("pixel", [1.0, 2.3])
def test_a_cropped_mask_has_the_pixels_of_the_whole(pixel: float) -> None:
    """Blocks, counts and pixels of a window, also beyond the grid."""
    grid = Grid("EPSG:3979", Affine(pixel, 0, 1_234_567.1, 0, -pixel, 345_678.9), 300, 300)
    rng = np.random.default_rng(5)
    corners = grid.transform.c + rng.uniform(0, 300 * pixel, 60)
    ring = np.column_stack([corners, grid.transform.f - rng.uniform(0, 300 * pixel, 60)])
    mask = PolygonMask.of(shapely.make_valid(shapely.Polygon(ring)), "EPSG:3979", grid)
    for place in ((0, 0), (0, 1), (1, 0), (0, -1), (-1, 0), (101, 57), (-20, 280)):
        window = Window(*place, 150, 90)
        part = mask.crop(window)
        own = Window(0, 0, window.width, window.height)
        np.testing.assert_array_equal(part.rasterize(own), mask.rasterize(window))
        assert part.count(own) == mask.count(window)
        blocks, expected = part.find_blocks(own, 32), mask.find_blocks(window, 32)
        np.testing.assert_array_equal(blocks.chosen, expected.chosen)
