"""``hrdem demo``."""

from __future__ import annotations

import click

from hrdem.cli import options, show

MAX_PORT, MAX_EDITION = 65_535, 99


@click.group("demo")
def command() -> None:
    """Serve a local demonstration over synthetic terrain.

    Every other command takes --demo to start one for itself.
    """


@command.command("serve", cls=options.Command)
@options.add(options.PORT, options.EDITION)
def serve(*, port: int, edition: int, json: bool) -> None:
    """Serve STAC, COG ranges, WCS and WMS until Ctrl-C."""
    if not 0 <= port <= MAX_PORT:
        raise click.UsageError(f"--port is 0 to {MAX_PORT}, not {port}.")
    if not 1 <= edition <= MAX_EDITION:
        raise click.UsageError(f"--edition is 1 to {MAX_EDITION}, not {edition}.")
    from hrdem.demo import Addresses
    from hrdem.demo.listen import listen
    from hrdem.demo.server import DemoServer
    from hrdem.runtime.gdal_env import pinned_gdal

    try:
        server = DemoServer(listen(port), edition)
    except OSError as exc:
        raise click.UsageError(
            f"Port {port} of 127.0.0.1 is not available ({exc.strerror}). Give another --port."
        ) from exc
    addresses = Addresses(server.url)
    if json:
        show.document(addresses.by_option)
    else:
        show.table((("STAC", addresses.stac), ("WCS and WMS", addresses.wcs)))
        click.echo(f"hrdem: give --stac-url {addresses.stac} to use it; Ctrl-C stops it.", err=True)
    with pinned_gdal(), server:
        try:
            server.serve_forever(poll_interval=0.05)
        except KeyboardInterrupt:
            click.echo("hrdem: stopped.", err=True)
