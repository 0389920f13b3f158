"""The service on real servers: nginx, PostgreSQL with PostGIS, and stac-fastapi.pgstac.

Everything listens on 127.0.0.1, writes below one folder, and ends with the context or the process:

    python tests/services/stack.py RUN_DIR [--port 18080]

keeps it up until Ctrl-C. HRDEM_STAC_VENV names the virtual environment of the STAC API, as made by
install-debian.sh.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import rasterio.shutil
from affine import Affine
from rasterio.io import MemoryFile

from hrdem.demo import catalog
from hrdem.demo.cog import Box, DemoCog
from hrdem.demo.terrain import NODATA, heights
from hrdem.demo.tiles import Tile, tiles

HERE = Path(__file__).parent
# where four tiles meet; small, and enough for the recordings in cassettes/
CORNER_TILES = ("9_2-mosaic-2m", "10_2-mosaic-2m", "9_3-mosaic-2m", "10_3-mosaic-2m")
CORNER = (1_999_000, -1_000, 2_001_000, 1_000)
# small files on both sides of a border between tiles
BORDER = {
    "8_2-mosaic-1m": (1_499_000, -171_000, 1_500_000, -170_000),
    "9_2-mosaic-1m": (1_500_000, -171_000, 1_501_000, -170_000),
}
_SMALL_COG = {"COMPRESS": "DEFLATE", "PREDICTOR": "YES", "BLOCKSIZE": 128, "BIGTIFF": "YES"}
_PATIENCE = 60.0  # seconds for a server to start or to end


class MissingServerError(RuntimeError):
    """A server is not installed."""


@dataclass(frozen=True, slots=True)
class Programs:
    """The programs that the stack is made of.

    Attributes:
        nginx: nginx.
        postgres: Folder of PostgreSQL's programs.
        stac: Folder of the STAC API's programs.
    """

    nginx: Path
    postgres: Path
    stac: Path

    @classmethod
    def found(cls) -> Programs:
        """Find them.

        Raises:
            MissingServerError: If one is missing; the message names it.
        """
        how = "tests/services/README.md tells how to install it"
        nginx = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
        if nginx is None:
            raise MissingServerError(f"nginx is missing; {how}")
        # by version, so that the newest comes last
        extensions = Path("/usr/share/postgresql").glob("*/extension/postgis.control")
        versions = sorted((path.parts[-3] for path in extensions), key=int)
        if not versions:
            raise MissingServerError(f"PostgreSQL with PostGIS is missing; {how}")
        venv = os.environ.get("HRDEM_STAC_VENV")
        if not venv:
            raise MissingServerError(f"HRDEM_STAC_VENV is not set; {how}")
        if not Path(venv, "bin", "pypgstac").exists():
            raise MissingServerError(f"stac-fastapi.pgstac is missing in {venv}; {how}")
        postgres = Path("/usr/lib/postgresql", versions[-1], "bin")
        return cls(Path(nginx), postgres, Path(venv, "bin").absolute())


@dataclass(frozen=True, slots=True)
class Stack:
    """A running service.

    Attributes:
        folder: Where everything is written.
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
        """Root of the same API for clients that search by GET."""
        return f"{self.url}/get-only/stac/api/"

    def file_of(self, item_id: str, name: str) -> Path:
        """Return where the store keeps a file of an item, for example ``dtm.tif``."""
        folder = self.folder / "store" / catalog.STORE_PREFIX.strip("/")
        return folder / _tile(item_id).collection_id / f"{item_id}-{name}"

    def publish(self, item_id: str, product: str, *areas: Box) -> None:
        """Put COG and VRT of an item into the store, with data in these areas only."""
        cog = DemoCog(_tile(item_id), product, areas=areas)
        path = self.file_of(item_id, f"{product}.tif")
        path.parent.mkdir(parents=True, exist_ok=True)
        cog.write(path)
        path.with_suffix(".vrt").write_text(_vrt(cog.tile, path.name), "utf-8")

    def publish_small(self, item_id: str, product: str, area: Box) -> None:
        """Put a COG of only this area into the store, as GDAL makes it, small enough to record."""
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

    def requests(self) -> list[dict[str, Any]]:
        """Return what nginx was asked so far: method, uri, range, if_match, status, bytes."""
        log = self.folder / "logs" / "access.jsonl"
        return [json.loads(line) for line in log.read_text("utf-8").splitlines()]


@contextmanager
def running(folder: Path, port: int | None = None) -> Iterator[Stack]:
    """Run the service for as long as the context lasts.

    Args:
        folder: New or empty folder for everything that is written. When run as root, the user
            ``postgres`` must be able to reach it.
        port: Port of nginx; the next two are those of the STAC API and of PostgreSQL. None takes
            free ones.

    Raises:
        MissingServerError: If a server is not installed.
        RuntimeError: If one cannot start; the message says why.
    """
    programs = Programs.found()
    folder = folder.absolute()
    web, stac, database = ports = range(port, port + 3) if port else _free_ports(3)
    for each in ports:
        if _accepts(each):
            raise RuntimeError(f"port {each} of 127.0.0.1 is taken; choose another --port")
    if folder.exists() and any(folder.iterdir()):
        raise RuntimeError(f"{folder} is not empty; choose a new folder")
    for name in ("logs", "nginx", "store", "stac"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    up = Stack(folder, f"http://127.0.0.1:{web}")
    with ExitStack() as servers:
        login = servers.enter_context(_postgres(programs, folder, database))
        _load_catalogue(programs, up, login)
        servers.enter_context(_stac_api(programs, folder, stac, login))
        servers.enter_context(_nginx(programs, folder, web, stac))
        yield up


@contextmanager
def _nginx(programs: Programs, folder: Path, port: int, stac_port: int) -> Iterator[None]:
    settings = {
        "USER": "user root;" if os.geteuid() == 0 else "",
        "RUN": str(folder),
        "PORT": str(port),
        "STAC_PORT": str(stac_port),
    }
    text = (HERE / "nginx.conf.in").read_text("utf-8")
    for name, value in settings.items():
        text = text.replace(f"@{name}@", value)
    conf = folder / "nginx.conf"
    conf.write_text(text, "utf-8")
    log = folder / "logs" / "nginx.log"
    command = [programs.nginx, "-p", folder, "-c", conf, "-e", log]
    with _server(command, log, lambda: _accepts(port)):
        yield


@contextmanager
def _postgres(programs: Programs, folder: Path, port: int) -> Iterator[dict[str, str]]:
    """Run a cluster of its own with an empty database; yields how to reach it."""
    home = folder / "postgres"
    home.mkdir()
    who: dict[str, Any] = {"cwd": home}
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        shutil.chown(home, "postgres", "postgres")
        who |= {"user": "postgres", "group": "postgres", "extra_groups": []}
    log = folder / "logs" / "postgres.log"
    data = home / "data"
    initdb = [programs.postgres / "initdb", "-D", data, "-A", "trust", "-U", "postgres", "-N"]
    _done([*initdb, "-E", "UTF8", "--locale=C"], log, **who)
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": port,
        "unix_socket_directories": "",
        "fsync": "off",
        "synchronous_commit": "off",
        "full_page_writes": "off",
    }
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    reach = ["-h", "127.0.0.1", "-p", str(port), "-U", "postgres"]
    asked: list[Any] = [programs.postgres / "pg_isready", "-q", *reach]
    command = [programs.postgres / "postgres", "-D", data, *options]
    # SIGINT is its fast shutdown, which does not wait for clients
    with _server(
        command,
        log,
        lambda: subprocess.run(asked, check=False).returncode == 0,
        signal.SIGINT,
        **who,
    ):
        _done([programs.postgres / "createdb", *reach, "stac"], log)
        yield {
            "PGHOST": "127.0.0.1",
            "PGPORT": str(port),
            "PGUSER": "postgres",
            "PGPASSWORD": "none",
            "PGDATABASE": "stac",
        }


def _load_catalogue(programs: Programs, up: Stack, login: dict[str, str]) -> None:
    """Fill the database with the demonstration's catalogue, its files in our own store."""
    log = up.folder / "logs" / "pypgstac.log"
    env = {**os.environ, **login}
    pypgstac = programs.stac / "pypgstac"
    _done([pypgstac, "migrate"], log, env=env)
    # the live API tells numberMatched
    counted = "ALTER DATABASE stac SET pgstac.context = 'on'"
    _done([programs.postgres / "psql", "-qc", counted], log, env=env)
    tables = {"collections": catalog.collections(up.url), "items": catalog.items(up.url)}
    for table, documents in tables.items():
        path = up.folder / "stac" / f"{table}.ndjson"
        # without links: the API writes its own
        lines = [json.dumps({**document, "links": []}) + "\n" for document in documents]
        path.write_text("".join(lines), "utf-8")
        _done([pypgstac, "load", table, path, "--method", "insert"], log, env=env)


@contextmanager
def _stac_api(programs: Programs, folder: Path, port: int, login: dict[str, str]) -> Iterator[None]:
    command = [programs.stac / "uvicorn", "stac_fastapi.pgstac.app:create_app", "--factory"]
    command += ["--host", "127.0.0.1", "--port", str(port)]
    env = {**os.environ, **login, "ROOT_PATH": catalog.LINKS_PREFIX + "/"}
    log = folder / "logs" / "stac.log"
    with _server(command, log, lambda: _accepts(port), cwd=folder / "stac", env=env):
        yield


@contextmanager
def _server(
    command: Sequence[Any],
    log: Path,
    ready: Callable[[], bool],
    stop: signal.Signals = signal.SIGTERM,
    **settings: Any,
) -> Iterator[None]:
    """Run a server in a session of its own, so that Ctrl-C reaches it through us only."""
    with log.open("ab") as file:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
            **settings,
        )
    try:
        deadline = time.monotonic() + _PATIENCE
        while not ready():
            if process.poll() is not None or time.monotonic() > deadline:
                raise _failed(command, log)
            time.sleep(0.05)
        yield
    finally:
        process.send_signal(stop)
        try:
            process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _done(command: Sequence[Any], log: Path, **settings: Any) -> None:
    """Run a program that ends by itself."""
    with log.open("ab") as file:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, check=False, **settings
        )
    if done.returncode:
        raise _failed(command, log)


def _failed(command: Sequence[Any], log: Path) -> RuntimeError:
    tail = log.read_text("utf-8", "replace")[-2_000:]
    return RuntimeError(f"{command[0]} failed; {log} ends with\n{tail}")


def _accepts(port: int) -> bool:
    with closing(socket.socket()) as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _free_ports(count: int) -> list[int]:
    with ExitStack() as held:
        sockets = [held.enter_context(closing(socket.socket())) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def _tile(item_id: str) -> Tile:
    return next(tile for tile in tiles() if tile.item_id == item_id)


def _vrt(tile: Tile, cog: str) -> str:
    """A VRT over a COG beside it, whose name it gives relative to its own place."""
    size = f'xSize="{tile.width}" ySize="{tile.height}"'
    return (
        f'<VRTDataset rasterXSize="{tile.width}" rasterYSize="{tile.height}">'
        "<SRS>EPSG:3979</SRS>"
        f"<GeoTransform>{tile.left}, {tile.resolution}, 0, {tile.top}, 0, -{tile.resolution}"
        '</GeoTransform><VRTRasterBand dataType="Float32" band="1">'
        "<NoDataValue>-32767</NoDataValue><SimpleSource>"
        f'<SourceFilename relativeToVRT="1">{cog}</SourceFilename>'
        "<SourceBand>1</SourceBand>"
        f'<SourceProperties RasterXSize="{tile.width}" RasterYSize="{tile.height}" '
        'DataType="Float32" BlockXSize="512" BlockYSize="512"/>'
        f'<SrcRect xOff="0" yOff="0" {size}/><DstRect xOff="0" yOff="0" {size}/>'
        "</SimpleSource></VRTRasterBand></VRTDataset>"
    )


def main() -> None:
    """Keep the service up, with a little data where tiles meet, until Ctrl-C."""
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
            sys.stdout.flush()
            signal.pause()
    except KeyboardInterrupt:
        sys.exit(130)
    except RuntimeError as exc:
        sys.exit(str(exc))


if __name__ == "__main__":
    main()
