"""Read the grid of an existing raster, as a file or in memory, as a template for the output."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from types import SimpleNamespace
from typing import Any

import rasterio
from affine import Affine
from rasterio.errors import NotGeoreferencedWarning

from hrdem.errors import RequestError
from hrdem.geo.crs import drop_vertical, normalize_crs
from hrdem.geo.grid import Grid
from hrdem.request.aoi.arrays import read_array
from hrdem.request.aoi.ascii_crs import read_ascii_template
from hrdem.request.aoi.local_files import find_gdal_path, resolve_local_path
from hrdem.request.convert import parse_crs
from hrdem.request.message_parameters import drop_foreign_advice
from hrdem.request.protocols import RasterLike
from hrdem.runtime.gdal_env import pinned_gdal
from hrdem.runtime.gdal_errors import GDAL_ERRORS, gdal_message, raise_if_out_of_memory
from hrdem.runtime.redaction import redact_secrets
from hrdem.usgsdem.ascii_grid import is_ascii_grid
from hrdem.usgsdem.elements import RECORD_BYTES
from hrdem.usgsdem.read import read_dem_header

MAX_ROTATION_PIXELS = 0.001  # by which corners move; less is rounding of the transform
_OWN_SUFFIXES = (".asc", ".dem")
_GRID = ("crs", "transform", "width", "height")


def read_template(source: RasterLike) -> tuple[Grid, str]:
    """Return the grid of a raster and a short name of it; pixels are not read.

    Args:
        source: Path of a local file, a `xarray.DataArray` or `xarray.Dataset` with a CRS and
            evenly spaced coordinates, an open dataset of rasterio, or another object or mapping
            with ``crs``, ``transform``, ``width`` and ``height``, such as a GeoBox or a profile.

    Raises:
        RequestError: If it is none of these, is not georeferenced, or is not a north-up grid.
    """
    if isinstance(source, str | os.PathLike):
        path = resolve_local_path(source, "like")
        return _read_file(path), path.name
    label = _name(source)
    if hasattr(source, "sizes") and hasattr(source, "coords"):
        crs, transform, width, height = read_array(source, label)
        return _make_grid(crs, transform, width, height, label), label
    found: Any = SimpleNamespace(**source) if isinstance(source, Mapping) else source
    if not all(hasattr(found, name) for name in _GRID):
        raise RequestError(
            f"`like` is of the type {type(source).__name__}, which is not a raster. Give the path "
            "of a file, an xarray.DataArray, or an open dataset of rasterio."
        )
    return _read_dataset(found, label), label


def _read_file(path: Path) -> Grid:
    """Return the grid of a file; GDAL misreads BC Albers in a .dem, and no ASCII grid has a CRS.

    GDAL has other formats that end in .dem and .asc.
    """
    suffix = path.suffix.lower()
    if suffix in _OWN_SUFFIXES and path.is_file():
        head = _read_head(path)
        if suffix == ".dem" and b"\0" not in head:
            return _read_dem(path)
        if suffix == ".asc" and is_ascii_grid(head):
            return read_ascii_template(path)
    return read_raster_grid(find_gdal_path(path, "like"))


def _read_dem(path: Path) -> Grid:
    try:
        return read_dem_header(path, path.name)[1]
    except RequestError as exc:
        exc.reword(drop_foreign_advice(str(exc), ["like"]))  # `crs` is not for the template
        raise


def _read_head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(RECORD_BYTES)


def _name(source: Any) -> str:
    """Return the name of a raster in memory, without folders and credentials."""
    name, kind = getattr(source, "name", None), type(source).__name__
    if not isinstance(name, str) or not name:
        return f"a {kind}"
    return (
        PurePosixPath(redact_secrets(name)).name if hasattr(source, "width") else f"{kind} {name}"
    )


def _read_dataset(source: Any, label: str) -> Grid:
    try:
        crs = parse_crs(source.crs) if source.crs else ""
        width, height = int(source.width), int(source.height)
        transform = Affine(*map(float, tuple(source.transform)[:6]))
    except (TypeError, ValueError) as exc:
        raise RequestError(f"{label}, given as `like`: {exc}") from exc
    has_points = bool(getattr(source, "gcps", ([],))[0] or getattr(source, "rpcs", None))
    return _make_grid(crs, transform, width, height, label, has_points=has_points)


def read_raster_grid(path: Path, parameter: str = "like") -> Grid:
    """Return the grid of a raster, without the vertical part of its CRS.

    Args:
        path: Local file.
        parameter: Name of the parameter that it was passed for, for messages.

    Raises:
        RequestError: If it is not a raster, is not georeferenced, or is not a north-up grid.
    """
    try:
        with (
            pinned_gdal(),
            warnings.catch_warnings(action="ignore", category=NotGeoreferencedWarning),
            rasterio.open(path) as raster,
        ):
            transform, system = raster.transform, raster.crs
            width, height = raster.width, raster.height
            has_points = bool(raster.gcps[0] or raster.rpcs)
    except GDAL_ERRORS as exc:
        raise_if_out_of_memory(exc)
        raise RequestError(
            f"{path.name}, given as `{parameter}`, cannot be opened as a raster by GDAL: "
            f"{gdal_message(exc)} Give a raster file, or `bbox`."
        ) from exc
    return _make_grid(
        system.to_wkt() if system else "",
        transform,
        width,
        height,
        path.name,
        parameter,
        has_points=has_points,
    )


def _make_grid(
    crs: str,
    transform: Affine,
    width: int,
    height: int,
    label: str,
    parameter: str = "like",
    *,
    has_points: bool = False,
) -> Grid:
    """Check a grid, and return it without the vertical part of its CRS."""
    if not crs or transform == Affine.identity():
        problem = "is not georeferenced"
        if has_points:
            problem = "has ground control points or RPCs instead of a grid"
        raise RequestError(
            f"{label}, given as `{parameter}`, {problem}. Give a raster with a CRS and a "
            "geotransform, such as gdalwarp writes, or give `bbox`."
        )
    if not all(map(math.isfinite, transform)) or width < 1 or height < 1:
        raise RequestError(
            f"The grid of {label}, given as `{parameter}`, has no pixels of a finite size. Give "
            "another raster, or `bbox`."
        )
    problem = _find_problem(transform, width, height)
    if problem:
        raise RequestError(
            f"The grid of {label}, given as `{parameter}`, is {problem}. Give a north-up raster, "
            "such as gdalwarp writes, or give `bbox`."
        )
    straight = Affine(transform.a, 0.0, transform.c, 0.0, transform.e, transform.f)
    try:
        name = normalize_crs(drop_vertical(crs))
    except RequestError as exc:
        raise RequestError(
            f"The CRS of {label}, given as `{parameter}`, cannot be used: {exc}"
        ) from exc
    return Grid(name, straight, width, height)


def _find_problem(transform: Affine, width: int, height: int) -> str:
    """Describe why a grid is not north-up; empty if it is."""
    if not transform.a or not transform.e:
        return "rotated by a right angle" if transform.b and transform.d else "without an extent"
    right, down = abs(transform.b * height / transform.a), abs(transform.d * width / transform.e)
    if max(right, down) >= MAX_ROTATION_PIXELS:
        return f"rotated or sheared: its corners are off by {max(right, down):,.3g} pixels"
    if transform.a < 0 or transform.e > 0:
        return "mirrored"
    return ""
