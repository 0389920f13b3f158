"""The public functions; the command line calls them with the same parameters.

What they do is in `hrdem.calls`, which is imported when the first of them is called: it takes half
a second, and a search that is sent before it is answered meanwhile.
"""

from __future__ import annotations

import contextlib
import gc
import sys
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Unpack

from hrdem.http.certificates import load_early
from hrdem.request import fields, service_fields
from hrdem.request.signature import takes
from hrdem.runtime.forks import running
from hrdem.runtime.progress import OnProgress, ignore_progress

if TYPE_CHECKING:
    import xarray

    from hrdem.catalog.items import Asset, Item
    from hrdem.http.protocol import Http
    from hrdem.jobs.doctor import Check
    from hrdem.output.result import Result
    from hrdem.planning.estimate import Estimate
    from hrdem.planning.plan import Plan
    from hrdem.request.params import (
        AssetsParams,
        CacheParams,
        DoctorParams,
        ExtractParams,
        LoadParams,
        PlanParams,
        SearchParams,
    )


@takes(fields.EXTRACT)
def extract(
    *,
    http: Http | None = None,
    on_progress: OnProgress = ignore_progress,
    **params: Unpack[ExtractParams],
) -> Result:
    """Extract an area as one local GeoTIFF.

    Without ``crs``, ``resolution``, ``like`` and ``vertical_datum`` the pixels are those of the
    source, bit for bit.

    Args:
        http: `hrdem.Session` to share with other calls; None creates a client for the call.
        on_progress: Called with a `Progress` whenever a block is read or written.
        **params: All other parameters, by group. None counts as left out.

            Area, exactly one of the first five; the output is the window of all pixels that the
            area touches. Realizations of WGS 84 and NAD83 count as NAD83(CSRS), the datum of the
            data, here and elsewhere:

            * ``bbox``: west, south, east, north in ``bbox_crs``: numbers in any sequence or array,
              or a rectangle of shapely;
            * ``aoi``: path of a vector file, ``"-"`` for GeoJSON on standard input, WKT, EWKT or
              GeoJSON text; a GeoDataFrame or GeoSeries, whose ``crs`` is used; a GeoJSON mapping, a
              geometry of shapely, or another object with ``__geo_interface__``; or a list of any
              of these in one CRS, which are united;
            * ``like``: raster whose footprint and grid are used: path, `xarray.DataArray` or
              `xarray.Dataset` with a CRS, open dataset of rasterio, or an object with ``crs``,
              ``transform``, ``width`` and ``height``;
            * ``nts``: name of a National Topographic System sheet, such as ``"031G05"`` or
              ``"31G"``;
            * ``point``: longitude and latitude in degrees on NAD83, the centre of a circle;
            * ``bbox_crs``: CRS of the box; EPSG:4326 by default. Any CRS here and below is text, an
              EPSG code as a number, PROJJSON as a mapping, or a CRS object of pyproj or rasterio;
            * ``aoi_crs``: CRS of ``aoi``, if it does not name one. GeoDataFrames and files, except
              GeoJSON, need it then; for others it is EPSG:4326 by default. It may not contradict
              the CRS that ``aoi`` names;
            * ``layer``: layer of the vector file, if it has several;
            * ``radius``: radius of the circle in metres on the ground; needed with ``point``;
            * ``buffer``: distance in metres on the ground by which the area is widened; not with
              ``like``;
            * ``allow_inaccurate_datum``: whether to continue, with a warning, where PROJ cannot
              bring the datum of a CRS, here or in ``crs``, to NAD83(CSRS) within a metre.

            Product:

            * ``product``: ``"dtm"`` or ``"dsm"``, alone or with ``-slope``, ``-aspect`` or
              ``-hillshade``; or ``"chm"``, their difference;
            * ``collection``: ``"1m"``, ``"2m"`` or ``"30m"``, the mosaics by their pixel size; or
              ``"lidar"``, single surveys, which are not matched at their edges;
            * ``project``: name of the survey to read, with ``collection="lidar"``, such as
              ``"BC-Lower_Mainland_2016"``; the province, or the year, may be left out. None for
              all surveys, of which the newest wins;
            * ``year``: year of the surveys to read, with ``collection="lidar"``;
            * ``fill``: further collections, as ``"2m,30m"``, a list, or ``"all"`` for all that are
              coarser than ``collection``; each for the pixels that those before leave empty, the
              finest first;
            * ``feather``: distance in metres over which a collection is blended into the next at
              their seam. Above 0 it changes heights;
            * ``source_band``: whether a file of its own, ``*.source.tif``, holds the number of each
              pixel's source, a byte, 0 where there is none, with names and colours. For ``"chm"``
              there are two, ``*.source-dsm.tif`` and ``*.source-dtm.tif``. The STAC item lists the
              numbers. Where files of surveys tell, ``*.year.tif`` holds the year of each pixel's
              survey, 0 where it is unknown;
            * ``surveys``: whether the lidar surveys under the area are looked up;
            * ``algorithm``: ``"horn"`` or ``"zevenbergen-thorne"``, for slope, aspect and
              hillshade;
            * ``slope_unit``: ``"degrees"`` or ``"percent"``;
            * ``aspect_north``: ``"true"``, or ``"grid"`` for the top of the raster.

            Grid:

            * ``crop``: whether pixels whose centre is outside the area become nodata; None crops
              polygons and circles, but not boxes;
            * ``crs``: CRS of the output; None for EPSG:3979, that of the source;
            * ``resolution``: pixel size in units of the output's CRS, from 1 mm to 10 km. The
              output is aligned to its multiples. None for that of the source, if the CRS is in
              metres;
            * ``origin``: point in units of the output's CRS that corners of pixels are aligned to;
              None for multiples of the pixel size. With ``size``, the upper left corner;
            * ``size``: number of columns and of rows from ``origin``, in place of an area;
            * ``snap``: whether the output is aligned; if not, it starts at the upper left corner
              of the area's bounds in its CRS;
            * ``resampling``: how pixels are computed that are not copied: ``"nearest"``,
              ``"bilinear"``, ``"cubic"``, ``"average"``, or another method of GDAL. These four
              start from the coarsest overview that still has the detail; ``"max"``, ``"min"`` and
              other statistics read all pixels;
            * ``align``: ``"pixels"``, or ``"blocks"`` to widen the area to blocks of the one COG
              under it and copy them compressed: the same pixels, as fast as a download;
            * ``vertical_datum``: ``"CGVD2013"``, that of the source, or ``"CGVD28"``;
            * ``vertical_grid``: file of the shifts between the two; None finds or downloads it;
            * ``vertical_crs``: whether the CRS of heights is a compound one that contains their
              vertical datum. Other programs may then shift heights; without it the datum is in
              tags, band description and STAC item.

            Output:

            * ``output``: path of the GeoTIFF, which ends in ``.tif`` or ``.tiff``. A STAC item is
              written beside it, as ``.stac.json``;
            * ``format``: ``"gtiff"``; ``"cog"`` for a cloud-optimized GeoTIFF with overviews;
              ``"vrt"`` for a VRT, ``.vrt``, that refers to the remote COGs, of pixels that are not
              resampled, cropped or computed; ``"vrt-https"`` for one with plain addresses;
            * ``compress``: ``"deflate"``, ``"zstd"``, ``"lzw"`` or ``"none"``; not with
              ``align="blocks"``, which keeps the compression of the source;
            * ``predictor``: 1 for none, which WhiteboxTools needs, 2 for differences of pixels, 3
              for differences of the bytes of floating-point numbers; None for 3 with heights (2 if
              they are integers) and for 1 with other products;
            * ``overviews``: whether a plain GeoTIFF of more than 4,096 columns or rows gets
              overviews, which a COG has at any size, and ``align="blocks"`` never;
            * ``overwrite``: whether an existing output may be replaced;
            * ``qml``: whether a style for QGIS is written beside the output, as ``.qml``;
            * ``if_changed``: whether to leave an existing output alone if it would be made again as
              it is: same request, area, files and versions, encoding, hrdem, GDAL and PROJ, and
              the raster's bytes are those that were written. ``unchanged`` of the result tells.
              Else an output of `extract` is replaced, and another file is an error;
            * ``quicklook``: whether to draw the output too, as `view` does: a PNG of the same name
              beside it (extra ``plot``);
            * ``language``: language of the words in that picture, ``"en"`` or ``"fr"``.

            Service:

            * ``via``: ``"cog"``, ``"vrt"`` or ``"wcs"``; ``"auto"`` reads COGs, and the WCS where
              COGs are unavailable;
            * ``engine``: ``"auto"`` reads COGs with hrdem's own reader, ``"gdal"`` with GDAL;
            * ``on_change``: what to do if a source is republished while it is read: ``"stop"``
              raises `hrdem.SourceChangedError`, ``"restart"`` starts again, once;
            * ``allow_partial``: whether files that cannot be fetched are left out. The output is
              then incomplete; ``complete`` and ``gaps_as_dict()`` of the result tell what is
              missing;
            * ``stac_url``: root of the STAC API;
            * ``wcs_url``: address of the WCS that serves the same data; None for NRCan's, if
              ``stac_url`` is NRCan's;
            * ``wcs_limit``: seconds after which the WCS aborts a request; chunks are sized to take
              a tenth of it.

            Run:

            * ``max_memory``: peak memory of the process in bytes, at least 240 million, or as text,
              such as ``"1GB"``, like all sizes here;
            * ``max_download``: size of the largest download; a request that needs more is refused
              before any pixel is read. None for no limit;
            * ``cache_dir``: folder of the download cache, which resumes interrupted runs and serves
              neighbouring areas; None for the system's folder for caches;
            * ``no_cache``: whether the cache is neither read nor written;
            * ``max_cache``: size limit of the cache; least recently used entries are evicted first;
            * ``offline``: whether only the cache is read and no request is sent.

    Returns:
        The plan, statistics and sources of the file. Heights are in metres above the vertical
        datum.

    Raises:
        RequestError: If the request is invalid.
        NoDataError: If there is no data in the area.
        NetworkError: If a server cannot be reached, refuses, or sends an invalid response.
        NotCachedError: If ``offline`` is set and something is not cached.
        SourceChangedError: If a source was republished while it was read.
        OutputError: If the output exists or cannot be written, or the disk is too small for it.
    """
    values: dict[str, Any] = {**params}
    with _searching_early(values, http) as client:
        from hrdem import calls  # noqa: PLC0415

        return calls.extract(values, client, on_progress)


@takes(fields.LOAD)
def load(
    *,
    chunks: int | str | Mapping[str, int | str] | None = None,
    masked: bool = False,
    http: Http | None = None,
    on_progress: OnProgress = ignore_progress,
    **params: Unpack[LoadParams],
) -> xarray.DataArray:
    """Load an area as an `xarray.DataArray`, with the pixels that `extract` would write.

    It needs xarray, and dask for chunks: ``pip install 'hrdem[xarray]'``. Mosaics that are
    resampled, blended or computed from are first merged into compressed files in the system's
    folder for temporary files.

    Args:
        chunks: None reads now and returns a numpy array. Otherwise a dask array is returned, with
            chunks of this many pixels each way, of 2048 (``"auto"``), or all in one (-1); or of a
            size for each dimension, such as ``{"y": 2048, "x": 1024}``, where a dimension left out
            is not divided. Files and versions are chosen now; each chunk reads only what it needs,
            when it is computed, as many at a time as ``max_memory`` allows. Multiples of 512 pixels
            are the most efficient.
        masked: Whether nodata becomes NaN and integers become floating point.
        http: `hrdem.Session` to share with other calls, which must stay open as long as chunks are
            read in this process; None, and other processes, use a client of their own.
        on_progress: Called with a `Progress` whenever a block is read in this process, separately
            for each chunk.
        **params: See `hrdem.extract`: area, product, grid, service and run, except
            ``source_band`` and ``align="blocks"``. ``max_memory`` is the peak beside the arrays;
            ``max_download`` applies to each chunk by itself.

    Returns:
        An array of dimensions ``("y", "x")``, north first, named by the product. The coordinates
        ``x`` and ``y`` are pixel centres in units of the CRS, which ``spatial_ref`` holds. The
        vertical datum of heights is in ``long_name`` and ``HRDEM_VERTICAL_DATUM``; the CRS contains
        it only with ``vertical_crs``. ``_FillValue`` is the nodata value: in ``attrs``, or, if
        masked, in ``encoding``. Further attributes are the tags of `extract`'s files.

    Raises:
        MissingLibraryError: If xarray, or dask for chunks, is not installed.
        RequestError: If the request is invalid.
        NoDataError: If there is no data in the area; a chunk without data is no error.
        NetworkError: If a server cannot be reached, refuses, or sends an invalid response; with
            chunks also when they are computed, as all that follow.
        NotCachedError: If ``offline`` is set and something is not cached.
        SourceChangedError: If a source was republished while it was read.
        OutputError: If a temporary file cannot be written.
    """
    from hrdem import calls  # noqa: PLC0415

    return calls.load({**params}, http, on_progress, chunks, masked=masked)


@takes(fields.PLAN)
def plan(*, http: Http | None = None, **params: Unpack[PlanParams]) -> Plan:
    """Plan what `extract` would read and write, without reading pixels.

    Args:
        http: `hrdem.Session` to share with other calls; None creates a client for the call.
        **params: See `hrdem.extract`: area, product, grid, service, and the cache's.

    Returns:
        The output's grid and the files, versions and windows to read.

    Raises:
        RequestError: If the request is invalid.
        NoDataError: If there is no data in the area.
        NetworkError: If a server cannot be reached, refuses, or sends an invalid response.
        NotCachedError: If ``offline`` is set and something is not cached.
    """
    values: dict[str, Any] = {**params}
    with _searching_early(values, http) as client:
        from hrdem import calls  # noqa: PLC0415

        return calls.plan(values, client)


@takes(service_fields.CACHE, advice=fields.PLAN)
def estimate(plan: Plan, *, http: Http | None = None, **params: Unpack[CacheParams]) -> Estimate:
    """Estimate the download of a plan, and how much of the area has data.

    Args:
        plan: From `hrdem.plan`.
        http: `hrdem.Session` to share with other calls; None creates a client for the call.
        **params: See `hrdem.extract`: ``cache_dir``, ``no_cache``, ``max_cache``, ``offline``.

    Raises:
        NetworkError: If a file cannot be read.
        NotCachedError: If ``offline`` is set and something is not cached.
        SourceChangedError: If a file was republished since the plan was made.
    """
    from hrdem import calls  # noqa: PLC0415

    return calls.estimate(plan, {**params}, http)


@takes(fields.SEARCH)
def search(*, http: Http | None = None, **params: Unpack[SearchParams]) -> list[Item]:
    """Find the catalogue's items that intersect an area, sorted by sub-tile.

    An item covers a whole 500 km tile, so it need not have pixels in the area.

    Args:
        http: `hrdem.Session` to share with other calls; None creates a client for the call.
        **params: See `hrdem.extract`: area, ``collection``, ``stac_url``, and the cache's.

    Raises:
        RequestError: If the request is invalid.
        NoDataError: If the area is outside Canada.
        NetworkError: If the catalogue cannot be searched.
        NotCachedError: If ``offline`` is set and the response is not cached.
    """
    values: dict[str, Any] = {**params}
    with _searching_early(values, http) as client:
        from hrdem import calls  # noqa: PLC0415

        return calls.search(values, client)


@takes(fields.ASSETS)
def assets(
    item: str | None = None, *, http: Http | None = None, **params: Unpack[AssetsParams]
) -> list[Asset]:
    """List the files of an item, or of the items that intersect an area.

    Args:
        item: Id of the item, for example ``"9_2-mosaic-1m"``; None for those of an area.
        http: `hrdem.Session` to share with other calls; None creates a client for the call.
        **params: See `hrdem.extract` for the area, ``collection``, ``stac_url`` and the cache's.
            Further:

            * ``product``: ``"dtm"`` or ``"dsm"``; None for both;
            * ``kind``: ``"cog"``, ``"vrt"``, or ``"coverage"`` or ``"extent"`` of the surveys;
              None for all.

    Raises:
        RequestError: If the product or the kind is unknown, or the product is not published.
        NoDataError: If there is no such item.
        NetworkError: If the catalogue cannot be read.
        NotCachedError: If ``offline`` is set and the response is not cached.
    """
    from hrdem import calls  # noqa: PLC0415

    return calls.assets(item, {**params}, http)


@takes(fields.DOCTOR)
def doctor(*, http: Http | None = None, **params: Unpack[DoctorParams]) -> Iterator[Check]:
    """Check whether hrdem works here: versions, PROJ, cache, network, STAC API, files, WCS.

    Each `Check` is yielded when it is done, with the fix for a problem; errors are checks too.

    Args:
        http: `hrdem.Session` to use; None creates a client with shorter timeouts than usual.
        **params: See `hrdem.extract`: ``stac_url``, ``wcs_url``, ``cache_dir``, ``max_cache``.

    Raises:
        RequestError: If an address is invalid.
    """
    from hrdem import calls  # noqa: PLC0415

    return calls.doctor({**params}, http)


@contextlib.contextmanager
def _searching_early(values: Mapping[str, Any], http: Http | None) -> Iterator[Http | None]:
    """Yield the client of a call; one that already searches, if it is the first of the process."""
    if http is not None or "hrdem.calls" in sys.modules:
        yield http
        return
    if not values["offline"] and values["stac_url"].startswith("https:"):
        load_early()
    from hrdem.catalog.early_search import search_early  # noqa: PLC0415 (as what it imports)

    with running(), search_early(values) as client:
        with _no_garbage_collection():  # of modules, which stay
            import hrdem.calls  # noqa: F401, PLC0415
        yield client


@contextlib.contextmanager
def _no_garbage_collection() -> Iterator[None]:
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
