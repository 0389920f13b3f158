"""One height for each lake."""

from __future__ import annotations

import numpy as np
import pyproj
import pytest
import shapely
from numpy.typing import NDArray

from hrdem.geo.grid import Window
from hrdem.geo.nodata import VOID
from hrdem.legacy.lakes import (
    Lakes,
    find_read_area,
    make_lattice,
    measure_lakes,
    select_lakes,
)

CDED = make_lattice("EPSG:4617", 0.75 / 3600)
BC = make_lattice("EPSG:3153", 25)
STEP = 0.75 / 3600  # degrees between nodes


def make_heights(columns: NDArray[np.int64], rows: NDArray[np.int64]) -> NDArray[np.int16]:
    """Heights that differ from node to node; every 17th is void."""
    heights = (columns * 7 + rows * 13) % 101 + 500
    return np.where((columns + 3 * rows) % 17 == 0, VOID, heights).astype(np.int16)


def read(window: Window) -> NDArray[np.int16]:
    rows = np.arange(window.row, window.bottom)[:, None]
    return make_heights(np.arange(window.column, window.right), rows)


def measure(*lakes: shapely.Polygon, heights: dict[tuple[int, int], int] | None = None) -> Lakes:
    """Measure lakes in nodes (x to the east, y to the north) from 76 W, 45 N."""
    placed = [shapely.transform(lake, lambda points: points * STEP + [-76, 45]) for lake in lakes]
    column, row = round(-76 / STEP), round(-45 / STEP)

    def read_table(window: Window) -> NDArray[np.int16]:
        found = np.full((window.height, window.width), VOID, np.int16)
        for (x, y), height in (heights or {}).items():
            place = row - y - window.row, column + x - window.column
            if 0 <= place[0] < window.height and 0 <= place[1] < window.width:
                found[place] = height
        return found

    return measure_lakes(shapely.MultiPolygon(placed), CDED, read_table if heights else read)


@pytest.mark.parametrize(
    ("values", "quartile"),
    [
        ((2, 2, 2, 2, 3, 3, 3, 3, 4, 4), 2),  # the document's example
        ((4, 3, 2, 1), 1),
        ((1, 2, 3, 4, 5), 2),
        ((-7,), -7),
        ((-32_768, 32_767), -32_768),
    ],
)
def test_the_height_is_the_bottom_quartile(values: tuple[int, ...], quartile: int) -> None:
    row = {(x, 0): height for x, height in enumerate(values)}
    lake = shapely.box(-0.5, -0.5, len(values) - 0.5, 0.5)
    assert measure(lake, heights=row).heights.tolist() == [quartile]


@pytest.mark.parametrize("crs", ["EPSG:4617", "EPSG:3153"])
def test_any_lakes_have_numpys_percentile_of_their_nodes(crs: str) -> None:
    """Lakes with islands, across the edges of what is read at once, among them tiny ones."""
    lattice = CDED if crs == "EPSG:4617" else BC
    rng = np.random.default_rng(4)
    to_lattice = pyproj.Transformer.from_crs(4617, crs, always_xy=True)
    size = lattice.resolution[0]
    lakes = []
    for number in range(40):
        west, south = -128 + number % 8 * 0.05, 59 + number // 8 * 0.05
        radius = rng.choice([0.0001, 0.002, 0.02])
        angles = np.sort(rng.uniform(0, 2 * np.pi, 20))
        star = np.column_stack([np.cos(angles), np.sin(angles)])
        star *= radius * rng.uniform(0.4, 1, (20, 1))
        rings = [np.add(scale * star, [west, south]) for scale in (1, 0.2)]
        lakes.append(shapely.Polygon(rings[0], rings[1:]).buffer(0))
    united = shapely.MultiPolygon([each for each in lakes if each.geom_type == "Polygon"])
    measured = measure_lakes(united, lattice, read)
    empty = 0
    for lake, height in zip(united.geoms, measured.heights.tolist(), strict=True):
        fine = shapely.segmentize(lake, 0.0005)
        flat = shapely.transform(
            fine, lambda points: np.column_stack(to_lattice.transform(*points.T))
        )
        left, bottom, right, top = np.rint(np.array(flat.bounds) / size).astype(int)
        columns, rows = np.meshgrid(np.arange(left, right + 1), -np.arange(bottom, top + 1))
        inside = shapely.contains_xy(flat, columns * size, -rows * size)
        nodes = make_heights(columns[inside], rows[inside])
        nodes = nodes[nodes != VOID]
        empty += not len(nodes)
        expected = np.percentile(nodes, 25, method="lower") if len(nodes) else VOID
        assert height == expected
    assert 0 < empty < 30
    assert empty == measured.without_node + measured.without_height


def test_a_lake_without_a_node_and_one_without_a_height_are_counted() -> None:
    between = shapely.box(0.2, 0.2, 0.8, 0.8)
    void = shapely.box(4.5, 4.5, 6.5, 6.5)
    measured = measure(between, void, heights={(0, 0): 5, (7, 7): 5})
    assert measured.heights.tolist() == [VOID, VOID]
    assert (measured.without_node, measured.without_height) == (1, 1)
    none = measure_lakes(shapely.MultiPolygon(), CDED, read)
    assert (len(none.heights), none.without_node) == (0, 0)


def test_what_is_not_enforced_is_said() -> None:
    lakes = [shapely.box(x - 0.3, -0.3, x + 0.3, 0.3) for x in range(4)]
    small = [shapely.box(x + 0.2, 0.4, x + 0.4, 0.6) for x in range(1_001)]
    measured = measure(*lakes, *small, heights={(0, 0): 5, (1, 0): 4, (2, 0): 4, (0, 1): 3})
    assert measured.as_dict() == {
        "lakes": 1_005,
        "without_node": 1_001,
        "without_height": 1,
        "uneven": 0,
        "with_lower_shore": 1,
        "lower_shore_nodes": 1,
    }
    assert measured.describe() == [
        "Lakes with one height each: 3 of 1,005.",
        "Lakes too small for a node, left as they are: 1,001.",
        "Lakes without any height, left as they are: 1.",
        "Lakes with lower nodes on their shores, which are not raised: 1; nodes: 1.",
        "Rivers are left as they are: whether they fall without a gap is not checked.",
    ]


def test_rivers_among_the_lakes_are_noticed() -> None:
    """Half of the nodes of a river are at heights that a lake cannot have."""
    river, lake = shapely.box(-0.5, -0.5, 20.5, 0.5), shapely.box(-0.5, 1.5, 20.5, 2.5)
    heights = {(x, 0): 100 + x // 2 for x in range(21)}  # quartiles 102 and 107, then 108
    heights |= {(x, 2): 100 + 50 * (x // 17) for x in range(21)}  # a cliff in a corner
    assert measure(river, lake, heights=heights).uneven == 0
    measured = measure(river, lake, heights=heights | {(15, 0): 108})
    assert measured.uneven == 1
    assert measured.describe()[1] == (
        "Lakes whose quartiles of height are more than 5 m apart, perhaps rivers: 1."
    )


def test_nodes_beside_a_lake_that_are_lower_are_counted() -> None:
    """A node on the island, one on the shore, and one across the corner, which is not beside it."""
    lake = shapely.box(-0.5, -0.5, 4.5, 4.5).difference(shapely.box(1.5, 1.5, 2.5, 2.5))
    heights = {(x, y): 10 for x in range(-3, 8) for y in range(-3, 8)}
    heights |= {(2, 2): 9, (5, 3): 8, (5, 5): 7, (-1, 0): VOID, (-2, 0): 1}
    assert measure(lake, heights=heights).shore_nodes.tolist() == [2]


def test_shores_count_once_where_parts_meet_that_are_read_apart() -> None:
    """Nodes are read by squares of 512 of the lattice."""
    column, row = round(-76 / STEP), round(-45 / STEP)
    x, y = -column % 512, row % 512  # a corner of such squares
    for shift in range(-2, 3):
        lake = shapely.box(x + shift - 5.5, y - 5.5, x + shift + 0.5, y + 0.5)
        heights = {(i, j): 10 for i in range(x - 9, x + 5) for j in range(y - 9, y + 5)}
        heights |= {(x + shift + 1, j): 9 for j in range(y - 5, y + 1)}
        measured = measure(lake, heights=heights)
        assert (measured.heights.tolist(), measured.shore_nodes.tolist()) == ([10], [6])


def test_no_node_is_read_twice_and_none_far_from_a_lake() -> None:
    seen: list[Window] = []

    def record(window: Window) -> NDArray[np.int16]:
        seen.append(window)
        return read(window)

    lakes = shapely.MultiPolygon(
        [shapely.box(-76, 45, -75.6, 45.2), shapely.box(-60, 50, -59.99, 50.01)]
    )
    measure_lakes(lakes, CDED, record)
    for number, window in enumerate(seen):
        assert not any(window.intersection(other) for other in seen[:number])
    pixels = sum(window.pixels for window in seen)
    inside = 1_920 * 960 + 48 * 48
    assert inside < pixels < inside * 1.01


def test_the_heights_of_all_of_a_lake_are_read_and_those_of_other_lakes_are_not() -> None:
    sheet = shapely.box(-76, 45, -75.5, 45.25)
    leaving = shapely.box(-75.6, 45.1, -74.9, 45.15)
    inner, other = shapely.box(-75.8, 45.1, -75.7, 45.2), shapely.box(-74, 45, -73, 46)
    lakes = select_lakes(shapely.MultiPolygon([leaving, inner, other]), sheet)
    assert list(lakes.geoms) == [leaving, inner]
    area = find_read_area(lakes, sheet)
    assert area.covers(shapely.union_all([sheet, leaving.buffer(2 * 3 / 3600)]))
    assert not area.intersects(other)
    assert area.difference(sheet).area < 3 * leaving.area
    assert find_read_area(select_lakes(lakes, inner), sheet).equals(sheet)
