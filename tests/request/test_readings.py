"""What is suggested for coordinates leads to the place that was meant, or nothing is suggested."""

from __future__ import annotations

import collections
import re
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from hrdem.errors import HrdemError, RequestError
from hrdem.geo.grid import Bounds
from hrdem.request.aoi.box import check_box, check_point
from hrdem.request.aoi.readings import suggest_box, suggest_crs, suggest_point
from tests.projections import to_xy

#: CRSs with a meridian where they are used
CRS = {
    "EPSG:4326": -95,
    "EPSG:4617": -75,
    "EPSG:3979": -75,
    "EPSG:3857": -100,
    "EPSG:2959": -75,
    "EPSG:26910": -123,
}
METRES = {"EPSG:3979", "EPSG:3857", "EPSG:2959", "EPSG:26910"}
BOXES = 3  # in each CRS

#: how west, south, east, north are given by mistake
MISTAKES: dict[str, Callable[[Bounds], tuple[float, ...]]] = {
    "QGIS": lambda b: (b[0], b[2], b[1], b[3]),
    "latitude first": lambda b: (b[1], b[0], b[3], b[2]),
    "gdal_translate -projwin": lambda b: (b[0], b[3], b[2], b[1]),
    "corners exchanged": lambda b: (b[2], b[3], b[0], b[1]),
    "east and west exchanged": lambda b: (b[2], b[1], b[0], b[3]),
    "width and height": lambda b: (b[0], b[1], b[2] - b[0], b[3] - b[1]),
}
MISTAKES_IN_DEGREES: dict[str, Callable[[Bounds], tuple[float, ...]]] = {
    "Nominatim": lambda b: (b[1], b[3], b[0], b[2]),
    "signs lost": lambda b: (-b[0], b[1], -b[2], b[3]),
    "sign of west lost": lambda b: (-b[0], b[1], b[2], b[3]),
    "sign of east lost": lambda b: (b[0], b[1], -b[2], b[3]),
    "latitude first, sign of east lost": lambda b: (b[1], b[0], b[3], -b[2]),
    "0 to 360": lambda b: (b[0] + 360, b[1], b[2] + 360, b[3]),
    "latitude first, signs lost": lambda b: (b[1], -b[0], b[3], -b[2]),
    "QGIS, 0 to 360": lambda b: (b[0] + 360, b[2] + 360, b[1], b[3]),
}


def boxes(crs: str) -> Iterator[Bounds]:
    """Boxes of 1 to 50 km somewhere in the south of Canada, rounded as a user would."""
    random = np.random.default_rng(int(crs[5:]))
    for _ in range(BOXES):
        longitude = CRS[crs] + random.uniform(-2.5, 2.5)
        latitude = random.uniform(45, 51)
        size = random.uniform(0.01, 0.4)
        corners = np.array([[longitude, latitude], [longitude + size, latitude + size]])
        (west, south), (east, north) = to_xy(corners, crs).round(0 if crs in METRES else 5)
        yield tuple(np.sort([[west, east], [south, north]], axis=1).T.ravel().tolist())


def find_error(numbers: tuple[float, ...], crs: str) -> str:
    """Return the message about a box; empty if it is accepted."""
    try:
        check_box(numbers, crs)
    except HrdemError as exc:
        return str(exc)
    return ""


def follow(message: str, crs: str) -> tuple[Bounds, str]:
    """Take the box and the CRS that a message suggests, and check that they are accepted."""
    box = re.search(r"did you mean `bbox=([^`]+)`(?: with `bbox_crs=([^`]+)`)?\?", message)
    assert box, message
    numbers = [float(number) for number in box[1].split(",")]
    named = box[2] or crs
    return check_box(numbers, named), named


@pytest.mark.parametrize("crs", CRS)
def test_a_suggestion_leads_to_the_box_that_was_meant(crs: str) -> None:
    suggested: collections.Counter[str] = collections.Counter()
    mistakes = MISTAKES if crs in METRES else MISTAKES | MISTAKES_IN_DEGREES
    for box in boxes(crs):
        for name, mutate in mistakes.items():
            message = find_error(mutate(box), crs)  # none for a box elsewhere in Canada
            if "did you mean" in message:
                assert follow(message, crs) == (pytest.approx(box, abs=1e-6), crs)
                suggested[name] += 1
    if crs not in METRES:
        assert suggested == dict.fromkeys(mistakes, BOXES)
    if crs != "EPSG:3979":  # where many numbers are a box in Canada in every order
        for name in ("QGIS", "corners exchanged", "gdal_translate -projwin"):
            assert suggested[name] == BOXES


@pytest.mark.parametrize("name", ["QGIS", "corners exchanged", "gdal_translate -projwin"])
def test_metres_of_the_data_in_another_order(name: str) -> None:
    """Sorted, the numbers of QGIS's order are a box of 1,700 km, in Canada too."""
    ottawa = (1_509_508, -172_668, 1_509_990, -172_226)
    message = find_error(MISTAKES[name](ottawa), "EPSG:3979")
    assert follow(message, "EPSG:3979") == (ottawa, "EPSG:3979")


@pytest.mark.parametrize("crs", ["EPSG:3979", "EPSG:3857"])
def test_metres_without_their_crs_lead_to_the_box_or_to_no_other(crs: str) -> None:
    for box in boxes(crs):
        for mutate in (lambda b: b, *MISTAKES.values()):
            message = find_error(mutate(box), "EPSG:4326")
            assert "bbox_crs" in message
            if "did you mean" in message:
                assert follow(message, "EPSG:4326") == (box, crs)


@pytest.mark.parametrize("crs", ["EPSG:2959", "EPSG:26910"])
def test_metres_of_utm_are_in_no_crs_that_can_be_known(crs: str) -> None:
    for box in boxes(crs):
        with pytest.raises(HrdemError, match="`bbox_crs` must name its CRS"):
            check_box(box, "EPSG:4326")
        assert suggest_crs(box) is None


@pytest.mark.parametrize("numbers", [(-757.2, 45.4, -756.6, 45.44), (-7572, 4540, -7566, 4544)])
def test_degrees_whose_point_is_misplaced_are_not_taken_for_metres(numbers: Bounds) -> None:
    """EPSG:3979 has its origin in Canada, so there they are a box of some metres."""
    with pytest.raises(RequestError, match="is outside the range of degrees"):
        check_box(numbers, "EPSG:4326")


@pytest.mark.parametrize(
    ("numbers", "crs"),
    [
        ((75.7, 62.4, 75.8, 62.5), "EPSG:4326"),  # 62.4 N 75.7 W, or 75.7 N 62.4 W
        ((2, 48, 2.1, 48.1), "EPSG:4326"),  # Paris
        ((1_000_000, 0, 10_000, -990_000), "EPSG:3979"),  # exchanged, or QGIS's order
        ((0, 0, 0, 0), "EPSG:4326"),
    ],
)
def test_nothing_is_suggested_if_several_readings_or_none_are_in_canada(numbers, crs: str) -> None:
    assert suggest_box(numbers, crs) is None


def test_corners_far_apart_are_not_the_small_box_of_another_order() -> None:
    """Read as QGIS's order they would be a box of 100 km, of which each side is a tenth."""
    assert suggest_box((900_000, 1_000_000, -100_000, 0), "EPSG:3979") is None


def test_a_box_that_only_starts_in_canada_is_no_mistake() -> None:
    box = (-75.7, 35.0, -60.0, 45.4)
    assert check_box(box, "EPSG:4326") == box


@pytest.mark.parametrize(
    ("point", "how"),
    [
        ((45.4, -75.7), "with latitude before longitude"),
        ((75.7, 45.4), "with negative longitudes"),
        ((45.4, 75.7), "with latitude before longitude and with negative longitudes"),
        ((284.3, 45.4), "with longitudes from 0 to 360"),
    ],
)
def test_a_point_that_was_turned_around_is_found(point: tuple[float, float], how: str) -> None:
    with pytest.raises(HrdemError, match=rf"Read {how}, .* did you mean `point=-75\.7,45\.4`\?"):
        check_point(point)


def test_a_point_that_may_be_two_is_not_suggested() -> None:
    assert suggest_point(75.7, 62.4) is None
