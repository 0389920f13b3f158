"""The public functions for points; `hrdem.api` has the others."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Unpack

from hrdem.http.protocol import Http
from hrdem.http.run_context import RunSettings
from hrdem.jobs.make_profile import Profile, check_profile_output, make_profile
from hrdem.jobs.sample_points import SampleOptions, sample_points
from hrdem.points.interpolate import choose_interpolation
from hrdem.points.line import read_line
from hrdem.points.read_points import open_points
from hrdem.points.samples import Samples
from hrdem.points.write_points import check_sample_output, write_csv
from hrdem.processing.memory_budget import check_max_memory
from hrdem.request import fields, points_fields
from hrdem.request.aoi.aoi import Aoi
from hrdem.request.aoi.parse import ParsedAoi
from hrdem.request.options import Language
from hrdem.request.params import ProfileParams, SampleParams
from hrdem.request.products import get_collection, get_product
from hrdem.request.protocols import AoiLike, HasGeoInterface, PathLike
from hrdem.request.request import Request
from hrdem.request.signature import complete, takes
from hrdem.runtime.gdal_env import pinned_gdal
from hrdem.runtime.progress import OnProgress, ignore_progress


@takes(points_fields.SAMPLE)
@pinned_gdal()
def sample(
    points: PathLike | HasGeoInterface | Iterable[Any],
    *,
    print_rows: bool = False,
    http: Http | None = None,
    on_progress: OnProgress = ignore_progress,
    **params: Unpack[SampleParams],
) -> Samples:
    """Sample a product at points: heights, slopes, or any other that `hrdem.extract` makes.

    The values are those of the raster that `hrdem.extract` writes in the native grid; interpolated
    ones are those of GDAL's ``gdallocationinfo -r`` on it. Each stored tile is fetched once,
    whatever the order of the points. A million points take 250 MB. The source of a point is that of
    the pixel that holds it.

    Args:
        points: Path of a CSV file with a header, or of a vector file of points; ``"-"`` for CSV or
            GeoJSON on standard input; coordinates of shape (n, 2), x or longitude first; a
            GeoDataFrame, or geometries.
        print_rows: Whether to print the rows as CSV on standard output, with further columns.
        http: `hrdem.Session` to share with other calls; None creates a client for the call.
        on_progress: Called with a `Progress`, whose pixels are points, after each tile.
        **params: See `hrdem.extract` for the product, services, limits and the cache. Different or
            further:

            * ``points_crs``: CRS of the points, if they do not declare one; EPSG:4326 by default;
            * ``x_column``, ``y_column``: columns of a CSV file with the coordinates; by default
              those named lon and lat, x and y, or similarly;
            * ``layer``: layer of a vector file, if it has several;
            * ``interpolation``: ``"nearest"``, the value of the pixel that holds the point;
              ``"bilinear"`` or ``"cubic"``, which directions (``"dtm-aspect"``) do not have;
            * ``surveys``: whether to look up the newest lidar survey at each point;
            * ``output``: path of a ``.csv`` or ``.gpkg`` for the same rows with the columns
              dtm (named after the product), source, collection, survey and year with ``surveys``,
              and vertical_datum; None writes none.

    Returns:
        Values and sources in the order of the points. Points without data, and those outside
        Canada, have NaN.

    Raises:
        RequestError: If the request is invalid, or the download would exceed its limit.
        NoDataError: If no point has data.
        NetworkError: If the catalogue or a file cannot be read.
        SourceChangedError: If a file was republished meanwhile.
        OutputError: If the output exists or cannot be written.
    """
    values: dict[str, Any] = {**params}
    check_max_memory(values["max_memory"])
    output = values["output"]
    if output is not None:
        check_sample_output(Path(output), values["overwrite"], points)
    run = _prepare(values, http, on_progress)
    columns = values["x_column"], values["y_column"]
    with open_points(points, values["points_crs"], values["layer"], *columns) as table:
        samples = sample_points(table, *run)
        if print_rows:
            write_csv(table, samples.columns, sys.stdout)
    return samples


@takes(points_fields.PROFILE)
@pinned_gdal()
def profile(
    line: AoiLike,
    *,
    print_rows: bool = False,
    http: Http | None = None,
    on_progress: OnProgress = ignore_progress,
    **params: Unpack[ProfileParams],
) -> Profile:
    """Sample a product along a line, at equal distances on the ground and at its end.

    Distances are those on the GRS80 ellipsoid. Values are those of `hrdem.sample`.

    Args:
        line: Path of a vector file with one line; ``"-"`` for GeoJSON on standard input; WKT,
            GeoJSON, a GeoDataFrame or a geometry. Lines that continue each other are joined.
        print_rows: Whether to print the stations as CSV on standard output.
        http: `hrdem.Session` to share with other calls; None creates a client for the call.
        on_progress: Called with a `Progress`, whose pixels are stations, after each tile.
        **params: See `hrdem.sample`. Different or further:

            * ``line_crs``: CRS of the line, if it does not declare one;
            * ``spacing``: distance between stations in metres; by default the pixel size of the
              collection;
            * ``interpolation``: ``"bilinear"`` by default, for directions ``"nearest"``;
            * ``output``: path of a ``.csv`` or ``.gpkg`` for the stations, or of a ``.png`` for a
              plot; None writes none;
            * ``language``: language of the words in a plot, ``"en"`` or ``"fr"``.

    Returns:
        Distances, values and slopes, from the start of the line. Stations without data have NaN.

    Raises:
        RequestError: If the request is invalid, the line is not one with a length, or the download
            would exceed its limit.
        NoDataError: If no station has data.
        NetworkError: If the catalogue or a file cannot be read.
        SourceChangedError: If a file was republished meanwhile.
        MissingLibraryError: If a plot is requested and matplotlib is not installed.
        OutputError: If the output exists or cannot be written.
    """
    values: dict[str, Any] = {**params}
    check_max_memory(values["max_memory"])
    if values["output"] is not None:
        check_profile_output(Path(values["output"]), values["overwrite"], line)
    spacing = values["spacing"]
    if spacing is None:
        spacing = float(get_collection(values["collection"]).resolution)
    found = read_line(line, values["line_crs"], values["layer"])
    language = Language(values["language"])
    made = make_profile(found, spacing, *_prepare(values, http, on_progress), language)
    if print_rows:
        write_csv(made.table, made.columns, sys.stdout)
    return made


def _prepare(
    values: dict[str, Any], http: Http | None, on_progress: OnProgress
) -> tuple[Callable[[Aoi], Request], RunSettings, SampleOptions]:
    """Return what makes the request of an area, how to read, and how to sample."""
    missing = [field for field in fields.REQUEST if field.name not in values]
    whole = {**values, **complete(missing, {})}

    def make_request(aoi: Aoi) -> Request:
        return Request.in_area(ParsedAoi(aoi, is_polygon=False), whole)

    settings = RunSettings.of(values, http, on_progress)
    options = SampleOptions(
        choose_interpolation(values["interpolation"], get_product(values["product"])),
        None if values["output"] is None else Path(values["output"]),
        values["overwrite"],
        values["allow_inaccurate_datum"],
    )
    return make_request, settings, options
