"""What a soak test of tiles expects in its output: pixels, items, and nothing else."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio

from benchmarks.terrain_check import find_file, split_by_file
from hrdem.demo.terrain import heights
from hrdem.demo.tiles import SIDE

PRODUCT, COLLECTION, STEP = "dtm", "2m", 2
KM = 1_000
_CORNER = 1_500, 0  # km, where four files meet
_INDEXES = {"collection.json", "index.gti.gpkg", "job.json", "mosaic.vrt"}
Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Area:
    """Squares of 1 km around a corner of four files.

    Attributes:
        columns: Number of columns.
        rows: Number of rows.
        overlap: Pixels that each reaches into its neighbours.
    """

    columns: int
    rows: int
    overlap: int

    @classmethod
    def of(cls, tiles: int, overlap: int) -> Area:
        """Return an area of so many tiles."""
        rows = next(rows for rows in range(int(tiles**0.5), 0, -1) if tiles % rows == 0)
        return cls(tiles // rows, rows, overlap)

    @property
    def box(self) -> Box:
        """Left, bottom, right, top in EPSG:3979."""
        left, top = _CORNER[0] - self.columns // 2, _CORNER[1] + self.rows // 2
        return left * KM, (top - self.rows) * KM, (left + self.columns) * KM, top * KM

    @property
    def boxes(self) -> dict[str, Box]:
        """Bounds of each tile, with its overlap, by name."""
        left, bottom, right, top = self.box
        wider = self.overlap * STEP
        return {
            _name(x, y): (
                max(left, x - wider),
                max(bottom, y - wider),
                min(right, x + KM + wider),
                min(top, y + KM + wider),
            )
            for x in range(left, right, KM)
            for y in range(bottom, top, KM)
        }


def find_paths(box: Box) -> set[str]:
    """Return the paths of the files under a box."""
    left, bottom, right, top = box
    return {
        find_file(x * SIDE, y * SIDE, PRODUCT, COLLECTION)
        for x in range(left // SIDE, (right - 1) // SIDE + 1)
        for y in range(bottom // SIDE, (top - 1) // SIDE + 1)
    }


@dataclass
class PixelCounts:
    """Counts of compared pixels and tiles.

    Attributes:
        pixels: Compared pixels.
        wrong: Those that are not of the edition that the store has now.
        mixed: Names of tiles with pixels of two editions of one file.
        rasters: Number of rasters.
    """

    pixels: int = 0
    wrong: int = 0
    mixed: tuple[str, ...] = ()
    rasters: int = 0


def compare_pixels(area: Area, output: Path, editions: dict[str, int]) -> PixelCounts:
    """Compare all pixels of all tiles with the terrain.

    Args:
        area: The area.
        output: Folder of the tiles.
        editions: Edition of each file by its path.
    """
    counts = PixelCounts()
    for name, box in area.boxes.items():
        left, bottom, right, top = box
        found = np.full(((top - bottom) // STEP, (right - left) // STEP), -32767, np.float32)
        path = output / f"{name}.tif"
        counts.pixels += found.size
        if path.exists():
            counts.rasters += 1
            with rasterio.open(path) as dataset:
                if tuple(dataset.bounds) != box or dataset.shape != found.shape:
                    counts.wrong += found.size
                    continue
                found = dataset.read(1)
        for part in split_by_file(found, left, top, STEP, PRODUCT, COLLECTION):
            counts.wrong += int(part.unlike[editions.get(part.path, 1)].sum())
            counts.mixed += (name,) if part.is_mixed else ()
    return counts


def find_flaws(area: Area, output: Path) -> Iterator[str]:
    """Yield what does not fit: items out of step with their rasters, leftovers, lacking files."""
    expected = set(_INDEXES)
    for name, (left, bottom, right, top) in area.boxes.items():
        size = (right - left) // STEP, (top - bottom) // STEP
        terrain = heights(left, top, STEP, *size, product=PRODUCT, collection=COLLECTION)
        expected.add(f"{name}.stac.json")
        if (terrain > -32767).any():
            expected.add(f"{name}.tif")
            yield from _compare_item(output, name)
    found = {path.relative_to(output).as_posix() for path in output.rglob("*") if path.is_file()}
    hidden = {path.name for path in output.glob(".hrdem/*/*")}  # the folder itself stays
    yield from (f"{name} is left" for name in sorted(found - expected | hidden))
    lacking = sorted(expected - found)
    yield from (f"{name} is lacking" for name in lacking)


def take_snapshot(output: Path) -> dict[str, tuple[int, int]]:
    """Return what tells whether a finished tile was written again, by its name."""
    snapshot = {}
    for item in output.glob("*.stac.json"):
        path = output / item.name.replace(".stac.json", ".tif")
        if path.exists():
            status = path.stat()
            snapshot[path.stem] = status.st_ino, status.st_mtime_ns
    return snapshot


def count_items(output: Path) -> int:
    """Return the number of tiles that are done or empty."""
    return sum(1 for _ in output.glob("*.stac.json"))


def _compare_item(output: Path, name: str) -> Iterator[str]:
    try:
        item: dict[str, Any] = json.loads((output / f"{name}.stac.json").read_bytes())
        content = (output / f"{name}.tif").read_bytes()
    except (OSError, ValueError) as exc:
        yield f"{name}: {exc}"
        return
    assets = [each for each in item["assets"].values() if re.search(r"\.tif$", each["href"])]
    own = [each for each in assets if "://" not in each["href"]]
    if [each["file:size"] for each in own] != [len(content)]:
        yield f"{name}: its item has another size"
    if [each["file:checksum"] for each in own] != [f"1220{hashlib.sha256(content).hexdigest()}"]:
        yield f"{name}: its item has another checksum"
    if item["properties"]["hrdem:tile"] != name:
        yield f"{name}: its item is of {item['properties']['hrdem:tile']}"


def _name(x: int, y: int) -> str:
    return f"E{x // KM:04}{'S' if y < 0 else 'N'}{abs(y) // KM:04}"
