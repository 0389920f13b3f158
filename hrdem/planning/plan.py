"""From a request to a plan: which files will be read, which pixels of them, onto which grid."""

from __future__ import annotations

import contextlib
import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np
import shapely

from hrdem.catalog.surveys.lookup import Surveys, find_surveys
from hrdem.errors import NetworkError, NoDataError, RequestError, SourceError
from hrdem.geo.crs import NATIVE_CRS, assume_nad83, get_unit
from hrdem.geo.grid import Grid, Window, snap_grid
from hrdem.geo.resampling import pixel_vectors
from hrdem.http.protocol import Http
from hrdem.planning.feather import Feather
from hrdem.planning.mosaic import Mosaic, PlannedSource, make_mosaic
from hrdem.request.aoi.geometry import project_geometry
from hrdem.request.options import Algorithm, VerticalDatum, Via
from hrdem.request.products import PRODUCTS, Collection, Product
from hrdem.request.request import Request
from hrdem.runtime.text import to_json_number

log = logging.getLogger(__name__)

_MOST_SOURCES = 254  # they are counted in a byte
_MOST_PIXELS = 2**38
_MOST_FEATHERED = 128  # pixels: each is looked at around each block

Broken = Mapping[tuple[str, str], NetworkError]
NOTHING_BROKEN: Broken = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Tier:
    """What one collection gives.

    Attributes:
        collection: The collection.
        mosaics: One for each surface that the product is made of.
    """

    collection: Collection
    mosaics: tuple[Mosaic, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What an extraction will read and write.

    Attributes:
        request: What was asked for.
        grid: Grid of the output.
        tiers: What is read, from the tier that comes first to the one that comes last; at least
            one.
        tiers_without_data: Why requested tiers are not among them, by name of the collection.
        computed: Whether the product is computed from its surfaces, not read as it is.
        feather: How far a tier is blended into the next.
        border: Pixels around the output that bear on it.
        dtype: Pixel type of the output.
        nodata: Nodata value of the output; None only where blocks are copied from a file that
            declares none.
        surveys: Which surveys lie under the area; None if that was not asked.
    """

    request: Request
    grid: Grid
    tiers: tuple[Tier, ...]
    tiers_without_data: Mapping[str, str]
    computed: bool
    feather: Feather
    border: int
    dtype: str
    nodata: float | None
    surveys: Surveys | None = None

    @property
    def mosaics(self) -> list[Mosaic]:
        """Of all tiers."""
        return [mosaic for tier in self.tiers for mosaic in tier.mosaics]

    @property
    def sources(self) -> tuple[PlannedSource, ...]:
        """Of all mosaics; the source band counts them from 1."""
        return tuple(source for mosaic in self.mosaics for source in mosaic.sources)

    @property
    def items_without_product(self) -> tuple[str, ...]:
        """Ids of items in the area that do not publish a surface that is needed."""
        return tuple(
            dict.fromkeys(name for mosaic in self.mosaics for name in mosaic.items_without_product)
        )

    @property
    def skipped_neighbours(self) -> tuple[str, ...]:
        """Ids of items whose file is missing, and whose outline does not reach the area."""
        return tuple(
            dict.fromkeys(name for mosaic in self.mosaics for name in mosaic.skipped_neighbours)
        )

    @property
    def resampled(self) -> bool:
        """Whether pixels of the output come from pixels of another lattice."""
        return any(self.is_resampled(mosaic) for mosaic in self.mosaics)

    @property
    def unprocessed(self) -> Mosaic | None:
        """The only mosaic, if its pixels are those of the output, on exactly its grid.

        None if the output is computed from mosaics that are merged into files first.
        """
        shifted = self.request.vertical_datum is not VerticalDatum.CGVD2013
        if self.computed or shifted or len(self.mosaics) > 1:
            return None
        (mosaic,) = self.mosaics
        same = mosaic.grid.locate(self.grid) == mosaic.grid.window
        return mosaic if same else None

    def restrict_to(self, window: Window) -> Plan:
        """Return it with only what bears on a window of the output.

        Everything else stays that of the whole, so that pixels are the same to the last bit.
        """
        if window == self.grid.window:
            return self
        outline = shapely.box(*self.grid.crop(window).bounds)
        places = project_geometry(outline, assume_nad83(self.grid.crs), NATIVE_CRS)
        tiers = (
            replace(tier, mosaics=tuple(mosaic.restrict_to(places) for mosaic in tier.mosaics))
            for tier in self.tiers
        )
        return replace(self, tiers=tuple(tiers))

    def is_resampled(self, mosaic: Mosaic) -> bool:
        """Whether the pixels of a mosaic are not those of the output's lattice."""
        return mosaic.grid.locate(self.grid) is None

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready values."""
        return {
            "request": self.request.as_dict(),
            "grid": grid_as_dict(self.grid),
            "dtype": self.dtype,
            "nodata": to_json_number(self.nodata),
            **self.reading_as_dict(),
            "sources": self.sources_as_dict(),
        }

    def sources_as_dict(self) -> list[dict[str, Any]]:
        """Return the sources as JSON-ready values, numbered as in the source band."""
        numbered = enumerate(self.sources, start=1)
        return [{"source_id": number, **source.as_dict()} for number, source in numbered]

    def reading_as_dict(self) -> dict[str, Any]:
        """Return what is read and what is not as JSON-ready values, but for the sources."""
        return {
            "tiers": [
                {
                    "collection": tier.collection.id,
                    "merge_grid": grid_as_dict(tier.mosaics[0].grid),
                    "resampled": self.is_resampled(tier.mosaics[0]),
                }
                for tier in self.tiers
            ],
            "tiers_without_data": dict(self.tiers_without_data),
            "surveys": self.surveys and self.surveys.as_dict(),
            "items_without_product": list(self.items_without_product),
            "skipped_neighbours": list(self.skipped_neighbours),
        }


def make_plan(request: Request, http: Http, broken: Broken = NOTHING_BROKEN) -> Plan:
    """Look up the catalogue and the headers of the files, and decide everything.

    Args:
        request: What was asked for.
        http: Client to ask with.
        broken: What went wrong with COGs that are not to be read, by surface and id of their item;
            the WCS takes their place.

    Raises:
        NoDataError: If nothing lies under the area.
        RequestError: If the area is too large for one file, or the pixels of the output for the
            memory.
        NetworkError: If the catalogue or a header cannot be read.
    """
    plan = _made_of(request, http, broken)
    if not request.surveys:
        return plan
    items = {item.id: item for source in plan.sources for item in source.items}
    surface = PRODUCTS[request.product.surfaces[0]]
    return replace(plan, surveys=find_surveys([*items.values()], request.aoi, surface, http))


def _made_of(request: Request, http: Http, broken: Broken) -> Plan:
    """Plan with what is published, or else with what it can be computed of."""
    product = request.product
    surfaces = [PRODUCTS[name] for name in product.surfaces]
    if product in surfaces:
        return _plan(request, surfaces, http, broken)
    if product.cog_key is not None and _takes_published(request):
        with contextlib.suppress(NoDataError, SourceError):
            plan = _plan(request, [product], http, broken)
            if not plan.items_without_product:
                return plan
        plan = _plan(request, surfaces, http, broken)
        log.warning(
            "No usable %s is published for all of the area; it is computed here.", product.name
        )
        return plan
    return _plan(request, surfaces, http, broken)


def grid_as_dict(grid: Grid) -> dict[str, Any]:
    """Return a grid as JSON-ready values."""
    return {
        "crs": grid.crs,
        "unit": get_unit(grid.crs).name,
        "width": grid.width,
        "height": grid.height,
        "resolution": list(grid.resolution),
        "bounds": list(grid.bounds),
    }


def _takes_published(request: Request) -> bool:
    """Whether a product that can be computed is rather read as it is published."""
    plain = request.is_native and not request.fill and request.algorithm is Algorithm.HORN
    return plain and request.via in (Via.AUTO, Via.COG)


def _plan(request: Request, surfaces: Sequence[Product], http: Http, broken: Broken) -> Plan:
    """Plan to make the product of published ones."""
    computed = list(surfaces) != [request.product]
    asked = _asked_grid(request)
    feather = _feather(request, asked)
    neighbours = request.product.border if computed else 0
    border = neighbours + (max(feather.pixels, 1) if request.fill else 0)
    tiers, absent, grid = _tiers(request, surfaces, asked, border, http, broken)
    if len(tiers) == 1 and border > neighbours:
        # with nothing to fill from, the request is that of its only tier
        (tier,), border = tiers, neighbours
        target = asked if tier.collection == request.tiers[0] else grid
        tiers = [_tier(request, tier.collection, surfaces, target, border, http, broken)]
    for name, reason in absent.items():
        log.warning("The tier %s gives nothing here. %s", name, reason)
    dtype, nodata = _pixels(request, tiers, computed)
    plan = Plan(
        request=request,
        grid=grid,
        tiers=tuple(tiers),
        tiers_without_data={name: str(reason) for name, reason in absent.items()},
        computed=computed,
        feather=feather,
        border=border,
        dtype=dtype,
        nodata=nodata,
    )
    _check_lattices(plan)
    if len(plan.sources) > _MOST_SOURCES:
        raise SourceError(f"{len(plan.sources)} files lie under the area; ask for a smaller one.")
    return plan


def _check_lattices(plan: Plan) -> None:
    """Say so where two surfaces of one collection have to be brought onto one lattice."""
    first = plan.tiers[0]
    if plan.request.is_native and len({plan.is_resampled(each) for each in first.mosaics}) > 1:
        log.warning(
            "The surfaces of %s do not lie on one lattice, so that one of them is resampled.",
            first.collection.id,
        )


def _tiers(
    request: Request,
    surfaces: Sequence[Product],
    grid: Grid | None,
    border: int,
    http: Http,
    broken: Broken,
) -> tuple[list[Tier], dict[str, NoDataError], Grid]:
    """Plan all tiers; return those with data, why the others have none, and the output's grid."""
    tiers: list[Tier] = []
    absent: dict[str, NoDataError] = {}
    for collection in request.tiers:
        try:
            tier = _tier(request, collection, surfaces, grid, border, http, broken)
        except NoDataError as exc:
            absent[collection.name] = exc
            if grid is None:
                grid = snap_grid(NATIVE_CRS, float(collection.resolution), request.aoi.bounds)
        else:
            tiers.append(tier)
            if grid is None:
                grid = _without(border, tier.mosaics[0].grid)
        _check_size(grid)
        for mosaic in tiers[-1].mosaics if tiers else ():
            _check_size(mosaic.grid)
    if not tiers:
        raise _nothing(list(absent.values()))
    assert grid is not None
    return tiers, absent, grid


def _tier(
    request: Request,
    collection: Collection,
    surfaces: Sequence[Product],
    grid: Grid | None,
    border: int,
    http: Http,
    broken: Broken,
) -> Tier:
    """Plan what one collection gives; all surfaces on one grid."""
    mosaics: list[Mosaic] = []
    for surface in surfaces:
        alone = replace(request, collection=collection, fill=(), product=surface)
        of_surface = {item: broken[name, item] for name, item in broken if name == surface.name}
        if grid is None and mosaics:
            grid = _without(border, mosaics[0].grid)
        mosaic = make_mosaic(alone, grid, border, http, of_surface)
        if len(surfaces) > 1:
            named = [replace(each, name=f"{each.name} {each.asset}") for each in mosaic.sources]
            mosaic = replace(mosaic, sources=tuple(named))
        mosaics.append(mosaic)
    return Tier(collection, tuple(mosaics))


def _asked_grid(request: Request) -> Grid | None:
    """The output's grid, where it is not the source's own."""
    if request.like is not None or request.resolution is None:
        return request.like
    return snap_grid(request.crs, request.resolution, request.aoi.bounds_in(request.crs))


def _feather(request: Request, grid: Grid | None) -> Feather:
    """How far a tier is blended into the next, in pixels as large as those in the middle."""
    width = height = float(request.collection.resolution)
    if grid is not None:
        width, height = np.linalg.norm(pixel_vectors(grid, NATIVE_CRS)[4], axis=1).tolist()
    feather = Feather(request.feather, width, height)
    if feather.pixels > _MOST_FEATHERED:
        size = min(width, height)
        raise RequestError(
            f"--feather {request.feather:g} is {feather.pixels} pixels of {size:.3g} m, and "
            f"{_MOST_FEATHERED} is the most: give up to {math.floor(_MOST_FEATHERED * size)}, or a "
            "coarser --resolution."
        )
    return feather


def _without(border: int, grid: Grid) -> Grid:
    return grid.crop(grid.window.grown(-border))


def _check_size(grid: Grid) -> None:
    if grid.window.pixels > _MOST_PIXELS:
        raise RequestError(
            f"The area is {grid.width} x {grid.height} pixels, more than a whole 500 km tile at "
            "1 m and more than one file should hold. Split it, or take a coarser --resolution or "
            "--collection."
        )


def _pixels(request: Request, tiers: Sequence[Tier], computed: bool) -> tuple[str, float | None]:
    """Type of the output's pixels, and their nodata value."""
    if computed:
        return request.product.computed_dtype, request.product.computed_nodata
    mosaics = [mosaic for tier in tiers for mosaic in tier.mosaics]
    kinds = [np.dtype(mosaic.dtype) for mosaic in mosaics]
    if request.vertical_datum is not VerticalDatum.CGVD2013:
        kinds.append(np.dtype(np.float32))
    return np.result_type(*kinds).name, mosaics[0].nodata


def _nothing(reasons: Sequence[NoDataError]) -> NoDataError:
    if len(reasons) == 1:
        return reasons[0]
    error = NoDataError(" ".join(map(str, reasons)))
    error.__cause__ = reasons[-1]
    return error
