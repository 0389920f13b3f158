"""An extraction with GDAL's command-line tools alone, to judge those of `hrdem` by.

It shares no code with `hrdem`: it reads the files of the store through `/vsicurl/`, merges them
with `gdalbuildvrt`, warps with `gdalwarp -et 0`, cuts shapes with `ogr2ogr` and `gdal_rasterize`,
and derives with `gdaldem`. Coordinate systems are written out as PROJ strings on one ellipsoid and
without a datum, so that no datum shift can differ.
"""

from __future__ import annotations

import json
import math
import subprocess
import urllib.request
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyproj
from numpy.typing import NDArray

NODATA = -32767.0
LOCAL_MARGIN_PIXELS = 64  # kernels are narrower
FAR_DEGREES = 5.0  # from the box of an item, which may be wrong by less
NATIVE = "+proj=lcc +lat_0=49 +lon_0=-95 +lat_1=49 +lat_2=77 +x_0=0 +y_0=0 +ellps=GRS80 +units=m"
LONLAT = "+proj=longlat +ellps=GRS80"
Heights = NDArray[np.float32]
Mask = NDArray[np.bool_]


def run(*command: object, text: str | None = None) -> str:
    """Run a program and return its standard output."""
    done = subprocess.run(
        [str(part) for part in command], input=text, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))}: {done.stderr[-2000:]}")
    return done.stdout


@dataclass(frozen=True)
class Raster:
    """Grid of a raster file, as `gdalinfo` reports it.

    Attributes:
        left: x of the left edge.
        top: y of the upper edge.
        dx: Pixel width.
        dy: Pixel height, positive.
        width: Columns.
        height: Rows.
    """

    left: float
    top: float
    dx: float
    dy: float
    width: int
    height: int

    @classmethod
    def of(cls, path: str) -> Raster:
        """Read the grid of a file."""
        described = json.loads(run("gdalinfo", "-json", "-nomd", "-norat", path))
        left, dx, _, top, _, dy = described["geoTransform"]
        return cls(left, top, dx, -dy, *described["size"])

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """Left, bottom, right, top."""
        return (
            self.left,
            self.top - self.height * self.dy,
            self.left + self.width * self.dx,
            self.top,
        )

    def grow(self, pixels: int) -> Raster:
        """Return the grid with pixels added on each side."""
        return Raster(
            self.left - pixels * self.dx,
            self.top + pixels * self.dy,
            self.dx,
            self.dy,
            self.width + 2 * pixels,
            self.height + 2 * pixels,
        )

    def centres(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return x and y of the pixel centres, of shape (height, width)."""
        x = self.left + (np.arange(self.width) + 0.5) * self.dx
        y = self.top - (np.arange(self.height) + 0.5) * self.dy
        return np.meshgrid(x, y)


def read(path: Path, grid: Raster, band: int = 1) -> Heights:
    """Read a band as raw little-endian float32 through `gdal_translate`."""
    raw = path.with_suffix(".raw")
    run("gdal_translate", "-q", "-b", band, "-ot", "Float32", "-of", "ENVI", path, raw)
    return np.fromfile(raw, "<f4").reshape(grid.height, grid.width)


@dataclass
class Store:
    """The files of a service: names and grids, read once.

    Attributes:
        stac: Root of the STAC API.
        folder: Folder for temporary files.
    """

    stac: str
    folder: Path
    _grids: dict[str, Raster] = field(default_factory=dict)

    @cached_property
    def items(self) -> dict[str, list[dict[str, Any]]]:
        """All items, by collection."""
        found: dict[str, list[dict[str, Any]]] = {}
        for collection in ("hrdem-mosaic-1m", "hrdem-mosaic-2m", "mrdem-30"):
            url: str | None = f"{self.stac}collections/{collection}/items?limit=100"
            found[collection] = []
            while url:
                with urllib.request.urlopen(url) as response:
                    page = json.load(response)
                found[collection] += page["features"]
                links = [link for link in page["links"] if link["rel"] == "next"]
                url = links[0]["href"] if links and page["features"] else None
        return found

    def files(self, collection: str, asset: str, bounds: tuple[float, ...]) -> list[str]:
        """Return the files of an asset that intersect bounds in EPSG:3979.

        Headers decide; those of items that are far away are not read.
        """
        left, bottom, right, top = bounds
        lon, lat = pyproj.Proj(NATIVE)((left + right) / 2, (bottom + top) / 2, inverse=True)
        found = []
        for item in self.items[collection]:
            west, south, east, north = item["bbox"]
            far = max(west - lon, lon - east, south - lat, lat - north) > FAR_DEGREES
            if asset not in item["assets"] or far:
                continue
            name = "/vsicurl/" + item["assets"][asset]["href"]
            if name not in self._grids:
                self._grids[name] = Raster.of(name)
            x0, y0, x1, y1 = self._grids[name].bounds
            if x0 < right and left < x1 and y0 < top and bottom < y1:
                found.append(name)
        return found

    def mosaic(self, files: list[str], level: int, path: Path) -> Path:
        """Write a VRT of files at full resolution (level 0) or at an overview."""
        options = ["-oo", f"OVERVIEW_LEVEL={level - 1}"] if level else []
        run("gdalbuildvrt", "-q", *options, path, *files)
        return path


def warp(
    source: Path, grid: Raster, system: str, method: str, path: Path, *, extra: tuple[str, ...] = ()
) -> Heights:
    """Warp a raster in EPSG:3979 to a grid, with the exact transformation."""
    where = grid
    if system == NATIVE:
        source, where = localize(source, grid)
    run(
        "gdalwarp", "-q", "-overwrite", "-et", 0, "-r", method, "-ovr", "NONE",
        "-s_srs", NATIVE, "-t_srs", system, "-te", *map(repr, where.bounds),
        "-ts", grid.width, grid.height, "-srcnodata", NODATA, "-dstnodata", NODATA,
        "-wo", "SAMPLE_GRID=YES", "-wo", "SOURCE_EXTRA=16", *extra, source, path,
    )  # fmt: skip
    return read(path, grid)


def localize(source: Path, grid: Raster) -> tuple[Path, Raster]:
    """Move the surroundings of a grid in a raster, and the grid, to small coordinates.

    In numbers of millions `gdalwarp` lacks the digits to see which edges of pixels coincide.
    """
    whole, moved = Raster.of(str(source)), source.with_suffix(".moved.vrt")
    left, bottom, right, top = grid.bounds
    column = math.floor((left - whole.left) / whole.dx) - LOCAL_MARGIN_PIXELS
    row = math.floor((whole.top - top) / whole.dy) - LOCAL_MARGIN_PIXELS
    width = math.ceil((right - whole.left) / whole.dx) + LOCAL_MARGIN_PIXELS - column
    height = math.ceil((whole.top - bottom) / whole.dy) + LOCAL_MARGIN_PIXELS - row
    run(
        "gdal_translate", "-q", "-of", "VRT", "-srcwin", column, row, width, height,
        "-a_ullr", 0, 0, width * whole.dx, -height * whole.dy, "-a_nodata", NODATA, source, moved,
    )  # fmt: skip
    left = round(left - whole.left - column * whole.dx, 6)
    top = round(top - whole.top + row * whole.dy, 6)
    return moved, replace(grid, left=left, top=top)


def copy(source: Path, grid: Raster, path: Path) -> Heights:
    """Copy pixels of a mosaic whose lattice is the grid's; beyond its edge there is no data."""
    left, bottom, right, top = map(repr, grid.bounds)
    run(
        "gdal_translate", "-q", "-projwin", left, top, right, bottom, "-a_nodata", NODATA,
        source, path,
    )  # fmt: skip
    return read(path, grid)


def rasterize(aoi: Path, system: str, grid: Raster, target: str, path: Path) -> Mask:
    """Return which pixels have their centre in the shapes of a vector file."""
    dense, degrees = path.with_suffix(".gpkg"), "longlat" in system
    dense.unlink(missing_ok=True)
    run(
        "ogr2ogr", "-q", "-f", "GPKG", "-nln", "aoi", "-s_srs", system, "-t_srs", target,
        "-segmentize", 1e-5 if degrees else 1.0, dense, aoi,
    )  # fmt: skip
    path.unlink(missing_ok=True)
    run(
        "gdal_rasterize", "-q", "-burn", 1, "-init", 0, "-ot", "Byte", "-te",
        *map(repr, grid.bounds), "-ts", grid.width, grid.height, dense, path,
    )  # fmt: skip
    return read(path, grid) == 1


def derive(theme: str, heights: Heights, grid: Raster, system: str, folder: Path) -> Heights:
    """Derive slope, aspect or hillshade with `gdaldem`, then put them on the ground.

    The grid has a border of one pixel more than the result. `gdaldem` takes pixels as squares in
    the plane of a projection; in a conformal projection the slope on the ground follows from the
    scale, and the aspect from the convergence, which pyproj knows.
    """
    source, target = folder / "heights.tif", folder / "derived.tif"
    envi = folder / "heights.img"
    heights.astype("<f4").tofile(envi)
    envi.with_suffix(".hdr").write_text(
        f"ENVI\nsamples = {grid.width}\nlines = {grid.height}\nbands = 1\ndata type = 4\n"
        f"byte order = 0\ninterleave = bsq\ndata ignore value = {NODATA}\n"
    )
    run(
        "gdal_translate", "-q", "-a_ullr", grid.left, grid.top, grid.bounds[2], grid.bounds[1],
        "-a_nodata", NODATA, envi, source,
    )  # fmt: skip
    inner = grid.grow(-1)
    lon, lat = pyproj.Transformer.from_pipeline(
        f"+proj=pipeline +step +inv {system} +step +proj=unitconvert +xy_in=rad +xy_out=deg"
    ).transform(*inner.centres())
    factors = pyproj.Proj(system).get_factors(lon, lat)
    scale = np.sqrt(np.asarray(factors.areal_scale))
    stretch = ["-z", scale.mean()] if theme == "hillshade" else []
    run("gdaldem", theme, source, target, "-q", *stretch)
    found = read(target, grid)[1:-1, 1:-1]
    valid = found != (0 if theme == "hillshade" else -9999)
    if theme == "slope":
        found = np.degrees(np.arctan(np.tan(np.radians(found)) * scale)).astype(np.float32)
    elif theme == "aspect":
        turned = (found + np.asarray(factors.meridian_convergence)) % 360
        found = turned.astype(np.float32)
    return np.where(valid, found, np.float32(NODATA)).astype(np.float32)
