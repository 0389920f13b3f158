"""Jobs: a frozen plan of the whole, and the tiles that it is cut into."""

from __future__ import annotations

import bisect
import operator
from dataclasses import dataclass
from itertools import accumulate, pairwise
from pathlib import Path

import numpy as np

from hrdem.errors import RequestError
from hrdem.geo.grid import Window
from hrdem.output.pam import get_pam_path
from hrdem.output.paths import get_layer_path
from hrdem.planning.cost import OUTPUT_RATIO
from hrdem.planning.plan import Plan
from hrdem.request.aoi.aoi import Aoi
from hrdem.request.options import Compression, Format
from hrdem.tiling.output_store import RASTER_SUFFIX

# of a core for a pixel, measured: copied; computed from merged files; warped; overviews of a COG
COPY_NANOSECONDS = 50
COMPUTE_NANOSECONDS = 120
WARP_NANOSECONDS = 250
OVERVIEW_NANOSECONDS = 80


@dataclass(frozen=True, slots=True)
class Tile:
    """One output of a job: a window of the whole.

    Attributes:
        name: Name of its files, without their endings: unique in the job, and valid everywhere.
        window: Its pixels on the whole grid, with its overlap into its neighbours.
        aoi: Shape that it is cropped to; None if the request alone decides.
        size: Bytes of the stored source tiles that it is read from. Tiers after the first count in
            full, although only the pixels are read that the tiers before them leave empty.
        pixels: Number of its pixels that lie in stored source tiles.
        requests: Number of range requests that read these, at least.
        sources: Positions in the plan's sources of those that have stored tiles there. Without any
            there is nothing to read or write.
        key: Fingerprint of all that its pixels depend on, 32 hexadecimal digits: request, window,
            shape, levels, and the versions of its sources.
    """

    name: str
    window: Window
    aoi: Aoi | None
    size: int
    pixels: int
    requests: int
    sources: tuple[int, ...]
    key: str

    @property
    def is_empty(self) -> bool:
        """Whether no source has a stored tile in it."""
        return not self.sources


@dataclass(frozen=True, slots=True)
class JobOptions:
    """How every tile is written.

    Attributes:
        layout: Layout of the files.
        compress: Compression of their tiles.
        predictor: TIFF predictor number; None for the usual one.
        overlap: Pixels by which a tile reaches into its neighbours on each side.
        overviews: Whether large plain files get overviews.
    """

    layout: Format
    compress: Compression
    predictor: int | None
    overlap: int
    overviews: bool = True


@dataclass(frozen=True, slots=True)
class JobCost:
    """The amount of work that a job, or a part of it, takes.

    Attributes:
        tiles: Number of tiles.
        empty: Number of these without anything to read.
        source_bytes: Bytes of stored source tiles to read. Those that several tiles share count
            once if a cache keeps them, else for each of these tiles.
        requests: Number of range requests, at least.
        output_bytes: Bytes to write, about.
        cpu_hours: Hours of one core, about.
    """

    tiles: int
    empty: int
    source_bytes: int
    requests: int
    output_bytes: int
    cpu_hours: float

    def hours_at(self, bytes_per_second: float, cores: int) -> float:
        """Return the hours that it takes: as long as the slower of transfer and computing.

        Args:
            bytes_per_second: Rate of all connections together.
            cores: Cores that compute.
        """
        return max(self.source_bytes / bytes_per_second / 3600, self.cpu_hours / cores)


@dataclass(frozen=True, slots=True)
class Job:
    """A frozen plan and its tiles: all that a worker needs, besides the name of a tile.

    Attributes:
        plan: Plan of the whole.
        scheme: Scheme of the tiles, as it was requested.
        options: How tiles are written.
        tiles: The tiles, sorted by name.
        shared: Bytes of stored source tiles that several tiles read, and the positions of these.
        shift_grid_sha256: SHA-256 of the grid that shifts heights, which every worker must find;
            empty if they are not shifted.
        request_digest: Fingerprint of what was requested: area, product, grid, scheme and options,
            without the versions of sources. The same command again has the same.
        sha256: SHA-256 of its document: the hash of the job.
    """

    plan: Plan
    scheme: str
    options: JobOptions
    tiles: tuple[Tile, ...]
    shared: tuple[tuple[int, tuple[int, ...]], ...]
    shift_grid_sha256: str
    request_digest: str
    sha256: str

    def tile(self, name: str) -> Tile:
        """Return a tile by its name.

        Raises:
            RequestError: If the job has none of that name.
        """
        place = bisect.bisect_left(self.tiles, name, key=operator.attrgetter("name"))
        if place == len(self.tiles) or self.tiles[place].name != name:
            raise RequestError(
                f"The job has no tile {name!r}; its {len(self.tiles):,} tiles are named like "
                f"{self.tiles[0].name}. `hrdem tile status` lists them."
            )
        return self.tiles[place]

    def list_rasters(self, name: str) -> tuple[str, ...]:
        """Return the names of a tile's rasters: the output, then its layers.

        Args:
            name: Name of the tile.
        """
        output = Path(f"{name}{RASTER_SUFFIX}")
        layers = self.plan.request.source_layers
        return output.name, *(get_layer_path(output, layer).name for layer in layers)

    def list_files(self, name: str) -> tuple[str, ...]:
        """Return the names of a tile's files but its item: its rasters, and what names classes.

        Args:
            name: Name of the tile.
        """
        output, *layers = self.list_rasters(name)
        return output, *layers, *(get_pam_path(Path(layer)).name for layer in layers)

    @property
    def cost(self) -> JobCost:
        """What all tiles take without a cache."""
        return self.cost_of(self.tiles)

    def cost_of(self, tiles: tuple[Tile, ...], max_cache: int = 0) -> JobCost:
        """Return what some of its tiles take.

        Args:
            tiles: The tiles, in the order in which they are made.
            max_cache: Bytes of source tiles that a cache keeps, which all workers share; 0 for
                none.
        """
        pixels = sum(tile.pixels for tile in tiles)
        stored = np.dtype(self.plan.dtype).itemsize * OUTPUT_RATIO
        cpu = self._cpu_nanoseconds
        return JobCost(
            tiles=len(tiles),
            empty=sum(tile.is_empty for tile in tiles),
            source_bytes=sum(tile.size for tile in tiles) - self._count_cached(tiles, max_cache),
            requests=sum(tile.requests for tile in tiles),
            output_bytes=int(pixels * stored),
            cpu_hours=pixels * cpu / 3600e9,
        )

    def _count_cached(self, tiles: tuple[Tile, ...], max_cache: int) -> int:
        """Return the bytes that tiles find in the cache, as others have read them before.

        The cache keeps what was read last, so that tiles may be too far from each other.
        """
        begins = accumulate((tile.size for tile in tiles), initial=0)
        of_tile = {tile.name: begin for tile, begin in zip(tiles, begins, strict=False)}
        cached = 0
        for size, places in self.shared:
            names = (self.tiles[place].name for place in places)
            times = sorted(of_tile[name] for name in names if name in of_tile)
            cached += size * sum(end - start < max_cache for start, end in pairwise(times))
        return cached

    @property
    def _cpu_nanoseconds(self) -> int:
        """Nanoseconds of a core that a pixel takes, about."""
        plan = self.plan
        overviews = OVERVIEW_NANOSECONDS if self.options.layout is Format.COG else 0
        if any(plan.is_resampled(mosaic) for mosaic in plan.tiers[0].mosaics):
            return overviews + WARP_NANOSECONDS
        return overviews + (COMPUTE_NANOSECONDS if plan.staged_mosaics else COPY_NANOSECONDS)
