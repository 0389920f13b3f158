"""What the public functions do, once their parameters are complete.

What an extraction imports is imported with this module; the other functions import their own.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hrdem.catalog.items import Asset, Item
from hrdem.catalog.search import find_intersecting_items, get_item
from hrdem.errors import MissingLibraryError, RequestError
from hrdem.http.cache.store import Cache
from hrdem.http.client_settings import ClientSettings
from hrdem.http.protocol import Http
from hrdem.http.run_context import RunContext, RunSettings
from hrdem.jobs.extract import extract as extract_to_file
from hrdem.output.plan_writer import OutputOptions
from hrdem.output.provenance import check_layers_are_ours, check_raster_output
from hrdem.output.record import has_record
from hrdem.output.result import Result
from hrdem.planning.make_plan import make_plan
from hrdem.planning.plan import Plan
from hrdem.processing.memory_budget import check_max_memory
from hrdem.request import area_fields, fields, service_fields
from hrdem.request.aoi.parse import AREAS, parse_aoi
from hrdem.request.endpoints import (
    check_url,
    default_wcs_url,
    normalize_stac_url,
)
from hrdem.request.options import Align, Compression, Format, Language, Via
from hrdem.request.products import AssetKind, ListedKind, get_collection, get_product
from hrdem.request.request import Request
from hrdem.request.signature import select
from hrdem.runtime.gdal_env import pinned_gdal
from hrdem.runtime.progress import OnProgress

if TYPE_CHECKING:
    import xarray

    from hrdem.jobs.doctor import Check
    from hrdem.planning.estimate import Estimate


@pinned_gdal()
def extract(values: Mapping[str, Any], http: Http | None, on_progress: OnProgress) -> Result:
    """Do what `hrdem.extract` documents."""
    request = Request.of(**select(values, fields.REQUEST))
    options = make_options(values, request, Path(values["output"]))
    if options.layout.is_vrt:
        from hrdem.output.remote_vrt import check_linkable  # noqa: PLC0415

        check_linkable(request, options)
        request = replace(request, via=Via.COG)
    check_run(values, request, options)
    with open_context(values, http, on_progress) as context:
        done = extract_to_file(request, context, options)
        received, cached = context.split_bytes(done.received_bytes)
        done = replace(done, received_bytes=received, cached_bytes=cached)
    return write_companions(values, request, options, done)


def make_options(values: Mapping[str, Any], request: Request, path: Path) -> OutputOptions:
    """Return how an output is written.

    Args:
        values: All parameters of an extraction.
        request: Its request.
        path: Path of the output.

    Raises:
        RequestError: If something contradicts the request.
    """
    layout, if_changed = Format(values["format"]), values["if_changed"]
    if layout is Format.COG and request.align is Align.BLOCKS:
        raise RequestError(
            "`align=blocks` copies compressed blocks as they are, and `format=cog` rearranges "
            "them. Choose one."
        )
    check_max_memory(values["max_memory"])
    overwrite = values["overwrite"] or (if_changed and has_record(path))
    options = OutputOptions(
        path,
        layout,
        overwrite,
        Compression(values["compress"]),
        values["predictor"],
        values["overviews"],
        if_changed,
    )
    options.check_encoding(request)
    return options


def check_run(values: Mapping[str, Any], request: Request, options: OutputOptions) -> None:
    """Check that an output can be written, and what it takes without the network.

    Args:
        values: All parameters of an extraction.
        request: Its request.
        options: Where and how the output is written.

    Raises:
        RequestError: If it would replace an input, or offline something is read past the cache.
        OutputError: If it cannot be written.
    """
    inputs = values["aoi"], values["vertical_grid"]
    check_raster_output(
        options.output, options.overwrite, inputs, options.file_kind, request.source_layers
    )
    if options.if_changed and not values["overwrite"]:
        check_layers_are_ours(options.output, request.source_layers)
    if values["quicklook"]:
        from hrdem.jobs.view import check_quicklook  # noqa: PLC0415

        picture = options.output.with_suffix(".png")
        check_quicklook(picture, options.layout, overwrite=options.overwrite)
    if values["qml"]:
        from hrdem.pictures.qml_style import check_style  # noqa: PLC0415

        check_style(request, options.output, options.overwrite)
    if values["offline"]:
        request.check_offline()
        if options.if_changed:
            raise RequestError(
                "`if_changed` asks servers for the versions of files, and `offline` sends no "
                "request. Leave one of them out."
            )


@contextlib.contextmanager
def open_context(
    values: Mapping[str, Any], http: Http | None, on_progress: OnProgress
) -> Iterator[RunContext]:
    """Yield the context of an extraction: client, cache and limits."""
    with RunSettings.of(values, http, on_progress).open() as context:
        yield context


def write_companions(
    values: Mapping[str, Any], request: Request, options: OutputOptions, done: Result
) -> Result:
    """Write the style and the picture beside an output, if they are requested.

    Args:
        values: All parameters of an extraction.
        request: Its request.
        options: Where and how the output was written.
        done: The result of the extraction.

    Returns:
        The result with the path of the picture.
    """
    if values["qml"]:
        from hrdem.pictures.qml_style import get_style_path, write_style  # noqa: PLC0415

        if not (done.unchanged and get_style_path(options.output).exists()):
            write_style(request, options.output, options.overwrite)
    if not values["quicklook"]:
        return done
    from hrdem.jobs.view import draw_quicklook  # noqa: PLC0415

    picture = options.output.with_suffix(".png")
    language = Language(values["language"])
    draw_quicklook(options.output, picture, language, redraw=not done.unchanged)
    return replace(done, quicklook=picture)


@pinned_gdal()
def load(
    values: Mapping[str, Any],
    http: Http | None,
    on_progress: OnProgress,
    chunks: int | str | Mapping[str, int | str] | None,
    *,
    masked: bool,
) -> xarray.DataArray:
    """Do what `hrdem.load` documents."""
    request = Request.of(**select(values, fields.REQUEST))
    check_max_memory(values["max_memory"])
    if values["offline"]:
        request.check_offline()
    try:
        if chunks is not None:
            import dask.array  # noqa: F401, PLC0415 (looked for before any work)

        from hrdem.jobs import load as load_job  # noqa: PLC0415 (xarray is optional)
    except ModuleNotFoundError as exc:
        missing = str(exc.name).partition(".")[0]
        raise MissingLibraryError(
            f"hrdem.load needs xarray, and dask for chunks, but {missing} is not installed: "
            "pip install 'hrdem[xarray]'. hrdem.extract works without it.",
            name=missing,
        ) from exc
    settings = RunSettings.of(values, http, on_progress, _service_urls(request))
    return load_job.load(request, settings, chunks, masked=masked)


@pinned_gdal()
def plan(values: Mapping[str, Any], http: Http | None) -> Plan:
    """Do what `hrdem.plan` documents."""
    request = Request.of(**select(values, fields.REQUEST))
    if values["offline"]:
        request.check_offline()
    with ClientSettings(**select(values, service_fields.CACHE)).client(http) as client:
        return make_plan(request, client)


@pinned_gdal()
def estimate(plan: Plan, values: Mapping[str, Any], http: Http | None) -> Estimate:
    """Do what `hrdem.estimate` documents."""
    from hrdem.planning.estimate import estimate_plan  # noqa: PLC0415

    settings = ClientSettings(**values)
    with settings.client(http, _service_urls(plan.request)) as client:
        return estimate_plan(plan, client)


@pinned_gdal()
def search(values: Mapping[str, Any], http: Http | None) -> list[Item]:
    """Do what `hrdem.search` documents."""
    aoi = parse_aoi(**select(values, area_fields.AREA)).aoi
    collection = get_collection(values["collection"])
    stac_url = normalize_stac_url(values["stac_url"])
    with ClientSettings(**select(values, service_fields.CACHE)).client(http) as client:
        return find_intersecting_items(aoi, collection, stac_url, client)


@pinned_gdal()
def assets(item: str | None, values: Mapping[str, Any], http: Http | None) -> list[Asset]:
    """Do what `hrdem.assets` documents."""
    keys = _select_keys(values["product"], values["kind"])
    area = select(values, area_fields.AREA)
    if item is not None and any(area[name] is not None for name in AREAS):
        raise RequestError("The files of an item or of an area are listed. Give one of the two.")
    stac_url = normalize_stac_url(values["stac_url"])
    aoi = parse_aoi(**area).aoi if item is None else None
    with ClientSettings(**select(values, service_fields.CACHE)).client(http) as client:
        if aoi is not None:
            collection = get_collection(values["collection"])
            items = find_intersecting_items(aoi, collection, stac_url, client)
        else:
            assert item is not None
            items = [get_item(item, stac_url, client)]
    listed = (asset for each in items for asset in each.assets)
    return [asset for asset in listed if keys is None or asset.key in keys]


def _select_keys(product: str | None, kind: str | None) -> set[str] | None:
    """Return the keys of the assets of a product and a kind; None for all."""
    if kind in (ListedKind.COVERAGE, ListedKind.EXTENT):
        if product is not None:
            raise RequestError(f"`kind={kind}` is of all products. Leave `product` out.")
        return {str(kind)}
    products = [get_product(name) for name in ([product] if product else ["dtm", "dsm"])]
    if computed := next((each for each in products if each.cog_key is None), None):
        raise RequestError(
            f"{computed.name} is computed from {' and '.join(computed.surfaces)}, and there are no "
            f"files of it. Give `product={computed.surfaces[0]}`."
        )
    if product is None and kind is None:
        return None
    kinds = [AssetKind(kind)] if kind else list(AssetKind)
    return {each.asset_key(way) for each in products for way in kinds}


def doctor(values: Mapping[str, Any], http: Http | None) -> Iterator[Check]:
    """Do what `hrdem.doctor` documents."""
    from hrdem.jobs.doctor import run_checks  # noqa: PLC0415

    stac_url, wcs_url = values["stac_url"], values["wcs_url"]
    coverages = default_wcs_url(stac_url) if wcs_url is None else check_url(wcs_url, "WCS")
    open_cache = functools.partial(Cache, values["cache_dir"], values["max_cache"])
    return run_checks(normalize_stac_url(stac_url), coverages, http, open_cache)


def _service_urls(request: Request) -> tuple[str, ...]:
    """Return the addresses of the services that a request names; they may be on any host."""
    return tuple(url for url in (request.stac_url, request.wcs_url) if url is not None)
