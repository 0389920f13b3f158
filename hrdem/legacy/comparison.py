"""The result of a comparison: HRDEM minus older DEMs."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hrdem.geo.grid import Grid
from hrdem.http.run_context import Transfer
from hrdem.legacy.raster import CGVD28, LegacyRaster
from hrdem.planning.estimate import Estimate
from hrdem.planning.plan import Plan
from hrdem.processing.differences import Differences
from hrdem.processing.statistics import Statistics
from hrdem.processing.vertical.shift_grid import ShiftGrid


@dataclass(frozen=True, slots=True)
class Counts:
    """Nodes of the older DEMs, by which of the two models has a height.

    Attributes:
        old: Nodes with a height in the older DEMs.
        compared: Those of them with a height in HRDEM too.
        without_shift: Those of the others where HRDEM has a height, and the grid of shifts between
            the vertical datums has no value.
    """

    old: int = 0
    compared: int = 0
    without_shift: int = 0

    def __add__(self, other: Counts) -> Counts:
        """Return the counts of both sets of nodes together."""
        return Counts(
            self.old + other.old,
            self.compared + other.compared,
            self.without_shift + other.without_shift,
        )


@dataclass(frozen=True, slots=True)
class FileDifferences:
    """Differences to one of several older DEMs.

    Attributes:
        label: Name of its file.
        statistics: Of the differences to its own heights; nodes that files share count for each,
            with the height that each has there.
    """

    label: str
    statistics: Statistics

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready values."""
        return {"file": self.label, **self.statistics.as_dict()}


@dataclass(frozen=True, slots=True)
class Comparison:
    """HRDEM minus older DEMs.

    Attributes:
        output: Path of the GeoTIFF.
        grid: Its grid; pixel centres are the nodes of the DEMs.
        rasters: The older DEMs, in order of precedence.
        zero_is_void: Whether zeros that may stand for no data are left out.
        plan: What is read of HRDEM.
        estimate: Its cost; None if the differences were written.
        counts: Nodes that were compared.
        differences: Statistics of the differences.
        by_file: The same for each DEM, if there are several.
        unequal_nodes: Nodes at which two of the DEMs have different heights; that of the first one
            is taken.
        largest_inequality: The largest difference between two of the DEMs at a node, metres.
        void_zeros: Zeros of the DEMs that may stand for no data.
        shift_grid: Differences between the vertical datums.
        transfer: What was transferred, and the duration.
    """

    output: Path
    grid: Grid
    rasters: tuple[LegacyRaster, ...]
    zero_is_void: bool
    plan: Plan
    estimate: Estimate | None = None
    counts: Counts = Counts()
    differences: Differences | None = None
    by_file: tuple[FileDifferences, ...] = ()
    unequal_nodes: int = 0
    largest_inequality: float = 0.0
    void_zeros: int = 0
    shift_grid: ShiftGrid | None = None
    transfer: Transfer = field(default_factory=Transfer)

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready values."""
        grid = self.shift_grid
        vertical = {"datum": CGVD28}
        if grid is not None:
            vertical |= {"grid": grid.path.name, "grid_sha256": grid.sha256}
        return {
            "output": str(self.output),
            "written": self.estimate is None,
            "grid": self.grid.as_dict(),
            "inputs": [raster.as_dict() for raster in self.rasters],
            "old_nodes": self.counts.old,
            "compared_nodes": self.counts.compared,
            "nodes_without_shift": self.counts.without_shift,
            "differences": self.differences and self.differences.as_dict(),
            "by_file": [each.as_dict() for each in self.by_file],
            "unequal_nodes": self.unequal_nodes,
            "largest_inequality": self.largest_inequality,
            "void_zeros": self.void_zeros,
            "zero_is_void": self.zero_is_void,
            "vertical": vertical,
            "estimate": self.estimate and self.estimate.as_dict(),
            **self.transfer.as_dict(),
            "plan": self.plan.as_dict(),
        }
