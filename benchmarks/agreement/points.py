"""Heights at random points, interpolated from the raster that GDAL's tools make around them."""

from __future__ import annotations

import csv
import json
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.agreement.cases import COLLECTIONS, PLACES, SEAMS, Case, pick_place, pick_tiers
from benchmarks.agreement.expected import Verdict, expect
from benchmarks.agreement.gdal_pipeline import NODATA, Heights, Raster, Store
from benchmarks.agreement.systems import NATIVE_SYSTEM, pick_system

POINTS = 200
REACH_PIXELS = 150  # of the points from their middle
MARGIN_PIXELS = 4
VALUE = 2  # column of the sampled values, after those of the points
#: values are written with four decimals
MAX_DIFFERENCE = 0.0001
MAX_SLOPE_DIFFERENCE = 0.01  # degrees
Array = NDArray[np.float64]


def compare_points(
    chance: random.Random, store: Store, services: list[str], folder: Path
) -> tuple[list[str], Verdict]:
    """Sample random points both ways; return the options and the verdict."""
    lon, lat = pick_place(chance, chance.choice([PLACES, SEAMS]))
    system = pick_system(chance, lon)
    tiers = pick_tiers(chance)
    product = chance.choice(["dtm", "dsm", "chm", "dtm-slope"])
    method = "nearest" if "-" in product else chance.choice(["nearest", "bilinear", "cubic"])
    own = COLLECTIONS[tiers[0]][1]
    middle = NATIVE_SYSTEM.from_lonlat(lon, lat)
    native = np.array(
        [
            [axis + chance.uniform(-REACH_PIXELS, REACH_PIXELS) * own for axis in middle]
            for _ in range(POINTS)
        ]
    )
    x, y = system.from_lonlat(*NATIVE_SYSTEM.to_lonlat(*native.T))
    table, output = folder / "points.csv", folder / "sampled.csv"
    with table.open("w", newline="") as file:
        csv.writer(file).writerows([("x", "y"), *zip(x.tolist(), y.tolist(), strict=True)])
    options = ["--product", product, "--collection", tiers[0], "--points-crs", system.code]
    options += ["--x-column", "x", "--y-column", "y", "--interpolation", method]
    if tiers[1:]:
        options += ["--fill", ",".join(tiers[1:])]
    done = subprocess.run(
        [sys.executable, "-m", "hrdem", "sample", str(table), *options, *services, "--no-cache",
         "--overwrite", "--json", "-o", str(output)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    verdict = Verdict(f"{product} at points", pixels=POINTS)
    if done.returncode not in (0, 4):
        verdict.findings.append(f"exit {done.returncode}: {done.stderr[-400:]}")
        return options, verdict
    found = np.full(POINTS, np.nan)
    result = {"sources": []}
    if not done.returncode:
        result = json.loads(done.stdout)
        with output.open(newline="") as file:
            found = np.array([float(row[VALUE] or "nan") for row in [*csv.reader(file)][1:]])
    judge_points(found, native, product, tiers, method, result, verdict, store, folder)
    return ["sample", *options], verdict


def judge_points(
    found: Array,
    native: Array,
    product: str,
    tiers: list[str],
    method: str,
    result: dict[str, list[object]],
    verdict: Verdict,
    store: Store,
    folder: Path,
) -> None:
    """Compare values at points in EPSG:3979 with those of a raster around them."""
    own = COLLECTIONS[tiers[0]][1]
    files = store.files(
        COLLECTIONS[tiers[0]][0], "dsm", tuple(np.ravel([native.min(0), native.max(0)]))
    )
    origin = Raster.of(files[0]) if files else Raster(0, 0, own, own, 1, 1)
    first = np.floor((native.min(0) - [origin.left, origin.top]) / own) - MARGIN_PIXELS
    last = np.ceil((native.max(0) - [origin.left, origin.top]) / own) + MARGIN_PIXELS
    left, top = float(origin.left + first[0] * own), float(origin.top + last[1] * own)
    grid = Raster(left, top, own, own, *(last - first).astype(int).tolist())
    case = Case(
        [], product, tiers, NATIVE_SYSTEM, "bilinear", None, None, NATIVE_SYSTEM, crop=False
    )
    pixels, _ = expect(case, store, grid, result, verdict, folder)
    columns, rows = (native[:, 0] - left) / own, (top - native[:, 1]) / own
    expected = interpolate(pixels, columns, rows, method)
    verdict.valid = int(np.isfinite(found).sum())
    unlike = np.isfinite(found) != np.isfinite(expected)
    if unlike.any():
        verdict.findings.append(f"{int(unlike.sum())} points have a value in one of the two only")
    both = np.isfinite(found) & np.isfinite(expected)
    if both.any():
        verdict.largest = float(np.abs(found - expected)[both].max())
    if verdict.largest > (MAX_SLOPE_DIFFERENCE if "-" in product else MAX_DIFFERENCE):
        verdict.findings.append(f"values differ by up to {verdict.largest:.4g}")


def interpolate(pixels: Heights, columns: Array, rows: Array, method: str) -> Array:
    """Interpolate at positions in pixels from the upper left corner, point by point."""
    values = []
    for column, row in zip(columns, rows, strict=True):
        if method == "nearest":
            reach, kernel = [0], np.ones_like
            i, j = int(column), int(row)
        else:
            reach = [0, 1] if method == "bilinear" else [-1, 0, 1, 2]
            kernel = _triangle if method == "bilinear" else _keys
            i, j = int(np.floor(column - 0.5)), int(np.floor(row - 0.5))
        near = pixels[np.ix_([j + n for n in reach], [i + n for n in reach])].astype(np.float64)
        across = kernel(np.array([column - 0.5 - i - n for n in reach]))
        down = kernel(np.array([row - 0.5 - j - n for n in reach]))
        weights = np.outer(down, across) * (near != NODATA)
        if not weights.any() or (method == "bilinear" and (near == NODATA).any()):
            values.append(np.nan)
        else:
            values.append((weights * near).sum() / weights.sum())
    return np.array(values)


def _triangle(distance: Array) -> Array:
    return 1 - np.abs(distance)


def _keys(distance: Array) -> Array:
    """Return the cubic convolution of Keys (1981, equation 15)."""
    s = np.abs(distance)
    return np.where(
        s < 1, 3 / 2 * s**3 - 5 / 2 * s**2 + 1, -1 / 2 * s**3 + 5 / 2 * s**2 - 4 * s + 2
    )
