"""From a request to a plan: choose surfaces, plan each tier, fix the output's grid and pixels."""

from __future__ import annotations

import contextlib
import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from affine import Affine

from hrdem.errors import NetworkError, NoDataError, RequestError, SourceError
from hrdem.geo.crs import NATIVE_CRS
from hrdem.geo.grid import Grid, snap_grid
from hrdem.geo.mask import MAX_EDGE_ERROR_PIXELS
from hrdem.geo.resampling import Sampling
from hrdem.http.protocol import Http
from hrdem.planning.feather import Feather
from hrdem.planning.gap import NothingReadableError
from hrdem.planning.make_mosaic import make_mosaic
from hrdem.planning.mosaic import Mosaic
from hrdem.planning.plan import Plan, Tier
from hrdem.planning.precedence import DecidedBy
from hrdem.planning.query import FailedFiles, Lookup, MosaicQuery
from hrdem.planning.target import Target
from hrdem.request.advice import suggest_collection, suggest_larger_pixels
from hrdem.request.options import Algorithm, VerticalDatum, Via
from hrdem.request.products import PRODUCTS, Collection, Product
from hrdem.request.request import Request

log = logging.getLogger(__name__)

MAX_SOURCES = 254  # layers of sources count them in a byte
MAX_GRID_PIXELS = 2**38
MAX_GRID_EDGE_PIXELS = 2**31 - 1  # GDAL counts columns and rows in 32 bits
MAX_FEATHER_PIXELS = 128  # each of them is read around each block


def make_plan(
    request: Request,
    http: Http,
    failed_cogs: FailedFiles | None = None,
    left_out: FailedFiles | None = None,
    *,
    reads_pixels: bool = False,
    in_tiles: bool = False,
) -> Plan:
    """Look up the catalogue and the headers of the files, and decide everything.

    Args:
        request: Validated request.
        http: HTTP client.
        failed_cogs: COGs that must not be read again; the WCS replaces them.
        left_out: Files that must not be read again; nothing replaces them.
        reads_pixels: Whether pixels are read next: connections for that are opened meanwhile.
        in_tiles: Whether the output is written in tiles. The limits of one file then apply to each
            of them, which `check_size` and `check_sources` are for, and not to the whole.

    Raises:
        NoDataError: If no requested collection has anything in the area.
        RequestError: If the area is too large for one file, or one output pixel needs more source
            pixels than fit in memory.
        NetworkError: If the catalogue or a header cannot be read.
    """
    lookup = Lookup(http, failed_cogs or {}, left_out or {}, reads_pixels)
    plan = _plan_product(request, lookup, in_tiles=in_tiles)
    if request.source_band and reads_pixels and not in_tiles:
        from hrdem.planning.find_flights import find_flights  # noqa: PLC0415 (most runs need none)

        plan = replace(plan, flights=find_flights(plan, http))
    if not request.surveys:
        return plan
    from hrdem.catalog.surveys.lookup import find_surveys  # noqa: PLC0415 (most runs need none)

    items = {item.id: item for source in plan.sources for item in source.items}
    surface = PRODUCTS[request.product.surfaces[0]]
    return replace(plan, surveys=find_surveys([*items.values()], request.aoi, surface, http))


def _plan_product(request: Request, lookup: Lookup, *, in_tiles: bool) -> Plan:
    """Plan to read the product as published, or else to compute it from its surfaces."""
    product = request.product
    surfaces = tuple(PRODUCTS[name] for name in product.surfaces)
    from_surfaces = _TierPlanner(request, surfaces, lookup, in_tiles)
    if product in surfaces or product.cog_key is None or not _prefers_published(request):
        return _plan_tiers(from_surfaces)
    # what is published in part, or cannot be read, is computed instead of left out
    unusable = NetworkError if request.allow_partial else SourceError
    with contextlib.suppress(NoDataError, unusable):
        plan = _plan_tiers(_TierPlanner(request, (product,), lookup, in_tiles))
        if not plan.items_without_product and not plan.gaps:
            return plan
    plan = _plan_tiers(from_surfaces)
    log.warning("No usable %s is published for all of the area; it is computed here.", product.name)
    return plan


def _prefers_published(request: Request) -> bool:
    """Whether a published product is read rather than computed."""
    plain = request.is_native and not request.fill and request.algorithm is Algorithm.HORN
    return plain and request.via in (Via.AUTO, Via.COG)


@dataclass(frozen=True, slots=True)
class _TierPlanner:
    """Plans tiers from published products.

    Attributes:
        request: Validated request.
        surfaces: Published products to read.
        lookup: Access to the catalogue and the files.
        in_tiles: Whether the output is written in tiles.
    """

    request: Request
    surfaces: tuple[Product, ...]
    lookup: Lookup
    in_tiles: bool

    @property
    def is_computed(self) -> bool:
        """Whether the product is computed from the surfaces."""
        return self.surfaces != (self.request.product,)

    @property
    def computing_border(self) -> int:
        """Pixels around the output that computing the product needs."""
        return self.request.product.border if self.is_computed else 0

    def check_size(self, grid: Grid, subject: str = "The area is") -> None:
        """Check that one file can hold a grid, if one is to."""
        if not self.in_tiles:
            check_size(grid, self.request, subject)

    def plan(self, collection: Collection, grid: Grid | None, border: int) -> Tier:
        """Plan one collection, with all surfaces on one grid.

        Args:
            collection: Collection to read.
            grid: Grid of the output; None for the native pixels of the collection.
            border: Pixels around it that are needed too.

        Raises:
            NoDataError: If the collection has nothing in the area.
        """
        mosaics: list[Mosaic] = []
        if self.request.sampling is not None:  # whatever grids are read later
            grid = None
        target = Target.of(grid, border, self.request.resampling)
        for surface in self.surfaces:
            query = MosaicQuery.of(self.request, collection, surface)
            if target.grid is None and mosaics:
                grid = _remove_border(mosaics[0].grid, border)
                target = Target.of(grid, border, self.request.resampling)
            mosaic = make_mosaic(query, target, self.lookup)
            mosaics.append(_name_by_asset(mosaic) if len(self.surfaces) > 1 else mosaic)
        return Tier(collection, tuple(mosaics))


def _name_by_asset(mosaic: Mosaic) -> Mosaic:
    """Distinguish sources of one item by the name of the surface."""
    sources = [replace(each, name=f"{each.name} {each.asset}") for each in mosaic.sources]
    return replace(mosaic, sources=tuple(sources))


def _plan_tiers(planner: _TierPlanner) -> Plan:
    """Plan all tiers of a request, and the grid and the pixels of the output."""
    request = planner.request
    requested_grid = _make_requested_grid(request)
    if requested_grid is not None:  # before anything is measured or looked up
        planner.check_size(requested_grid)
    elif request.sampling is None:
        planner.check_size(_make_least_grid(request))
    feather = _make_feather(request, requested_grid)
    border = planner.computing_border
    if request.fill and request.sampling is None:
        border += max(feather.pixels, 1)
    tiers, empty, grid = _find_tiers(planner, requested_grid, border)
    unreadable = (each for each in empty.values() if isinstance(each, NothingReadableError))
    if len(tiers) == 1 and border > planner.computing_border:
        # nothing is left to blend with: plan the only tier as if it had been requested alone
        (tier,), border = tiers, planner.computing_border
        target_grid = requested_grid if tier.collection == request.tiers[0] else grid
        tiers = [planner.plan(tier.collection, target_grid, border)]
    for name, reason in empty.items():
        log.warning("The collection %s has no data here. %s", name, reason)
    dtype, nodata = _choose_pixel_type(planner, tiers)
    plan = Plan(
        request=request,
        grid=grid,
        whole=grid,
        tiers=tuple(tiers),
        tiers_without_data={name: str(reason) for name, reason in empty.items()},
        is_computed=planner.is_computed,
        feather=feather,
        border=border,
        dtype=dtype,
        nodata=nodata,
        lost=tuple(gap for reason in unreadable for gap in reason.gaps),
    )
    _warn_of_sources(plan)
    if not planner.in_tiles:
        check_sources(plan)
    return plan


def _find_tiers(
    planner: _TierPlanner, grid: Grid | None, border: int
) -> tuple[list[Tier], Mapping[str, NoDataError | NothingReadableError], Grid]:
    """Plan each requested collection.

    Args:
        planner: What to plan with.
        grid: Grid of the output; None for the native pixels of the first collection.
        border: Pixels around it that are needed too.

    Returns:
        The tiers with data, the errors of the other collections by name, and the output's grid.
    """
    request = planner.request
    tiers: list[Tier] = []
    empty: dict[str, NoDataError | NothingReadableError] = {}
    for collection in request.tiers:
        try:
            tier = planner.plan(collection, grid, border)
        except (NoDataError, NothingReadableError) as exc:
            empty[collection.name] = exc
            if grid is None and request.sampling is None:
                grid = snap_grid(NATIVE_CRS, float(collection.resolution), request.aoi.bounds)
        else:
            tiers.append(tier)
            if grid is None:
                grid = _remove_border(tier.mosaics[0].grid, border)
        if grid is not None:
            planner.check_size(grid)
        for mosaic in tiers[-1].mosaics if tiers else ():
            planner.check_size(mosaic.grid, "The area is computed from")
    if not tiers:
        raise _combine_errors(list(empty.values()), request)
    assert grid is not None
    return tiers, empty, grid


def _make_requested_grid(request: Request) -> Grid | None:
    """Return the output's grid; None for the source's own pixels."""
    if request.like is not None or request.resolution is None:
        return request.like
    tolerance = MAX_EDGE_ERROR_PIXELS * request.resolution
    bounds = request.aoi.bounds_in(request.crs, tolerance)
    origin = request.origin if request.snap else (bounds[0], bounds[3])
    return snap_grid(request.crs, request.resolution, bounds, origin or (0.0, 0.0))


def _make_least_grid(request: Request) -> Grid:
    """Return a grid of native pixels that the output's has at least; headers tell its origin."""
    left, bottom, right, top = request.aoi.bounds
    size = float(request.collection.resolution)
    width, height = (max(1, int(length / size)) for length in (right - left, top - bottom))
    return Grid(NATIVE_CRS, Affine(size, 0, left, 0, -size, top), width, height)


def _make_feather(request: Request, grid: Grid | None) -> Feather:
    """Convert the feather distance to pixels of the size of the one in the middle."""
    width = height = float(request.collection.resolution)
    if grid is not None:
        width, height = Sampling(grid, NATIVE_CRS, request.resampling).middle_pixel_size
    feather = Feather(request.feather, width, height)
    if feather.pixels > MAX_FEATHER_PIXELS:
        size = min(width, height)
        raise RequestError(
            f"`feather={request.feather:g}` is {feather.pixels} pixels of {size:.3g} m; the "
            f"maximum is {MAX_FEATHER_PIXELS} pixels. Give up to "
            f"{math.floor(MAX_FEATHER_PIXELS * size)} m, or {suggest_larger_pixels(request)}."
        )
    return feather


def _remove_border(grid: Grid, border: int) -> Grid:
    return grid.crop(grid.window.grown(-border))


def _choose_pixel_type(planner: _TierPlanner, tiers: Sequence[Tier]) -> tuple[str, float | None]:
    """Return the pixel type of the output and its nodata value."""
    request = planner.request
    if planner.is_computed:
        return request.product.computed_dtype, request.product.computed_nodata
    mosaics = [mosaic for tier in tiers for mosaic in tier.mosaics]
    dtypes = [np.dtype(mosaic.dtype) for mosaic in mosaics]
    if request.vertical_datum is not VerticalDatum.CGVD2013:
        dtypes.append(np.dtype(np.float32))
    return np.result_type(*dtypes).name, mosaics[0].nodata


def check_size(grid: Grid, request: Request, subject: str = "The area is") -> None:
    """Check that one file can hold a grid.

    Args:
        grid: Grid of the output, or of pixels that it is computed from.
        request: The request.
        subject: How the message begins, before the size of the grid.

    Raises:
        RequestError: If it has too many pixels.
    """
    if max(grid.width, grid.height) > MAX_GRID_EDGE_PIXELS:
        raise RequestError(
            f"{subject} {grid.width} x {grid.height} pixels; GDAL reads at most "
            f"{MAX_GRID_EDGE_PIXELS} columns and rows. `hrdem tile` (hrdem.tile_job) splits it; or "
            f"take {suggest_larger_pixels(request)}."
        )
    if grid.window.pixels > MAX_GRID_PIXELS:
        raise RequestError(
            f"{subject} {grid.width} x {grid.height} pixels, more than a whole 500 km tile at "
            "1 m and more than one file should hold. `hrdem tile` (hrdem.tile_job) splits it; or "
            f"take {suggest_larger_pixels(request)}."
        )


def _warn_of_sources(plan: Plan) -> None:
    """Warn of surfaces on two lattices and of undecided overlaps."""
    first = plan.tiers[0]
    if plan.request.is_native and len({plan.is_resampled(each) for each in first.mosaics}) > 1:
        log.warning(
            "The surfaces of %s are not on one lattice, so one of them is resampled.",
            first.collection.id,
        )
    for overlap in plan.overlaps:
        if overlap.decided_by is DecidedBy.NAME:
            log.warning(
                "%s and %s overlap, and no date in the catalogue tells which is newer: pixels of "
                "%s are taken where both have data.",
                overlap.first, overlap.second, overlap.first,
            )  # fmt: skip


def check_sources(plan: Plan) -> None:
    """Check that layers of sources can count them.

    Raises:
        SourceError: If there are too many.
    """
    if len(plan.sources) > MAX_SOURCES:
        raise SourceError(
            f"{len(plan.sources)} files are in the area; the maximum is {MAX_SOURCES}. Give a "
            "smaller area."
        )


def _combine_errors(
    errors: Sequence[NoDataError | NothingReadableError], request: Request
) -> NoDataError | NetworkError:
    """Return the error of a request none of whose collections can be read."""
    for each in errors:
        if isinstance(each, NothingReadableError):
            return each.gaps[0].error
    error = NoDataError(" ".join(filter(None, [*map(str, errors), suggest_collection(request)])))
    error.__cause__ = errors[-1]
    return error
