"""The public functions for points; `hrdem.api` has the others."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Unpack

from hrdem.http.client_settings import ClientSettings
from hrdem.http.protocol import Http
from hrdem.http.run_context import RunSettings
from hrdem.jobs.sample_points import SampleOptions, Samples, check_sample_output, sample_points
from hrdem.points.read_points import open_points
from hrdem.points.write_points import write_csv
from hrdem.processing.memory_budget import check_max_memory
from hrdem.request import fields, points_fields, service_fields
from hrdem.request.aoi.aoi import Aoi
from hrdem.request.aoi.parse import ParsedAoi
from hrdem.request.params import SampleParams
from hrdem.request.protocols import HasGeoInterface, PathLike
from hrdem.request.request import Request
from hrdem.request.signature import complete, select, takes
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
              ``"bilinear"`` or ``"cubic"``;
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
        check_sample_output(Path(output), values["overwrite"])
    missing = [field for field in fields.REQUEST if field.name not in values]
    whole = {**values, **complete(missing, {"source_band": True})}

    def make_request(aoi: Aoi) -> Request:
        return Request.in_area(ParsedAoi(aoi, is_polygon=False), whole)

    settings = RunSettings(
        ClientSettings(**select(values, service_fields.CACHE)),
        http,
        trusted=(),
        max_memory=values["max_memory"],
        max_download=values["max_download"],
        on_progress=on_progress,
    )
    options = SampleOptions(
        values["interpolation"],
        None if output is None else Path(output),
        values["overwrite"],
        values["allow_inaccurate_datum"],
    )
    columns = values["x_column"], values["y_column"]
    with open_points(points, values["points_crs"], values["layer"], *columns) as table:
        samples = sample_points(table, make_request, settings, options)
        if print_rows:
            write_csv(table, samples.columns, sys.stdout)
    return samples
