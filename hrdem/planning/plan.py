"""Plans: everything that an extraction reads and writes, decided before a pixel is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import shapely

from hrdem.geo.crs import NATIVE_CRS
from hrdem.geo.grid import Grid, Window
from hrdem.geo.reproject import project_geometry
from hrdem.planning.feather import Feather
from hrdem.planning.flight import Flight
from hrdem.planning.gap import Gap
from hrdem.planning.mosaic import Mosaic, PlannedSource
from hrdem.planning.precedence import Overlap, find_overlaps
from hrdem.request.options import VerticalDatum
from hrdem.request.products import Collection
from hrdem.request.request import Request
from hrdem.runtime.text import to_json_number

if TYPE_CHECKING:
    from hrdem.catalog.surveys.lookup import Surveys


@dataclass(frozen=True, slots=True)
class Tier:
    """The mosaics of one collection.

    Attributes:
        collection: The collection.
        mosaics: One for each surface that the product is made from.
    """

    collection: Collection
    mosaics: tuple[Mosaic, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that an extraction reads and writes.

    Attributes:
        request: Validated request.
        grid: Grid of the output; with constant sampling, the pixels that are read first.
        whole: Grid that the output is a window of, and that its pixels follow from; the output's
            own unless the plan is cut from another.
        tiers: Collections to read, the one with the highest priority first; at least one.
        tiers_without_data: Why other requested collections have no tier, by name.
        is_computed: Whether the product is computed from its surfaces instead of read as published.
        feather: Distance over which a tier is blended into the next.
        border: Number of pixels around the output that affect it.
        dtype: Pixel type of the output.
        nodata: Nodata value of the output; None only where blocks are copied from a file that
            declares none.
        surveys: Surveys in the area; None if they were not requested.
        lost: Files of collections that have no tier because none of their files can be read.
        flights: Surveys of known years, the oldest first; none unless layers are written.
    """

    request: Request
    grid: Grid
    whole: Grid
    tiers: tuple[Tier, ...]
    tiers_without_data: Mapping[str, str]
    is_computed: bool
    feather: Feather
    border: int
    dtype: str
    nodata: float | None
    surveys: Surveys | None = None
    lost: tuple[Gap, ...] = ()
    flights: tuple[Flight, ...] = ()

    @property
    def place(self) -> Window:
        """Window of the output on the whole grid."""
        place = self.whole.locate(self.grid)
        assert place is not None
        return place

    @property
    def mosaics(self) -> list[Mosaic]:
        """Mosaics of all tiers."""
        return [mosaic for tier in self.tiers for mosaic in tier.mosaics]

    @property
    def sources(self) -> tuple[PlannedSource, ...]:
        """Sources of all mosaics; their ids in layers of sources start at 1."""
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
    def gaps(self) -> tuple[Gap, ...]:
        """Files that cannot be read and are left out; none if the output is complete."""
        return tuple(gap for mosaic in self.mosaics for gap in mosaic.gaps) + self.lost

    @property
    def overlaps(self) -> list[Overlap]:
        """Pairs of sources that overlap, with the one that wins."""
        return [overlap for mosaic in self.mosaics for overlap in find_overlaps(mosaic)]

    @property
    def resampled(self) -> bool:
        """Whether any output pixel is computed from pixels of another lattice."""
        return any(self.is_resampled(mosaic) for mosaic in self.mosaics)

    @property
    def direct_mosaic(self) -> Mosaic | None:
        """The only mosaic if its grid and pixels are exactly those of the output, else None.

        If None, mosaics are merged into local files first and the output is computed from those.
        """
        shifted = self.request.vertical_datum is not VerticalDatum.CGVD2013
        is_sampled = self.request.sampling is not None
        if self.is_computed or shifted or is_sampled or len(self.mosaics) > 1:
            return None
        (mosaic,) = self.mosaics
        same = mosaic.grid.locate(self.grid) == mosaic.grid.window
        return mosaic if same else None

    @property
    def staged_mosaics(self) -> list[Mosaic]:
        """The mosaics that are merged into local files first."""
        return self.mosaics if self.direct_mosaic is None else []

    def restrict_to(self, window: Window) -> Plan:
        """Return the plan with its regions cut to what can affect a window of the output.

        Everything else stays that of the whole output, so pixels are the same to the last bit.
        """
        if window == self.grid.window:
            return self
        outline = shapely.box(*self.grid.crop(window).bounds)
        area = project_geometry(outline, self.grid.crs, NATIVE_CRS)
        tiers = (
            replace(tier, mosaics=tuple(mosaic.restrict_to(area) for mosaic in tier.mosaics))
            for tier in self.tiers
        )
        return replace(self, tiers=tuple(tiers))

    def is_resampled(self, mosaic: Mosaic) -> bool:
        """Whether a mosaic has another lattice than the output."""
        return self.request.sampling is not None or mosaic.whole.locate(self.whole) is None

    def as_dict(self) -> dict[str, Any]:
        """Return the plan as JSON-ready values."""
        return {
            "request": self.request.as_dict(),
            "grid": self.grid.as_dict(),
            "dtype": self.dtype,
            "nodata": to_json_number(self.nodata),
            **self.reading_as_dict(),
            "complete": not self.gaps,
            "gaps": self.gaps_as_dict(),
            "sources": self.sources_as_dict(),
        }

    def sources_as_dict(self, *, members: bool = False) -> list[dict[str, Any]]:
        """Return the sources as JSON-ready values, with their ids in layers of sources.

        Args:
            members: Whether the versions of files that VRTs refer to are listed, too.
        """
        described = []
        for number, source in enumerate(self.sources, start=1):
            described.append({"source_id": number, **source.as_dict()})
            if members and source.file.members:
                described[-1]["files"] = [
                    {"href": version.url, **version.as_dict()} for version in source.file.members
                ]
        return described

    def gaps_as_dict(self) -> list[dict[str, Any]]:
        """Return the gaps as JSON-ready values, with their bounds and their share of the area."""
        return [gap.as_dict(self.request.aoi.geometry) for gap in self.gaps]

    def reading_as_dict(self) -> dict[str, Any]:
        """Return tiers, surveys and skipped items as JSON-ready values."""
        return {
            "tiers": [
                {
                    "collection": tier.collection.id,
                    "merge_grid": tier.mosaics[0].grid.as_dict(),
                    "resampled": self.is_resampled(tier.mosaics[0]),
                }
                for tier in self.tiers
            ],
            "tiers_without_data": dict(self.tiers_without_data),
            "surveys": self.surveys and self.surveys.as_dict(),
            "items_without_product": list(self.items_without_product),
            "skipped_neighbours": list(self.skipped_neighbours),
            "overlaps": [overlap.as_dict() for overlap in self.overlaps],
        }
