"""The result of an extraction: the file, its plan, statistics and sources."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hrdem.planning.plan import Plan
from hrdem.processing.statistics import Statistics
from hrdem.processing.tile_result import GapCount, TierSeam
from hrdem.processing.vertical.shift_grid import ShiftGrid
from hrdem.request.request import Request


@dataclass(frozen=True, slots=True)
class Result:
    """A finished extraction.

    Attributes:
        output: Path of the file.
        plan: The plan that was executed.
        statistics: Of the output's pixels; None if compressed blocks were copied undecoded, or the
            output was left unchanged.
        pixels_by_source: Valid pixels of the output from each source, by its name, in the order of
            the plan; None where statistics are. A resampled pixel counts for the source nearest to
            it.
        seams: Vertical steps along the edge of each tier but the last.
        shift_grid: Differences added to heights; None if heights are unchanged.
        infinite_pixels: Pixels of the sources in the area that are infinite, which counts as
            nodata, and for which no other source has data; 0 if blocks were copied.
        gap_counts: Pixels in each gap of the plan, in its order; empty if there are none, or if
            blocks were copied.
        received_bytes: Bytes of tiles that came over the network; None if GDAL fetched them, which
            does not report it.
        seconds: Duration.
        cached_bytes: Bytes of files that came from the cache.
        layers: Paths of the layers beside it, with the source and the year of each pixel.
        quicklook: Path of the picture beside the file; None if none was requested.
        unchanged: Whether the output was there already, as it would be made again: only with
            `if_changed`.
    """

    output: Path
    plan: Plan
    statistics: Statistics | None
    pixels_by_source: dict[str, int] | None
    seams: tuple[TierSeam, ...]
    shift_grid: ShiftGrid | None
    infinite_pixels: int
    gap_counts: tuple[GapCount, ...]
    received_bytes: int | None
    seconds: float
    cached_bytes: int = 0
    unchanged: bool = False
    quicklook: Path | None = None
    layers: tuple[Path, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether every file in the area was read; False only with `allow_partial`."""
        return not self.plan.gaps

    @property
    def percent_by_tier(self) -> dict[str, float] | None:
        """Percent of the area that came from each tier, by the name of the collection."""
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
            "unchanged": self.unchanged,
            "quicklook": None if self.quicklook is None else str(self.quicklook),
            "layers": [str(path) for path in self.layers],
            "bytes": self.output.stat().st_size,
            "seconds": round(self.seconds, 3),
            "request": self.plan.request.as_dict(),
            "grid": self.plan.grid.as_dict(),
            "received_bytes": self.received_bytes,
            "cached_bytes": self.cached_bytes,
            "statistics": self.statistics and self.statistics.as_dict(),
            "infinite_pixels": self.infinite_pixels,
            "vertical": self.datum_as_dict(),
            "complete": self.complete,
            "gaps": self.gaps_as_dict(),
            **self.plan.reading_as_dict(),
            **self.blending_as_dict(),
            "sources": [
                {**source, "pixels": pixels.get(source["name"])}
                for source in self.plan.sources_as_dict()
            ],
        }

    def gaps_as_dict(self) -> list[dict[str, Any]]:
        """Return the gaps as JSON-ready values, with the pixels in each where they are known."""
        gaps = self.plan.gaps_as_dict()
        for gap, count in zip(gaps, self.gap_counts, strict=False):
            gap |= {"pixels": count.pixels, "nodata_pixels": count.empty}
        return gaps

    def datum_as_dict(self) -> dict[str, str]:
        """Return the vertical datum as JSON-ready values; empty if the product is not heights."""
        return vertical_datum_as_dict(self.plan.request, self.shift_grid)

    def blending_as_dict(self) -> dict[str, Any]:
        """Return the share of each tier and the seams between them as JSON-ready values."""
        names = [tier.collection.name for tier in self.plan.tiers]
        return {
            "percent_by_tier": self.percent_by_tier,
            "tier_seams": [
                {
                    "tier": name,
                    "pixels": seam.pixels,
                    "mean_step": seam.mean_step,
                    "max_step": seam.max_step,
                    "max_step_at": list(self.plan.grid.centre(*seam.max_step_pixel)),
                }
                for name, seam in zip(names, self.seams, strict=False)
                if seam.pixels
            ],
        }


def vertical_datum_as_dict(request: Request, shift_grid: ShiftGrid | None) -> dict[str, str]:
    """Return the vertical datum and its shift grid as JSON-ready values; empty if not heights."""
    if not request.product.is_height:
        return {}
    described = {"datum": request.vertical_datum.value}
    if shift_grid is not None:
        described |= {"grid": shift_grid.path.name, "grid_sha256": shift_grid.sha256}
    return described
