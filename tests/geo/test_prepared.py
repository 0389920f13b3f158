"""Prepared geometries in several threads."""

from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import shapely

from hrdem.geo.prepared import PreparedGeometry


def test_threads_share_one_index() -> None:
    """Without a lock, GEOS crashes the process here, usually within ten shapes."""
    edges = np.arange(0, 1_000, 50.0)
    boxes = shapely.box(edges, edges[:, None], edges + 50, edges[:, None] + 50)
    with ThreadPoolExecutor(8) as pool:
        for seed in range(10):
            rng = np.random.default_rng(seed)
            angle = np.sort(rng.random(20_000)) * 2 * np.pi
            radius = 400 + 100 * rng.random(20_000)
            shape = shapely.Polygon(
                500 + np.column_stack([radius * np.cos(angle), radius * np.sin(angle)])
            )
            together = list(pool.map(PreparedGeometry(shape).intersects, [boxes] * 8))
            for found in together:
                np.testing.assert_array_equal(found, together[0])
            assert not shapely.is_prepared(shape), "others may hold it"


def test_copy_in_another_process_has_an_index_of_its_own() -> None:
    copy = pickle.loads(pickle.dumps(PreparedGeometry(shapely.box(0, 0, 1, 1))))
    assert copy == PreparedGeometry(shapely.box(0, 0, 1, 1))
    assert copy.intersects([shapely.Point(0.5, 0.5), shapely.Point(2, 2)]).tolist() == [True, False]
