"""The keywords of the public functions for type checkers; a test compares them with the table."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Required, TypedDict

if TYPE_CHECKING:
    from hrdem.request.aoi.vector import HasGeoInterface


class AoiParams(TypedDict, total=False):
    """The area, as `hrdem.extract` documents it; None counts as left out."""

    bbox: Sequence[float] | None
    aoi: str | os.PathLike[str] | Mapping[str, Any] | HasGeoInterface | None
    like: str | os.PathLike[str] | None
    nts: str | None
    point: Sequence[float] | None
    bbox_crs: str | None
    aoi_crs: str | None
    layer: str | None
    radius: float | None
    buffer: float | None
    allow_inaccurate_datum: bool


class RequestParams(AoiParams, total=False):
    """The parameters of a request, as `hrdem.extract` documents them."""

    product: Required[str]
    collection: str
    fill: str | Sequence[str]
    feather: float
    source_band: bool
    surveys: bool
    algorithm: str
    slope_unit: str
    aspect_north: str
    crop: bool | None
    crs: str | None
    resolution: float | None
    resampling: str
    align: str
    vertical_datum: str
    vertical_grid: str | os.PathLike[str] | None
    vertical_crs: bool
    via: str
    engine: str
    on_change: str
    allow_partial: bool
    stac_url: str
    wcs_url: str | None
    wcs_limit: float


class CacheParams(TypedDict, total=False):
    """The parameters of the cache."""

    cache_dir: str | os.PathLike[str] | None
    no_cache: bool
    max_cache: int
    offline: bool


class PlanParams(RequestParams, CacheParams):
    """The parameters of `hrdem.plan`."""


class LoadParams(PlanParams, total=False):
    """The parameters of `hrdem.load` besides its own."""

    max_memory: int
    max_download: int | None


class ExtractParams(LoadParams, total=False):
    """The parameters of `hrdem.extract`."""

    output: Required[str | os.PathLike[str]]
    format: str
    compress: str
    predictor: int | None
    overwrite: bool


class SearchParams(AoiParams, CacheParams, total=False):
    """The parameters of `hrdem.search`."""

    collection: str
    stac_url: str


class PreviewParams(SearchParams, total=False):
    """The parameters of `hrdem.preview`."""

    product: Required[str]
    output: Required[str | os.PathLike[str]]
    size: int
    overwrite: bool
    wms_url: str


class AssetsParams(CacheParams, total=False):
    """The parameters of `hrdem.assets` besides the item."""

    product: str | None
    kind: str | None
    stac_url: str


class DoctorParams(TypedDict, total=False):
    """The parameters of `hrdem.doctor`."""

    stac_url: str
    wcs_url: str | None
    cache_dir: str | os.PathLike[str] | None
    max_cache: int
