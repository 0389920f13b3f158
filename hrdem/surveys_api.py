"""The public functions for surveys, coverage and comparisons; `hrdem.api` has the others."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Unpack

from hrdem.catalog.search import find_intersecting_items
from hrdem.catalog.surveys.extents import Coverage, find_coverage
from hrdem.errors import RequestError
from hrdem.http.client_settings import ClientSettings
from hrdem.http.protocol import Http
from hrdem.http.run_context import RunSettings
from hrdem.jobs.compare import RasterComparison
from hrdem.jobs.compare import compare as compare_rasters
from hrdem.jobs.list_surveys import SurveyList, list_surveys
from hrdem.processing.memory_budget import check_max_memory
from hrdem.request import area_fields, fields, service_fields, survey_fields
from hrdem.request.aoi.parse import parse_aoi
from hrdem.request.endpoints import normalize_stac_url
from hrdem.request.options import Format, Language
from hrdem.request.params import CompareRastersParams, SearchParams, SurveysParams
from hrdem.request.products import PRODUCTS, get_collection, get_product
from hrdem.request.protocols import PathLike
from hrdem.request.signature import select, takes
from hrdem.runtime.gdal_env import pinned_gdal
from hrdem.runtime.progress import OnProgress, ignore_progress


@takes(survey_fields.SURVEYS)
@pinned_gdal()
def surveys(*, http: Http | None = None, **params: Unpack[SurveysParams]) -> SurveyList:
    """List the lidar surveys under an area: name, year, share of the area.

    They are read from the coverage files that items link to, or, where an item has none, from its
    extent, which has no names. Each item is read by itself, so that a survey in two sub-tiles is
    listed for both. Where surveys overlap, the mosaic has the newest.

    Args:
        http: `hrdem.Session` to share with other calls; None creates a client for the call.
        **params: See `hrdem.extract` for area, ``collection``, ``stac_url`` and the cache's.
            Different or further:

            * ``product``: surface whose surveys are listed, ``"dtm"`` or ``"dsm"``, where a
              coverage file has a layer for each;
            * ``output``: path of a GeoPackage, ``.gpkg``, for the outlines of the surveys within
              the area, in EPSG:3979; None writes none;
            * ``overwrite``: whether an existing output may be replaced.

    Returns:
        The surveys, and the items whose surveys are unknown because the catalogue does not tell.

    Raises:
        RequestError: If the request is invalid.
        NoDataError: If there is no item in the area, or no survey is known.
        NetworkError: If the catalogue or a file of surveys cannot be read.
        OutputError: If the output exists or cannot be written.
    """
    values: dict[str, Any] = {**params}
    aoi = parse_aoi(**select(values, area_fields.AREA)).aoi
    with ClientSettings(**select(values, service_fields.CACHE)).client(http) as client:
        return list_surveys(
            aoi,
            PRODUCTS[get_product(values["product"]).surfaces[0]],
            get_collection(values["collection"]),
            normalize_stac_url(values["stac_url"]),
            values["output"],
            client,
            overwrite=values["overwrite"],
        )


@takes(fields.SEARCH)
@pinned_gdal()
def coverage(*, http: Http | None = None, **params: Unpack[SearchParams]) -> Coverage:
    """Find where a collection has data in an area, as far as the catalogue tells.

    The extents that items link to are read, one small file each: `surveys` reads more, and has
    names. Holes within an extent, such as lakes, are not in it.

    Args:
        http: `hrdem.Session` to share with other calls; None creates a client for the call.
        **params: See `hrdem.extract`: area, ``collection``, ``stac_url``, and the cache's.

    Returns:
        The items in the area, the outline of their data, and the items that have no extent.

    Raises:
        RequestError: If the request is invalid.
        NoDataError: If the area is outside Canada.
        NetworkError: If the catalogue cannot be searched, or an extent is not GeoJSON.
        NotCachedError: If ``offline`` is set and a response is not cached.
    """
    values: dict[str, Any] = {**params}
    aoi = parse_aoi(**select(values, area_fields.AREA)).aoi
    collection = get_collection(values["collection"])
    with ClientSettings(**select(values, service_fields.CACHE)).client(http) as client:
        stac_url = normalize_stac_url(values["stac_url"])
        items = find_intersecting_items(aoi, collection, stac_url, client)
        return find_coverage(items, aoi, client)


@takes(survey_fields.COMPARE)
@pinned_gdal()
def compare(
    a: PathLike,
    b: PathLike,
    *,
    http: Http | None = None,
    on_progress: OnProgress = ignore_progress,
    **params: Unpack[CompareRastersParams],
) -> RasterComparison:
    """Subtract one raster of heights from another on the same lattice: b minus a.

    Two files of heights in metres, of which the first band is read; or, with an area, two surveys
    of the collection ``lidar``, by name. Nothing is resampled and no datum is shifted: files with
    other pixels, or in two vertical datums, are refused. The pixels that both cover are compared.

    Args:
        a: Path of the raster, or name of the survey, that is subtracted, such as the older one.
        b: Path of the other raster, or name of the other survey.
        http: `hrdem.Session` to share with other calls; None creates a client for the call.
        on_progress: Called with a `Progress` after each block.
        **params: See `hrdem.extract` for area, ``stac_url``, limits and the cache's; all of them
            are for surveys. Different or further:

            * ``product``: surface of the surveys, ``"dtm"`` or ``"dsm"``;
            * ``output``: path of the GeoTIFF of the differences, float32, in metres; None writes
              none;
            * ``quicklook``: whether to draw it too, as `view` does: a PNG of the same name beside
              it;
            * ``language``: language of the words in that picture, ``"en"`` or ``"fr"``;
            * ``overwrite``: whether an existing output may be replaced.

    Returns:
        Statistics of the differences. Positive ones mean that ``b`` is higher.

    Raises:
        RequestError: If a file is no raster of heights, or the two differ in lattice or datum.
        NoDataError: If there is no such survey, or no pixel has a height in both.
        NetworkError: If the catalogue or a file of a survey cannot be read.
        OutputError: If the output exists or cannot be written.
        MissingLibraryError: If ``quicklook`` is set, and matplotlib is not installed (extra
            ``plot``).
    """
    values: dict[str, Any] = {**params}
    if not values["quicklook"]:
        return _compare(a, b, values, http, on_progress)
    from hrdem.jobs.view import check_quicklook, draw_quicklook  # noqa: PLC0415 (slow to import)

    if values["output"] is None:
        raise RequestError("`quicklook` draws the output beside it. Give an `output` too.")
    picture = Path(values["output"]).with_suffix(".png")
    check_quicklook(picture, Format.GTIFF, overwrite=values["overwrite"])
    done = _compare(a, b, values, http, on_progress)
    draw_quicklook(Path(values["output"]), picture, Language(values["language"]), redraw=True)
    return replace(done, quicklook=picture)


def _compare(
    a: PathLike,
    b: PathLike,
    values: dict[str, Any],
    http: Http | None,
    on_progress: OnProgress,
) -> RasterComparison:
    """Compare two files, or, with an area, two surveys."""
    output, overwrite = values["output"], values["overwrite"]
    if all(values[name] is None for name in survey_fields.PLACES):
        return compare_rasters(a, b, output, on_progress, overwrite=overwrite)
    from hrdem.jobs.compare_surveys import compare_surveys  # noqa: PLC0415 (files need no client)

    check_max_memory(values["max_memory"])
    request = {
        **select(values, area_fields.AREA),
        "product": values["product"],
        "stac_url": values["stac_url"],
        "collection": "lidar",
    }
    with RunSettings.of(values, http, on_progress).open() as context:
        return compare_surveys(a, b, request, output, context, overwrite=overwrite)
