"""The server: routes, what they share, and how it starts and stops."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import anyio.to_thread
import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware

from hrdem.app.events import Hub
from hrdem.app.job_queue import JobQueue
from hrdem.app.job_store import JobStore
from hrdem.app.limits import Lane
from hrdem.app.problems import (
    RefusedError,
    respond_to_disk_error,
    respond_to_error,
    respond_to_http_error,
    respond_to_refusal,
)
from hrdem.app.recent import Recent
from hrdem.app.routes import areas, jobs, looks, page, tiles
from hrdem.app.security import Guard
from hrdem.app.settings import Settings
from hrdem.app.shared_session import SharedSession
from hrdem.app.state import AppState
from hrdem.errors import HrdemError, OutputError

log = logging.getLogger(__name__)

END_SIGNALS = signal.SIGINT, signal.SIGTERM
MAX_CONNECTIONS = 512
MAX_SECONDS_TO_STOP = 3
MAX_UPLOADS = 4  # that are received at the same time: each is held in memory
MAX_RECENT, RECENT_SECONDS = 256, 300.0  # looks that are not taken again
MAP_SECONDS = 3600.0  # for which tiles and outlines are not drawn again
WARM_UP_AFTER_SECONDS = 1.0  # by when a page is drawn, which imports would hold up


def make_app(settings: Settings, store: JobStore) -> Starlette:
    """Return the application of a server.

    Args:
        settings: Its settings.
        store: Its jobs.
    """
    hub = Hub()
    queue = JobQueue(settings, store, hub)
    session = SharedSession()

    @contextlib.asynccontextmanager
    async def run(app: Starlette) -> AsyncIterator[None]:
        running = asyncio.create_task(queue.run())
        warming = asyncio.create_task(_warm_up(session))
        try:
            yield
        finally:
            hub.close()
            queue.close()
            warming.cancel()
            for ended in await asyncio.gather(running, warming, return_exceptions=True):
                if isinstance(ended, Exception):
                    log.error("The server did not end cleanly.", exc_info=ended)
            session.close()

    app = Starlette(
        routes=[*page.ROUTES, *areas.ROUTES, *tiles.ROUTES, *looks.ROUTES, *jobs.ROUTES],
        middleware=[Middleware(Guard, settings=settings)],
        exception_handlers={
            RefusedError: respond_to_refusal,
            HrdemError: respond_to_error,
            HTTPException: respond_to_http_error,
            OSError: respond_to_disk_error,
            sqlite3.OperationalError: respond_to_disk_error,
        },
        lifespan=run,
    )
    app.router.redirect_slashes = False
    app.state.shared = AppState(
        settings,
        store,
        hub,
        queue,
        session,
        local=Lane(2, 2, 64, 16),
        looks=Lane(3, 1, 64, 16),
        slow_looks=Lane(3, 2, 64, 16),
        tiles=Lane(4, 3, 256, 128),
        uploads=Lane(MAX_UPLOADS, 1, 64, 8),
        estimates=Recent(MAX_RECENT, RECENT_SECONDS),
        surveys=Recent(MAX_RECENT, RECENT_SECONDS),
        outlines=Recent(MAX_RECENT, MAP_SECONDS),
        drawn=Recent(MAX_RECENT, MAP_SECONDS),
    )
    return app


async def _warm_up(session: SharedSession) -> None:
    await asyncio.sleep(WARM_UP_AFTER_SECONDS)
    await anyio.to_thread.run_sync(session.warm_up)


class _Server(uvicorn.Server):
    """A server that tells when it has started, and ends what pages wait for before it stops."""

    def __init__(
        self, config: uvicorn.Config, on_start: Callable[[], None], on_stop: Callable[[], None]
    ) -> None:
        super().__init__(config)
        self._on_start = on_start
        self._on_stop = on_stop

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        ignored = [each for each in END_SIGNALS if signal.getsignal(each) is signal.SIG_IGN]
        with super().capture_signals():
            for each in ignored:  # as by `nohup`
                signal.signal(each, signal.SIG_IGN)
            yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_start()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._on_stop()
        await super().shutdown(sockets)


def serve(settings: Settings, listening: socket.socket, on_start: Callable[[], None]) -> None:
    """Serve until Ctrl-C.

    Args:
        settings: Settings of the server.
        listening: A socket that listens on its address.
        on_start: Called when the page can be opened.

    Raises:
        OutputError: If the folder of data cannot be used.
    """
    make_data_folder(settings.data)
    with JobStore(settings.data / "jobs.sqlite") as store:
        app = make_app(settings, store)
        config = uvicorn.Config(
            app,
            access_log=False,
            http="h11",
            lifespan="on",
            limit_concurrency=MAX_CONNECTIONS,
            log_config=None,
            loop="asyncio",
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=MAX_SECONDS_TO_STOP,
            ws="none",
        )
        _Server(config, on_start, app.state.shared.close).run([listening])


def make_data_folder(data: Path) -> None:
    """Create a folder of data, which only this user can read.

    Raises:
        OutputError: If it cannot be created.
    """
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in ("jobs", "areas"):
            (data / name).mkdir(exist_ok=True)
    except OSError as exc:
        raise OutputError(
            f"{data} cannot be created: {exc.strerror}. Give another folder of data."
        ) from exc


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens on an address.

    Raises:
        OSError: If the address is in use, or not one of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        if not hasattr(socket, "SO_EXCLUSIVEADDRUSE"):  # of Windows, which would share the port
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(MAX_CONNECTIONS)
    except OSError:
        listening.close()
        raise
    return listening
