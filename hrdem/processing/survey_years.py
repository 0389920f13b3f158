"""Years of the surveys that the pixels of an output come from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from hrdem.geo.crs import NATIVE_CRS
from hrdem.geo.grid import Window
from hrdem.geo.mask import PolygonMask
from hrdem.planning.plan import Plan

MAX_IDS = 256  # of sources, which are bytes
Years = NDArray[np.uint16]


@dataclass(frozen=True, slots=True)
class SurveyArea:
    """Pixels of one survey.

    Attributes:
        year: Year of the survey.
        source_ids: Ids of the sources whose pixels may come from it.
        mask: Where it was flown; None for all pixels of these sources.
    """

    year: int
    source_ids: tuple[int, ...]
    mask: PolygonMask | None


@dataclass(frozen=True, slots=True)
class SurveyYears:
    """The surveys on the grid of an output.

    Attributes:
        areas: The pixels of each, the newest first: where surveys overlap, a mosaic has the newest.
    """

    areas: tuple[SurveyArea, ...]

    @classmethod
    def of(cls, plan: Plan) -> Self:
        """Return the flights of a plan on the grid of its output."""
        areas = []
        for flight in reversed(plan.flights):
            ids = (
                number
                for number, source in enumerate(plan.sources, 1)
                if flight.item in {item.id for item in source.items}
            )
            mask = None
            if flight.outline is not None:
                mask = PolygonMask.of(flight.outline, NATIVE_CRS, plan.whole).crop(plan.place)
            areas.append(SurveyArea(flight.year, tuple(ids), mask))
        return cls(tuple(areas))

    def find(self, window: Window, source_ids: NDArray[np.uint8]) -> Years:
        """Return the year of each pixel of a window, 0 where it is unknown.

        Args:
            window: Window of the output's grid.
            source_ids: Source of each pixel, 0 where there is no data: array of shape
                (window.height, window.width).
        """
        years: Years = np.zeros(source_ids.shape, np.uint16)
        left = source_ids.copy()  # 0 where the year is known, or there is no data
        for area in self.areas:
            present = np.bincount(left.ravel(), minlength=MAX_IDS) > 0
            if not present[1:].any():
                break
            is_wanted = np.zeros(MAX_IDS, np.bool_)
            is_wanted[[*area.source_ids]] = True
            if not (present & is_wanted).any():
                continue
            chosen = is_wanted[left]
            if area.mask is not None:
                chosen &= area.mask.rasterize(window)
            years[chosen] = area.year
            left[chosen] = 0
        return years
