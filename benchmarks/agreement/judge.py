"""Run a request both ways and compare grid and pixels."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyproj
import shapely

from benchmarks.agreement.cases import COLLECTIONS, Case, area_bounds
from benchmarks.agreement.expected import Verdict, expect
from benchmarks.agreement.gdal_pipeline import (
    NATIVE,
    NODATA,
    Heights,
    Mask,
    Raster,
    Store,
    rasterize,
    read,
    warp,
)
from benchmarks.agreement.systems import NATIVE_SYSTEM

#: larger differences of a resampled height are listed, metres
MAX_WARP_DIFFERENCE_METRES = 0.001
#: of a derived product: degrees, or grey levels
MAX_DERIVED_DIFFERENCE = {"slope": 0.01, "aspect": 0.01, "hillshade": 1.0}
LEAST_METRES_OF_A_DEGREE = 30_000  # of longitude, in the north
#: a pixel whose centre is nearer to the outline may be in or out
MAX_EDGE_DISTANCE_PIXELS = 0.01


def compare(case: Case, store: Store, services: list[str], folder: Path) -> list[Verdict]:
    """Run a request both ways; return a verdict of each of its products."""
    products = [case.product, *case.others]
    command = [sys.executable, "-m", "hrdem", "extract", *case.options, *services]
    command += ["--no-cache", "--overwrite", "--json"]
    command += ["-o", str(folder / ("{product}.tif" if case.others else f"{case.product}.tif"))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    cases = [replace(case, product=product) for product in products]
    verdicts = [Verdict(product) for product in products]
    if done.returncode == 4:  # one of the products has no data
        bounds = area_bounds(case, NATIVE_SYSTEM)
        findings = [check_absence(each, store, bounds, folder) for each in cases]
        if all(findings):
            verdicts[0].findings += findings[0]
    elif done.returncode:
        verdicts[0].findings.append(f"exit {done.returncode}: {done.stderr[-400:]}")
    else:
        document = json.loads(done.stdout)
        results = document["outputs"] if case.others else [document]
        for each, result, verdict in zip(cases, results, verdicts, strict=True):
            compare_output(each, result, verdict, store, folder)
    return verdicts


def compare_output(
    case: Case, result: dict[str, Any], verdict: Verdict, store: Store, folder: Path
) -> None:
    """Compare the file of a product."""
    output = folder / f"{case.product}.tif"
    grid = Raster.of(str(output))
    verdict.pixels = grid.width * grid.height
    verdict.findings += check_grid(case, grid, store)
    found = read(output, grid)
    if case.product.endswith("-hillshade"):
        found[found == 0] = NODATA
    expected, slopes = expect(case, store, grid, result, verdict, folder)
    judge(case, grid, found, expected, slopes, verdict, folder)


def check_grid(case: Case, grid: Raster, store: Store) -> list[str]:
    """Check that the output is the smallest window of its lattice that covers the area."""
    if case.like:
        return [] if grid == case.like else [f"grid {grid} instead of {case.like}"]
    unit = case.resolution or COLLECTIONS[case.tiers[0]][1]
    if not math.isclose(grid.dx, unit, rel_tol=1e-12) or not math.isclose(
        grid.dy, unit, rel_tol=1e-12
    ):
        return [f"pixels of {grid.dx} x {grid.dy} instead of {unit}"]
    origin_x = origin_y = 0.0
    if case.resolution is None:
        collection = COLLECTIONS[case.tiers[0]][0]
        asset = case.product.split("-")[0].replace("chm", "dtm")
        files = store.files(collection, asset, grid.bounds)
        source = Raster.of(files[0])
        origin_x, origin_y = source.left, source.top
    bounds = area_bounds(case, case.system)
    metres = unit * LEAST_METRES_OF_A_DEGREE if case.system.degrees else unit
    most = 1.001 + case.slack / metres  # pixels
    findings = []
    for side, (edge, wanted) in enumerate(zip(grid.bounds, bounds, strict=True)):
        origin = origin_x if side % 2 == 0 else origin_y
        if abs((edge - origin) / unit - round((edge - origin) / unit)) > 1e-6:
            findings.append(f"edge {edge} is not on the lattice")
        outside = (wanted - edge) / unit if side < 2 else (edge - wanted) / unit  # pixels
        if not -1e-5 * max(1, 1e-3 * abs(wanted / unit)) <= outside <= most:
            findings.append(f"side {side} of the grid is {outside:.3f} pixels outside the area")
    return findings


def cut(case: Case, grid: Raster, folder: Path) -> tuple[Mask, Mask]:
    """Return which pixels lie in the area, and which are too near to its outline to tell."""
    lon, lat = case.system.to_lonlat(*grid.centres())
    if case.circle:
        centre_lon, centre_lat, radius = case.circle
        ones = np.ones_like(lon)
        _, _, distance = pyproj.Geod(ellps="GRS80").inv(
            centre_lon * ones, centre_lat * ones, lon, lat
        )
        # a circle is drawn as a polygon, whose sides are 2 cm or a 10,000th of the radius inside it
        slack = max(0.02, radius / 10_000, MAX_EDGE_DISTANCE_PIXELS * grid.dx, case.slack)
        return distance <= radius, np.abs(distance - radius) < slack
    assert case.shape is not None
    geojson = folder / "cut.geojson"
    geojson.write_text(json.dumps(shapely.geometry.mapping(case.shape)))
    inside = rasterize(geojson, case.shape_system.proj, grid, case.system.proj, folder / "cut.tif")
    x, y = case.shape_system.from_lonlat(lon, lat)
    dx = np.hypot(*(np.gradient(axis, axis=1) for axis in (x, y))) if grid.width > 1 else grid.dx
    shapely.prepare(case.shape)
    exact = shapely.contains_xy(case.shape, x, y)
    distance = shapely.distance(case.shape.boundary, shapely.points(x, y))
    edge = distance < np.maximum(MAX_EDGE_DISTANCE_PIXELS * dx, case.slack)
    return np.where(edge, inside, exact), edge


def judge(
    case: Case,
    grid: Raster,
    found: Heights,
    expected: Heights,
    slopes: Heights | None,
    verdict: Verdict,
    folder: Path,
) -> None:
    """Compare two results pixel by pixel."""
    edge = np.zeros(found.shape, np.bool_)
    if case.crop:
        inside, edge = cut(case, grid, folder)
        expected = np.where(inside, expected, np.float32(NODATA)).astype(np.float32)
    theme = case.product.partition("-")[2]
    valid, wanted = found != NODATA, expected != NODATA
    if theme == "aspect":  # level ground is -1 here and has no aspect there
        valid, wanted = found >= 0, expected >= 0
    verdict.valid, verdict.edge = int(valid.sum()), int(edge.sum())
    unlike = (valid != wanted) & ~edge
    if unlike.any():
        verdict.findings.append(
            f"{int((valid & unlike).sum())} pixels valid in hrdem's file only, "
            f"{int((wanted & unlike).sum())} in GDAL's only"
        )
    both = valid & wanted
    if not both.any():
        return
    difference = np.abs(found[both].astype(np.float64) - expected[both])
    if slopes is not None:  # the flatter, the less sure is an aspect
        difference = np.minimum(difference, 360 - difference)
        difference *= np.minimum(1, np.tan(np.radians(slopes[both])))
    verdict.largest = float(difference.max())
    copied = case.resolution is None and case.system is NATIVE_SYSTEM and not theme
    copied &= not case.feather
    limit = MAX_DERIVED_DIFFERENCE.get(theme, 0.0 if copied else MAX_WARP_DIFFERENCE_METRES)
    above = int((difference > limit).sum())
    if above:
        verdict.findings.append(
            f"{above} of {difference.size} values differ by more than {limit}, "
            f"at most {verdict.largest:.4g}"
        )


def check_absence(case: Case, store: Store, bounds: tuple[float, ...], folder: Path) -> list[str]:
    """Check that there is indeed no data in the area; a canopy height needs both surfaces."""
    model = case.product.split("-")[0]
    left, bottom, right, top = bounds
    for tier in case.tiers:
        collection, own = COLLECTIONS[tier]
        size = max(1, int((right - left) / own)), max(1, int((top - bottom) / own))
        grid = Raster(left, top, (right - left) / size[0], (top - bottom) / size[1], *size)
        valid = np.ones((grid.height, grid.width), np.bool_)
        for asset in ("dsm", "dtm") if model == "chm" else (model,):
            files = store.files(collection, asset, bounds)
            if not files:
                valid[:] = False
                continue
            mosaic = store.mosaic(files, 0, folder / f"{tier}.vrt")
            valid &= warp(mosaic, grid, NATIVE, "near", folder / "absent.tif") != NODATA
        if valid.any():
            return [f"exit 4, but {int(valid.sum())} pixels of {tier} around the area are valid"]
    return []
