"""Job files: a job as JSON, which every worker loads once.

The document has no pickle and no secret in it. Its hash names the job in the items of all tiles.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import shapely
from affine import Affine
from cattrs import Converter
from cattrs.errors import StructureHandlerNotFoundError
from cattrs.gen import make_dict_structure_fn, override

from hrdem._version import __version__
from hrdem.errors import RequestError
from hrdem.geo.crs import NATIVE_CRS
from hrdem.geo.datum import LinkedCrs, link_crs
from hrdem.geo.grid import Grid
from hrdem.planning.feather import Feather
from hrdem.planning.mosaic import Mosaic, PlannedSource
from hrdem.planning.plan import Plan, Tier
from hrdem.planning.query import MosaicQuery
from hrdem.request.aoi.aoi import Aoi
from hrdem.request.products import PRODUCTS, Collection, get_collection
from hrdem.request.request import Request
from hrdem.request.request_document import list_parameters, rebuild_request
from hrdem.runtime.gdal_env import pinned_gdal
from hrdem.sources.cog import CogFile
from hrdem.sources.protocol import RasterFile
from hrdem.tiling.job import Job, JobOptions, Tile

FORMAT_VERSION = 2


def seal_job(job: Job) -> Job:
    """Return a job with the hash of its document."""
    return replace(job, sha256=_hash(_encode(job)))


def encode_job(job: Job) -> bytes:
    """Encode a job as JSON that begins with its hash (see `format_hash`)."""
    document = _dump({"hrdem": __version__, **_encode(job)})
    return format_hash(job.sha256) + document.removeprefix(b"{")


def format_hash(sha256: str) -> bytes:
    """Return the beginning of the document of a job, which distinguishes it from others."""
    return f'{{"sha256": "{sha256}", '.encode()


@pinned_gdal()
def decode_job(content: bytes, name: str = "job.json", *, is_replaced: bool = False) -> Job:
    """Decode a job.

    Args:
        content: What `encode_job` returned.
        name: Name of the file in messages.
        is_replaced: Whether the job is to be replaced: it may then be altered, and its tiles have
            no keys, so that none is kept.

    Raises:
        RequestError: If it is no job of this version, or damaged, or this machine lacks a grid of
            PROJ that a CRS of it needs.
    """
    try:
        document = json.loads(content)
        found, made_by = document.pop("sha256"), document.pop("hrdem")
        version = document["format"]
    except (ValueError, LookupError, TypeError, AttributeError) as exc:
        raise RequestError(
            f"{name} is not a job of tiles, or is damaged. Give the folder of another output."
        ) from exc
    if version != FORMAT_VERSION:
        raise RequestError(
            f"{name} has version {version!r} of the format of jobs, from hrdem {made_by}, and "
            f"hrdem {__version__} reads version {FORMAT_VERSION}. Use hrdem {made_by}."
        )
    is_altered = _hash(document) != found
    if is_altered and not is_replaced:
        raise RequestError(
            f"{name} was altered after it was written: its SHA-256 is not the one in it. Restore "
            "it, give another output, or `update`, which makes all tiles anew."
        )
    try:
        job = _decode(document, found)
    except RequestError:
        raise
    except (StructureHandlerNotFoundError, ValueError, LookupError, TypeError) as exc:
        raise RequestError(
            f"{name} cannot be read by hrdem {__version__}; it was written by hrdem {made_by}. Use "
            "that version, or give another output."
        ) from exc
    if is_altered:
        return replace(job, tiles=tuple(replace(tile, key="") for tile in job.tiles))
    return job


def _encode(job: Job) -> dict[str, Any]:
    """Return the document of a job without its hash."""
    plan, table = job.plan, _Table()
    convert = _make_converter(table).unstructure
    document = {
        "format": FORMAT_VERSION,
        "scheme": job.scheme,
        "options": convert(job.options),
        "request_digest": job.request_digest,
        "shift_grid_sha256": job.shift_grid_sha256,
        "request": {
            "parameters": list_parameters(plan.request),
            "aoi": convert(plan.request.aoi, Aoi),
            "like": convert(plan.request.like),
        },
        "plan": {
            "grid": convert(plan.grid),
            "is_computed": plan.is_computed,
            "feather": convert(plan.feather),
            "border": plan.border,
            "dtype": plan.dtype,
            "nodata": _encode_number(plan.nodata),
            "tiers_without_data": dict(plan.tiers_without_data),
            "tiers": [
                {
                    "collection": tier.collection.name,
                    "mosaics": [_encode_mosaic(mosaic, convert) for mosaic in tier.mosaics],
                }
                for tier in plan.tiers
            ],
        },
        "tiles": [convert(tile, Tile) for tile in job.tiles],
        "shared": job.shared,
    }
    table.add_crs(plan.request.crs, plan.request.aoi.bounds, NATIVE_CRS)
    for aoi in (plan.request.aoi, *(tile.aoi for tile in job.tiles if tile.aoi is not None)):
        table.add_crs(aoi.crs, aoi.outline.bounds, aoi.crs)
    return document | {"geometries": table.texts, "datum_operations": table.operations}


def _decode(document: dict[str, Any], sha256: str) -> Job:
    table = _Table(document["geometries"], document["datum_operations"])
    convert = _make_converter(table).structure
    asked = document["request"]
    like = None if asked["like"] is None else convert(asked["like"], Grid)
    request = rebuild_request(convert(asked["aoi"], Aoi), like, asked["parameters"])
    values = document["plan"]
    grid = convert(values["grid"], Grid)
    tiers = []
    for each in values["tiers"]:
        collection = get_collection(each["collection"])
        mosaics = [
            _decode_mosaic(mosaic, request, collection, convert) for mosaic in each["mosaics"]
        ]
        tiers.append(Tier(collection, tuple(mosaics)))
    plan = Plan(
        request=request,
        grid=grid,
        whole=grid,
        tiers=tuple(tiers),
        tiers_without_data=values["tiers_without_data"],
        is_computed=values["is_computed"],
        feather=convert(values["feather"], Feather),
        border=values["border"],
        dtype=values["dtype"],
        nodata=_decode_number(values["nodata"]),
    )
    return Job(
        plan=plan,
        scheme=document["scheme"],
        options=convert(document["options"], JobOptions),
        tiles=convert(document["tiles"], tuple[Tile, ...]),
        shared=convert(document.get("shared", ()), tuple[tuple[int, tuple[int, ...]], ...]),
        shift_grid_sha256=document["shift_grid_sha256"],
        request_digest=document["request_digest"],
        sha256=sha256,
    )


def _encode_mosaic(mosaic: Mosaic, convert: Callable[..., Any]) -> dict[str, Any]:
    """Return a mosaic without what follows from the request."""
    return {
        "product": mosaic.query.product.name,
        "grid": convert(mosaic.grid),
        "dtype": mosaic.dtype,
        "nodata": _encode_number(mosaic.nodata),
        "sources": [convert(source, PlannedSource) for source in mosaic.sources],
        "items_without_product": mosaic.items_without_product,
        "skipped_neighbours": mosaic.skipped_neighbours,
        "search_bounds": mosaic.search_bounds,
        "reach_m": mosaic.reach_m,
    }


def _decode_mosaic(
    values: dict[str, Any], request: Request, collection: Collection, convert: Callable[..., Any]
) -> Mosaic:
    grid = convert(values["grid"], Grid)
    left, bottom, right, top = values["search_bounds"]
    return Mosaic(
        query=MosaicQuery.of(request, collection, PRODUCTS[values["product"]]),
        grid=grid,
        whole=grid,
        dtype=values["dtype"],
        nodata=_decode_number(values["nodata"]),
        sources=convert(values["sources"], tuple[PlannedSource, ...]),
        items_without_product=tuple(values["items_without_product"]),
        skipped_neighbours=tuple(values["skipped_neighbours"]),
        gaps=(),
        search_bounds=(left, bottom, right, top),
        region=None,
        reach_m=values["reach_m"],
    )


@dataclass(frozen=True, slots=True)
class _Table:
    """What a document refers to by number or by name, so that it is in it once.

    Attributes:
        texts: Geometries as WKB in base64.
        operations: Bounds and operation of each CRS whose datum is linked to NAD83(CSRS).
        numbers: Numbers of the geometries that were added.
    """

    texts: list[str] = field(default_factory=list)
    operations: dict[str, dict[str, Any]] = field(default_factory=dict)
    numbers: dict[bytes, int] = field(default_factory=dict)
    geometries: dict[int, shapely.Geometry] = field(default_factory=dict)
    crs: dict[str, str] = field(default_factory=dict)

    def add(self, geometry: shapely.Geometry) -> int:
        """Add a geometry; return its number."""
        content = shapely.to_wkb(geometry)
        number = self.numbers.setdefault(content, len(self.texts))
        if number == len(self.texts):
            self.texts.append(base64.b64encode(content).decode("ascii"))
        return number

    def get(self, number: int) -> shapely.Geometry:
        """Return a geometry; the same object for the same number."""
        if number not in self.geometries:
            content = base64.b64decode(self.texts[number], validate=True)
            self.geometries[number] = shapely.from_wkb(content)
        return self.geometries[number]

    def add_crs(self, crs: str, bounds: Sequence[float], bounds_crs: str) -> None:
        """Record how a CRS is linked, if it is."""
        if isinstance(crs, LinkedCrs):
            described = {**crs.operation.as_dict(), "pipeline": None}  # paths of this machine
            self.operations.setdefault(
                str(crs),
                {"bounds": list(bounds), "crs": str(bounds_crs), "operation": described},
            )

    def link(self, crs: str) -> str:
        """Return a CRS, linked as it was on the machine that wrote the document.

        Raises:
            RequestError: If this machine has another operation for it.
        """
        if crs not in self.operations:
            return crs
        if crs not in self.crs:
            known = self.operations[crs]
            linked = link_crs(crs, tuple(known["bounds"]), known["crs"], allow_inaccurate=True)
            wanted = known["operation"]
            found = linked.operation.as_dict() if isinstance(linked, LinkedCrs) else {}
            if {**found, "pipeline": None} != wanted:
                raise RequestError(
                    f"The job brings {crs} to NAD83(CSRS) by {wanted['name']}, and this machine "
                    f"has {found.get('name', 'nothing')}. Install the grids of PROJ that it needs "
                    f"({', '.join(wanted['grids']) or 'none'}) where hrdem runs."
                )
            self.crs[crs] = linked
        return self.crs[crs]


def _make_converter(table: _Table) -> Converter:
    """Return the converter of the values of a job."""
    converter = Converter(forbid_extra_keys=True, detailed_validation=False)
    converter.register_unstructure_hook(float, _encode_number)
    converter.register_structure_hook(float, lambda value, _: float(value))
    converter.register_unstructure_hook(Affine, lambda value: list(value)[:6])
    converter.register_structure_hook(Affine, lambda value, _: Affine(*value))
    converter.register_unstructure_hook(Collection, lambda value: value.name)
    converter.register_structure_hook(Collection, lambda value, _: get_collection(value))
    converter.register_unstructure_hook_func(_is_geometry, table.add)
    converter.register_structure_hook_func(_is_geometry, lambda value, _: table.get(value))
    # by identity: Python 3.13 takes a class that has all of a protocol for a subclass of it
    converter.register_unstructure_hook_func(
        lambda kind: kind is RasterFile,
        functools.partial(converter.unstructure, unstructure_as=CogFile),
    )
    converter.register_structure_hook_func(
        lambda kind: kind is RasterFile, lambda value, _: converter.structure(value, CogFile)
    )
    linked = override(struct_hook=lambda value, _: table.link(value))
    for kind in (Aoi, Grid):
        hook = make_dict_structure_fn(kind, converter, crs=linked)
        converter.register_structure_hook(kind, hook)
    return converter


def _encode_number(value: float | None) -> float | str | None:
    """Return a number; as text if JSON has none for it."""
    return value if value is None or math.isfinite(value) else repr(value)


def _decode_number(value: float | str | None) -> float | None:
    return None if value is None else float(value)


def _is_geometry(kind: Any) -> bool:
    return kind in (shapely.Geometry, shapely.Polygon | shapely.MultiPolygon)


def _hash(document: dict[str, Any]) -> str:
    return hashlib.sha256(_dump(document)).hexdigest()


def _dump(document: dict[str, Any]) -> bytes:
    text = json.dumps(document, ensure_ascii=False, allow_nan=False, sort_keys=True)
    return text.encode("utf-8", "surrogatepass")  # as json decodes it: a path may be in no UTF-8
