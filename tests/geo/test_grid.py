"""Grids and windows: whole pixels, one lattice, no gaps."""

from __future__ import annotations

import pytest
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st

from hrdem.geo.grid import Bounds, Grid, Window, snap_grid

TILE = Grid("EPSG:3979", Affine(1, 0, 1_500_000, 0, -1, 0), 500_000, 500_000)
NEIGHBOUR = Grid("EPSG:3979", Affine(1, 0, 1_000_000, 0, -1, 0), 500_000, 500_000)

windows = st.builds(
    Window,
    st.integers(-2_000, 2_000),
    st.integers(-2_000, 2_000),
    st.integers(1, 1_500),
    st.integers(1, 1_500),
)


def test_a_box_of_pixel_edges_is_exactly_these_pixels() -> None:
    assert TILE.touched_by((1_500_010, -40, 1_500_030, -10)) == Window(10, 10, 20, 30)


def test_a_box_touches_the_pixels_that_it_crosses() -> None:
    assert TILE.touched_by((1_500_010.3, -40.2, 1_500_029.1, -10.9)) == Window(10, 10, 20, 31)


def test_a_fractional_box_is_rounded_at_its_corners() -> None:
    # 2.0 wide, but on three pixels: rounding offset and size apart would lose the last
    assert TILE.touched_by((1_500_000.6, -1, 1_500_002.6, 0)).width == 3


def test_float_noise_at_a_pixel_edge_adds_no_pixel() -> None:
    noise = 1e-9
    box = (1_500_010 - noise, -40 - noise, 1_500_030 + noise, -10 + noise)
    assert TILE.touched_by(box) == Window(10, 10, 20, 30)


def test_a_box_smaller_than_a_pixel_is_one_pixel() -> None:
    assert TILE.touched_by((1_500_010.4, -10.6, 1_500_010.5, -10.5)) == Window(10, 10, 1, 1)


def test_a_box_beyond_the_edge_is_not_clipped() -> None:
    assert TILE.touched_by((1_499_990, -10, 1_500_010, 0)) == Window(-10, 0, 20, 10)


def test_a_neighbour_tile_is_located_on_the_lattice() -> None:
    assert TILE.locate(NEIGHBOUR) == Window(-500_000, 0, 500_000, 500_000)


@pytest.mark.parametrize(
    "other",
    [
        Grid("EPSG:3978", TILE.transform, 500_000, 500_000),
        Grid("EPSG:3979", Affine(2, 0, 1_500_000, 0, -2, 0), 250_000, 250_000),
        Grid("EPSG:3979", Affine(1, 0, 1_500_000.5, 0, -1, 0), 500_000, 500_000),
        Grid("EPSG:3979", Affine(1.0000001, 0, 1_500_000, 0, -1, 0), 500_000, 500_000),
    ],
    ids=["crs", "pixel size", "half a pixel off", "pixels that drift"],
)
def test_a_grid_off_the_lattice_is_not_located(other: Grid) -> None:
    assert TILE.locate(other) is None


def test_crop_moves_the_origin_only() -> None:
    cropped = TILE.crop(Window(-68, 164_429, 100, 50))
    assert cropped.bounds == (1_499_932, -164_479, 1_500_032, -164_429)
    assert cropped.resolution == TILE.resolution


@given(windows, st.integers(-600, 600), st.integers(-600, 600))
def test_a_crop_is_located_at_its_window(window: Window, column: int, row: int) -> None:
    lattice = TILE.crop(Window(column, row, 10, 10))
    assert lattice.locate(lattice.crop(window)) == window


@given(windows, windows)
def test_an_intersection_has_the_pixels_of_both(one: Window, other: Window) -> None:
    def inside(column: int, row: int, window: Window) -> bool:
        return window.column <= column < window.right and window.row <= row < window.bottom

    shared = one.intersection(other)
    assert shared == other.intersection(one)
    if shared is not None:
        for column in (shared.column, shared.right - 1):
            for row in (shared.row, shared.bottom - 1):
                assert inside(column, row, one)
                assert inside(column, row, other)
        assert not inside(shared.right, shared.row, one) or not inside(
            shared.right, shared.row, other
        )
    else:
        assert not inside(max(one.column, other.column), max(one.row, other.row), one) or not (
            inside(max(one.column, other.column), max(one.row, other.row), other)
        )


@given(windows, st.integers(100, 700), st.integers(100, 700), st.integers(-900, 900))
def test_split_leaves_no_gap_and_no_overlap(
    window: Window, width: int, height: int, origin: int
) -> None:
    pieces = list(window.split(width, height, origin, origin))
    assert sum(piece.pixels for piece in pieces) == window.pixels
    for piece in pieces:
        assert piece.intersection(window) == piece
        assert piece.column == window.column or (piece.column - origin) % width == 0
        assert piece.row == window.row or (piece.row - origin) % height == 0
    for index, piece in enumerate(pieces):
        assert all(piece.intersection(other) is None for other in pieces[index + 1 :])


def test_a_window_is_moved_and_grown() -> None:
    window = Window(10, 20, 30, 40)
    assert window.shifted(-3, 5) == Window(7, 25, 30, 40)
    assert window.grown(2) == Window(8, 18, 34, 44)
    assert window.grown(-2) == Window(12, 22, 26, 36)
    assert window.slices == (slice(20, 60), slice(10, 40))
    assert window.pixels == 1_200


def test_a_window_is_expanded_to_the_blocks_that_it_touches() -> None:
    assert Window(-1, 31, 2, 2).expand_to_blocks(16, 32) == Window(-16, 0, 32, 64)
    assert Window(16, 32, 16, 32).expand_to_blocks(16, 32) == Window(16, 32, 16, 32)


def test_blocks_start_at_the_origin_of_the_grid() -> None:
    assert [*Window(-3, -2, 5, 4).split(4, 3)] == [
        Window(-3, -2, 3, 2), Window(0, -2, 2, 2), Window(-3, 0, 3, 2), Window(0, 0, 2, 2),
    ]  # fmt: skip


def test_centre_of_a_pixel() -> None:
    grid = Grid("EPSG:3979", Affine(2, 0, 100, 0, -4, 900), 5, 6)
    assert grid.centre(0, 0) == (101, 898)
    assert grid.centre(4, 5) == (109, 878)
    assert grid.window == Window(0, 0, 5, 6)
    assert grid.bounds == (100, 876, 110, 900)


def test_rows_are_counted_in_their_own_size() -> None:
    """Pixels are 2 wide and 4 high."""
    grid = Grid("EPSG:3979", Affine(2, 0, 100, 0, -4, 900), 50, 60)
    assert grid.touched_by((103, 886, 110, 895)) == Window(1, 1, 4, 3)
    cropped = grid.crop(Window(1, 1, 4, 3))
    assert cropped.bounds == (102, 884, 110, 896)
    assert grid.locate(cropped) == Window(1, 1, 4, 3)
    for transform in (
        Affine(2, 0, 100, 0, -4, 898),
        Affine(2, 0, 100, 0, -4, 902),
        Affine(2, 0, 101, 0, -4, 900),
        Affine(2, 0, 100, 0, -4.000001, 900),
        Affine(2, 0, 100, 0, -3.999999, 900),
        Affine(1.999999, 0, 100, 0, -4, 900),
    ):
        assert grid.locate(Grid("EPSG:3979", transform, 50, 60)) is None
    noisy = Affine(2 + 3e-8, 0, 100, 0, -4 - 6e-8, 900)  # 0.75 and 0.9 millionths over its size
    assert grid.locate(Grid("EPSG:3979", noisy, 50, 60)) == Window(0, 0, 50, 60)


def test_a_grid_is_described_with_its_unit() -> None:
    grid = Grid("EPSG:3979", Affine(2, 0, 100, 0, -4, 900), 5, 6)
    described = {
        "crs": "EPSG:3979", "unit": "metre", "width": 5, "height": 6,
        "resolution": [2, 4], "bounds": [100, 876, 110, 900],
    }  # fmt: skip
    assert grid.as_dict() == described


@pytest.mark.parametrize("size", [(0, 1), (1, 0), (-1, 5)])
def test_a_window_needs_a_pixel(size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="at least one pixel"):
        Window(0, 0, *size)


@st.composite
def boxes(draw: st.DrawFn) -> tuple[str, float, Bounds]:
    """A CRS, a resolution, and a box of up to some thousand pixels somewhere in Canada."""
    crs = draw(st.sampled_from(["EPSG:4326", "EPSG:2961"]))
    if crs == "EPSG:4326":
        resolution = draw(st.sampled_from([0.0001, 0.00001, 1 / 3600, 1 / 7200, 0.003]))
        left, bottom = draw(st.floats(-141, -52)), draw(st.floats(41, 83))
    else:
        resolution = draw(st.sampled_from([0.1, 0.3, 0.5, 1, 2.5, 7, 30, 1000 / 3]))
        left, bottom = draw(st.floats(-3e6, 3e6)), draw(st.floats(4e6, 9e6))
    width, height = draw(st.floats(0, 4_000)), draw(st.floats(0, 4_000))
    return crs, resolution, (left, bottom, left + width * resolution, bottom + height * resolution)


def test_a_snapped_grid_is_on_multiples_of_its_pixel() -> None:
    grid = snap_grid("EPSG:2961", 5, (441_203, 4_957_991, 441_216, 4_958_010))
    assert grid == Grid("EPSG:2961", Affine(5, 0, 441_200, 0, -5, 4_958_010), 4, 4)
    degrees = snap_grid("EPSG:4326", 0.0001, (-75.7, 45.4, -75.6, 45.5))
    assert (degrees.width, degrees.height) == (1_000, 1_000)
    assert degrees.bounds == pytest.approx((-75.7, 45.4, -75.6, 45.5), abs=1e-12)


@given(boxes())
def test_snapping_adds_no_pixel_beyond_the_box(box: tuple[str, float, Bounds]) -> None:
    crs, resolution, (left, bottom, right, top) = box
    grid = snap_grid(crs, resolution, (left, bottom, right, top))
    near = 2e-6 * resolution  # 1e-6 for the rule, as much for the floats
    assert grid.bounds[0] - near <= left < grid.bounds[0] + resolution + near
    assert grid.bounds[1] - near <= bottom < grid.bounds[1] + resolution + near
    assert grid.bounds[2] - resolution - near < right <= grid.bounds[2] + near
    assert grid.bounds[3] - resolution - near < top <= grid.bounds[3] + near
    assert grid.resolution == (resolution, resolution)


@given(boxes())
def test_snapping_is_idempotent(box: tuple[str, float, Bounds]) -> None:
    crs, resolution, bounds = box
    grid = snap_grid(crs, resolution, bounds)
    assert snap_grid(crs, resolution, grid.bounds) == grid


@given(boxes(), st.integers(-5_000, 5_000), st.integers(-5_000, 5_000))
def test_snapped_neighbours_line_up_to_the_last_bit(
    box: tuple[str, float, Bounds], columns: int, rows: int
) -> None:
    crs, resolution, (left, bottom, right, top) = box
    grid = snap_grid(crs, resolution, (left, bottom, right, top))
    dx, dy = columns * resolution / 3, rows * resolution / 3
    other = snap_grid(crs, resolution, (left + dx, bottom + dy, right + dx, top + dy))
    place = grid.locate(other)
    assert place is not None
    for edge in (grid, other):
        column, row = edge.transform.c / resolution, edge.transform.f / resolution
        assert edge.transform.c == round(column) * resolution
        assert edge.transform.f == round(row) * resolution
