"""Stations along a line, measured against PROJ's geodesics."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from pyproj import Geod, Transformer

import hrdem
from hrdem.points.line import Line, measure_slope, place_stations, read_line

ROAD = np.array([[-75.72, 45.41], [-75.68, 45.43], [-75.66, 45.40]])


def to_lonlat(line: Line, points: np.ndarray) -> np.ndarray:
    if line.crs == "EPSG:4617":
        return points
    transformer = Transformer.from_crs(line.crs, "EPSG:4617", always_xy=True)
    return np.column_stack(transformer.transform(*points.T))


@pytest.mark.parametrize(
    ("crs", "points"),
    [
        ("EPSG:4617", ROAD),
        ("EPSG:3979", np.array([[1_500_000.0, -150_000], [1_530_000, -120_000]])),
        ("EPSG:4617", np.array([[-62.0, 82.3], [-70, 82.9]])),
    ],
)
def test_stations_are_equally_far_apart_on_the_ground(crs: str, points: np.ndarray) -> None:
    line = Line("a line", points, crs)
    stations = place_stations(line, 25.0, allow_inaccurate_datum=False)
    lonlat = to_lonlat(line, stations.points)
    *_, steps = Geod(ellps="GRS80").inv(*lonlat[:-1].T, *lonlat[1:].T)
    corners = len(points) - 2  # a step around a corner is shorter across
    off = np.abs(steps - np.diff(stations.distance)) > 0.002
    assert off.sum() <= corners
    *steps, last = np.diff(stations.distance)
    assert np.allclose(steps, 25.0)
    assert 0 < last <= 25.0
    assert np.allclose(stations.points[[0, -1]], points[[0, -1]], rtol=0, atol=1e-9)


def test_the_length_of_a_line_is_that_of_its_geodesic_pieces() -> None:
    line = Line("a line", ROAD, "EPSG:4617")
    stations = place_stations(line, 1.0, allow_inaccurate_datum=False)
    fine = np.concatenate([np.linspace(a, b, 500) for a, b in itertools.pairwise(ROAD)])
    assert stations.distance[-1] == pytest.approx(Geod(ellps="GRS80").line_length(*fine.T))
    assert np.diff(stations.distance)[:-1] == pytest.approx(1.0)


@pytest.mark.parametrize("error", [-2e-6, -3e-7, -1e-12, 0.0, 1e-12, 3e-7, 2e-6])
@pytest.mark.parametrize("count", [1, 100, 1921])
def test_a_last_step_within_rounding_of_the_end_is_the_end(count: int, error: float) -> None:
    """There were two rows, a micrometre apart, the last before the other."""
    line = Line("a line", ROAD[:2], "EPSG:4617")
    length = place_stations(line, 1e4, allow_inaccurate_datum=False).distance[-1]
    spacing = (length + error) / count
    distance = place_stations(line, spacing, allow_inaccurate_datum=False).distance
    assert distance[0] == 0
    assert distance[-1] == length
    assert (np.diff(distance) > 0).all()
    steps = count + 1 if error > -1e-6 else count + 2  # a step of its own from a micrometre on
    assert len(distance) == steps


def test_a_line_shorter_than_rounding_has_two_ends() -> None:
    line = Line("a line", np.array([[0.0, 0], [5e-7, 0]]), "EPSG:3979")
    assert len(place_stations(line, 1.0, allow_inaccurate_datum=False).distance) == 2


def test_slope_leaves_gaps_empty() -> None:
    distance = np.array([0.0, 10, 20, 30, 40, 50, 55])
    heights = np.array([1.0, 2, 4, np.nan, 7, np.nan, 3])
    assert measure_slope(distance, heights) == pytest.approx(
        [10, 15, 20, np.nan, np.nan, np.nan, np.nan], nan_ok=True
    )


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("LINESTRING(-75 45, -75 45)", "line of one point, which has no length"),
        ("POINT(-75 45)", "has a Point, and a profile follows a line"),
        ("MULTILINESTRING((-75 45,-75 46),(-76 45,-76 46))", "2 lines that do not continue"),
    ],
)
def test_what_is_no_line_is_refused(line: str, message: str) -> None:
    with pytest.raises(hrdem.RequestError, match=message):
        read_line(line, None, None)


def test_lines_that_continue_each_other_are_one() -> None:
    line = read_line("MULTILINESTRING((-75 45,-75 46),(-75 46,-74 46))", None, None)
    assert line.points.tolist() == [[-75, 45], [-75, 46], [-74, 46]]


def test_too_many_stations_are_refused() -> None:
    with pytest.raises(hrdem.RequestError, match="more than 1,000,000 points at `spacing=0.001`"):
        place_stations(Line("a road", ROAD, "EPSG:4617"), 0.001, allow_inaccurate_datum=False)


def test_lines_that_are_too_long_for_any_spacing_are_refused() -> None:
    """They are cut into pieces of 100 m, which take memory."""
    there_and_back = np.tile([[-141.0, 60.0], [-53.0, 47.0]], (25, 1))
    with pytest.raises(hrdem.RequestError, match="Give a shorter line"):
        place_stations(
            Line("a line", there_and_back, "EPSG:4617"), 10_000.0, allow_inaccurate_datum=False
        )
