"""What running a plan would cost and give, told from few requests."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from hrdem.grid import Window
from hrdem.http.client import Http
from hrdem.planning import Plan, PlannedSource, open_source
from hrdem.sources import Pixels
from hrdem.sources.gdal import Handles

_OVERVIEW_EDGE = 256  # pixels of the overview that coverage is told from
_SAMPLES = 3  # blocks along each axis whose stored size is looked up


@dataclass(frozen=True, slots=True)
class Forecast:
    """Estimates, before any pixel is fetched.

    Attributes:
        blocks: Number of the files' blocks that will be read.
        transfer_bytes: About how much will be transferred; None for VRTs, which do not tell.
        output_bytes: Size of the output before compression.
        coverage_percent: About which share of the area has data.
        coverage_by_item: The same for each item, as a share of the whole area.
    """

    blocks: int
    transfer_bytes: int | None
    output_bytes: int
    coverage_percent: float
    coverage_by_item: dict[str, float]

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready values."""
        return {
            "blocks": self.blocks,
            "transfer_bytes_estimated": self.transfer_bytes,
            "output_bytes_uncompressed": self.output_bytes,
            "coverage_percent_estimated": self.coverage_percent,
            "coverage_percent_estimated_by_item": self.coverage_by_item,
        }


def make_forecast(plan: Plan, http: Http) -> Forecast:
    """Estimate the cost of a plan from overviews and from the sizes of a few blocks.

    Raises:
        NetworkError: If a file cannot be read.
        SourceChangedError: If a file changed since the plan was made.
    """
    blocks, transfer, shares = 0, 0, {}
    told = True
    for planned in plan.sources:
        with contextlib.closing(Handles(most=1)) as handles:
            source = open_source(planned.asset, plan.request.kind, planned.version, handles, http)
            valid = _valid(source.thinned(planned.window, _OVERVIEW_EDGE), source.nodata)
            sizes = [source.stored_bytes(*block) for block in _sampled_blocks(planned)]
        shares[planned.item.id] = 100 * valid * planned.place.pixels / plan.grid.window.pixels
        count = _block_count(planned)
        blocks += count
        known = [size for size in sizes if size is not None]
        told &= len(known) == len(sizes)
        transfer += round(sum(known) / len(sizes) * count)
    return Forecast(
        blocks=blocks,
        transfer_bytes=transfer if told else None,
        output_bytes=plan.grid.window.pixels * np.dtype(plan.dtype).itemsize,
        coverage_percent=min(100.0, sum(shares.values())),
        coverage_by_item=shares,
    )


def _valid(pixels: Pixels, nodata: float | None) -> float:
    """Share of valid pixels, 0 to 1."""
    if nodata is None:
        return 1.0
    if np.isnan(nodata):
        return float((~np.isnan(pixels)).mean())
    return float((pixels != pixels.dtype.type(nodata)).mean())


def _block_range(window: Window, block: tuple[int, int]) -> tuple[range, range]:
    width, height = block
    columns = range(window.column // width, -(-window.right // width))
    return columns, range(window.row // height, -(-window.bottom // height))


def _block_count(planned: PlannedSource) -> int:
    columns, rows = _block_range(planned.window, planned.block)
    return len(columns) * len(rows)


def _sampled_blocks(planned: PlannedSource) -> list[tuple[int, int]]:
    """A few blocks, spread over the window: (column, row) of each."""
    columns, rows = _block_range(planned.window, planned.block)
    return [(column, row) for row in _spread(rows) for column in _spread(columns)]


def _spread(numbers: range) -> list[int]:
    step = len(numbers) / _SAMPLES
    return sorted({numbers[int((k + 0.5) * step)] for k in range(_SAMPLES)})
