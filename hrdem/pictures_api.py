"""The public functions for pictures; `hrdem.api` has the others."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Unpack

from hrdem.errors import RequestError
from hrdem.geo.crs import NATIVE_CRS
from hrdem.geo.datum import link_crs
from hrdem.geo.ground import fit_grid
from hrdem.http.client_settings import ClientSettings
from hrdem.http.protocol import Http
from hrdem.jobs.preview import Picture, make_picture
from hrdem.jobs.view import View, ViewOptions, view_raster
from hrdem.request import area_fields, fields, picture_fields, product_fields, service_fields
from hrdem.request.endpoints import check_url
from hrdem.request.options import Language, RampName
from hrdem.request.params import PreviewParams, ViewParams
from hrdem.request.products import get_layer
from hrdem.request.protocols import PathLike
from hrdem.request.request import Request
from hrdem.request.signature import select, takes
from hrdem.runtime.gdal_env import pinned_gdal

MIN_PREVIEW_PIXELS, MAX_PREVIEW_PIXELS = 16, 4096  # of a preview's longer edge
MIN_MAP_PIXELS, MAX_MAP_PIXELS = 64, 2048  # of a map's longer edge


@takes(fields.PREVIEW)
@pinned_gdal()
def preview(*, http: Http | None = None, **params: Unpack[PreviewParams]) -> Picture:
    """Draw an area as a PNG, for a quick look before an extraction.

    The WMS draws it. If it fails, a warning gives the reason, and the picture is drawn from the
    overviews of the COGs.

    Args:
        http: `hrdem.Session` to share with other calls; None creates a client for the call.
        **params: See `hrdem.extract` for area and cache. The picture is exactly ``bbox``, in
            ``bbox_crs``, or the bounding box in EPSG:3979 of another area. Further:

            * ``product``: ``"dtm"`` or ``"dsm"``, alone for heights, or with ``-slope``,
              ``-aspect`` or ``-hillshade``;
            * ``output``: path of the PNG, which ends in ``.png``. Beside it, a world file ``.pgw``
              states its position, and ``.png.aux.xml`` its CRS, for GDAL and QGIS;
            * ``overwrite``: whether an existing output may be replaced;
            * ``size``: pixels of the longer edge, which are about as wide as high on the ground; or
              a number of columns and one of rows. 16 to 4096 each. Drawing 4096 x 4096 pixels
              without the WMS takes about 1 GB of memory;
            * ``wms_url``: address of the WMS 1.3.0;
            * ``collection`` and ``stac_url``: source of the overviews; the WMS has its own.

    Returns:
        The files, and whether the WMS drew the picture.

    Raises:
        RequestError: If the request is invalid.
        NoDataError: If there is no data in the area.
        NetworkError: If neither the WMS nor the files are available.
        NotCachedError: If ``offline`` is set and neither is cached.
        SourceChangedError: If a file was republished while it was read.
        OutputError: If the picture exists or cannot be written.
    """
    values: dict[str, Any] = {**params}
    layer = get_layer(values["product"])
    (surface,) = layer.surfaces
    request = Request.of(
        **select(values, (*area_fields.AREA, product_fields.COLLECTION, service_fields.STAC_URL)),
        product=surface,
        via="cog",
    )
    if request.collection.by_survey:
        raise RequestError(
            "There is no preview of single surveys. Choose another `collection`, or extract them."
        )
    size, path = values["size"], Path(values["output"])
    edges = (size,) if isinstance(size, int) else size
    if not all(MIN_PREVIEW_PIXELS <= edge <= MAX_PREVIEW_PIXELS for edge in edges):
        raise RequestError(
            f"A picture of {' x '.join(map(str, edges))} pixels was requested. Give a `size` from "
            f"{MIN_PREVIEW_PIXELS} to {MAX_PREVIEW_PIXELS}."
        )
    box, crs = request.aoi.bounds, NATIVE_CRS
    if (bbox := values["bbox"]) is not None and not values["buffer"]:
        west, south, east, north = map(float, bbox)
        box, crs = (west, south, east, north), values["bbox_crs"] or "EPSG:4326"
        allow = values["allow_inaccurate_datum"]
        crs = link_crs(crs, box, crs, allow_inaccurate=allow)
    grid = fit_grid(box, crs, size)
    address = check_url(values["wms_url"], "WMS")
    with ClientSettings(**select(values, service_fields.CACHE)).client(http) as client:
        return make_picture(
            request, layer, grid, address, path, client, overwrite=values["overwrite"]
        )


@takes(picture_fields.VIEW)
def view(file: PathLike, **params: Unpack[ViewParams]) -> View:
    """Draw a raster as a map with a legend, or read what a terminal can draw of it.

    Heights are drawn as shaded relief in colours, other products each in a ramp of its own, bands
    of sources in a colour for each. Pixels without data are hatched. A large file is read through
    its overviews, or decimated.

    Args:
        file: Local raster, such as `extract` writes.
        **params: All other parameters:

            * ``output``: PNG to write; None writes none;
            * ``band``: number or name of the band, the first by default;
            * ``ramp``: ``"elevation"``, ``"hillshade"``, ``"slope"``, ``"aspect"``, ``"chm"``,
              ``"difference"`` or ``"classes"``; by default that of the product which the file
              names;
            * ``size``: longer edge of the map, pixels, 64 to 2048; statistics are of no more
              pixels;
            * ``title``: title, by default that of the product;
            * ``language``: ``"en"`` or ``"fr"``;
            * ``overwrite``: whether an existing picture may be replaced.

    Returns:
        Statistics and histogram of the pixels of the picture, and its path.

    Raises:
        RequestError: If the file is no local raster, or a parameter is invalid.
        OutputError: If the picture cannot be written.
        MissingLibraryError: If ``output`` is given, and matplotlib is not installed (extra
            ``plot``).
    """
    values: dict[str, Any] = {**params}
    size, ramp = values["size"], values["ramp"]
    if not MIN_MAP_PIXELS <= size <= MAX_MAP_PIXELS:
        raise RequestError(
            f"`size` is {size}, and a map has {MIN_MAP_PIXELS} to {MAX_MAP_PIXELS} pixels. Give "
            "a number between them."
        )
    options = ViewOptions(
        values["band"],
        None if ramp is None else RampName(ramp),
        size,
        Language(values["language"]),
        values["title"],
        values["overwrite"],
    )
    output = values["output"]
    return view_raster(file, None if output is None else Path(output), options)
