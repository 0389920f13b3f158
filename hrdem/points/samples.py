"""Values at points: arrays, and the columns that are added to the rows of the points."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hrdem.planning.plan import Plan
from hrdem.points.write_points import Added


@dataclass(frozen=True, slots=True)
class Names:
    """A name for each point, as numbers: of a million points few names differ.

    Attributes:
        known: The names; the first is empty, for points without one.
        numbers: Which of them each point has, shape (n,).
    """

    known: tuple[str, ...]
    numbers: NDArray[np.uint16]

    def __getitem__(self, part: slice) -> NDArray[np.object_]:
        """Return the names of some points."""
        names: NDArray[np.object_] = np.array(self.known, object)[self.numbers[part]]
        return names

    def translate(self, names: Mapping[str, str]) -> Names:
        """Return other names in their place, empty where there is none."""
        return Names(tuple(names.get(name, "") for name in self.known), self.numbers)


@dataclass(frozen=True, slots=True)
class Samples:
    """Values at points, in the order of the points.

    Attributes:
        values: float32 array of shape (n,) if they are those of pixels, else float64; NaN where
            there is none.
        source_names: Source of the pixel that holds each point.
        surveys: Newest known survey there; None unless surveys were requested.
        years: Year of that survey; likewise.
        outside: Number of points outside Canada, or without coordinates.
        plan: The plan that was executed.
        output: Path of the file; None if none was written.
        estimated_bytes: Estimate of the download, made before it.
        cached_bytes: Bytes of files that came from the cache.
        seconds: Duration.
    """

    values: NDArray[np.floating[Any]]
    source_names: Names
    surveys: Names | None
    years: Names | None
    outside: int
    plan: Plan
    output: Path | None
    estimated_bytes: int
    cached_bytes: int
    seconds: float

    @property
    def complete(self) -> bool:
        """Whether every file that the points need was read; False only with `allow_partial`."""
        return not self.plan.gaps

    @property
    def sampled(self) -> int:
        """Number of points that have a value."""
        return int(np.isfinite(self.values).sum())

    @property
    def sources(self) -> NDArray[np.object_]:
        """Name of the source of the pixel that holds each point; empty where there is none."""
        return self.source_names[:]

    def columns(self, part: slice = slice(None)) -> Added:
        """Return the columns that are added to the rows of the points, by name.

        Args:
            part: Points, by their positions.
        """
        request, values = self.plan.request, self.values[part]
        collections = {source.name: source.collection.name for source in self.plan.sources}
        of_first = {
            name: collections.get(name.partition("; ")[0], "") for name in self.source_names.known
        }
        columns: Added = {
            request.product.name.replace("-", "_"): values,
            "source": self.source_names[part],
            "collection": self.source_names.translate(of_first)[part],
        }
        if self.surveys is not None and self.years is not None:
            columns |= {"survey": self.surveys[part], "year": self.years[part]}
        if request.product.is_height:
            datum = request.vertical_datum.value
            columns["vertical_datum"] = np.array(["", datum], object)[np.isfinite(values) * 1]
        return columns

    def as_dict(self) -> dict[str, Any]:
        """Return counts, statistics and sources as JSON-ready values, without the points."""
        known = self.values[np.isfinite(self.values)]
        return {
            "output": None if self.output is None else str(self.output),
            "points": len(self.values),
            "sampled": self.sampled,
            "outside": self.outside,
            "complete": self.complete,
            "gaps": self.plan.gaps_as_dict(),
            "minimum": float(known.min()),
            "maximum": float(known.max()),
            "estimated_bytes": self.estimated_bytes,
            "cached_bytes": self.cached_bytes,
            "seconds": round(self.seconds, 3),
            "request": self.plan.request.as_dict(),
            "sources": self.plan.sources_as_dict(),
        }
