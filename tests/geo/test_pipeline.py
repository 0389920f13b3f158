"""Pipelines: steps undo each other, and what cancels is not computed."""

from __future__ import annotations

import numpy as np
import pytest
from pyproj import Transformer

from hrdem.errors import RequestError
from hrdem.geo.crs import LONLAT, NATIVE_CRS
from hrdem.geo.pipeline import invert_steps, join_steps, steps_to_lonlat, transform_points


def test_steps_that_undo_each_other_cancel() -> None:
    """Degrees to radians and back would cost the last bits of every coordinate."""
    utm, native = steps_to_lonlat("EPSG:2959"), steps_to_lonlat(NATIVE_CRS)
    assert join_steps(utm + invert_steps(utm)) == "proj=noop"
    assert join_steps(steps_to_lonlat(LONLAT)) == "proj=noop"
    assert "unitconvert" not in join_steps(utm + invert_steps(native))


def test_a_pipeline_gives_the_bits_that_proj_gives() -> None:
    steps = steps_to_lonlat("EPSG:2959") + invert_steps(steps_to_lonlat(NATIVE_CRS))
    x, y = np.random.default_rng(1).uniform(4e5, 6e5, 100), np.linspace(5e6, 6e6, 100)
    expected = np.column_stack(Transformer.from_crs("EPSG:2959", NATIVE_CRS).transform(x, y))
    points = np.column_stack([x, y])
    np.testing.assert_array_equal(transform_points(steps, points), expected)
    # numpy 1.25 to 2.3 warned of a single one
    np.testing.assert_array_equal(transform_points(steps, points[:1]), expected[:1])


def test_a_family_of_projections_is_refused() -> None:
    with pytest.raises(RequestError, match=r"cannot compute .* from EPSG:32600"):
        steps_to_lonlat("EPSG:32600")
