"""``hrdem demo``."""

from __future__ import annotations

import click

from hrdem.cli import options, show


@click.group("demo")
def command() -> None:
    """Serve a local demonstration over synthetic terrain.

    Every other command takes --demo to run one for itself.
    """


@command.command("serve")
@options.port
@options.edition
@options.as_json
@options.reporting
def serve(port: int, edition: int, as_json: bool) -> None:
    """Keep the demonstration service up until Ctrl-C: STAC, COG ranges, WCS and WMS."""
    from hrdem.demo import Addresses
    from hrdem.demo.server import DemoServer

    try:
        server = DemoServer(port, edition)
    except OSError as exc:
        raise click.UsageError(
            f"Port {port} of 127.0.0.1 cannot be listened on ({exc.strerror}); give another --port."
        ) from exc
    addresses = Addresses(server.url)
    if as_json:
        show.document(addresses.by_option)
    else:
        show.table((("STAC", addresses.stac), ("WCS and WMS", addresses.wcs)))
        click.echo(f"hrdem: use it with --stac-url {addresses.stac}; Ctrl-C ends it.", err=True)
    with server:
        try:
            server.serve_forever(poll_interval=0.05)
        except KeyboardInterrupt:
            click.echo("hrdem: ended.", err=True)
