"""The service on real servers: nginx, MapServer, and stac-fastapi.pgstac on PostgreSQL.

All servers listen on 127.0.0.1, write to one folder, and stop with the context or the process.

The following command runs the service until Ctrl-C:

    python tests/services/stack.py RUN_DIR [--port 18080]

HRDEM_STAC_VENV is the virtual environment of the STAC API, created by install-debian.sh.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import rasterio
import rasterio.shutil
from affine import Affine
from rasterio.io import MemoryFile
from servers import Programs, accepts, done, free_ports, mapserver, nginx, postgres, stac_api

from hrdem.demo import catalog
from hrdem.demo.cog import Box, DemoCog
from hrdem.demo.terrain import NODATA, heights
from hrdem.demo.tiles import Tile, list_tiles

# where four tiles meet; small, but large enough for the recordings in cassettes/
CORNER_TILES = ("9_2-mosaic-2m", "10_2-mosaic-2m", "9_3-mosaic-2m", "10_3-mosaic-2m")
CORNER = (1_999_000, -1_000, 2_001_000, 1_000)
# small files on both sides of a tile border
BORDER = {
    "8_2-mosaic-1m": (1_499_000, -171_000, 1_500_000, -170_000),
    "9_2-mosaic-1m": (1_500_000, -171_000, 1_501_000, -170_000),
}
_SMALL_COG = {"COMPRESS": "DEFLATE", "PREDICTOR": "YES", "BLOCKSIZE": 128, "BIGTIFF": "YES"}


@dataclass(frozen=True, slots=True)
class Stack:
    """A running service.

    Attributes:
        folder: Folder for all files.
        url: Scheme and host of nginx.
    """

    folder: Path
    url: str

    @property
    def stac(self) -> str:
        """Root of the STAC API."""
        return f"{self.url}/stac/api/"

    @property
    def stac_get_only(self) -> str:
        """Root of the same API for clients that search with GET."""
        return f"{self.url}/get-only/stac/api/"

    @property
    def wcs(self) -> str:
        """URL of the WCS for the 1 m items in the store."""
        return f"{self.url}/ows/elevation"

    @property
    def wcs_moved(self) -> str:
        """URL that redirects to the WCS with status 308."""
        return f"{self.url}/redir/ows/elevation"

    @property
    def wcs_impatient(self) -> str:
        """URL of a gateway to the WCS that returns 504 after one second."""
        return f"{self.url}/timeout1s/ows/elevation"

    @property
    def wcs_limited(self) -> str:
        """URL of a gateway to the WCS that returns 429 above two requests per second."""
        return f"{self.url}/limit/ows/elevation"

    def file_of(self, item_id: str, name: str) -> Path:
        """Return the path of an item's file in the store, for example ``dtm.tif``."""
        folder = self.folder / "store" / catalog.STORE_PREFIX.strip("/")
        return folder / _tile(item_id).collection_id / f"{item_id}-{name}"

    def publish(self, item_id: str, product: str, *areas: Box) -> None:
        """Add the COG and VRT of an item to the store, with data in these areas only."""
        cog = DemoCog(_tile(item_id), product, areas=areas)
        path = self.file_of(item_id, f"{product}.tif")
        path.parent.mkdir(parents=True, exist_ok=True)
        cog.write(path)
        _write_vrt(path.with_suffix(".vrt"), cog.tile.bounds, cog.tile.resolution, [path])
        self.serve_coverage(product)

    def publish_small(self, item_id: str, product: str, area: Box) -> None:
        """Add a COG of only this area to the store, written by GDAL and small enough to record."""
        left, bottom, right, top = area
        size = _tile(item_id).resolution
        width, height = (right - left) // size, (top - bottom) // size
        path = self.file_of(item_id, f"{product}.tif")
        path.parent.mkdir(parents=True, exist_ok=True)
        with MemoryFile() as memory:
            with memory.open(
                driver="GTiff", dtype="float32", count=1, width=width, height=height,
                crs="EPSG:3979", transform=Affine(size, 0, left, 0, -size, top), nodata=NODATA,
            ) as dataset:  # fmt: skip
                dataset.write(heights(left, top, size, width, height, product=product), 1)
            with memory.open() as dataset:
                rasterio.shutil.copy(dataset, path, driver="COG", **_SMALL_COG)
        self.serve_coverage(product)

    def serve_coverage(self, product: str) -> None:
        """Serve a product at 1 m from the store through the WCS, with nodata elsewhere."""
        mosaic = [tile for tile in list_tiles() if tile.collection == "1m"]
        lefts, bottoms, rights, tops = zip(*(tile.bounds for tile in mosaic), strict=True)
        bounds = min(lefts), min(bottoms), max(rights), max(tops)
        cogs = self.file_of(mosaic[0].item_id, "").parent.glob(f"*-{product}.tif")
        _write_vrt(self.folder / "wcs" / f"{product}.vrt", bounds, 1, sorted(cogs))

    def requests(self) -> list[dict[str, Any]]:
        """Return the requests to nginx so far.

        Each request has a method, uri, args, range, if_match, status and bytes, the end time of
        its response (`at`, seconds) and its duration (`took`, seconds).
        """
        log = self.folder / "logs" / "access.jsonl"
        return [json.loads(line) for line in log.read_text("utf-8").splitlines()]


@contextmanager
def running(folder: Path, port: int | None = None) -> Iterator[Stack]:
    """Run the service as a context manager.

    Args:
        folder: New or empty folder for all files. When run as root, the user ``postgres`` must
            have access to it.
        port: Port of nginx; the STAC API and PostgreSQL use the next two. None selects free
            ports.

    Raises:
        MissingServerError: If a server is not installed.
        RuntimeError: If a server cannot start; the message gives the reason.
    """
    programs = Programs.found()
    folder = folder.absolute()
    web, stac, database = ports = range(port, port + 3) if port else free_ports(3)
    for each in ports:
        if accepts(each):
            raise RuntimeError(f"port {each} of 127.0.0.1 is taken; choose another --port")
    if folder.exists() and any(folder.iterdir()):
        raise RuntimeError(f"{folder} is not empty; choose a new folder")
    for name in ("logs", "nginx", "store", "stac", "wcs"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    up = Stack(folder, f"http://127.0.0.1:{web}")
    with ExitStack() as servers:
        login = servers.enter_context(postgres(programs, folder, database))
        _load_catalogue(programs, up, login)
        servers.enter_context(stac_api(programs, folder, stac, login))
        for product in ("dtm", "dsm"):
            up.serve_coverage(product)
        servers.enter_context(mapserver(programs, folder))
        servers.enter_context(nginx(programs, folder, web, stac))
        yield up


def _load_catalogue(programs: Programs, up: Stack, login: dict[str, str]) -> None:
    """Load the demonstration catalogue into the database, with files in the local store."""
    log = up.folder / "logs" / "pypgstac.log"
    env = {**os.environ, **login}
    pypgstac = programs.stac / "pypgstac"
    done([pypgstac, "migrate"], log, env=env)
    # the live API returns numberMatched
    counted = "ALTER DATABASE stac SET pgstac.context = 'on'"
    done([programs.postgres / "psql", "-qc", counted], log, env=env)
    tables = {"collections": catalog.list_collections(up.url), "items": catalog.list_items(up.url)}
    for table, documents in tables.items():
        path = up.folder / "stac" / f"{table}.ndjson"
        # without links, because the API adds its own
        lines = [json.dumps({**document, "links": []}) + "\n" for document in documents]
        path.write_text("".join(lines), "utf-8")
        done([pypgstac, "load", table, path, "--method", "insert"], log, env=env)


def _tile(item_id: str) -> Tile:
    return next(tile for tile in list_tiles() if tile.item_id == item_id)


def _write_vrt(path: Path, bounds: Box, resolution: int, cogs: Sequence[Path]) -> None:
    """Write a VRT of COGs with relative file names."""
    left, bottom, right, top = bounds
    sources = ""
    for cog in cogs:
        with rasterio.open(cog) as dataset:
            (rows, columns), width, height = dataset.block_shapes[0], dataset.width, dataset.height
            x = round((dataset.bounds.left - left) / resolution)
            y = round((top - dataset.bounds.top) / resolution)
        sources += (
            "<SimpleSource>"
            f'<SourceFilename relativeToVRT="1">{os.path.relpath(cog, path.parent)}'
            "</SourceFilename><SourceBand>1</SourceBand>"
            f'<SourceProperties RasterXSize="{width}" RasterYSize="{height}" '
            f'DataType="Float32" BlockXSize="{columns}" BlockYSize="{rows}"/>'
            f'<SrcRect xOff="0" yOff="0" xSize="{width}" ySize="{height}"/>'
            f'<DstRect xOff="{x}" yOff="{y}" xSize="{width}" ySize="{height}"/></SimpleSource>'
        )
    width, height = (right - left) // resolution, (top - bottom) // resolution
    path.write_text(
        f'<VRTDataset rasterXSize="{width}" rasterYSize="{height}">'
        "<SRS>EPSG:3979</SRS>"
        f"<GeoTransform>{left}, {resolution}, 0, {top}, 0, -{resolution}</GeoTransform>"
        '<VRTRasterBand dataType="Float32" band="1"><NoDataValue>-32767</NoDataValue>'
        f"{sources}</VRTRasterBand></VRTDataset>",
        "utf-8",
    )


def main() -> None:
    """Run the service until Ctrl-C, with a small area of data where tiles meet."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("folder", type=Path, metavar="RUN_DIR", help="a new or empty folder")
    parser.add_argument("--port", type=int, default=18080, help="of nginx (default 18080)")
    chosen = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with running(chosen.folder, chosen.port) as up:
            for item in CORNER_TILES:
                up.publish(item, "dtm", CORNER)
            for item, area in BORDER.items():
                up.publish_small(item, "dtm", area)
            sys.stdout.write(f"store  {up.url}{catalog.STORE_PREFIX}/\nSTAC   {up.stac}\n")
            sys.stdout.write(f"WCS    {up.wcs}\n")
            sys.stdout.flush()
            signal.pause()
    except KeyboardInterrupt:
        sys.exit(130)
    except RuntimeError as exc:
        sys.exit(str(exc))


if __name__ == "__main__":
    main()
