"""Preview an area as a picture: from the WMS, or from overviews of the files if that fails."""

from __future__ import annotations

import contextlib
import logging
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np

from hrdem.errors import (
    HrdemError,
    NetworkError,
    NoDataError,
    OutputError,
    RequestError,
    SourceError,
)
from hrdem.geo.grid import Bounds, Grid, Pixels
from hrdem.geo.nodata import valid_mask
from hrdem.http.protocol import Http
from hrdem.http.run_context import RunContext
from hrdem.jobs.read_pixels import read_pixels
from hrdem.output.pam import format_pam, get_pam_path
from hrdem.output.paths import FileKind, check_output
from hrdem.output.png import add_border, compute_brightness, encode_png, format_world_file
from hrdem.planning.make_plan import make_plan
from hrdem.planning.plan import Plan
from hrdem.request.advice import suggest_collection
from hrdem.request.products import Product
from hrdem.request.request import Request
from hrdem.runtime.atomic import publish, staged_file
from hrdem.sources.wms import get_map

log = logging.getLogger(__name__)

MAX_PIXELS_READ = 1 << 30  # of overviews, whose pixels are up to 3 times finer than the grid


class PictureOrigin(StrEnum):
    """Where a picture comes from."""

    WMS = "wms"
    OVERVIEWS = "overviews"


@dataclass(frozen=True, slots=True)
class Picture:
    """A finished picture.

    Attributes:
        output: Path of the PNG, with a world file and GDAL's metadata file beside it.
        layer: Layer that it shows.
        width: Width, pixels.
        height: Height, pixels.
        crs: CRS of the requested box, or EPSG:3979 for other areas.
        bounds: Left, bottom, right, top in units of the CRS.
        source: The WMS, or overviews of the files.
        reason: Why the WMS was not used; empty if it was.
    """

    output: Path
    layer: Product
    width: int
    height: int
    crs: str
    bounds: Bounds
    source: PictureOrigin
    reason: str

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready values."""
        return {
            "output": str(self.output),
            "world_file": str(get_world_file_path(self.output)),
            "metadata_file": str(get_pam_path(self.output)),
            "product": self.layer.name,
            "width": self.width,
            "height": self.height,
            "crs": self.crs,
            "bounds": list(self.bounds),
            "source": self.source.value,
            "reason": self.reason or None,
        }


def make_picture(
    request: Request,
    layer: Product,
    grid: Grid,
    wms_url: str,
    output: Path,
    http: Http,
    *,
    overwrite: bool = False,
) -> Picture:
    """Request a picture from the WMS, or draw it from overviews, and write it.

    Args:
        request: Area, collection and surface to draw, if the WMS fails.
        layer: Layer to show.
        grid: Bounds, CRS and size of the picture.
        wms_url: Address of the WMS.
        output: Path of the PNG.
        http: HTTP client.
        overwrite: Whether existing files may be replaced.

    Raises:
        NoDataError: If there is no data in the area.
        NetworkError: If both the WMS and the files fail.
        SourceChangedError: If a file changed while it was read.
        OutputError: If the picture cannot be written.
        RequestError: If its name does not end in ``.png``.
    """
    check_output(output, overwrite, FileKind.PNG)
    check_output(get_world_file_path(output), overwrite)
    check_output(get_pam_path(output), overwrite)
    source, reason = PictureOrigin.WMS, ""
    try:
        content = get_map(wms_url, layer.name, grid, http)
    except (NetworkError, NoDataError) as exc:
        log.warning("The WMS failed; overviews of the files are drawn instead. %s", exc)
        source, reason = PictureOrigin.OVERVIEWS, str(exc)
        content = _draw(request, layer, grid, http, exc)
    _write(content, grid, output, overwrite)
    return Picture(output, layer, grid.width, grid.height, grid.crs, grid.bounds, source, reason)


def get_world_file_path(output: Path) -> Path:
    """Return the path of the world file beside a PNG."""
    return output.with_suffix(".pgw")


def read_heights(grid: Grid, request: Request, http: Http) -> Pixels:
    """Read the heights of an area onto a grid, from overviews of the files.

    Args:
        grid: Grid in any CRS.
        request: Area, collection and surface; its output's grid is ignored.
        http: HTTP client.

    Returns:
        float32 array of shape (grid.height, grid.width), metres; NaN where there is no data.

    Raises:
        NoDataError: If the collection has nothing in the area.
        NetworkError: If a file cannot be read.
        SourceError: If the files have no overviews that are coarse enough for the grid.
        SourceChangedError: If a file changed while it was read.
        OutputError: If the temporary folder cannot be written.
    """
    on_grid = replace(request, like=grid, crs=grid.crs, resolution=None, crop=False)
    try:
        plan = make_plan(on_grid, http)
    except RequestError as exc:  # more pixels than any extraction may read
        raise _no_coarse_overviews_error(request) from exc
    if _count_pixels_read(plan) > MAX_PIXELS_READ:
        raise _no_coarse_overviews_error(request)
    pixels, _ = read_pixels(plan, grid.window, None, RunContext(http))
    return np.where(valid_mask(pixels, plan.nodata), pixels, np.nan).astype(np.float32, copy=False)


def _count_pixels_read(plan: Plan) -> int:
    read = sum(source.src_window.pixels for source in plan.sources)
    return max(read, sum(mosaic.grid.window.pixels for mosaic in plan.mosaics))


def _no_coarse_overviews_error(request: Request) -> SourceError:
    return SourceError(
        f"The files of {request.collection.id} have no overviews coarse enough for a picture of "
        "this area. Ask for a smaller area."
    )


def _draw(request: Request, layer: Product, grid: Grid, http: Http, refusal: HrdemError) -> bytes:
    try:
        heights = read_heights(add_border(grid), request, http)
    except NetworkError as exc:
        raise NetworkError(
            f"Both sources of the picture failed. WMS: {refusal} Overviews of the files: {exc}"
        ) from exc
    light = compute_brightness(heights, grid, layer.theme)
    if np.isnan(light).all():
        raise NoDataError(
            f"The collection {request.collection.id} has no valid pixel in the area "
            f"{request.aoi.label}: its files hold nodata there, as over water or where no survey "
            f"was flown. {suggest_collection(request)}".rstrip()
        )
    return encode_png(light, grid)


def _write(content: bytes, grid: Grid, output: Path, overwrite: bool) -> None:
    files: dict[Path, str | bytes] = {
        output: content,
        get_world_file_path(output): format_world_file(grid),
        get_pam_path(output): format_pam(grid.crs),
    }
    try:
        with contextlib.ExitStack() as stack:
            staged = {path: stack.enter_context(staged_file(path, files[path])) for path in files}
            for path, partial in staged.items():
                publish(partial, path, overwrite)
    except OutputError:
        raise
    except OSError as exc:
        raise OutputError(f"{output} cannot be written: {exc}.") from exc
