"""Read a raster for a picture: decimated, with what its file says of it."""

from __future__ import annotations

import contextlib
import json
import math
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from rasterio.enums import ColorInterp, Resampling
from rasterio.errors import NotGeoreferencedWarning

from hrdem.errors import NoDataError, RequestError
from hrdem.geo.crs import drop_vertical, normalize_crs
from hrdem.geo.grid import Grid, Pixels
from hrdem.geo.ground import Ground
from hrdem.output.colours import Colour, get_source_colour
from hrdem.output.paths import LAYER_NAMES, get_layer_path
from hrdem.pictures.ramps import ELEVATION, RAMPS, SLOPE, Ramp, get_ramp
from hrdem.request.aoi.local_files import find_gdal_path, resolve_local_path
from hrdem.request.options import RampName
from hrdem.request.products import PRODUCTS
from hrdem.request.protocols import PathLike
from hrdem.runtime.gdal_env import pinned_gdal
from hrdem.runtime.gdal_errors import GDAL_ERRORS, gdal_message, raise_if_out_of_memory

METRES = ("m", "metre", "metres", "meter", "meters")  # as files name the unit
PERCENT_SLOPE = replace(SLOPE, unit="%")
_INVALID = ValueError, LookupError, TypeError, AttributeError, RecursionError  # of JSON of others


@dataclass(frozen=True, slots=True)
class RasterClass:
    """A value with a meaning.

    Attributes:
        value: Pixel value.
        name: Name, such as that of a source.
        colour: Colour in pictures.
    """

    value: int
    name: str
    colour: Colour


@dataclass(frozen=True, slots=True)
class Raster:
    """A band of a file, with no more pixels than a picture of it has.

    Attributes:
        path: The file.
        values: float32 array of shape (rows, columns), NaN where there is no data.
        grid: Grid of the values; None if the file has no CRS, is not north-up, or extends to where
            its CRS has no longitude and latitude.
        resolution: Pixel size of the file, in units of its CRS.
        ramp: Ramp of its values; None for classes.
        classes: Classes, in the order of their values; empty for a ramp.
        tiers: uint8 array of the shape of the values, the number of the collection of each pixel
            from 1, 0 for none; None if there is no layer of sources beside the file.
        product: Name of the product; empty if the file names none.
        collections: Ids of its collections.
        vertical_datum: Vertical datum of its heights; empty if it names none.
        operands: Names of the raster that another is subtracted from, and of that one; empty for
            others than differences that `hrdem compare` wrote.
        is_licensed: Whether it contains information under the Open Government Licence.
    """

    path: Path
    values: Pixels
    grid: Grid | None
    resolution: float
    ramp: Ramp | None
    classes: tuple[RasterClass, ...]
    tiers: Pixels | None
    product: str
    collections: tuple[str, ...]
    vertical_datum: str
    operands: tuple[str, ...]
    is_licensed: bool


def read_raster(file: PathLike, band: str | None, name: RampName | None, size: int) -> Raster:
    """Read a raster with at most so many pixels along its longer edge.

    Overviews are used where the file has them. Heights, slopes and differences are averaged;
    aspects and classes are not.

    Args:
        file: Local file.
        band: Number or name of a band; None for the first.
        name: What the values are; None for what the file says, or else heights.
        size: Longer edge of the picture, pixels.

    Raises:
        RequestError: If it does not exist, is no raster, has no such band, or values that are no
            classes.
    """
    path = resolve_local_path(file, "file")
    try:
        with (
            pinned_gdal(),
            warnings.catch_warnings(action="ignore", category=NotGeoreferencedWarning),
            rasterio.open(find_gdal_path(path, "file")) as dataset,
        ):
            return _read(path, dataset, band, name, size)
    except GDAL_ERRORS as exc:
        raise_if_out_of_memory(exc)
        raise RequestError(
            f"{path.name} cannot be read as a raster by GDAL: {gdal_message(exc)} Give a raster, "
            "such as a GeoTIFF that hrdem extract wrote."
        ) from exc


def _read(path: Path, dataset: Any, band: str | None, name: RampName | None, size: int) -> Raster:
    tags = dataset.tags()
    number = _find_band(path, dataset, band)
    ramp = _choose_ramp(dataset, number, tags, name)
    shape = _fit_shape(dataset.height, dataset.width, size)
    values = _read_values(dataset, number, shape, ramp)
    sources = _read_sources(tags)
    return Raster(
        path,
        values,
        _fit_grid(dataset, shape),
        abs(dataset.transform.a),
        ramp,
        () if ramp else _list_classes(path, dataset, number, values, sources),
        _read_tiers(path, dataset, shape, sources) if ramp and ramp.has_relief else None,
        tags.get("HRDEM_PRODUCT", ""),
        tuple(filter(None, tags.get("HRDEM_COLLECTION", "").split(","))),
        tags.get("HRDEM_VERTICAL_DATUM", "") if ramp and ramp.has_relief else "",
        _read_operands(tags, dataset.descriptions[number - 1]),
        "HRDEM_LICENCE" in tags,
    )


def _find_band(path: Path, dataset: Any, band: str | None) -> int:
    names = [name or "" for name in dataset.descriptions]
    if band is None:
        return 1
    if band in names:
        return names.index(band) + 1
    with contextlib.suppress(ValueError):
        if 1 <= int(band) <= dataset.count:
            return int(band)
    known = ", ".join(f"{number} {name}".strip() for number, name in enumerate(names, 1))
    raise RequestError(f"{path.name} has no band {band!r}. Give one of its bands: {known}.")


def _choose_ramp(
    dataset: Any, number: int, tags: dict[str, str], name: RampName | None
) -> Ramp | None:
    """Return the ramp of a band; None for classes."""
    unit = dataset.units[number - 1] or ""
    product = tags.get("HRDEM_PRODUCT", "")
    if name is not None:
        ramp = RAMPS.get(name.value)
    elif product in LAYER_NAMES or _has_colours(dataset, number):
        return None
    else:
        ramp = get_ramp(PRODUCTS[product]) if product in PRODUCTS else RAMPS.get(product, ELEVATION)
    if ramp is SLOPE and unit == "percent":
        return PERCENT_SLOPE
    if ramp is not None and ramp.unit == "m" and unit and unit.lower() not in METRES:
        return replace(ramp, unit=unit)
    return ramp


def _has_colours(dataset: Any, number: int) -> bool:
    return bool(dataset.colorinterp[number - 1] is ColorInterp.palette)


def _fit_shape(height: int, width: int, size: int) -> tuple[int, int]:
    share = min(1.0, size / max(height, width))
    return max(1, round(height * share)), max(1, round(width * share))


def _read_values(dataset: Any, number: int, shape: tuple[int, int], ramp: Ramp | None) -> Pixels:
    averages = ramp is not None and ramp.is_averageable
    pixels = dataset.read(
        number,
        out_shape=shape,
        masked=True,
        resampling=Resampling.average if averages else Resampling.nearest,
    )
    with np.errstate(over="ignore"):  # of what nodata was in 64 bits
        values = pixels.astype(np.float32).filled(np.nan)
    values = values * dataset.scales[number - 1] + dataset.offsets[number - 1]
    return np.where(np.isfinite(values), values, np.nan).astype(np.float32, copy=False)


def _fit_grid(dataset: Any, shape: tuple[int, int]) -> Grid | None:
    """Return the grid of the decimated pixels; None if it has no place on the ground."""
    transform, (rows, columns) = dataset.transform, shape
    if not dataset.crs or transform.b or transform.d or transform.a <= 0 or transform.e >= 0:
        return None
    if not all(map(math.isfinite, transform)):
        return None
    dx = transform.a * (dataset.width / columns)
    dy = transform.e * (dataset.height / rows)
    scaled = Affine(dx, 0, transform.c, 0, dy, transform.f)
    try:
        grid = Grid(normalize_crs(drop_vertical(dataset.crs.to_wkt())), scaled, columns, rows)
        Ground.of(grid)
    except (RequestError, NoDataError):
        return None
    return grid


def _read_sources(tags: dict[str, str]) -> dict[int, tuple[str, str]]:
    """Return name and collection of each source by its id; none if the tags are of others."""
    with contextlib.suppress(*_INVALID):
        return {
            int(source["source_id"]): (str(source["name"]), str(source["collection"]))
            for source in json.loads(tags["HRDEM_SOURCES"])
        }
    return {}


def _read_operands(tags: dict[str, str], band: str | None) -> tuple[str, ...]:
    """Return what is subtracted from what in a band whose name says so."""
    with contextlib.suppress(*_INVALID):
        a, b = (str(each["file"]) for each in json.loads(tags["HRDEM_INPUTS"]))
        if band == f"{b} minus {a}":
            return b, a
    return ()


def _list_classes(
    path: Path,
    dataset: Any,
    number: int,
    values: Pixels,
    sources: dict[int, tuple[str, str]],
) -> tuple[RasterClass, ...]:
    known = values[np.isfinite(values)]
    broken = known[known != np.trunc(known)]
    if broken.size:
        raise RequestError(
            f"{path.name} has values such as {broken[0]:g}, and classes are whole numbers. Give "
            "another `ramp`, or leave it out."
        )
    colours = dataset.colormap(number) if _has_colours(dataset, number) else {}
    found = [int(value) for value in np.unique(known)]
    return tuple(
        RasterClass(
            value,
            sources[value][0] if value in sources else str(value),
            tuple(colours[value][:3]) if value in colours else get_source_colour(order),
        )
        for order, value in enumerate(found, 1)
    )


def _read_tiers(
    path: Path, dataset: Any, shape: tuple[int, int], sources: dict[int, tuple[str, str]]
) -> Pixels | None:
    """Return the number of the collection of each pixel, from the layer of sources beside a file.

    Raises:
        RasterioIOError: If it cannot be read.
    """
    layer = get_layer_path(path, "source")
    if not sources or not layer.is_file():
        return None
    with rasterio.open(layer, driver="GTiff") as beside:
        if (beside.shape, beside.transform) != (dataset.shape, dataset.transform):
            return None
        ids = beside.read(1, out_shape=shape, resampling=Resampling.nearest)
    collections = list(dict.fromkeys(collection for _, collection in sources.values()))
    numbers = np.zeros(256, np.uint8)
    for source, (_, collection) in sources.items():
        if 0 < source < len(numbers):
            numbers[source] = collections.index(collection) + 1
    tiers: Pixels = numbers[ids]
    return tiers
