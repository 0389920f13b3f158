"""The public function for pictures of rasters; `hrdem.api` has the others."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Unpack

from hrdem.errors import RequestError
from hrdem.jobs.view import View, ViewOptions, view_raster
from hrdem.request import picture_fields
from hrdem.request.options import Language, RampName
from hrdem.request.params import ViewParams
from hrdem.request.protocols import PathLike
from hrdem.request.signature import takes

MIN_SIZE_PIXELS, MAX_SIZE_PIXELS = 64, 2048  # of a map's longer edge


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
    if not MIN_SIZE_PIXELS <= size <= MAX_SIZE_PIXELS:
        raise RequestError(
            f"`size` is {size}, and a map has {MIN_SIZE_PIXELS} to {MAX_SIZE_PIXELS} pixels. Give "
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
