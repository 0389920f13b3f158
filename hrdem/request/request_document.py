"""Requests as JSON: the parameters that a request is made again from, and its area.

Parameters are those of `hrdem.extract`, all of them: a later version that has more takes their
defaults, and checks every value as one of a user.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import shapely

from hrdem.errors import RequestError
from hrdem.geo.crs import describe_crs
from hrdem.geo.datum import get_operation, link_crs
from hrdem.geo.datum_operations import DatumOperation
from hrdem.geo.grid import Grid
from hrdem.request.aoi.aoi import Aoi
from hrdem.request.aoi.parse import ParsedAoi
from hrdem.request.field import Field
from hrdem.request.output_grid import check_origin
from hrdem.request.product_fields import GRID, PRODUCT
from hrdem.request.request import Request
from hrdem.request.service_fields import SERVICE
from hrdem.request.signature import complete
from hrdem.runtime.redaction import redact_secrets

MAX_OUTLINE_BYTES = 256 << 20  # of the outline of an area, uncompressed
GRID_KEYS = ("crs", "transform", "width", "height")
FIELDS = tuple(field for field in (*PRODUCT, *GRID, *SERVICE) if field.name != "size")
_DAMAGE = (
    AttributeError,
    LookupError,
    OverflowError,
    TypeError,
    ValueError,
    zlib.error,
    shapely.errors.ShapelyError,
)


def list_parameters(request: Request) -> dict[str, Any]:
    """Return the parameters of a request besides its area, as JSON-ready values."""
    values = {field.name: getattr(request, field.name) for field in FIELDS}
    grid = {} if request.like is None else {"crs": None, "resolution": None}
    return {
        **values,
        "product": request.product.name,
        "collection": request.collection.name,
        "fill": [tier.name for tier in request.fill],
        "crs": str(request.crs),
        "vertical_grid": request.vertical_grid and str(request.vertical_grid),
        **grid,
    }


def rebuild_request(aoi: Aoi, like: Grid | None, parameters: Mapping[str, Any]) -> Request:
    """Return the request with these parameters.

    Args:
        aoi: Its area.
        like: Grid of its output, if it is that of a raster or an exact one.
        parameters: From `list_parameters`.

    Raises:
        RequestError: If a parameter is unknown, missing or invalid.
        NoDataError: If the area reaches where there can be no data.
    """
    values = complete_recorded(FIELDS, parameters)
    if like is None:
        check_origin(values | {"like": None})
    values["allow_inaccurate_datum"] = True  # as it was allowed
    return Request.in_area(ParsedAoi(aoi, is_polygon=False, grid=like), values)


def complete_recorded(table: Sequence[Field], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of all fields as `complete` does, of values from a file.

    Raises:
        RequestError: If one is unknown, missing or invalid.
    """
    try:
        return complete(table, values)
    except TypeError as exc:  # what a Python user gets for an unknown keyword
        raise RequestError(
            f"The request is damaged, or of a later version of hrdem: {exc}"
        ) from exc


def encode_request(request: Request) -> dict[str, Any]:
    """Return a request as JSON-ready values, without secrets and without paths.

    The outline of the area is exact: WKB, compressed, in base64; what follows from it is left out.
    """
    parameters = list_parameters(request) | {"vertical_grid": None}
    for name in ("stac_url", "wcs_url"):
        parameters[name] = parameters[name] and redact_secrets(parameters[name])
    aoi, like = request.aoi, request.like
    outline = zlib.compress(shapely.to_wkb(aoi.outline, byte_order=1), level=1)  # as small as by 9
    return {
        "parameters": parameters,
        "area": {
            "label": aoi.label,
            "crs": str(aoi.crs),
            "outline": base64.b64encode(outline).decode("ascii"),
            "operation": aoi.operation and asdict(aoi.operation),
        },
        "crs_operation": (operation := get_operation(request.crs)) and operation.name,
        "grid": like
        and {
            "crs": str(like.crs),
            "transform": list(like.transform)[:6],
            "width": like.width,
            "height": like.height,
        },
    }


def decode_request(document: Mapping[str, Any], **replaced: Any) -> Request:
    """Return the request that `encode_request` encoded.

    Args:
        document: Its JSON.
        **replaced: Parameters that take the place of those in it.

    Raises:
        RequestError: If it is damaged, or a value in it is invalid.
        NoDataError: If the area reaches where there can be no data.
    """
    try:
        aoi = _decode_area(document["area"])
        grid = document["grid"]
        like = None if grid is None else _decode_grid(grid, aoi)
        parameters = {**document["parameters"], **replaced}
        operation = document["crs_operation"]
    except RequestError:  # also a ValueError
        raise
    except _DAMAGE as exc:
        raise RequestError(f"The request is damaged ({exc!r}). Extract the area again.") from exc
    request = rebuild_request(aoi, like, parameters)
    _check_operation(request.crs, operation)
    return request


def _decode_area(values: Mapping[str, Any]) -> Aoi:
    content = base64.b64decode(values["outline"], validate=True)
    unpacker = zlib.decompressobj()
    outline = shapely.from_wkb(unpacker.decompress(content, MAX_OUTLINE_BYTES))
    if unpacker.unconsumed_tail or outline.is_empty or not outline.is_valid:
        raise ValueError("no outline")
    aoi = Aoi.from_shape(outline, values["crs"], values["label"], allow_inaccurate_datum=True)
    if values["operation"] is None:
        return aoi
    lists = {name: tuple(map(str, values["operation"][name])) for name in ("grids", "steps")}
    operation = DatumOperation(**{**values["operation"], **lists})
    if get_operation(aoi.crs):  # else that of the area before it was widened
        _check_operation(aoi.crs, operation.name)
    return replace(aoi, operation=operation)


def _check_operation(crs: str, wanted: str | None) -> None:
    """Check that this machine brings a CRS to NAD83(CSRS) by the operation that was recorded."""
    here = get_operation(crs)
    if (here and here.name) != wanted:
        raise RequestError(
            f"{describe_crs(crs)} was brought to NAD83(CSRS) by {wanted or 'nothing'}, and this "
            f"machine has {here.name if here else 'nothing'}. Install the same grids of PROJ."
        )


def _decode_grid(values: Mapping[str, Any], aoi: Aoi) -> Grid:
    from hrdem.request.aoi.like import read_template  # noqa: PLC0415 (only for reruns)

    grid, _ = read_template({name: values[name] for name in GRID_KEYS})
    if grid.bounds != aoi.outline.bounds:
        raise ValueError("another area than that of the grid")
    return replace(grid, crs=link_crs(grid.crs, grid.bounds, grid.crs, allow_inaccurate=True))
