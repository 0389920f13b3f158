"""Queries: one surface of one collection in an area, and the access to look it up with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from hrdem.errors import NetworkError
from hrdem.geo.grid import Bounds
from hrdem.geo.resampling import FixedSampling, Resampling
from hrdem.http.protocol import Http
from hrdem.request.aoi.aoi import Aoi
from hrdem.request.options import Align, Engine, Via
from hrdem.request.products import AssetKind, Collection, Product
from hrdem.request.request import Request

FailedFiles = Mapping[tuple[str, str], NetworkError]
"""Errors of files that must not be read again, by name of the product and id of the item."""


@dataclass(frozen=True, slots=True)
class MosaicQuery:
    """One surface of one collection in an area, and how to read it.

    Attributes:
        aoi: Area of interest.
        crop: Whether only pixels inside the area are needed.
        collection: Collection to read.
        product: Published product to read.
        via: How pixels are read; AUTO reads COGs, or the WCS where a COG cannot be read.
        engine: Reader of COGs.
        align: Whether the output consists of single pixels or of whole blocks of a file.
        resampling: Kernel, where the output has another lattice.
        sampling: Level and width of the kernel; None if both follow from the output's grid.
        stac_url: Root of the STAC API.
        wcs_url: Address of the WCS that serves the same data; None if there is none.
        wcs_limit: Time limit of one WCS request, seconds.
        allow_partial: Whether files that cannot be fetched are left out.
        project: Name of the survey to read from a collection of surveys; None for all.
        year: Year of the surveys to read from such a collection; None for all.
    """

    aoi: Aoi
    crop: bool
    collection: Collection
    product: Product
    via: Via
    engine: Engine
    align: Align
    resampling: Resampling
    sampling: FixedSampling | None
    stac_url: str
    wcs_url: str | None
    wcs_limit: float
    allow_partial: bool
    project: str | None = None
    year: int | None = None

    @classmethod
    def of(cls, request: Request, collection: Collection, product: Product) -> MosaicQuery:
        """Take what one mosaic needs from a request."""
        return cls(
            aoi=request.aoi,
            crop=request.crop,
            collection=collection,
            product=product,
            via=request.via,
            engine=request.engine,
            align=request.align,
            resampling=request.resampling,
            sampling=request.sampling,
            stac_url=request.stac_url,
            wcs_url=request.wcs_url,
            wcs_limit=request.wcs_limit,
            allow_partial=request.allow_partial,
            project=request.project if collection.by_survey else None,
            year=request.year if collection.by_survey else None,
        )

    @property
    def asset_kind(self) -> AssetKind:
        """Form of the files to read."""
        return AssetKind.VRT if self.via is Via.VRT else AssetKind.COG

    def select(self, failed: FailedFiles) -> dict[str, NetworkError]:
        """Return the errors of the files of the product, by id of the item."""
        return {item: error for (name, item), error in failed.items() if name == self.product.name}

    def expand_to(self, bounds: Bounds) -> MosaicQuery:
        """Return the query for a box around the area.

        Args:
            bounds: Left, bottom, right, top in EPSG:3979; contains the area.
        """
        return replace(self, aoi=self.aoi.expand_to(bounds))


@dataclass(frozen=True, slots=True)
class Lookup:
    """Access to the catalogue, to headers and to the WCS.

    Attributes:
        http: HTTP client.
        failed_cogs: COGs that must not be read; the WCS replaces them.
        left_out: Files that are left out, and that nothing replaces.
        reads_pixels: Whether pixels are read next, and not only headers.
    """

    http: Http
    failed_cogs: FailedFiles = field(default_factory=lambda: MappingProxyType({}))
    left_out: FailedFiles = field(default_factory=lambda: MappingProxyType({}))
    reads_pixels: bool = False
