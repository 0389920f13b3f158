"""The keywords of the public functions for type checkers; a test compares them with the table.

None counts as left out, except for ``max_download``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Required, TypedDict

from hrdem.request.protocols import (
    AoiLike,
    BoxLike,
    CrsLike,
    HasCrs,
    HasGeoInterface,
    PathLike,
    RasterLike,
    SizeLike,
)


class AoiParams(TypedDict, total=False):
    """The area, as `hrdem.extract` documents it."""

    bbox: BoxLike | None
    aoi: AoiLike | None
    like: RasterLike | None
    nts: str | None
    point: Iterable[float] | HasGeoInterface | str | None
    bbox_crs: CrsLike | None
    aoi_crs: CrsLike | None
    layer: str | None
    radius: float | None
    buffer: float | None
    allow_inaccurate_datum: bool | None


class _AnyProductParams(AoiParams, total=False):
    """The parameters of a request without its product."""

    collection: str | None
    project: str | None
    year: int | None
    fill: str | Iterable[str] | None
    feather: float | None
    source_band: bool | None
    surveys: bool | None
    algorithm: str | None
    slope_unit: str | None
    aspect_north: str | None
    crop: bool | None
    crs: CrsLike | None
    resolution: float | None
    origin: Iterable[float] | str | None
    size: Iterable[int] | str | None
    snap: bool | None
    resampling: str | None
    align: str | None
    vertical_datum: str | None
    vertical_grid: PathLike | None
    vertical_crs: bool | None
    via: str | None
    engine: str | None
    on_change: str | None
    allow_partial: bool | None
    stac_url: str | None
    wcs_url: str | None
    wcs_limit: float | None


class RequestParams(_AnyProductParams, total=False):
    """The parameters of a request, as `hrdem.extract` documents them."""

    product: Required[str]


class CacheParams(TypedDict, total=False):
    """The parameters of the cache."""

    cache_dir: PathLike | None
    no_cache: bool | None
    max_cache: SizeLike | None
    offline: bool | None


class PlanParams(RequestParams, CacheParams):
    """The parameters of `hrdem.plan`."""


class LoadParams(PlanParams, total=False):
    """The parameters of `hrdem.load` besides its own."""

    max_memory: SizeLike | None
    max_download: SizeLike | None


class ExtractParams(LoadParams, total=False):
    """The parameters of `hrdem.extract`."""

    output: Required[PathLike]
    format: str | None
    compress: str | None
    predictor: int | None
    overviews: bool | None
    overwrite: bool | None
    qml: bool | None
    if_changed: bool | None
    quicklook: bool | None
    language: str | None


class _PointsParams(CacheParams, total=False):
    """What `hrdem.sample` and `hrdem.profile` have in common."""

    layer: str | None
    allow_inaccurate_datum: bool | None
    product: Required[str]
    collection: str | None
    fill: str | Iterable[str] | None
    project: str | None
    year: int | None
    surveys: bool | None
    algorithm: str | None
    slope_unit: str | None
    aspect_north: str | None
    interpolation: str | None
    vertical_datum: str | None
    vertical_grid: PathLike | None
    output: PathLike | None
    overwrite: bool | None
    via: str | None
    engine: str | None
    on_change: str | None
    allow_partial: bool | None
    stac_url: str | None
    wcs_url: str | None
    wcs_limit: float | None
    max_memory: SizeLike | None
    max_download: SizeLike | None


class SampleParams(_PointsParams, total=False):
    """The parameters of `hrdem.sample` besides the points."""

    points_crs: CrsLike | None
    x_column: str | None
    y_column: str | None


class ProfileParams(_PointsParams, total=False):
    """The parameters of `hrdem.profile` besides the line."""

    line_crs: CrsLike | None
    spacing: float | None
    language: str | None


class ExtractProductsParams(_AnyProductParams, CacheParams, total=False):
    """The parameters of `hrdem.extract_products`."""

    product: Required[str | Iterable[str]]
    output: Required[PathLike]
    format: str | None
    compress: str | None
    predictor: int | None
    overviews: bool | None
    overwrite: bool | None
    qml: bool | None
    if_changed: bool | None
    quicklook: bool | None
    language: str | None
    max_memory: SizeLike | None
    max_download: SizeLike | None


class SearchParams(AoiParams, CacheParams, total=False):
    """The parameters of `hrdem.search`."""

    collection: str | None
    stac_url: str | None


class SurveysParams(SearchParams, total=False):
    """The parameters of `hrdem.surveys`."""

    product: str | None
    output: PathLike | None
    overwrite: bool | None


class CompareRastersParams(AoiParams, CacheParams, total=False):
    """The parameters of `hrdem.compare` besides the two rasters."""

    product: str | None
    output: PathLike | None
    quicklook: bool | None
    language: str | None
    overwrite: bool | None
    stac_url: str | None
    max_memory: SizeLike | None
    max_download: SizeLike | None


class PreviewParams(SearchParams, total=False):
    """The parameters of `hrdem.preview`."""

    product: Required[str]
    output: Required[PathLike]
    size: int | Iterable[int] | str | None
    overwrite: bool | None
    wms_url: str | None


class AssetsParams(SearchParams, total=False):
    """The parameters of `hrdem.assets` besides the item."""

    product: str | None
    kind: str | None


class StatusParams(TypedDict, total=False):
    """The parameters of `hrdem.status` besides the outputs."""

    stac_url: str | None


class VerifyParams(TypedDict, total=False):
    """The parameters of `hrdem.verify` besides the file."""

    remote: bool | None
    stac_url: str | None


class RerunParams(CacheParams, total=False):
    """The parameters of `hrdem.rerun` besides the item."""

    output: PathLike | None
    overwrite: bool | None
    if_changed: bool | None
    newest: bool | None
    vertical_grid: PathLike | None
    stac_url: str | None
    wcs_url: str | None
    max_memory: SizeLike | None
    max_download: SizeLike | None


class ViewParams(TypedDict, total=False):
    """The parameters of `hrdem.view` besides the file."""

    band: str | None
    ramp: str | None
    output: PathLike | None
    size: int | None
    title: str | None
    language: str | None
    overwrite: bool | None


class DoctorParams(TypedDict, total=False):
    """The parameters of `hrdem.doctor`."""

    stac_url: str | None
    wcs_url: str | None
    cache_dir: PathLike | None
    max_cache: SizeLike | None


class LegacyParams(CacheParams, total=False):
    """What the functions that make older products have in common."""

    collection: str | None
    fill: str | Iterable[str] | None
    vertical_grid: PathLike | None
    via: str | None
    on_change: str | None
    stac_url: str | None
    wcs_url: str | None
    wcs_limit: float | None
    max_memory: SizeLike | None
    max_download: SizeLike | None


class CdedParams(LegacyParams, total=False):
    """The parameters of `hrdem.legacy_cded`."""

    nts: Required[str | Iterable[str]]
    lakes: PathLike | None
    sea: PathLike | None
    border: PathLike | None
    metadata: PathLike | None
    surveys: bool | None
    centre: str | None
    origin: str | None
    process: str | None
    data_edition: str | None
    output: Required[PathLike]
    naming: str | None
    unpacked: bool | None
    records: str | None
    overwrite: bool | None
    dry_run: bool | None


class BcParams(LegacyParams, total=False):
    """The parameters of `hrdem.legacy_bc`."""

    nts: Required[str | Iterable[str]]
    lakes: PathLike | None
    sea: PathLike | None
    projection: str | Iterable[str] | None
    products: str | Iterable[str] | None
    output: Required[PathLike]
    overwrite: bool | None
    dry_run: bool | None


class CheckParams(TypedDict, total=False):
    """The parameters of `hrdem.legacy_check` besides the path."""

    edition: str | None


class ConvertParams(TypedDict, total=False):
    """The parameters of `hrdem.legacy_convert` besides the inputs."""

    crs: CrsLike | None
    zero_is_void: bool | None
    vertical_crs: bool | None
    output: Required[PathLike]
    overwrite: bool | None
    dry_run: bool | None


class CompareParams(LegacyParams, total=False):
    """The parameters of `hrdem.legacy_compare` besides the inputs."""

    crs: CrsLike | None
    zero_is_void: bool | None
    allow_inaccurate_datum: bool | None
    output: Required[PathLike]
    overwrite: bool | None
    dry_run: bool | None


class TileWorkerParams(TypedDict, total=False):
    """What each worker of a job of tiles may use."""

    max_memory: SizeLike | None
    cache_dir: PathLike | None
    no_cache: bool | None
    max_cache: SizeLike | None


class TileJobParams(TileWorkerParams, total=False):
    """The parameters of `hrdem.tile_job`."""

    bbox: BoxLike | None
    aoi: AoiLike | None
    like: RasterLike | None
    nts: PathLike | Iterable[str] | None
    point: PathLike | Iterable[float] | HasGeoInterface | HasCrs | None
    bbox_crs: CrsLike | None
    aoi_crs: CrsLike | None
    layer: str | None
    radius: float | None
    buffer: float | None
    allow_inaccurate_datum: bool | None
    where: str | None
    product: Required[str]
    collection: str | None
    project: str | None
    year: int | None
    fill: str | Iterable[str] | None
    feather: float | None
    source_band: bool | None
    algorithm: str | None
    slope_unit: str | None
    aspect_north: str | None
    crop: bool | None
    crs: CrsLike | None
    resolution: float | None
    resampling: str | None
    vertical_datum: str | None
    vertical_grid: PathLike | None
    vertical_crs: bool | None
    scheme: str | None
    name_by: str | None
    overlap: int | None
    output: Required[PathLike]
    format: str | None
    compress: str | None
    predictor: int | None
    overviews: bool | None
    update: bool | None
    stac_url: str | None
    max_download: SizeLike | None
    connections: int | None
    many_connections: bool | None
