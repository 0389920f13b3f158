"""The Python functions that the command line is a thin skin on."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from hrdem.catalog.items import Asset, Item
from hrdem.catalog.search import find_intersecting_items, get_item
from hrdem.errors import MissingLibraryError, RequestError
from hrdem.geo.crs import NATIVE_CRS
from hrdem.geo.ground import fit_grid
from hrdem.http.cache.client import CachingHttp
from hrdem.http.cache.store import USUAL_LIMIT, Cache
from hrdem.http.protocol import Http
from hrdem.http.session import Session
from hrdem.jobs.doctor import Check, examine
from hrdem.jobs.execute import OnProgress, RunOptions
from hrdem.jobs.extract import extract as extract_to_file
from hrdem.jobs.preview import Picture, make_picture
from hrdem.output.paths import check_output
from hrdem.output.provenance import is_left_over, stac_path
from hrdem.output.result import Result
from hrdem.planning.estimate import Estimate, estimate_plan
from hrdem.planning.plan import Plan, make_plan
from hrdem.processing.memory_budget import USUAL_MEMORY, check_limit
from hrdem.request.aoi.parse import AoiParams
from hrdem.request.endpoints import (
    LIVE_STAC_URL,
    LIVE_WMS_URL,
    check_url,
    default_wcs_url,
    normalize_stac_url,
)
from hrdem.request.options import Align, Engine, Format, Via, parse_choice
from hrdem.request.products import AssetKind, get_layer, get_product
from hrdem.request.request import DEFAULT_COLLECTION, Request, RequestParams

if TYPE_CHECKING:
    import xarray

USUAL_DOWNLOAD = 50_000_000_000  # bytes

_LEAST_SIZE, _LARGEST_SIZE = 16, 4096  # pixels of a picture's longer edge


def extract(
    *,
    output: str | os.PathLike[str],
    format: str = "gtiff",  # noqa: A002 (the name of the option)
    overwrite: bool = False,
    max_memory: int = USUAL_MEMORY,
    max_download: int | None = USUAL_DOWNLOAD,
    cache_dir: str | os.PathLike[str] | None = None,
    no_cache: bool = False,
    max_cache: int = USUAL_LIMIT,
    offline: bool = False,
    http: Http | None = None,
    on_progress: OnProgress = lambda progress: None,
    **words: Unpack[RequestParams],
) -> Result:
    """Extract an area as one local GeoTIFF, with the source's own pixels or on another grid.

    Args:
        output: Path of the GeoTIFF. A STAC item is written beside it, as ``.stac.json``.
        format: ``"gtiff"``, or ``"cog"`` for overviews in cloud-optimised order.
        overwrite: Whether an existing output may be replaced.
        max_memory: Bytes that the process may take at its peak, at least 240 million.
        max_download: Most bytes to fetch; an area that needs more is refused before any pixel is
            read. None for any number.
        cache_dir: Folder in which everything that is fetched is kept, for a run that goes on where
            this one was interrupted, and for areas beside this one; None for the system's folder
            for such files.
        no_cache: Whether nothing is kept, and nothing that was kept is used.
        max_cache: Bytes that the cache may take; what was not used for longest goes first.
        offline: Whether all has to come from the cache, and no server is asked.
        http: Client to use; one is made for the call otherwise.
        on_progress: Called with a `Progress` whenever a block is read or written.
        **words: The request:

            * one of ``bbox``, ``aoi``, ``like``, ``nts``, ``point``: the area, as
              `hrdem.request.aoi.parse.AoiParams` tells. The output is the window of all pixels
              of its grid that the area touches;
            * ``crop``: whether pixels whose centre lies outside the area are left without data;
              None for yes where the area is a shape, no where it is a box;
            * ``product``: ``"dtm"`` or ``"dsm"``, alone or with ``-slope``, ``-aspect`` or
              ``-hillshade``; ``"chm"`` for the difference of the two;
            * ``collection``: ``"1m"`` (the default), ``"2m"`` or ``"30m"``;
            * ``fill``: further collections, as ``"2m,30m"`` or a list, for the pixels that the one
              before leaves empty;
            * ``feather``: metres over which a collection is blended into the next at its edge. It
              changes heights; 0, the default, does not;
            * ``source_band``: whether a second band tells the number of the source that each pixel
              came from, as the STAC item and the tag ``HRDEM_SOURCES`` number them;
            * ``crs``: of the output; None for EPSG:3979, that of the source;
            * ``resolution``: pixel size of the output in units of its CRS, a millimetre to 10 km;
              None for the source's own, where that CRS counts in metres. The output's origin lies
              on a multiple of it;
            * ``resampling``: how pixels are computed that are not the source's own: ``"nearest"``,
              ``"bilinear"`` (the default), ``"cubic"``, ``"average"``, and others that GDAL has.
              These four begin from the overview that still has the detail, ``"max"`` and its like
              from all pixels;
            * ``vertical_datum``: ``"CGVD2013"``, that of the data, or ``"CGVD28"``; of
              ``vertical_grid``, the file of their difference, which is looked for or fetched if
              None;
            * ``algorithm``: ``"horn"`` or ``"zevenbergen-thorne"``, for slopes, aspects, shades;
            * ``slope_unit``: ``"degrees"`` or ``"percent"``;
            * ``aspect_north``: ``"true"``, or ``"grid"`` for the upper edge of the raster;
            * ``surveys``: whether the lidar surveys under the area are looked up and told;
            * ``via``: ``"cog"``, ``"vrt"`` or ``"wcs"``; ``"auto"`` takes COGs, and the WCS where
              they cannot be had;
            * ``engine``: ``"gdal"`` reads COGs by GDAL too; ``"auto"`` by hrdem's own reader;
            * ``align``: ``"blocks"`` grows the area to the blocks of the one COG that it lies in,
              and copies them as they are, compressed: the same pixels at the speed of a download;
            * ``stac_url``: root of the STAC API;
            * ``wcs_url``: address of the WCS that serves the same data; None for the live one, if
              the catalogue is the live one;
            * ``wcs_limit``: seconds after which the WCS gives up on a request; pieces are made to
              take a tenth of it;
            * ``on_change``: ``"restart"`` begins again, once, with a source that is published again
              while it is read; ``"stop"``, the default, raises `hrdem.SourceChangedError`.

    Returns:
        What was written and from what. Heights are metres above the vertical datum; the raster is
        in EPSG:3979 unless ``crs`` or ``like`` says otherwise.

    Raises:
        RequestError: If the request makes no sense.
        NoDataError: If there is no data in the area.
        NetworkError: If a server cannot be reached, refuses, or gives what it should not.
        NotCachedError: If something is not in the cache, offline.
        SourceChangedError: If a source was published again meanwhile.
        OutputError: If the output cannot be written, or exists, or the disk has no room for it.
    """
    request = Request.of(**words)
    layout = parse_choice(Format, format, "format")
    if layout is Format.COG and request.align is Align.BLOCKS:
        raise RequestError(
            "`align=blocks` copies compressed blocks as they are, and `format=cog` rearranges "
            "them. Choose one."
        )
    check_limit(max_memory)
    path = Path(output)
    check_output(path, overwrite)
    check_output(stac_path(path), overwrite or is_left_over(path))
    _check_offline(request, offline)
    kept = Session(cache_dir, no_cache, max_cache, offline)
    with kept.client(http, fetches=True) as client, kept.folder() as folder:
        writing = RunOptions(
            path,
            layout=layout,
            overwrite=overwrite,
            max_memory=max_memory,
            cache=folder,
            max_download=max_download,
            on_progress=on_progress,
        )
        done = extract_to_file(request, client, writing)
        reused = client.reused if isinstance(client, CachingHttp) else 0
        received = None if done.received is None else max(0, done.received - reused)
        return replace(done, received=received, reused=reused)


def load(
    *,
    chunks: int | str | Mapping[str, int | str] | None = None,
    masked: bool = False,
    max_memory: int = USUAL_MEMORY,
    max_download: int | None = USUAL_DOWNLOAD,
    cache_dir: str | os.PathLike[str] | None = None,
    no_cache: bool = False,
    max_cache: int = USUAL_LIMIT,
    offline: bool = False,
    http: Http | None = None,
    on_progress: OnProgress = lambda progress: None,
    **words: Unpack[RequestParams],
) -> xarray.DataArray:
    """Load an area as an `xarray.DataArray`: the pixels that `extract` would write, bit for bit.

    It needs xarray, and dask for chunks: ``pip install 'hrdem[xarray]'``.

    Args:
        chunks: None to read now. Else the array is one of dask, cut into chunks of so many pixels
            each way, or ``"auto"``, or -1 for all in one; or such a size for each dimension, as
            ``{"y": 2048, "x": 2048}``, where one that is left out is not cut. What is read of which
            files, in which version, is decided now. Each chunk is read when it is computed, and
            reads only what bears on it, one chunk at a time in a process. Chunks of 512 pixels or a
            multiple take the least work.
        masked: Whether pixels without data are NaN, and whole numbers become floating point. They
            have the nodata value otherwise.
        max_memory: Bytes that the process may take at its peak beside arrays, at least 240 million.
            Pixels pass through a compressed file in the system's folder for such files.
        max_download: As for `extract`; of chunks no sum is made.
        cache_dir: As for `extract`, like the three that follow.
        no_cache: Likewise.
        max_cache: Likewise.
        offline: Likewise.
        http: Client to use, to be left open for as long as chunks are read; one is made for the
            call, and for each chunk, otherwise.
        on_progress: Called with a `Progress` whenever a block is read, of each chunk by itself.
        **words: The request, as for `extract`, but for ``source_band`` and ``align="blocks"``,
            which are of files.

    Returns:
        An array of dimensions ``("y", "x")``, north first, named by the product. The coordinates
        ``x`` and ``y`` are centres of pixels in units of the CRS, which ``spatial_ref`` holds, with
        the vertical datum of heights. ``_FillValue`` is the nodata value: in ``attrs``, or, if
        masked, in ``encoding``. Further attributes are the tags of `extract`'s files.

    Raises:
        MissingLibraryError: If xarray is not installed, or dask for chunks.
        RequestError: If the request makes no sense.
        NoDataError: If there is no data in the area. A chunk without any is no error.
        NetworkError: If a server cannot be reached, refuses, or gives what it should not; for
            chunks also when they are computed, as all that follow.
        NotCachedError: If something is not in the cache, offline.
        SourceChangedError: If a source was published again meanwhile.
        OutputError: If the disk does not take the file that pixels pass through.
    """
    request = Request.of(**words)
    check_limit(max_memory)
    _check_offline(request, offline)
    try:
        if chunks is not None:
            import dask.array  # noqa: F401, PLC0415 (looked for before any work)

        from hrdem.jobs import load as load_job  # noqa: PLC0415 (xarray is optional)
    except ModuleNotFoundError as exc:
        missing = str(exc.name).partition(".")[0]
        raise MissingLibraryError(
            f"hrdem.load makes arrays of xarray, with chunks those of dask, and {missing} is not "
            "installed: pip install 'hrdem[xarray]'. hrdem.extract writes files without it.",
            name=missing,
        ) from exc
    kept = Session(cache_dir, no_cache, max_cache, offline)
    reading = load_job.LoadContext(
        connect=functools.partial(kept.client, http, _services_of(request), fetches=True),
        hold=kept.hold,
        folder=kept.folder,
        max_memory=max_memory,
        max_download=max_download,
        on_progress=on_progress,
    )
    return load_job.load(request, reading, chunks, masked=masked)


def plan(
    *,
    cache_dir: str | os.PathLike[str] | None = None,
    no_cache: bool = False,
    max_cache: int = USUAL_LIMIT,
    offline: bool = False,
    http: Http | None = None,
    **words: Unpack[RequestParams],
) -> Plan:
    """Tell what `extract` would read and write; words and errors are the same."""
    request = Request.of(**words)
    _check_offline(request, offline)
    with Session(cache_dir, no_cache, max_cache, offline).client(http) as client:
        return make_plan(request, client)


def estimate(
    plan: Plan,
    *,
    cache_dir: str | os.PathLike[str] | None = None,
    no_cache: bool = False,
    max_cache: int = USUAL_LIMIT,
    offline: bool = False,
    http: Http | None = None,
) -> Estimate:
    """Estimate what running a plan would transfer and how much of the area has data.

    Args:
        plan: From `hrdem.plan`.
        cache_dir: As for `extract`, like the four that follow.
        no_cache: Likewise.
        max_cache: Likewise.
        offline: Likewise.
        http: Likewise.

    Raises:
        NetworkError: If a file cannot be read.
        NotCachedError: If something is not in the cache, offline.
        SourceChangedError: If a file changed since the plan was made.
    """
    kept = Session(cache_dir, no_cache, max_cache, offline)
    with kept.client(http, _services_of(plan.request)) as client:
        return estimate_plan(plan, client)


def preview(
    *,
    product: str,
    output: str | os.PathLike[str],
    collection: str = DEFAULT_COLLECTION,
    size: int = 1024,
    wms_url: str = LIVE_WMS_URL,
    stac_url: str = LIVE_STAC_URL,
    overwrite: bool = False,
    cache_dir: str | os.PathLike[str] | None = None,
    no_cache: bool = False,
    max_cache: int = USUAL_LIMIT,
    offline: bool = False,
    http: Http | None = None,
    **area: Unpack[AoiParams],
) -> Picture:
    """Make a picture of an area, to look at it before anything is extracted.

    The WMS draws it. If it does not, a warning says why, and the picture is drawn here from the
    overviews of the COGs.

    Args:
        product: ``"dtm"`` or ``"dsm"``, alone for heights, or with ``-hillshade``, ``-slope`` or
            ``-aspect``.
        output: Path of the PNG. A world file is written beside it, as ``.pgw``.
        collection: Where the overviews are taken from; a WMS decides for itself.
        size: Pixels of the longer edge, 16 to 4096; pixels are about as wide as high on the
            ground. To draw 4096 x 4096 pixels here takes about 1 GB of memory.
        wms_url: Address of the WMS.
        stac_url: Root of the STAC API.
        overwrite: Whether an existing output may be replaced.
        cache_dir: As for `extract`, like the four that follow.
        no_cache: Likewise.
        max_cache: Likewise.
        offline: Likewise.
        http: Likewise.
        **area: The area, as for `extract`. The picture is exactly a ``bbox``, in ``bbox_crs``, or
            the box in EPSG:3979 around another area.

    Returns:
        What was written and what made it.

    Raises:
        RequestError: If the request makes no sense.
        NoDataError: If there is no data in the area.
        NetworkError: If neither the WMS nor the files can be had.
        NotCachedError: If neither is in the cache, offline.
        SourceChangedError: If a file was published again meanwhile.
        OutputError: If the picture cannot be written, or exists.
    """
    layer = get_layer(product)
    (surface,) = layer.surfaces
    request = Request.of(
        **area, product=surface, collection=collection, via="cog", stac_url=stac_url
    )
    if not _LEAST_SIZE <= size <= _LARGEST_SIZE:
        raise RequestError(
            f"A picture of {size} pixels was requested. Give a `size` from {_LEAST_SIZE} to "
            f"{_LARGEST_SIZE}."
        )
    path = Path(output)
    if path.suffix.lower() != ".png":
        raise RequestError(f"The picture is a PNG: give {path} a name that ends in .png.")
    box, crs = request.aoi.bounds, NATIVE_CRS
    if (bbox := area.get("bbox")) is not None and not area.get("buffer"):
        west, south, east, north = map(float, bbox)
        box, crs = (west, south, east, north), area.get("bbox_crs") or "EPSG:4326"
    grid = fit_grid(box, crs, size)
    address = check_url(wms_url, "WMS")
    with Session(cache_dir, no_cache, max_cache, offline).client(http) as client:
        return make_picture(request, layer, grid, address, path, client, overwrite=overwrite)


def search(
    *,
    collection: str = DEFAULT_COLLECTION,
    stac_url: str = LIVE_STAC_URL,
    cache_dir: str | os.PathLike[str] | None = None,
    no_cache: bool = False,
    max_cache: int = USUAL_LIMIT,
    offline: bool = False,
    http: Http | None = None,
    **area: Unpack[AoiParams],
) -> list[Item]:
    """Find the catalogue's items that share an area with another, sorted by sub-tile.

    That an item is there does not mean that there are pixels: its outline is that of a whole
    500 km tile. Arguments are those of `extract`.

    Raises:
        RequestError: If the request makes no sense.
        NetworkError: If the catalogue cannot be searched.
        NotCachedError: If its answer is not in the cache, offline.
    """
    request = Request.of(**area, product="dsm", collection=collection, stac_url=stac_url)
    with Session(cache_dir, no_cache, max_cache, offline).client(http) as client:
        return find_intersecting_items(request.aoi, request.collection, request.stac_url, client)


def assets(
    item: str,
    *,
    product: str | None = None,
    kind: str | None = None,
    stac_url: str = LIVE_STAC_URL,
    cache_dir: str | os.PathLike[str] | None = None,
    no_cache: bool = False,
    max_cache: int = USUAL_LIMIT,
    offline: bool = False,
    http: Http | None = None,
) -> list[Asset]:
    """List the files of an item, by key.

    Args:
        item: Id of the item, for example ``"9_2-mosaic-1m"``.
        product: Only those of this product.
        kind: Only ``"cog"`` or only ``"vrt"``.
        stac_url: Root of the STAC API.
        cache_dir: As for `extract`, like the four that follow.
        no_cache: Likewise.
        max_cache: Likewise.
        offline: Likewise.
        http: Likewise.

    Raises:
        RequestError: If the product or the kind is unknown.
        NoDataError: If there is no such item.
        NetworkError: If the catalogue cannot be asked.
        NotCachedError: If its answer is not in the cache, offline.
    """
    products = [get_product(product)] if product else [get_product(p) for p in ("dtm", "dsm")]
    kinds = list(AssetKind) if kind is None else [parse_choice(AssetKind, kind, "kind of asset")]
    with Session(cache_dir, no_cache, max_cache, offline).client(http) as client:
        found = get_item(item, normalize_stac_url(stac_url), client)
    if product is None and kind is None:
        return list(found.assets)
    wanted = {each.asset_key(way) for each in products for way in kinds}
    return [asset for asset in found.assets if asset.key in wanted]


def doctor(
    *,
    stac_url: str = LIVE_STAC_URL,
    wcs_url: str | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    max_cache: int = USUAL_LIMIT,
    http: Http | None = None,
) -> Iterator[Check]:
    """Look at whether hrdem can work here: versions, PROJ, cache, network, STAC API, files, WCS.

    Each `Check` comes as it is done, with the fix for what is wrong; errors are among the checks.

    Args:
        stac_url: Root of the STAC API.
        wcs_url: Address of the WCS; None for the live one, if the catalogue is the live one.
        cache_dir: Folder of the cache; None for the system's folder for such files.
        max_cache: Bytes that the cache may take.
        http: Client to use; one that is less patient than usual is made otherwise.

    Raises:
        RequestError: If an address makes no sense.
    """
    coverages = default_wcs_url(stac_url) if wcs_url is None else check_url(wcs_url, "WCS")
    return examine(normalize_stac_url(stac_url), coverages, http, Cache(cache_dir, max_cache))


def _check_offline(request: Request, offline: bool) -> None:
    """Make sure that what is asked for can come from the cache."""
    if not offline:
        return
    uncached = {
        "`via=vrt`": request.via is Via.VRT,
        "`engine=gdal`": request.engine is Engine.GDAL,
        "`surveys`": request.surveys,
    }
    for parameter, is_set in uncached.items():
        if is_set:
            raise RequestError(
                f"`offline` reads only the cache, but {parameter} reads through GDAL, which cannot "
                "use it. Leave one of them out."
            )


def _services_of(request: Request) -> list[str]:
    """Return the addresses of services that a request names, which may lie anywhere."""
    return [url for url in (request.stac_url, request.wcs_url) if url is not None]
