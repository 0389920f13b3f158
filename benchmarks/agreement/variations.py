"""What a request may ask for besides: blending, a wider area, shaded relief, several products."""

from __future__ import annotations

import random

import numpy as np
import shapely

from benchmarks.agreement.cases import COLLECTIONS, Case
from benchmarks.agreement.systems import NATIVE_SYSTEM, System

METRES_OF_A_DEGREE = 100_000
#: how much farther than requested a buffer may reach
MAX_BUFFER_EXCESS = 0.003
_PRODUCT = 1  # place in the options


def vary(case: Case, chance: random.Random) -> None:
    """Add options to a request, or none."""
    unit = case.resolution or COLLECTIONS[case.tiers[0]][1]
    metres = unit * METRES_OF_A_DEGREE if case.system.degrees else unit
    is_sheet = "--nts" in case.options
    if len(case.tiers) > 1 and chance.random() < 0.6:
        case.feather = metres * chance.randint(2, 40)
        case.options += ["--feather", repr(case.feather)]
    if not case.like and chance.random() < 0.25:
        widen(case, metres * chance.uniform(5, 100))
    is_flat = case.system.conformal and not case.system.degrees
    if case.resolution is None or is_sheet or not is_flat:
        themes = []
    elif case.system is NATIVE_SYSTEM and not case.like and unit in _own_sizes(case):
        themes = ["-slope", "-aspect"]  # hillshades are the published ones
    else:
        themes = ["-slope", "-aspect", "-hillshade"]
    if themes and chance.random() < 0.2 and "-" not in case.product and case.product != "chm":
        case.product += themes[-1]
    if chance.random() < 0.2:
        found = [f"{model}{theme}" for model in ("dtm", "dsm") for theme in ["", *themes]]
        others = sorted({*found, "chm"} - {case.product})
        case.others = tuple(chance.sample(others, min(len(others), chance.randint(1, 2))))
    case.options[_PRODUCT] = ",".join([case.product, *case.others])
    if chance.random() < 0.15:
        case.options += ["--via", "vrt"]


def widen(case: Case, metres: float) -> None:
    """Ask for everything within a distance of the area; it is measured in a plane about it."""
    case.options += ["--buffer", repr(metres)]
    case.slack = MAX_BUFFER_EXCESS * metres
    if case.circle:
        lon, lat, radius = case.circle
        case.circle = lon, lat, radius + metres
        return
    assert case.shape is not None
    left, bottom, right, top = case.shape.bounds
    lon, lat = case.shape_system.to_lonlat((left + right) / 2, (bottom + top) / 2)
    plane = System("", f"+proj=aeqd +lat_0={lat!r} +lon_0={lon!r} +ellps=GRS80 +units=m")
    dense = shapely.segmentize(case.shape, max(right - left, top - bottom) / 1_000)
    system = case.shape_system
    flat = shapely.transform(
        dense, lambda points: np.column_stack(plane.from_lonlat(*system.to_lonlat(*points.T)))
    )
    case.shape, case.shape_system = flat.buffer(metres, quad_segs=256), plane


def _own_sizes(case: Case) -> list[float]:
    return [COLLECTIONS[tier][1] for tier in case.tiers]
