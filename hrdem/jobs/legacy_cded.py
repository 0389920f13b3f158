"""Make CDED: both cells of NTS sheets from HRDEM, as one zip or one folder for each sheet."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from hrdem.geo.crs import LONLAT
from hrdem.geo.grid import Window
from hrdem.geo.nodata import VOID
from hrdem.http.protocol import Http
from hrdem.http.run_context import RunContext, Transfer
from hrdem.jobs.staged_heights import StagedHeights, stage_heights
from hrdem.legacy.cded.cells import get_canadian_bounds, get_spacing, make_sheet_grid
from hrdem.legacy.cded.coverage import (
    CellCoverage,
    check_not_void,
    check_shifts,
    mask_canada,
    measure_coverage,
)
from hrdem.legacy.cded.entries import UserEntries
from hrdem.legacy.cded.files import CdedDelivery
from hrdem.legacy.cded.metadata import DataSet, make_metadata
from hrdem.legacy.delivery import check_sets
from hrdem.legacy.heights import make_height_request
from hrdem.legacy.lakes import Lakes, find_read_area, make_lattice, measure_lakes, select_lakes
from hrdem.legacy.sampling import CDED_SAMPLING
from hrdem.legacy.water import Water
from hrdem.planning.estimate import Estimate, estimate_plan
from hrdem.planning.make_plan import make_plan
from hrdem.planning.plan import Plan
from hrdem.processing.vertical.find_grid import find_cgvd28_grid
from hrdem.processing.vertical.shift_grid import ShiftGrid
from hrdem.request.advice import suggest_fill
from hrdem.request.aoi.nts import Sheet
from hrdem.request.request import Request
from hrdem.runtime.threads import map_in_order, thread_pool

ROWS_AT_ONCE = 64  # of a sheet
_READERS = min(4, os.cpu_count() or 1)  # threads

Heights = NDArray[np.int16]
OnCoverage = Callable[[CellCoverage], None]


def ignore_coverage(coverage: CellCoverage) -> None:
    """Report nothing."""


@dataclass(frozen=True, slots=True)
class CdedOptions:
    """What cells are made from, and how they are delivered.

    Attributes:
        source: Parameters of the source, as `hrdem.extract` has them.
        lakes: Polygons of lakes in EPSG:4617; None for none.
        sea: Polygons of the sea in EPSG:4617; None for none.
        border: Polygons of Canada in EPSG:4617; None for no border.
        surveys: Whether lidar surveys are looked up for metadata; None unless offline.
        entries: Entries of metadata that the user gave.
        delivery: Where and how files are written.
    """

    source: Mapping[str, Any]
    lakes: shapely.MultiPolygon | None
    sea: shapely.MultiPolygon | None
    border: shapely.MultiPolygon | None
    surveys: bool | None
    entries: UserEntries
    delivery: CdedDelivery

    def find_lakes(self, sheet: Sheet) -> shapely.MultiPolygon:
        """Return the lakes that touch a sheet, each of them whole."""
        return select_lakes(self.lakes or shapely.MultiPolygon(), shapely.box(*sheet.bounds))

    def make_request(self, sheet: Sheet, http: Http, *, surveys: bool) -> Request:
        """Make the request of the heights of a sheet and of its lakes.

        Args:
            sheet: The sheet.
            http: HTTP client.
            surveys: Whether surveys are looked up by default.

        Raises:
            RequestError: If a parameter is invalid.
        """
        canadian = shapely.box(*get_canadian_bounds(sheet))
        area = find_read_area(self.find_lakes(sheet), canadian)
        if self.surveys is not None:
            surveys = self.surveys
        return make_height_request(
            area,
            CDED_SAMPLING[sheet.scale],
            f"NTS {sheet.name}",
            offline=http.offline,
            surveys=surveys,
            **self.source,
        )

    def describe(self, sheet: Sheet, plan: Plan) -> CdedSet:
        """Return the set of a sheet before anything of it is known but its plan."""
        delivery = self.delivery
        return CdedSet(sheet, delivery.locate(sheet), delivery.list_files(sheet), plan)


@dataclass(frozen=True, slots=True)
class CdedSet:
    """The files of a sheet.

    Attributes:
        sheet: The sheet.
        output: The zip or the folder.
        files: Names of the files in it.
        plan: What is read.
        estimate: Its cost; None if the files were written.
        coverage: Void nodes of the western and the eastern cell; none if nothing was read.
        lakes: Lakes that touch the sheet; None if none were given, or nothing was read.
        height_range: Lowest and highest height, metres in CGVD28; void if nothing was read.
        transfer: What was transferred, and the duration.
    """

    sheet: Sheet
    output: Path
    files: tuple[str, ...]
    plan: Plan
    estimate: Estimate | None = None
    coverage: tuple[CellCoverage, ...] = ()
    lakes: Lakes | None = None
    height_range: tuple[int, int] = (VOID, VOID)
    transfer: Transfer = field(default_factory=Transfer)

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready values."""
        return {
            "sheet": self.sheet.name,
            "scale": self.sheet.scale,
            "output": str(self.output),
            "files": list(self.files),
            "written": self.estimate is None,
            "cells": [each.as_dict() for each in self.coverage],
            "lakes": self.lakes and self.lakes.as_dict(),
            "estimate": self.estimate and self.estimate.as_dict(),
            "height_range": None if self.estimate else list(self.height_range),
            **self.transfer.as_dict(),
            "plan": self.plan.as_dict(),
        }


def plan_cded(sheets: Sequence[Sheet], options: CdedOptions, http: Http) -> list[CdedSet]:
    """Plan what `make_cded` would read and write, without reading heights.

    Raises:
        HrdemError: As `make_cded` does.
    """
    sets = []
    requests = _check(sheets, options, http, surveys=False)
    for sheet, request in zip(sheets, requests, strict=True):
        plan = make_plan(request, http)
        estimate = replace(estimate_plan(plan, http), output_bytes=options.delivery.set_bytes)
        sets.append(replace(options.describe(sheet, plan), estimate=estimate))
    return sets


def make_cded(
    sheets: Sequence[Sheet],
    options: CdedOptions,
    context: RunContext,
    on_coverage: OnCoverage = ignore_coverage,
) -> list[CdedSet]:
    """Make the cells of sheets, one sheet after the other; each set appears whole or not at all.

    Args:
        sheets: The sheets.
        options: What cells are made from, and how they are delivered.
        context: Client, cache folder, limits and progress callback.
        on_coverage: Called with the void nodes of each cell before it is written.

    Raises:
        OutputExistsError: If a set exists; nothing is read then.
        NoDataError: If both cells of a sheet are void, or heights in Canada have no shift.
        HrdemError: As `stage_heights` does.
    """
    http = context.http
    requests = _check(sheets, options, http, surveys=not http.offline)
    shift_grid = find_cgvd28_grid(options.source["vertical_grid"], context.cache, http)
    sets = []
    for sheet, request in zip(sheets, requests, strict=True):
        inside = mask_canada(sheet, options.border)
        job = _SheetJob(sheet, options, inside, shift_grid, on_coverage)
        nodes = make_sheet_grid(sheet).window.pixels
        made, transfer = stage_heights(request, context, job.run, more_pixels=nodes)
        sets.append(replace(made, transfer=transfer))
        context = context.after(transfer.received_bytes)
    return sets


def _check(
    sheets: Sequence[Sheet], options: CdedOptions, http: Http, *, surveys: bool
) -> list[Request]:
    """Check all sets and requests before any work; return the requests."""
    delivery = options.delivery
    for sheet in sheets:
        delivery.check(sheet)
    check_sets([delivery.locate(sheet) for sheet in sheets], delivery.overwrite)
    return [options.make_request(sheet, http, surveys=surveys) for sheet in sheets]


@dataclass(frozen=True, slots=True)
class _SheetJob:
    """What is made of the staged heights of a sheet.

    Attributes:
        sheet: The sheet.
        options: What cells are made from, and how they are delivered.
        inside: Which nodes can have heights; None for all.
        shift_grid: From CGVD2013 to CGVD28.
        on_coverage: Called with the void nodes of each cell before it is written.
    """

    sheet: Sheet
    options: CdedOptions
    inside: NDArray[np.bool_] | None
    shift_grid: ShiftGrid
    on_coverage: OnCoverage

    def run(self, staged: StagedHeights) -> CdedSet:
        """Compute the heights, report voids, and write the set."""
        sheet, options, grid = self.sheet, self.options, make_sheet_grid(self.sheet)
        heights, unknown = self._read(staged)
        lakes = None if options.lakes is None else self._measure_lakes(staged)
        Water.of(lakes, options.sea, grid).flatten(heights, grid.window)
        if self.inside is not None:
            heights[~self.inside] = VOID
            unknown &= self.inside
        coverage = measure_coverage(sheet, heights, self.inside)
        for each in coverage:
            self.on_coverage(each)
        check_shifts(sheet, heights, unknown, str(self.shift_grid.path))
        check_not_void(sheet, coverage, suggest_fill(staged.plan.request))
        options.delivery.check_coverage(coverage)
        options.delivery.write(sheet, heights, self._describe(staged.plan, lakes))
        valid = heights[heights != VOID]
        return replace(
            options.describe(sheet, staged.plan),
            coverage=coverage,
            lakes=lakes,
            height_range=(int(valid.min()), int(valid.max())),
        )

    def _describe(self, plan: Plan, lakes: Lakes | None) -> bytes:
        """Return the metadata."""
        sheet, options, producer = self.sheet, self.options, self.options.delivery.producer
        steps = ["Lakes and rivers are left as they are."] if lakes is None else lakes.describe()
        if options.sea is not None:
            steps.append("The sea has the height 0.")
        if self.inside is not None:
            steps.append("Nodes outside Canada are void.")
        data_set = DataSet(
            sheet,
            producer.edition,
            producer.organization,
            plan,
            self.shift_grid.path.name,
            steps,
            options.delivery.day,
        )
        return make_metadata(data_set, options.entries.of_sheet(sheet))

    def _read(self, staged: StagedHeights) -> tuple[Heights, NDArray[np.bool_]]:
        """Read the nodes of the sheet.

        Returns:
            Whole metres in CGVD28, and where a height is known but its shift is not.
        """
        grid = make_sheet_grid(self.sheet)
        heights = np.empty((grid.height, grid.width), np.int16)
        unknown = np.empty(heights.shape, np.bool_)

        def read(window: Window) -> tuple[Window, Heights, NDArray[np.bool_]]:
            return window, *staged.read_cgvd28(grid, window, self.shift_grid)

        windows = grid.window.split(grid.width, ROWS_AT_ONCE)
        with thread_pool(_READERS, "cded") as pool:
            for window, found, lost in map_in_order(pool, read, windows, 2 * _READERS):
                heights[window.slices] = found
                unknown[window.slices] = lost
                staged.meter.add(window.pixels, 0)
        return heights, unknown

    def _measure_lakes(self, staged: StagedHeights) -> Lakes:
        """Find the height of each lake, on a lattice that all sheets of a scale have in common."""
        _, spacing = get_spacing(self.sheet)
        lattice = make_lattice(LONLAT, spacing / 3600)

        def read(window: Window) -> Heights:
            return staged.read_cgvd28(lattice, window, self.shift_grid)[0]

        return measure_lakes(self.options.find_lakes(self.sheet), lattice, read)
