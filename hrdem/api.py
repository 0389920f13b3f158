"""The Python functions that the command line is a thin skin on."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from hrdem import extraction
from hrdem.budget import USUAL_MEMORY, check_limit
from hrdem.catalog import Asset, Item, item_with_id, items_touching
from hrdem.diagnosis import Check, examine
from hrdem.errors import RequestError
from hrdem.extraction import OnProgress, Writing
from hrdem.forecast import Forecast, make_forecast
from hrdem.ground import grid_of_box
from hrdem.http.client import HttpClient
from hrdem.http.protocol import Http
from hrdem.output import check_output
from hrdem.picture import Picture, make_picture
from hrdem.planning import Plan, make_plan
from hrdem.products import AssetKind, asset_key, layer_named, product_named
from hrdem.report import Result, stac_path
from hrdem.request import (
    DEFAULT_COLLECTION,
    LIVE_STAC_URL,
    LIVE_WCS_URL,
    LIVE_WMS_URL,
    WCS_LIMIT,
    Align,
    Request,
    checked_url,
    choice,
    stac_root,
)
from hrdem.write import Format

_LEAST_SIZE, _LARGEST_SIZE = 16, 4096  # pixels of a picture's longer edge


def extract(
    *,
    bbox: Sequence[float],
    product: str,
    output: str | os.PathLike[str],
    bbox_crs: str = "EPSG:4326",
    collection: str = DEFAULT_COLLECTION,
    via: str = "auto",
    engine: str = "auto",
    align: str = "pixels",
    crs: str | None = None,
    resolution: float | None = None,
    resampling: str = "bilinear",
    stac_url: str = LIVE_STAC_URL,
    wcs_url: str | None = None,
    wcs_limit: float = WCS_LIMIT,
    format: str = "gtiff",  # noqa: A002 (the name of the option)
    overwrite: bool = False,
    max_memory: int = USUAL_MEMORY,
    cache_dir: str | os.PathLike[str] | None = None,
    http: Http | None = None,
    on_progress: OnProgress = lambda progress: None,
) -> Result:
    """Extract an area as one local GeoTIFF, with the source's own pixels or on another grid.

    Args:
        bbox: West, south, east, north in ``bbox_crs``. The output is the window of all pixels of
            its grid that the box touches.
        product: ``"dtm"`` or ``"dsm"``.
        output: Path of the GeoTIFF. A STAC item is written beside it, as ``.stac.json``.
        bbox_crs: CRS of the box. EPSG:4326 is taken as NAD83(CSRS), the datum of the data.
        collection: ``"1m"``, ``"2m"`` or ``"30m"``.
        via: ``"cog"``, ``"vrt"`` or ``"wcs"``; ``"auto"`` takes COGs, and the WCS where they cannot
            be had.
        engine: ``"gdal"`` reads COGs by GDAL too; ``"auto"`` by hrdem's own reader.
        align: ``"blocks"`` grows the area to the blocks of the one COG that it lies in, and copies
            them as they are, compressed: the same pixels at the speed of a download.
        crs: CRS of the output; None for EPSG:3979, that of the source.
        resolution: Pixel size of the output in units of its CRS, a millimetre to 10 km; None for
            the source's own, where that CRS counts in metres. The output's origin lies on a
            multiple of it.
        resampling: How pixels are computed that are not the source's own: ``"nearest"``,
            ``"bilinear"``, ``"cubic"``, ``"average"``, and others that GDAL has. These four begin
            from the overview that still has the detail, ``"max"`` and its like from all pixels.
        stac_url: Root of the STAC API.
        wcs_url: Address of the WCS that serves the same data; None for the live one, if the
            catalogue is the live one.
        wcs_limit: Seconds after which the WCS gives up on a request; pieces are made to take a
            tenth of it.
        format: ``"gtiff"``, or ``"cog"`` for overviews in cloud-optimised order.
        overwrite: Whether an existing output may be replaced.
        max_memory: Bytes that the process may take at its peak, at least 240 million.
        cache_dir: Folder in which pieces of a WCS coverage are kept until all have come; None for
            the system's folder for such files.
        http: Client to use; one is made for the call otherwise.
        on_progress: Called with a `Progress` whenever a block of the output is written.

    Returns:
        What was written and from what. The raster is in metres above CGVD2013, and in EPSG:3979
        unless ``crs`` says otherwise.

    Raises:
        RequestError: If the request makes no sense.
        NoDataError: If there is no data in the area.
        NetworkError: If a server cannot be reached, refuses, or gives what it should not.
        SourceChangedError: If a source was published again meanwhile.
        OutputError: If the output cannot be written, or exists.
    """
    request = Request.of(
        bbox=bbox,
        bbox_crs=bbox_crs,
        product=product,
        collection=collection,
        via=via,
        engine=engine,
        align=align,
        crs=crs,
        resolution=resolution,
        resampling=resampling,
        stac_url=stac_url,
        wcs_url=wcs_url,
        wcs_limit=wcs_limit,
    )
    layout = choice(Format, format, "format")
    if layout is Format.COG and request.align is Align.BLOCKS:
        raise RequestError(
            "--align blocks copies blocks as they are, --format cog arranges them anew: choose one."
        )
    check_limit(max_memory)
    path = Path(output)
    check_output(path, overwrite)
    check_output(stac_path(path), overwrite)
    writing = Writing(
        path,
        layout=layout,
        overwrite=overwrite,
        max_memory=max_memory,
        cache=None if cache_dir is None else Path(cache_dir),
        on_progress=on_progress,
    )
    with _client(http) as client:
        return extraction.extract(request, client, writing)


def plan(
    *,
    bbox: Sequence[float],
    product: str,
    bbox_crs: str = "EPSG:4326",
    collection: str = DEFAULT_COLLECTION,
    via: str = "auto",
    engine: str = "auto",
    align: str = "pixels",
    crs: str | None = None,
    resolution: float | None = None,
    resampling: str = "bilinear",
    stac_url: str = LIVE_STAC_URL,
    wcs_url: str | None = None,
    wcs_limit: float = WCS_LIMIT,
    http: Http | None = None,
) -> Plan:
    """Tell what `extract` would read and write; arguments and errors are the same."""
    request = Request.of(
        bbox=bbox,
        bbox_crs=bbox_crs,
        product=product,
        collection=collection,
        via=via,
        engine=engine,
        align=align,
        crs=crs,
        resolution=resolution,
        resampling=resampling,
        stac_url=stac_url,
        wcs_url=wcs_url,
        wcs_limit=wcs_limit,
    )
    with _client(http) as client:
        return make_plan(request, client)


def estimate(plan: Plan, *, http: Http | None = None) -> Forecast:
    """Estimate what running a plan would transfer and how much of the area has data.

    Raises:
        NetworkError: If a file cannot be read.
        SourceChangedError: If a file changed since the plan was made.
    """
    with _client(http) as client:
        return make_forecast(plan, client)


def preview(
    *,
    bbox: Sequence[float],
    product: str,
    output: str | os.PathLike[str],
    bbox_crs: str = "EPSG:4326",
    collection: str = DEFAULT_COLLECTION,
    size: int = 1024,
    wms_url: str = LIVE_WMS_URL,
    stac_url: str = LIVE_STAC_URL,
    overwrite: bool = False,
    http: Http | None = None,
) -> Picture:
    """Make a picture of a box, to look at it before anything is extracted.

    The WMS draws it. If it does not, a warning says why, and the picture is drawn here from the
    overviews of the COGs.

    Args:
        bbox: West, south, east, north in ``bbox_crs``. The picture is exactly that box.
        product: ``"dtm"`` or ``"dsm"``, alone for heights, or with ``-hillshade``, ``-slope`` or
            ``-aspect``.
        output: Path of the PNG. A world file is written beside it, as ``.pgw``.
        bbox_crs: CRS of the box, and so of the picture.
        collection: Where the overviews are taken from; a WMS decides for itself.
        size: Pixels of the longer edge, 16 to 4096; pixels are about as wide as high on the
            ground. To draw 4096 x 4096 pixels here takes about 1 GB of memory.
        wms_url: Address of the WMS.
        stac_url: Root of the STAC API.
        overwrite: Whether an existing output may be replaced.
        http: Client to use; one is made for the call otherwise.

    Returns:
        What was written and what made it.

    Raises:
        RequestError: If the request makes no sense.
        NoDataError: If there is no data in the area.
        NetworkError: If neither the WMS nor the files can be had.
        SourceChangedError: If a file was published again meanwhile.
        OutputError: If the picture cannot be written, or exists.
    """
    layer = layer_named(product)
    request = Request.of(
        bbox=bbox,
        bbox_crs=bbox_crs,
        product=layer.product.name,
        collection=collection,
        via="cog",
        stac_url=stac_url,
    )
    if not _LEAST_SIZE <= size <= _LARGEST_SIZE:
        raise RequestError(
            f"A picture of {size} pixels was asked for; --size is {_LEAST_SIZE} to {_LARGEST_SIZE}."
        )
    path = Path(output)
    if path.suffix.lower() != ".png":
        raise RequestError(f"The picture is a PNG: give {path} a name that ends in .png.")
    west, south, east, north = map(float, bbox)
    grid = grid_of_box((west, south, east, north), bbox_crs, size)
    address = checked_url(wms_url, "WMS")
    with _client(http) as client:
        return make_picture(request, layer, grid, address, path, client, overwrite=overwrite)


def search(
    *,
    bbox: Sequence[float],
    bbox_crs: str = "EPSG:4326",
    collection: str = DEFAULT_COLLECTION,
    stac_url: str = LIVE_STAC_URL,
    http: Http | None = None,
) -> list[Item]:
    """Find the catalogue's items that share an area with a box, sorted by sub-tile.

    That an item is there does not mean that there are pixels: its outline is that of a whole
    500 km tile. Arguments are those of `extract`.

    Raises:
        RequestError: If the request makes no sense.
        NetworkError: If the catalogue cannot be searched.
    """
    request = Request.of(
        bbox=bbox, bbox_crs=bbox_crs, product="dsm", collection=collection, stac_url=stac_url
    )
    with _client(http) as client:
        return items_touching(request.aoi, request.collection, request.stac_url, client)


def assets(
    item: str,
    *,
    product: str | None = None,
    kind: str | None = None,
    stac_url: str = LIVE_STAC_URL,
    http: Http | None = None,
) -> list[Asset]:
    """List the files of an item, by key.

    Args:
        item: Id of the item, for example ``"9_2-mosaic-1m"``.
        product: Only those of this product.
        kind: Only ``"cog"`` or only ``"vrt"``.
        stac_url: Root of the STAC API.
        http: Client to use; one is made for the call otherwise.

    Raises:
        RequestError: If the product or the kind is unknown.
        NoDataError: If there is no such item.
        NetworkError: If the catalogue cannot be asked.
    """
    products = [product_named(product)] if product else [product_named(p) for p in ("dtm", "dsm")]
    kinds = list(AssetKind) if kind is None else [choice(AssetKind, kind, "kind of asset")]
    with _client(http) as client:
        found = item_with_id(item, stac_root(stac_url), client)
    if product is None and kind is None:
        return list(found.assets)
    wanted = {asset_key(each, way) for each in products for way in kinds}
    return [asset for asset in found.assets if asset.key in wanted]


def doctor(
    *,
    stac_url: str = LIVE_STAC_URL,
    wcs_url: str = LIVE_WCS_URL,
    http: Http | None = None,
) -> Iterator[Check]:
    """Look at whether hrdem can work here: versions, PROJ, network, STAC API, files, WCS.

    Each `Check` comes as it is done, with the fix for what is wrong; errors are among the checks.

    Args:
        stac_url: Root of the STAC API.
        wcs_url: Address of the WCS.
        http: Client to use; one that is less patient than usual is made otherwise.

    Raises:
        RequestError: If an address makes no sense.
    """
    return examine(stac_root(stac_url), checked_url(wcs_url, "WCS"), http)


@contextlib.contextmanager
def _client(http: Http | None) -> Iterator[Http]:
    if http is not None:
        yield http
    else:
        with HttpClient() as client:
            yield client
