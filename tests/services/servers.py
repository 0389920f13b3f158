"""Find, start and stop the server programs."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hrdem.demo import catalog

_HERE = Path(__file__).parent
_MAPSERVERS = 4  # two active, and two still computing after a gateway timeout
_PATIENCE = 60.0  # seconds for a server to start or stop


class MissingServerError(RuntimeError):
    """A server is not installed."""


@dataclass(frozen=True, slots=True)
class Programs:
    """Paths of the server programs.

    Attributes:
        nginx: Path of nginx.
        mapserv: Path of MapServer.
        spawn_fcgi: Program that starts MapServer's processes on one socket.
        postgres: Folder of the PostgreSQL programs.
        stac: Folder of the programs of the STAC API, and of SeaweedFS.
    """

    nginx: Path
    mapserv: Path
    spawn_fcgi: Path
    postgres: Path
    stac: Path

    @classmethod
    def found(cls) -> Programs:
        """Find the programs.

        Raises:
            MissingServerError: If a program is missing; the message names it.
        """
        how = "tests/services/README.md tells how to install it"
        # Debian installs servers and CGI programs outside the PATH of users
        places = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/lib/cgi-bin"
        commands = []
        for name in ("nginx", "mapserv", "spawn-fcgi"):
            command = shutil.which(name, path=places)
            if command is None:
                raise MissingServerError(f"{name} is missing; {how}")
            commands.append(Path(command))
        # sort by version, newest last
        extensions = Path("/usr/share/postgresql").glob("*/extension/postgis.control")
        versions = sorted((path.parts[-3] for path in extensions), key=int)
        if not versions:
            raise MissingServerError(f"PostgreSQL with PostGIS is missing; {how}")
        venv = os.environ.get("HRDEM_STAC_VENV")
        if not venv:
            raise MissingServerError(f"HRDEM_STAC_VENV is not set; {how}")
        if not Path(venv, "bin", "pypgstac").exists():
            raise MissingServerError(f"stac-fastapi.pgstac is missing in {venv}; {how}")
        if not Path(venv, "bin", "weed").exists():
            raise MissingServerError(f"SeaweedFS is missing in {venv}; {how}")
        postgres = Path("/usr/lib/postgresql", versions[-1], "bin")
        return cls(*commands, postgres, Path(venv, "bin").absolute())


@contextmanager
def nginx(programs: Programs, folder: Path, port: int, stac_port: int) -> Iterator[None]:
    user = "user root;" if os.geteuid() == 0 else ""
    conf = _configuration("nginx.conf", folder, USER=user, PORT=port, STAC_PORT=stac_port)
    log = folder / "logs" / "nginx.log"
    command = [programs.nginx, "-p", folder, "-c", conf, "-e", log]
    with _server(command, log, lambda: accepts(port)):
        yield


@contextmanager
def mapserver(programs: Programs, folder: Path) -> Iterator[None]:
    """Run MapServer processes that share one socket in the folder."""
    _configuration("elevation.map", folder)
    conf = _configuration("mapserver.conf", folder)
    pids = folder / "mapserver.pids"
    command = [programs.spawn_fcgi, "-s", folder / "mapserver.sock", "-M", "0600", "-P", pids]
    command += ["-F", str(_MAPSERVERS), "--", programs.mapserv]
    env = {**os.environ, "MAPSERVER_CONFIG_FILE": str(conf)}
    done(command, folder / "logs" / "mapserver.log", env=env)
    # not child processes, and a process ID may be reused by another process
    processes = [os.pidfd_open(int(pid)) for pid in pids.read_text("utf-8").split()]
    try:
        yield
    finally:
        for process in processes:
            with suppress(ProcessLookupError):
                # MapServer handles milder signals only after one more request
                signal.pidfd_send_signal(process, signal.SIGKILL)
            select.select([process], [], [], _PATIENCE)
            os.close(process)


@contextmanager
def postgres(programs: Programs, folder: Path, port: int) -> Iterator[dict[str, str]]:
    """Run a separate cluster with an empty database; yields the connection settings."""
    home = folder / "postgres"
    home.mkdir()
    who: dict[str, Any] = {"cwd": home}
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        shutil.chown(home, "postgres", "postgres")
        who |= {"user": "postgres", "group": "postgres", "extra_groups": []}
    log = folder / "logs" / "postgres.log"
    data = home / "data"
    initdb = [programs.postgres / "initdb", "-D", data, "-A", "trust", "-U", "postgres", "-N"]
    done([*initdb, "-E", "UTF8", "--locale=C"], log, **who)
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
    # SIGINT is the fast shutdown, which does not wait for clients
    with _server(
        command,
        log,
        lambda: subprocess.run(asked, check=False).returncode == 0,
        signal.SIGINT,
        **who,
    ):
        done([programs.postgres / "createdb", *reach, "stac"], log)
        yield {
            "PGHOST": "127.0.0.1",
            "PGPORT": str(port),
            "PGUSER": "postgres",
            "PGPASSWORD": "none",
            "PGDATABASE": "stac",
        }


@contextmanager
def stac_api(programs: Programs, folder: Path, port: int, login: dict[str, str]) -> Iterator[None]:
    command = [programs.stac / "uvicorn", "stac_fastapi.pgstac.app:create_app", "--factory"]
    command += ["--host", "127.0.0.1", "--port", str(port)]
    env = {**os.environ, **login, "ROOT_PATH": catalog.LINKS_PREFIX + "/"}
    log = folder / "logs" / "stac.log"
    with _server(command, log, lambda: accepts(port), cwd=folder / "stac", env=env):
        yield


@contextmanager
def bucket(programs: Programs, folder: Path) -> Iterator[dict[str, str]]:
    """Run a separate SeaweedFS; yields what the environment tells clients of its S3 interface."""
    user, password = "tests", "of-hrdem"
    credentials = [{"accessKey": user, "secretKey": password}]
    identity = {"name": user, "credentials": credentials, "actions": ["Admin"]}
    (folder / "seaweedfs").mkdir()
    (folder / "s3.json").write_text(json.dumps({"identities": [identity]}), "utf-8")
    names = ("master.port", "master.port.grpc", "volume.port", "volume.port.grpc")
    names += ("filer.port", "filer.port.grpc", "s3.port", "s3.port.grpc")
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    settings = {
        **ports,
        "dir": folder / "seaweedfs",
        "ip": "127.0.0.1",
        "ip.bind": "127.0.0.1",
        "filer": "true",
        "filer.localSocket": folder / "seaweedfs.sock",
        "s3": "true",
        "s3.config": folder / "s3.json",
        "s3.port.iceberg": "0",
        "s3.port.lance": "0",
        "master.telemetry": "false",
        "master.volumeSizeLimitMB": "512",
    }
    command = [programs.stac / "weed", "server"]
    command += [f"-{name}={value}" for name, value in settings.items()]
    log = folder / "logs" / "seaweedfs.log"
    # milder signals take it half a minute
    with _server(command, log, lambda: accepts(ports["s3.port"]), signal.SIGKILL):
        yield {
            "AWS_ACCESS_KEY_ID": user,
            "AWS_SECRET_ACCESS_KEY": password,
            "AWS_REGION": "ca-central-1",
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{ports['s3.port']}",
            "AWS_ALLOW_HTTP": "true",
        }


@contextmanager
def _server(
    command: Sequence[Any],
    log: Path,
    ready: Callable[[], bool],
    stop: signal.Signals = signal.SIGTERM,
    **settings: Any,
) -> Iterator[None]:
    """Run a server in its own session, so that Ctrl-C does not reach it directly."""
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


def _configuration(name: str, folder: Path, **settings: object) -> Path:
    """Write a server's configuration to the folder, with its @NAMES@ replaced."""
    text = (_HERE / f"{name}.in").read_text("utf-8")
    for key, value in {"RUN": folder, **settings}.items():
        text = text.replace(f"@{key}@", str(value))
    path = folder / name
    path.write_text(text, "utf-8")
    return path


def done(command: Sequence[Any], log: Path, **settings: Any) -> None:
    """Run a program and wait for it to finish."""
    with log.open("ab") as file:
        ended = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, check=False, **settings
        )
    if ended.returncode:
        raise _failed(command, log)


def _failed(command: Sequence[Any], log: Path) -> RuntimeError:
    tail = log.read_text("utf-8", "replace")[-2_000:]
    return RuntimeError(f"{command[0]} failed; {log} ends with\n{tail}")


def accepts(port: int) -> bool:
    with closing(socket.socket()) as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_ports(count: int) -> list[int]:
    with ExitStack() as held:
        sockets = [held.enter_context(closing(socket.socket())) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
