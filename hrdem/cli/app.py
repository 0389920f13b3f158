"""``hrdem app``."""

from __future__ import annotations

import secrets
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hrdem.cli import options, service, show
from hrdem.cli.app_options import APP
from hrdem.errors import MissingLibraryError

if TYPE_CHECKING:
    import socket

    from hrdem.app.settings import Settings

MAX_PORT, MAX_WORKERS, MAX_JOBS = 65_535, 64, 1_000
TOKEN_FILE, MIN_TOKEN_CHARACTERS = "token", 40


@click.command("app", cls=options.Command)
@options.add(*APP, options.DEMO)
def command(*, demo: bool, json: bool, **params: Any) -> None:
    """Open a page in the browser: draw an area, get the file.

    The page is served by this machine, and closed to others, until Ctrl-C. Jobs go on when it is
    started again. It needs pip install 'hrdem[app]'.

    \b
      hrdem app
      hrdem app --demo
      hrdem app --host 0.0.0.0 --port 8080 --no-browser --max-download 5GB
    """
    _check(params)
    with service.resolve_demo(params | {"vertical_grid": None}, demo=demo) as resolved:
        settings = _make_settings(resolved, demo=demo)
        _serve(settings, as_json=json, opens_browser=not params["no_browser"])


def _check(params: dict[str, Any]) -> None:
    if not 0 <= params["port"] <= MAX_PORT:
        raise click.UsageError(f"--port is 0 to {MAX_PORT}, not {params['port']}.")
    if not 1 <= params["workers"] <= MAX_WORKERS:
        raise click.UsageError(f"--workers is 1 to {MAX_WORKERS}, not {params['workers']}.")
    if not 1 <= params["max_jobs"] <= MAX_JOBS:
        raise click.UsageError(f"--max-jobs is 1 to {MAX_JOBS}, not {params['max_jobs']}.")
    if not params["keep_days"] > 0:
        raise click.UsageError(f"--keep-days is more than 0, not {params['keep_days']:g}.")


def _make_settings(params: dict[str, Any], *, demo: bool) -> Settings:
    from hrdem.app.settings import BASEMAP_URL, Services, Settings

    names = ("stac_url", "wcs_url", "wms_url", "vertical_grid", "no_cache", "max_cache")
    return Settings(
        Services(
            **{name: params[name] for name in names},
            # absolute: jobs run in folders of their own
            cache_dir=params["cache_dir"] and params["cache_dir"].absolute(),
            basemap_url=None if demo else BASEMAP_URL,  # the demonstration needs no network
            is_demo=demo,
        ),
        data=(params["data"] or _default_data_folder()).absolute(),
        host=params["host"],
        port=params["port"],
        allowed_hosts=tuple(
            name.strip().lower() for name in (params["allow_host"] or "").split(",") if name.strip()
        ),
        workers=params["workers"],
        max_memory=params["max_memory"],
        max_upload=params["max_upload"],
        max_download=params["max_download"],
        max_jobs=params["max_jobs"],
        max_disk=params["max_disk"],
        keep_days=params["keep_days"],
    )


def _default_data_folder() -> Path:
    import platformdirs

    return platformdirs.user_data_path("hrdem", appauthor=False) / "app"


def _serve(settings: Settings, *, as_json: bool, opens_browser: bool) -> None:
    from dataclasses import replace

    server = _import_server()
    from hrdem.app.security import is_loopback

    listening = _listen(settings.host, settings.port)
    port = listening.getsockname()[1]
    token = None
    if not is_loopback(settings.host):
        token = _read_token(settings.data)
    settings = replace(settings, port=port, token=token)
    url = _format_address(settings.host, port, token)

    def announce() -> None:
        if as_json:
            show.document({"url": url, "data": str(settings.data)})
        else:
            click.echo(url)
            click.echo("hrdem: Ctrl-C stops it. Jobs go on when it is started again.", err=True)
        if opens_browser:
            threading.Thread(target=click.launch, args=(url,), daemon=True).start()

    try:
        server.serve(settings, listening, announce)
    except KeyboardInterrupt:
        click.echo("hrdem: stopped.", err=True)
    finally:
        listening.close()


def _import_server() -> Any:
    try:
        from hrdem.app import server
    except ModuleNotFoundError as exc:
        if (exc.name or "").startswith("hrdem"):
            raise
        raise MissingLibraryError(
            f"The page needs {exc.name}, which is not installed: pip install 'hrdem[app]'.",
            name=exc.name,
        ) from exc
    return server


def _listen(host: str, port: int) -> socket.socket:
    import errno
    import socket

    from hrdem.app.server import listen

    try:
        return listen(host, port)
    except socket.gaierror as exc:
        raise click.UsageError(f"--host {host} is no address: {exc.strerror}.") from exc
    except OSError as exc:
        if exc.errno == errno.EADDRINUSE:
            raise click.UsageError(
                f"Port {port} of {host} is in use, perhaps by another hrdem app: open "
                f"{_format_address(host, port, None)}, or give --port 0 for a free one."
            ) from exc
        raise click.UsageError(
            f"hrdem cannot listen on port {port} of {host}: {exc.strerror}. Give another --host or "
            "--port."
        ) from exc


def _read_token(data: Path) -> str:
    """Return the token of a folder of data, which is made once, so that addresses stay valid."""
    from hrdem.app.server import make_data_folder

    make_data_folder(data)
    path = data / TOKEN_FILE
    try:
        found = path.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        found = ""
    if len(found) < MIN_TOKEN_CHARACTERS:
        found = secrets.token_urlsafe(32)
        path.touch(mode=0o600)
        path.chmod(0o600)
        path.write_text(found, "ascii")
    return found


def _format_address(host: str, port: int, token: str | None) -> str:
    """Return the address of the page, which others can open where a token is needed."""
    import socket

    if host in ("0.0.0.0", "::"):  # noqa: S104 (the name of this machine stands for them)
        host = socket.gethostname()
    name = f"[{host}]" if ":" in host else host
    return f"http://{name}:{port}/{'' if token is None else f'?token={token}'}"
