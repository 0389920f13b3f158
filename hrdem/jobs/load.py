"""Loading: what an extraction would write, as an `xarray.DataArray`, at once or chunk by chunk."""

from __future__ import annotations

import json
import tempfile
import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import rasterio.windows
import xarray as xr
from rasterio.crs import CRS
from rasterio.enums import WktVersion

from hrdem.errors import OutputError, RequestError
from hrdem.geo.crs import get_unit, parse_crs
from hrdem.geo.grid import Grid, Pixels, Window
from hrdem.geo.nodata import valid_mask
from hrdem.http.protocol import Http
from hrdem.jobs.execute import (
    OnProgress,
    RunOptions,
    execute_plan,
    lock_coverages,
    make_output_crs,
)
from hrdem.jobs.extract import check_any_valid, plan_and_run
from hrdem.output.provenance import make_tags
from hrdem.planning.cost import check_cost
from hrdem.planning.make_plan import make_plan
from hrdem.planning.plan import Plan
from hrdem.processing.vertical.find_grid import find_shift_grid
from hrdem.processing.vertical.shift_grid import ShiftGrid
from hrdem.request.options import Align
from hrdem.request.request import Request
from hrdem.runtime.gdal_errors import GDAL_ERRORS, gdal_message
from hrdem.tiff.encode import BLOCK

Chunks = int | str | Mapping[str, Any]
"""Pixels along both axes, ``"auto"``, or the like for each of ``"y"`` and ``"x"``."""

_AXES = "y", "x"
_CACHE_BYTES = 32 << 20  # of GDAL's
# A chunk is read with as many connections, threads and bytes as an extraction may take: dask, which
# asks for as many chunks as there are cores, has to wait.
_ONE_AT_A_TIME = threading.Lock()


@dataclass(frozen=True, slots=True)
class LoadContext:
    """How pixels are read.

    Attributes:
        connect: Opens a client, or lends one that is open.
        hold: Keeps what was kept of the files that a client has met, for as long as what is
            returned is not forgotten.
        max_memory: Bytes that the process may take at its peak, beside the arrays.
        folder: Lends a folder for what is kept for another run.
        max_download: Most bytes to fetch now; None for any number.
        on_progress: Called whenever a tile is made.
    """

    connect: Callable[[], AbstractContextManager[Http]]
    hold: Callable[[Http], Sequence[object]]
    max_memory: int
    folder: Callable[[], AbstractContextManager[Path]]
    max_download: int | None
    on_progress: OnProgress


class _Held:
    """What keeps others from removing what is kept of an array's files, in this process."""

    def __init__(self, *held: Sequence[object]) -> None:
        self._held = held

    def __reduce__(self) -> tuple[type[_Held], tuple[()]]:
        return _Held, ()


@dataclass(frozen=True, slots=True)
class _Chunked:
    """Pixels of a plan that are read when they are needed."""

    plan: Plan
    shifts: ShiftGrid | None
    reading: LoadContext
    held: _Held

    def read(self, block_info: Mapping[Any, Any]) -> Pixels:
        """Read what `dask.array.map_blocks` says of a chunk."""
        (top, bottom), (left, right) = block_info[None]["array-location"]
        window = Window(left, top, right - left, bottom - top)
        with _ONE_AT_A_TIME, self.reading.connect() as http:
            return _read(self.plan, window, self.shifts, http, self.reading, may_be_empty=True)


def load(
    request: Request, reading: LoadContext, chunks: Chunks | None = None, *, masked: bool = False
) -> xr.DataArray:
    """Load what a request asks for.

    Args:
        request: What is asked for.
        reading: How it is read.
        chunks: Into what the array is cut; None for an array that is read now.
        masked: Whether NaN stands where there is no data.

    Returns:
        Pixels with dimensions y and x, as `hrdem.load` says of them.

    Raises:
        RequestError: If the request asks for what an array does not have, or chunks make no sense.
        HrdemError: As `make_plan` and `execute_plan` do.
        NoDataError: If there is not one valid pixel, unless it is read later.
    """
    if request.source_band:
        raise RequestError(
            "--source-band makes a second band, and an array has one: leave it out, or extract to "
            "a file."
        )
    if request.align is Align.BLOCKS:
        raise RequestError(
            "--align blocks copies compressed blocks into a file; an array has none: leave it out."
        )
    asked = None if chunks is None else _asked_chunks(chunks)
    with reading.connect() as http:
        if asked is None:
            return plan_and_run(request, http, lambda plan: _whole(plan, http, reading, masked))
        plan = make_plan(request, http)
        with reading.folder() as cache:
            shifts = find_shift_grid(request, cache, http)
            held = _Held(reading.hold(http), lock_coverages(plan, cache))
    pixels = _lazy(_Chunked(plan, shifts, reading, held), asked)
    return _described(plan, shifts, pixels, masked)


def _whole(plan: Plan, http: Http, reading: LoadContext, masked: bool) -> xr.DataArray:
    passing = Path(tempfile.gettempdir(), "pixels.tif")
    with reading.folder() as cache:
        check_cost(plan, http, passing, cache, reading.max_download, copies=1)
        shifts = find_shift_grid(plan.request, cache, http)
    pixels = _read(plan, plan.grid.window, shifts, http, reading)
    return _described(plan, shifts, pixels, masked)


def _read(
    plan: Plan,
    window: Window,
    shifts: ShiftGrid | None,
    http: Http,
    reading: LoadContext,
    *,
    may_be_empty: bool = False,
) -> Pixels:
    """Read a window of a plan's output: into a file, as an extraction does, and out of it."""
    with (
        tempfile.TemporaryDirectory(prefix="hrdem-") as folder,
        reading.folder() as cache,
    ):
        writing = RunOptions(
            Path(folder, "pixels.tif"),
            max_memory=reading.max_memory,
            cache=cache,
            on_progress=reading.on_progress,
        )
        with execute_plan(plan, window, shifts, http, writing) as (writer, stats):
            if not may_be_empty:
                check_any_valid(plan, stats)
            path = writer.finished()
            where = rasterio.windows.Window(window.column, window.row, window.width, window.height)
            try:
                with rasterio.Env(GDAL_CACHEMAX=_CACHE_BYTES), rasterio.open(path) as dataset:
                    pixels: Pixels = dataset.read(1, window=where)
            except GDAL_ERRORS as exc:
                raise OutputError(
                    f"{path}, into which pixels were read, cannot be read back: "
                    f"{gdal_message(exc)} Check the disk that TMPDIR names, and run it again."
                ) from exc
    return pixels


def _asked_chunks(chunks: Chunks) -> tuple[int | str, int | str]:
    """How high and how wide chunks are to be; -1 for all there is.

    Raises:
        RequestError: If that makes no sense.
    """
    asked = chunks if isinstance(chunks, Mapping) else dict.fromkeys(_AXES, chunks)
    if unknown := [axis for axis in asked if axis not in _AXES]:
        raise RequestError(f"chunks={chunks!r} cuts {unknown[0]!r}; the dimensions are y and x.")
    for size in asked.values():
        counts = isinstance(size, int | np.integer) and not isinstance(size, bool)
        if size != "auto" and not (counts and (int(size) == -1 or int(size) > 0)):
            raise RequestError(
                f'chunks={chunks!r} makes no chunks: give pixels (512 or a multiple), "auto", or '
                '-1 for all in one, alone or as {"y": …, "x": …}.'
            )
    return asked.get("y", -1), asked.get("x", -1)


def _lazy(chunked: _Chunked, chunks: tuple[int | str, int | str]) -> Any:
    """A dask array that reads each chunk by itself."""
    import dask.array as da  # noqa: PLC0415 (only those need it who want chunks)

    plan = chunked.plan
    shape, dtype = (plan.grid.height, plan.grid.width), np.dtype(plan.dtype)
    edges = da.core.normalize_chunks(chunks, shape, dtype=dtype)
    sizes = [
        max(edge[0] // BLOCK, 1) * BLOCK if asked == "auto" and len(edge) > 1 else asked
        for asked, edge in zip(chunks, edges, strict=True)
    ]
    return da.map_blocks(
        chunked.read,
        chunks=da.core.normalize_chunks(sizes, shape, dtype=dtype),
        dtype=dtype,
        meta=np.empty((0, 0), dtype),
        name=f"hrdem-{plan.request.product.name}-{uuid.uuid4().hex}",
    )


def _described(plan: Plan, shifts: ShiftGrid | None, pixels: Any, masked: bool) -> xr.DataArray:
    """Say what pixels are, as rioxarray does: https://corteva.github.io/rioxarray."""
    request, grid = plan.request, plan.grid
    assert plan.nodata is not None
    nodata = np.dtype(plan.dtype).type(plan.nodata)
    attributes = {**make_tags(plan, shifts), "long_name": request.product.title}
    if request.unit:
        attributes["units"] = request.unit
    if plan.surveys is not None:
        attributes["HRDEM_SURVEYS"] = json.dumps(plan.surveys.as_dict(), ensure_ascii=False)
    array = xr.DataArray(
        pixels,
        coords=_coordinates(grid, make_output_crs(plan)),
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


def _coordinates(grid: Grid, crs: CRS | str) -> dict[str, xr.Variable]:
    """The centres of pixels, and what they are coordinates of (CF conventions 1.11, 4 and 5.6)."""
    dx, dy = grid.resolution
    left, _, _, top = grid.bounds
    unit = get_unit(grid.crs).name
    if parse_crs(grid.crs).is_geographic:
        east = {"standard_name": "longitude", "units": f"{unit}s_east"}
        north = {"standard_name": "latitude", "units": f"{unit}s_north"}
    else:
        east = {"standard_name": "projection_x_coordinate", "units": unit}
        north = {"standard_name": "projection_y_coordinate", "units": unit}
    with rasterio.Env():
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
