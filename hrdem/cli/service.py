"""Which service a command talks to: the live one, another, or the embedded demonstration."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click


@contextmanager
def chosen(stac_url: str | None, demo: bool) -> Iterator[str]:
    """Yield the root of the STAC API to use; the demonstration runs as long as the context."""
    from hrdem.request import LIVE_STAC_URL

    if not demo:
        yield stac_url or LIVE_STAC_URL
        return
    source = click.get_current_context().get_parameter_source("stac_url")
    if source is click.core.ParameterSource.COMMANDLINE:  # a variable gives way to the flag
        raise click.UsageError("Give either --demo or --stac-url, not both.")
    from hrdem.demo import running

    with running() as addresses:
        yield addresses.stac
