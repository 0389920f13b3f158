"""Load the pixels of an extraction as an `xarray.DataArray`, at once or chunk by chunk."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from rasterio.crs import CRS
from rasterio.enums import WktVersion

from hrdem.errors import RequestError
from hrdem.geo.crs import get_unit, parse_crs
from hrdem.geo.grid import Grid
from hrdem.geo.nodata import valid_mask
from hrdem.http.run_context import RunContext, RunSettings
from hrdem.jobs.extract import check_any_valid, plan_and_run, warn_of_infinite_pixels
from hrdem.jobs.lazy_pixels import LazyPixels
from hrdem.jobs.read_pixels import read_pixels
from hrdem.output.plan_writer import make_output_crs
from hrdem.output.provenance import make_tags
from hrdem.planning.cost import check_cost
from hrdem.planning.make_plan import make_plan
from hrdem.planning.plan import Plan
from hrdem.processing.vertical.find_grid import find_shift_grid
from hrdem.processing.vertical.shift_grid import ShiftGrid
from hrdem.request.options import Align
from hrdem.request.request import Request
from hrdem.runtime.gdal_env import pinned_gdal

Chunks = int | str | Mapping[str, Any]
"""Pixels along both axes, ``"auto"`` or -1; or one of these for each of ``"y"`` and ``"x"``."""

_AXES = "y", "x"
AUTO_CHUNK_PIXELS = 2048  # 4 x 4 blocks of the output: few requests, 17 MB of float32


def load(
    request: Request, settings: RunSettings, chunks: Chunks | None = None, *, masked: bool = False
) -> xr.DataArray:
    """Load the pixels of a request.

    Args:
        request: The request.
        settings: Client, cache and limits to read with. The download limit applies to arrays that
            are read now, and memory to the process without the arrays.
        chunks: Size of chunks; None for an array that is read now.
        masked: Whether nodata becomes NaN.

    Returns:
        Pixels with dimensions y and x, as `hrdem.load` describes them.

    Raises:
        RequestError: If the request writes layers or copies blocks, or chunks are invalid.
        HrdemError: As `make_plan` and `execute_plan` do.
        NoDataError: If no pixel is valid; chunks may be empty.
    """
    if request.source_band:
        raise RequestError(
            "`source_band` writes files, and an array is none. Leave it out, or extract to a file."
        )
    if request.align is Align.BLOCKS:
        raise RequestError(
            "`align=blocks` copies compressed blocks into a file, and an array has none. Leave it "
            "out."
        )
    sizes = None if chunks is None else _parse_chunks(chunks)
    with settings.open() as context:
        if sizes is None:
            return plan_and_run(
                request, context.http, lambda plan: _load_whole(plan, context, masked)
            )
        plan = make_plan(request, context.http)
        shift_grid = find_shift_grid(request, context)
    pixels = _make_dask_array(plan, LazyPixels.of(plan, shift_grid, settings), sizes)
    return _make_data_array(plan, shift_grid, pixels, masked)


def _load_whole(plan: Plan, context: RunContext, masked: bool) -> xr.DataArray:
    check_cost(plan, context, None, copies=0)
    shift_grid = find_shift_grid(plan.request, context)
    pixels, stats = read_pixels(plan, plan.grid.window, shift_grid, context)
    check_any_valid(plan, stats)
    warn_of_infinite_pixels(stats.infinite)
    return _make_data_array(plan, shift_grid, pixels, masked)


def _parse_chunks(chunks: Chunks) -> tuple[int, int]:
    """Return the height and the width of chunks; -1 for the whole array.

    Raises:
        RequestError: If they are invalid.
    """
    sizes = chunks if isinstance(chunks, Mapping) else dict.fromkeys(_AXES, chunks)
    if unknown := [axis for axis in sizes if axis not in _AXES]:
        raise RequestError(f"chunks={chunks!r} names {unknown[0]!r}; the dimensions are y and x.")
    for size in sizes.values():
        is_count = isinstance(size, int | np.integer) and not isinstance(size, bool)
        if size != "auto" and not (is_count and (int(size) == -1 or int(size) > 0)):
            raise RequestError(
                f'chunks={chunks!r} is invalid. Pass pixels (512 or a multiple), "auto", or -1 for '
                'one chunk, alone or as {"y": …, "x": …}.'
            )
    height, width = (
        AUTO_CHUNK_PIXELS if size == "auto" else int(size)
        for size in (sizes.get(axis, -1) for axis in _AXES)
    )
    return height, width


def _make_dask_array(plan: Plan, pixels: LazyPixels, chunks: tuple[int, int]) -> Any:
    """Return a dask array that reads each chunk when it is computed."""
    import dask.array as da  # noqa: PLC0415 (only chunks need it)

    return da.from_array(
        pixels,
        chunks,
        name=f"hrdem-{plan.request.product.name}-{uuid.uuid4().hex}",
        asarray=False,  # a numpy array as it is
        meta=np.empty((0, 0), pixels.dtype),
    )


def _make_data_array(
    plan: Plan, shift_grid: ShiftGrid | None, pixels: Any, masked: bool
) -> xr.DataArray:
    """Add coordinates, CRS and tags, as rioxarray does: https://corteva.github.io/rioxarray."""
    request, grid = plan.request, plan.grid
    assert plan.nodata is not None
    nodata = np.dtype(plan.dtype).type(plan.nodata)
    title = f"{request.product.title}{request.height_reference}"
    attributes = {**make_tags(plan, shift_grid), "long_name": title}
    if request.unit:
        attributes["units"] = request.unit
    if plan.surveys is not None:
        attributes["HRDEM_SURVEYS"] = json.dumps(plan.surveys.as_dict(), ensure_ascii=False)
    array = xr.DataArray(
        pixels,
        coords=_make_coordinates(grid, make_output_crs(plan)),
        dims=_AXES,
        name=request.product.name,
        attrs=attributes,
    )
    if masked:
        array = array.where(valid_mask(array, nodata)).assign_attrs(attributes)
        array.encoding["_FillValue"] = nodata
    else:
        array.attrs["_FillValue"] = nodata
    array.encoding["grid_mapping"] = "spatial_ref"
    return array


def _make_coordinates(grid: Grid, crs: CRS | str) -> dict[str, xr.Variable]:
    """Return pixel centres and the CRS (CF conventions 1.11, chapters 4 and 5.6)."""
    dx, dy = grid.resolution
    left, _, _, top = grid.bounds
    unit = get_unit(grid.crs).name
    if parse_crs(grid.crs).is_geographic:
        east = {"standard_name": "longitude", "units": f"{unit}s_east"}
        north = {"standard_name": "latitude", "units": f"{unit}s_north"}
    else:
        east = {"standard_name": "projection_x_coordinate", "units": unit}
        north = {"standard_name": "projection_y_coordinate", "units": unit}
    with pinned_gdal():
        wkt = CRS.from_user_input(crs).to_wkt(version=WktVersion.WKT2_2019)
    reference = {
        "crs_wkt": wkt,
        "spatial_ref": wkt,  # as GDAL's netCDF driver and rioxarray know it
        "GeoTransform": " ".join(repr(float(n)) for n in grid.transform.to_gdal()),
    }
    return {
        "y": xr.Variable("y", top - (np.arange(grid.height) + 0.5) * dy, {"axis": "Y", **north}),
        "x": xr.Variable("x", left + (np.arange(grid.width) + 0.5) * dx, {"axis": "X", **east}),
        "spatial_ref": xr.Variable((), np.int64(0), reference),
    }
