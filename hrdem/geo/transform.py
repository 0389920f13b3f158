"""Transformation of points between CRSs, by one pipeline for points and for the warper."""

from __future__ import annotations

import numpy as np

from hrdem.errors import RequestError
from hrdem.geo.crs import describe_crs, unprojectable_error
from hrdem.geo.datum import counts_as_nad83, get_operation
from hrdem.geo.pipeline import Steps, invert_steps, join_steps, steps_to_lonlat, transform_points


def project_points(points: np.ndarray, source: str, target: str) -> np.ndarray:
    """Transform points from one CRS to another, x (or longitude) first.

    Args:
        points: float64 array of shape (n, 2).
        source: CRS of the points: one that counts as NAD83(CSRS), or a linked one.
        target: CRS of the result, likewise.

    Returns:
        float64 array of shape (n, 2).

    Raises:
        RequestError: If a datum is neither NAD83(CSRS) nor linked to it.
        NoDataError: If a point has no coordinates in the target.
    """
    steps = _to_nad83(source) + invert_steps(_to_nad83(target))
    projected = transform_points(steps, points)
    if not np.isfinite(projected).all():
        raise unprojectable_error(source, target)
    return projected


def make_pipeline(source: str, target: str) -> str:
    """Return the PROJ pipeline that `project_points` follows.

    Args:
        source: CRS of the points, as for `project_points`.
        target: CRS of the result.
    """
    return join_steps(_to_nad83(source) + invert_steps(_to_nad83(target)))


def _to_nad83(crs: str) -> Steps:
    """Return the steps from a CRS to longitude and latitude on NAD83(CSRS)."""
    operation = get_operation(crs)
    if operation is not None:
        return operation.steps
    if not counts_as_nad83(crs):
        raise RequestError(
            f"The datum of {describe_crs(crs)} is not NAD83(CSRS). Give a CRS on that datum."
        )
    return steps_to_lonlat(crs)
