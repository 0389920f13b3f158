"""A validated request: what to extract, from where, onto which grid."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Unpack, assert_never

from hrdem.errors import RequestError
from hrdem.geo.crs import NATIVE_CRS, normalize_crs
from hrdem.geo.datum import get_operation, link_crs
from hrdem.geo.grid import Grid
from hrdem.geo.resampling import FixedSampling, Resampling
from hrdem.request.aoi.aoi import Aoi
from hrdem.request.aoi.parse import ParsedAoi, parse_aoi
from hrdem.request.area_fields import AREA
from hrdem.request.endpoints import check_url, default_wcs_url, normalize_stac_url
from hrdem.request.fields import REQUEST
from hrdem.request.fill import find_coarser, parse_fill
from hrdem.request.options import (
    Algorithm,
    Align,
    Engine,
    North,
    OnChange,
    SlopeUnit,
    VerticalDatum,
    Via,
    parse_choice,
)
from hrdem.request.output_grid import check_origin, check_resolution, parse_sized_grid
from hrdem.request.params import RequestParams
from hrdem.request.products import (
    AssetKind,
    Collection,
    Product,
    Theme,
    get_collection,
    get_product,
)
from hrdem.request.signature import complete, select
from hrdem.runtime.redaction import redact_secrets

MAX_WCS_LIMIT_SECONDS = 86_400.0


@dataclass(frozen=True, slots=True)
class Request:
    """A validated request for an extraction.

    Attributes:
        aoi: Area of interest.
        like: Grid of the output, if it is that of another raster; None if it follows from the rest.
        crop: Whether pixels whose centre is outside the area become nodata.
        product: Product to extract.
        collection: Collection to take it from.
        fill: Further collections by pixel size, each for the pixels that those before leave empty.
        feather: Metres over which a collection is blended into the next one at its edge.
        source_band: Whether further files record the source of each pixel.
        via: Files or service to read from; AUTO reads COGs, and the WCS where there are none.
        engine: Library that reads COGs: hrdem's own reader, or GDAL.
        align: Lattice of the output's edges: the source's pixels, or its blocks, which are then
            copied without decoding.
        crs: CRS of the output.
        resolution: Pixel size of the output in units of its CRS; None for the source's own pixels.
        origin: Point that corners of pixels are aligned to, in units of the output's CRS; None for
            multiples of the pixel size. With the grid of another raster: the corner of that.
        snap: Whether the output is aligned; if not, it starts at the corner of the area.
        resampling: Kernel for pixels that are not the source's own.
        vertical_datum: Vertical datum of the output's heights.
        vertical_grid: File with the differences between vertical datums; None to find one.
        vertical_crs: Whether the CRS of heights contains their vertical datum.
        algorithm: Method that computes slopes, aspects and hillshades from heights.
        slope_unit: Unit of slopes.
        aspect_north: Direction from which aspects are measured.
        surveys: Whether to look up the lidar surveys under the area.
        stac_url: Root of the STAC API.
        wcs_url: Address of the WCS that serves the same data; None if none is known.
        wcs_limit: Seconds after which the WCS aborts a request.
        on_change: Reaction to a source that is republished while it is read.
        allow_partial: Whether files that cannot be fetched are left out.
        project: Name of the survey to read from a collection of surveys; None for all.
        year: Year of the surveys to read from such a collection; None for all.
        sampling: Level and kernel of a product with constant ones, whose heights are read on any
            grid in the area; None for an output on one grid. No parameter sets it.
    """

    aoi: Aoi
    like: Grid | None
    crop: bool
    product: Product
    collection: Collection
    fill: tuple[Collection, ...]
    feather: float
    source_band: bool
    via: Via
    engine: Engine
    align: Align
    crs: str
    resolution: float | None
    origin: tuple[float, float] | None
    snap: bool
    resampling: Resampling
    vertical_datum: VerticalDatum
    vertical_grid: Path | None
    vertical_crs: bool
    algorithm: Algorithm
    slope_unit: SlopeUnit
    aspect_north: North
    surveys: bool
    stac_url: str
    wcs_url: str | None
    wcs_limit: float
    on_change: OnChange
    allow_partial: bool
    project: str | None = None
    year: int | None = None
    sampling: FixedSampling | None = None

    @classmethod
    def of(cls, **params: Unpack[RequestParams]) -> Request:
        """Validate the parameters of a request; `hrdem.extract` documents them.

        Raises:
            RequestError: If a value is invalid, or two contradict each other.
            TypeError: If a parameter is unknown, or one that is required is missing.
            NoDataError: If the area reaches where there can be no data.
        """
        values = complete(REQUEST, params)
        check_origin(values)
        if values["size"] is not None:
            parsed = parse_sized_grid(values)
            return cls.in_area(parsed, values | {"crs": None, "resolution": None})
        return cls.in_area(parse_aoi(**select(values, AREA)), values)

    @classmethod
    def in_area(cls, parsed: ParsedAoi, values: Mapping[str, Any]) -> Request:
        """Validate the parameters of a request whose area has been parsed.

        Args:
            parsed: The area.
            values: All parameters of a request; those of an area are not used.

        Raises:
            RequestError: If a value is invalid, or two contradict each other.
            NoDataError: If the area reaches where there can be no data.
        """
        first = get_collection(values["collection"])
        crs, resolution, crop = values["crs"], values["resolution"], values["crop"]
        if parsed.grid is not None and (crs is not None or resolution is not None):
            raise RequestError(
                "`like` sets the CRS and the pixel size. Leave `crs` and `resolution` out."
            )
        target = NATIVE_CRS if crs is None else normalize_crs(crs)
        if parsed.grid is not None:
            target, resolution = parsed.grid.crs, None
        elif target == parsed.aoi.crs:
            target = parsed.aoi.crs  # by the operation that brought the area here
        else:
            allow = values["allow_inaccurate_datum"]
            target = link_crs(target, parsed.aoi.bounds, NATIVE_CRS, allow_inaccurate=allow)
        if parsed.grid is None:
            resolution = check_resolution(resolution, target, first)
            if resolution is None and (values["origin"] is not None or not values["snap"]):
                resolution = float(first.resolution)
        vertical_grid, wcs_url = values["vertical_grid"], values["wcs_url"]
        if wcs_url is None:
            wcs_url = default_wcs_url(values["stac_url"])
        else:
            wcs_url = check_url(wcs_url, "WCS")
        request = cls(
            aoi=parsed.aoi,
            like=parsed.grid,
            crop=parsed.is_polygon if crop is None else crop,
            product=get_product(values["product"]),
            collection=first,
            fill=parse_fill(values["fill"], first),
            feather=values["feather"],
            source_band=values["source_band"],
            via=values["via"],
            engine=values["engine"],
            align=values["align"],
            crs=target,
            resolution=resolution,
            origin=values["origin"],
            snap=values["snap"],
            resampling=parse_choice(Resampling, values["resampling"], "resampling"),
            vertical_datum=values["vertical_datum"],
            vertical_grid=None if vertical_grid is None else Path(vertical_grid),
            vertical_crs=values["vertical_crs"],
            algorithm=values["algorithm"],
            slope_unit=values["slope_unit"],
            aspect_north=values["aspect_north"],
            surveys=values["surveys"],
            stac_url=normalize_stac_url(values["stac_url"]),
            wcs_url=wcs_url,
            wcs_limit=values["wcs_limit"],
            on_change=values["on_change"],
            allow_partial=values["allow_partial"],
            project=values["project"],
            year=values["year"],
        )
        request._check_surveys()
        request._check_feather()
        request.check_product()
        request._check_wcs()
        return request

    def of_product(self, name: str) -> Request:
        """Return the same request for another product.

        Raises:
            RequestError: If it contradicts the rest.
        """
        request = replace(self, product=get_product(name))
        request.check_product()
        return request

    def check_product(self) -> None:
        """Check that the product goes with the rest.

        Raises:
            RequestError: If it does not.
        """
        self._check_vertical_datum()
        self._check_block_alignment()

    @property
    def tiers(self) -> tuple[Collection, ...]:
        """Collections to take pixels from; an earlier one wins where both have data."""
        return self.collection, *self.fill

    @property
    def asset_kind(self) -> AssetKind:
        """Form of the files to read."""
        return AssetKind.VRT if self.via is Via.VRT else AssetKind.COG

    @property
    def is_native(self) -> bool:
        """Whether the output has the source's own pixels."""
        return self.resolution is None and self.like is None and self.sampling is None

    @property
    def source_layers(self) -> tuple[str, ...]:
        """Names of the layers of source ids, one for each surface; empty if none is requested."""
        if not self.source_band:
            return ()
        surfaces = self.product.surfaces
        return tuple(f"source-{each}" for each in surfaces) if len(surfaces) > 1 else ("source",)

    @property
    def unit(self) -> str:
        """Unit of the pixel values; empty if they have none."""
        if self.product.theme is Theme.SLOPE and self.slope_unit is SlopeUnit.PERCENT:
            return "percent"
        return self.product.unit

    @property
    def height_reference(self) -> str:
        """What heights are measured from, to append to a title; empty for other products."""
        return f", height above {self.vertical_datum.value}" if self.product.is_height else ""

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready values, without options that cannot affect the output."""
        values: dict[str, Any] = {
            "aoi": self.aoi.label,
            "crop": self.crop,
            "product": self.product.name,
            "collection": self.collection.id,
            "fill": [tier.id for tier in self.fill],
            "feather": self.feather,
            "source_band": self.source_band,
            "via": self.via.value,
            "engine": self.engine.value,
            "align": self.align.value,
            "allow_partial": self.allow_partial,
            "crs": self.crs,
            "resolution": self.resolution,
            "resampling": None if self.is_native and not self.fill else self.resampling.value,
            "vertical_datum": self.vertical_datum.value if self.product.is_height else None,
            "vertical_crs": self.vertical_crs,
        }
        if self.origin is not None:
            values["origin"] = list(self.origin)
        if not self.snap:
            values["snap"] = False
        match self.product.theme:
            case Theme.HEIGHT:
                pass
            case Theme.HILLSHADE:
                values |= {"algorithm": self.algorithm.value}
            case Theme.SLOPE:
                values |= {"algorithm": self.algorithm.value, "slope_unit": self.slope_unit.value}
            case Theme.ASPECT:
                values |= {
                    "algorithm": self.algorithm.value,
                    "aspect_north": self.aspect_north.value,
                }
            case _:
                assert_never(self.product.theme)
        chosen = {"project": self.project, "year": self.year}
        values |= {name: value for name, value in chosen.items() if value is not None}
        if self.sampling is not None:
            values["sampling"] = asdict(self.sampling)
        operations = {"aoi_datum": self.aoi.operation, "crs_datum": get_operation(self.crs)}
        values |= {name: each.as_dict() for name, each in operations.items() if each}
        wcs_url = self.wcs_url and redact_secrets(self.wcs_url)
        return values | {"stac_url": redact_secrets(self.stac_url), "wcs_url": wcs_url}

    def check_offline(self) -> None:
        """Check that the cache alone can serve it.

        Raises:
            RequestError: If something is read past the cache.
        """
        uncached = {
            "`via=vrt`": self.via is Via.VRT,
            "`engine=gdal`": self.engine is Engine.GDAL,
            "`surveys`": self.surveys,
        }
        for parameter, is_set in uncached.items():
            if is_set:
                raise RequestError(
                    f"`offline` reads only the cache, but {parameter} reads through GDAL, which "
                    "cannot use it. Leave one of them out."
                )

    def _check_surveys(self) -> None:
        chosen = [name for name in ("project", "year") if getattr(self, name) is not None]
        if chosen and not any(tier.by_survey for tier in self.tiers):
            raise RequestError(
                f"`{chosen[0]}` chooses among single surveys, and {self.collection.id} is a mosaic "
                "of them. Give `collection=lidar` as well."
            )

    def _check_feather(self) -> None:
        if not (math.isfinite(self.feather) and self.feather >= 0):
            raise RequestError(
                f"`feather` is {self.feather}. Give a number of metres that is not negative."
            )
        if self.feather and not self.fill:
            coarser = find_coarser(self.tiers, self.via)
            way = "Give `fill` as well, or leave" if coarser else "Leave"
            raise RequestError(
                "`feather` blends a collection into the next one, but only one was requested. "
                f"{way} `feather` out."
            )

    def _check_vertical_datum(self) -> None:
        given = {
            "vertical_datum": self.vertical_datum is VerticalDatum.CGVD28,
            "vertical_crs": self.vertical_crs,
        }
        for name, is_given in given.items():
            if is_given and not self.product.is_height:
                raise RequestError(
                    f"`{name}` applies to heights, and {self.product.name} does not depend on "
                    "it. Leave it out."
                )

    def _check_block_alignment(self) -> None:
        if self.align is Align.PIXELS:
            return
        if self.engine is Engine.GDAL or self.via in (Via.VRT, Via.WCS):
            raise RequestError(
                "`align=blocks` copies compressed blocks of COGs, which only hrdem's own reader "
                "can do. Leave out `engine=gdal`, `via=vrt` and `via=wcs`."
            )
        conflicts = {
            "`crs`, `resolution`, `like`, `origin` and `snap=False` resample": not self.is_native,
            "the area is cropped to its shape (`crop=False` turns that off)": self.crop,
            "`fill` merges collections": bool(self.fill),
            "`source_band` decodes them": self.source_band,
            "`vertical_datum` changes heights": self.vertical_datum is VerticalDatum.CGVD28,
            f"{self.product.name} is computed": self.product.cog_key is None,
        }
        for conflict, applies in conflicts.items():
            if applies:
                raise RequestError(
                    f"`align=blocks` copies compressed blocks as they are, but {conflict}. Choose "
                    "one of the two."
                )

    def _check_wcs(self) -> None:
        if self.via is Via.WCS and self.wcs_url is None:
            raise RequestError(
                f"No WCS is known for the catalogue {redact_secrets(self.stac_url)}. Give the "
                "address of the one that serves the same data as `wcs_url`."
            )
        if not 0 < self.wcs_limit <= MAX_WCS_LIMIT_SECONDS:
            raise RequestError(
                f"`wcs_limit` is {self.wcs_limit:g}. Give the seconds after which the WCS aborts a "
                f"request, more than 0 and up to {MAX_WCS_LIMIT_SECONDS:.0f}."
            )
        for tier in self.tiers:
            if self.via is Via.WCS and not tier.in_wcs:
                raise RequestError(
                    f"The WCS does not serve the collection {tier.name}. Give `collection=1m` "
                    "without `fill`, or `via=cog`."
                )
