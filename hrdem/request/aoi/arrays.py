"""Read the grid of xarray's arrays: coordinates, and the CRS as the CF conventions write it."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from hrdem.errors import RequestError
from hrdem.request.convert import parse_crs

_AXES = (("x", "y"), ("longitude", "latitude"), ("lon", "lat"), ("easting", "northing"))
_CRS_ATTRIBUTES = ("crs_wkt", "spatial_ref")  # of the CF conventions, and of GDAL
_CRS_VARIABLES = ("spatial_ref", "crs")  # unless `grid_mapping` names another
MAX_UNEVENNESS_PIXELS = 0.01  # of coordinates, because some are rounded


def read_array(array: Any, label: str) -> tuple[str, Affine, int, int]:
    """Return CRS, transform, width and height of a DataArray or a Dataset; pixels are not read.

    Coordinates decide where pixels are: a ``GeoTransform`` stays behind when an array is sliced. It
    is used where it agrees with them, as it has more digits.

    Args:
        array: DataArray or Dataset.
        label: Its name, for messages.

    Raises:
        RequestError: If it has no CRS, no two spatial dimensions, or uneven coordinates.
    """
    axes = next((pair for pair in _AXES if all(axis in array.sizes for axis in pair)), None)
    if axes is None:
        named = ", ".join(map(str, array.sizes))
        raise RequestError(
            f"{label}, given as `like`, has the dimensions {named}. Rename the spatial ones to x "
            "and y."
        )
    reference = _find_reference(array)
    stored = _parse_geotransform(reference.get("GeoTransform"))
    width, height = (int(array.sizes[axis]) for axis in axes)
    left, dx = _find_edge(array, axes[0], (stored.c, stored.a) if stored else None, label)
    top, dy = _find_edge(array, axes[1], (stored.f, stored.e) if stored else None, label)
    if dy > 0:  # south first: the same pixels
        top, dy = top + height * dy, -dy
    right, down = (stored.b, stored.d) if stored else (0.0, 0.0)
    crs = _find_crs(array, reference, label)
    return crs, Affine(dx, right, left, down, dy, top), width, height


def _find_reference(array: Any) -> dict[str, Any]:
    """Return the attributes of the variable that describes the CRS; empty if there is none."""
    variables = getattr(array, "data_vars", {})
    described = [array, *(variables[name] for name in variables)]
    names = [
        place.get("grid_mapping") for each in described for place in (each.encoding, each.attrs)
    ]
    for name in (*names, *_CRS_VARIABLES):
        for place in (array.coords, variables):
            if isinstance(name, str) and name in place:
                return dict(place[name].attrs)
    return {}


def _find_crs(array: Any, reference: dict[str, Any], label: str) -> str:
    """Return the CRS that an array declares, or that rioxarray or odc-geo know of it."""
    for name in _CRS_ATTRIBUTES:
        if reference.get(name):
            return str(reference[name])
    found = array.attrs.get("crs")
    for accessor in ("rio", "odc"):
        if found is None:
            found = getattr(getattr(array, accessor, None), "crs", None)
    if found is not None:
        with contextlib.suppress(ValueError):
            return parse_crs(found)
    raise RequestError(
        f"{label}, given as `like`, does not declare its CRS. Write it, for example by rioxarray: "
        "rio.write_crs(2959)."
    )


def _parse_geotransform(text: object) -> Affine | None:
    """Return the transform that GDAL and rioxarray store as six numbers; None without one."""
    with contextlib.suppress(TypeError, ValueError, AttributeError):
        return Affine.from_gdal(*map(float, str(text).split()))
    return None


def _find_edge(
    array: Any, axis: str, stored: tuple[float, float] | None, label: str
) -> tuple[float, float]:
    """Return the edge of the first pixel along an axis, and the step to the next."""
    if axis not in array.coords:
        if stored is None:
            raise RequestError(
                f"{label}, given as `like`, has neither coordinates {axis} nor a GeoTransform."
            )
        return stored
    centres = np.asarray(array.coords[axis].values, np.float64).ravel()
    if stored is not None and _is_close(centres, *stored):
        return stored
    count = len(centres)
    step = (centres[-1] - centres[0]) / (count - 1) if count > 1 else 0.0
    edge = float(centres[0] - step / 2)
    if not step or not _is_close(centres, edge, step):
        raise RequestError(
            f"The coordinates {axis} of {label}, given as `like`, are not evenly spaced in double "
            "precision. Give a raster whose pixels are of one size."
        )
    return edge, float(step)


def _is_close(centres: NDArray[np.float64], edge: float, step: float) -> bool:
    """Whether coordinates are the centres of pixels of one size."""
    expected = edge + (np.arange(len(centres)) + 0.5) * step
    return bool((np.abs(centres - expected) <= MAX_UNEVENNESS_PIXELS * abs(step)).all())
