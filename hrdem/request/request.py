"""What a user can ask for, validated once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Unpack

from hrdem.errors import RequestError
from hrdem.geo.crs import NATIVE_CRS, get_unit, normalize_crs
from hrdem.geo.grid import Grid
from hrdem.geo.resampling import Resampling
from hrdem.request.aoi.aoi import Aoi
from hrdem.request.aoi.parse import parse_aoi
from hrdem.request.endpoints import check_url, default_wcs_url, normalize_stac_url
from hrdem.request.fields import AREA, REQUEST
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
from hrdem.runtime.redaction import without_secrets

_LONGEST_WCS_LIMIT = 86_400.0
_FINEST, _COARSEST = 0.001, 10_000.0  # metres of a pixel


@dataclass(frozen=True, slots=True)
class Request:
    """One extraction, as asked for.

    Attributes:
        aoi: The area of interest.
        like: The very grid of the output; None if the others say it.
        crop: Whether pixels whose centre lies outside the area are left without data.
        product: What to extract.
        collection: The tier to take it from.
        fill: Further tiers, for what the one before leaves empty.
        feather: Metres over which a tier is blended into the next at its edge.
        source_band: Whether a second band says what each pixel came from.
        via: The way in which pixels come; AUTO takes COGs, and the WCS where they cannot be had.
        engine: What reads COGs: GDAL, or our own reader.
        align: What the output's edges keep to: the source's pixels, or its blocks, which are then
            copied without being decoded.
        crs: CRS of the output.
        resolution: Pixel size of the output in units of its CRS; None for the source's own pixels.
        resampling: How pixels are computed that are not the source's own.
        vertical_datum: What heights are counted from.
        vertical_grid: File of the differences between vertical datums; None to look for it.
        algorithm: How slopes, aspects and hillshades come from heights.
        slope_unit: What slopes are counted in.
        aspect_north: Where aspects are counted from.
        surveys: Whether the surveys under the area are looked up.
        stac_url: Root of the STAC API.
        wcs_url: Address of the WCS that serves the same data; None if none is known to.
        wcs_limit: Seconds after which the WCS gives up on a request.
        on_change: What to do when a source is published again while it is read.
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
    resampling: Resampling
    vertical_datum: VerticalDatum
    vertical_grid: Path | None
    algorithm: Algorithm
    slope_unit: SlopeUnit
    aspect_north: North
    surveys: bool
    stac_url: str
    wcs_url: str | None
    wcs_limit: float
    on_change: OnChange

    @classmethod
    def of(cls, **params: Unpack[RequestParams]) -> Request:
        """Validate the parameters of a request; see `hrdem.extract`.

        Raises:
            RequestError: If a value is invalid, or two contradict each other.
            TypeError: If a parameter is unknown, or one that is required is missing.
            NoDataError: If the area is where there can be no data.
        """
        values = complete(REQUEST, params)
        where = parse_aoi(**select(values, AREA))
        tier = get_collection(values["collection"])
        crs, resolution, crop = values["crs"], values["resolution"], values["crop"]
        if where.grid is not None and (crs is not None or resolution is not None):
            raise RequestError("--like gives CRS and resolution: leave --crs and --resolution out.")
        target = NATIVE_CRS if crs is None else normalize_crs(crs)
        if where.grid is not None:
            target, resolution = where.grid.crs, None
        vertical_grid, wcs_url = values["vertical_grid"], values["wcs_url"]
        if wcs_url is None:
            wcs_url = default_wcs_url(values["stac_url"])
        else:
            wcs_url = check_url(wcs_url, "WCS")
        chosen = cls(
            aoi=where.aoi,
            like=where.grid,
            crop=where.is_polygon if crop is None else crop,
            product=get_product(values["product"]),
            collection=tier,
            fill=_tiers(values["fill"], tier),
            feather=values["feather"],
            source_band=values["source_band"],
            via=values["via"],
            engine=values["engine"],
            align=values["align"],
            crs=target,
            resolution=None if where.grid else _checked_resolution(resolution, target, tier),
            resampling=parse_choice(Resampling, values["resampling"], "resampling"),
            vertical_datum=values["vertical_datum"],
            vertical_grid=None if vertical_grid is None else Path(vertical_grid),
            algorithm=values["algorithm"],
            slope_unit=values["slope_unit"],
            aspect_north=values["aspect_north"],
            surveys=values["surveys"],
            stac_url=normalize_stac_url(values["stac_url"]),
            wcs_url=wcs_url,
            wcs_limit=values["wcs_limit"],
            on_change=values["on_change"],
        )
        chosen._check_tiers()
        chosen._check_heights()
        chosen._check_blocks()
        chosen._check_wcs()
        return chosen

    @property
    def tiers(self) -> tuple[Collection, ...]:
        """The collections to take pixels from, the first where it has them."""
        return self.collection, *self.fill

    @property
    def asset_kind(self) -> AssetKind:
        """The form of the files to read."""
        return AssetKind.VRT if self.via is Via.VRT else AssetKind.COG

    @property
    def is_native(self) -> bool:
        """Whether the output has the source's own pixels."""
        return self.resolution is None and self.like is None

    @property
    def unit(self) -> str:
        """Unit of the pixel values; empty if they have none."""
        if self.product.theme is Theme.SLOPE and self.slope_unit is SlopeUnit.PERCENT:
            return "percent"
        return self.product.unit

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready values; without what does not bear on the pixels."""
        told: dict[str, Any] = {
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
            "crs": self.crs,
            "resolution": self.resolution,
            "resampling": None if self.is_native and not self.fill else self.resampling.value,
            "vertical_datum": self.vertical_datum.value if self.product.is_height else None,
        }
        if self.product.theme is not Theme.HEIGHT:
            told["algorithm"] = self.algorithm.value
        if self.product.theme is Theme.SLOPE:
            told["slope_unit"] = self.slope_unit.value
        if self.product.theme is Theme.ASPECT:
            told["aspect_north"] = self.aspect_north.value
        wcs_url = self.wcs_url and without_secrets(self.wcs_url)
        return told | {"stac_url": without_secrets(self.stac_url), "wcs_url": wcs_url}

    def _check_tiers(self) -> None:
        if not (math.isfinite(self.feather) and self.feather >= 0):
            raise RequestError(f"--feather is a number of metres, not {self.feather}.")
        if self.feather and not self.fill:
            raise RequestError(
                "--feather blends a tier into the next at its edge: give --fill too, or leave it "
                "out."
            )

    def _check_heights(self) -> None:
        if self.vertical_datum is VerticalDatum.CGVD28 and not self.product.is_height:
            raise RequestError(
                f"--vertical-datum is of heights, and {self.product.name} does not depend on it: "
                "leave it out."
            )

    def _check_blocks(self) -> None:
        if self.align is Align.PIXELS:
            return
        if self.engine is Engine.GDAL or self.via in (Via.VRT, Via.WCS):
            raise RequestError(
                "--align blocks copies blocks out of COGs as they are, which needs hrdem's own "
                "reader: leave out --engine gdal and --via vrt or wcs."
            )
        making = {
            "--crs, --resolution and --like make new pixels": not self.is_native,
            "shapes are cut out of them unless --no-crop is given": self.crop,
            "--fill makes new pixels": bool(self.fill),
            "--source-band makes new pixels": self.source_band,
            "--vertical-datum makes new pixels": self.vertical_datum is VerticalDatum.CGVD28,
            f"{self.product.name} is computed": self.product.cog_key is None,
        }
        for option, asked in making.items():
            if asked:
                raise RequestError(
                    f"--align blocks copies blocks as they are, {option}: choose one."
                )

    def _check_wcs(self) -> None:
        if self.via is Via.WCS and self.wcs_url is None:
            raise RequestError(
                f"{without_secrets(self.stac_url)} is another catalogue than the live one: give "
                "the address of the WCS that serves the same data, as --wcs-url."
            )
        if not 0 < self.wcs_limit <= _LONGEST_WCS_LIMIT:
            raise RequestError(
                "--wcs-limit is the seconds that a WCS takes at most, up to a day of them, not "
                f"{self.wcs_limit:g}."
            )
        for tier in self.tiers:
            if self.via is Via.WCS and not tier.in_wcs:
                raise RequestError(
                    f"The WCS has no {tier.name} tier: give --collection 1m alone, or --via cog."
                )


def _tiers(fill: str | Sequence[str], first: Collection) -> tuple[Collection, ...]:
    """The further tiers, each once."""
    names = fill.replace(",", " ").split() if isinstance(fill, str) else fill
    found = tuple(get_collection(name) for name in names)
    for number, tier in enumerate(found):
        if tier in (first, *found[:number]):
            raise RequestError(
                f"--fill {','.join(names)} names the tier {tier.name} twice, counting --collection "
                f"{first.name}. Give those that come after it, for example --fill 2m,30m."
            )
    return found


def _checked_resolution(resolution: float | None, crs: str, collection: Collection) -> float | None:
    """The pixel size of the output; None if its pixels are the source's own."""
    native, unit = float(collection.resolution), get_unit(crs)
    if resolution is None:
        if crs == NATIVE_CRS:
            return None
        if unit.metres != 1:
            raise RequestError(
                f"The unit of the output's CRS is the {unit.name}: give the pixel size in it too, "
                f"for example --resolution {_plain(1 / unit.metres)} for about a metre."
            )
        return native
    if not (math.isfinite(resolution) and resolution > 0):
        raise RequestError(f"A resolution of {resolution} makes no pixels; give a positive number.")
    if not _FINEST <= resolution * unit.metres <= _COARSEST:
        raise RequestError(
            f"A resolution of {resolution:g} makes pixels of {resolution * unit.metres:.3g} metres,"
            f" as the unit of the output's CRS is the {unit.name}. Give --resolution from "
            f"{_plain(_FINEST / unit.metres)} to {_plain(_COARSEST / unit.metres)}; "
            f"{_plain(1 / unit.metres)} is about a metre."
        )
    return None if (crs, resolution) == (NATIVE_CRS, native) else float(resolution)


def _plain(number: float) -> str:
    """One digit that counts, and no exponent."""
    return f"{Decimal(f'{number:.1g}'):f}"
