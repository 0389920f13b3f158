"""The result of an extraction: the file, its plan, statistics and sources."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hrdem.planning.plan import Plan, grid_as_dict
from hrdem.processing.progress import TierSeam
from hrdem.processing.statistics import Statistics
from hrdem.processing.vertical.shift_grid import ShiftGrid
from hrdem.request.options import Via
from hrdem.request.products import COLLECTIONS
from hrdem.request.request import Request


@dataclass(frozen=True, slots=True)
class Result:
    """A finished extraction.

    Attributes:
        output: Path of the file.
        plan: What was read and why.
        statistics: Of the output's pixels; None if blocks were copied, whose pixels were not
            looked at.
        pixels_by_source: How many valid pixels of the output came from each source, by its name,
            in the plan's order; None likewise. Of a resampled pixel that is the nearest one's.
        shifts: What was added to heights; None for nothing.
        edges: For each tier but the last, the vertical steps along its edge.
        received: Bytes of tiles that came over the network; None if GDAL fetched them, which does
            not tell.
        seconds: How long it took.
        reused: Bytes of files that came from the cache.
    """

    output: Path
    plan: Plan
    statistics: Statistics | None
    pixels_by_source: dict[str, int] | None
    edges: tuple[TierSeam, ...]
    shifts: ShiftGrid | None
    received: int | None
    seconds: float
    reused: int = 0

    @property
    def percent_by_tier(self) -> dict[str, float] | None:
        """How many percent of the area came from each tier, by the name of the collection."""
        if self.pixels_by_source is None or self.statistics is None:
            return None
        shares = {}
        for tier in self.plan.tiers:
            pixels = sum(self.pixels_by_source[source.name] for source in tier.mosaics[0].sources)
            shares[tier.collection.name] = 100 * pixels / max(self.statistics.pixels, 1)
        return shares

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready values."""
        pixels = self.pixels_by_source or {}
        return {
            "output": str(self.output),
            "bytes": self.output.stat().st_size,
            "seconds": round(self.seconds, 3),
            "request": self.plan.request.as_dict(),
            "grid": grid_as_dict(self.plan.grid),
            "received_bytes": self.received,
            "cached_bytes": self.reused,
            "statistics": self.statistics and self.statistics.as_dict(),
            "vertical": self.datum_as_dict(),
            **self.plan.reading_as_dict(),
            **self.blending_as_dict(),
            "sources": [
                {**source, "pixels": pixels.get(source["name"])}
                for source in self.plan.sources_as_dict()
            ],
        }

    def datum_as_dict(self) -> dict[str, str]:
        """Return what heights are counted from as JSON-ready values; nothing if there are none."""
        return vertical_datum_as_dict(self.plan.request, self.shifts)

    def blending_as_dict(self) -> dict[str, Any]:
        """Return what each tier gave and how they fit together as JSON-ready values."""
        names = [tier.collection.name for tier in self.plan.tiers]
        return {
            "percent_by_tier": self.percent_by_tier,
            "tier_edges": [
                {
                    "tier": name,
                    "pixels": edge.pixels,
                    "mean_step": edge.mean,
                    "largest_step": edge.largest,
                    "largest_at": list(self.plan.grid.centre(*edge.where)),
                }
                for name, edge in zip(names, self.edges, strict=False)
                if edge.pixels
            ],
        }


def vertical_datum_as_dict(request: Request, shifts: ShiftGrid | None) -> dict[str, str]:
    """Return the vertical datum and its shift grid as JSON-ready values; empty if not heights."""
    if not request.product.is_height:
        return {}
    told = {"datum": request.vertical_datum.value}
    if shifts is not None:
        told |= {"grid": shifts.path.name, "grid_sha256": shifts.sha256}
    return told


def advice(request: Request) -> str:
    """Tell what would fill what a request leaves empty."""
    names = list(COLLECTIONS)
    last = max(names.index(tier.name) for tier in request.tiers)
    more = [tier.name for tier in request.fill] + names[last + 1 :]
    if last + 1 == len(names) or request.via is Via.WCS:
        return ""
    return f"--fill {','.join(more)} takes it from there; 30m reaches over all of Canada."
