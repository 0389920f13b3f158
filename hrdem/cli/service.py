"""Which service a command uses: NRCan's, another one, or the local demonstration."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import click

from hrdem.request.message_parameters import FIELDS

URLS = ("stac_url", "wcs_url", "wms_url")


@contextmanager
def resolve_demo(params: dict[str, Any], *, demo: bool, port: int = 0) -> Iterator[dict[str, Any]]:
    """Yield the parameters of a command, with --demo those that use the demonstration.

    The demonstration runs as long as the context. Its address changes, also where a port is given,
    so that its responses are never cached. It has its own shifts between vertical datums too.

    Args:
        params: The parameters.
        demo: Whether --demo was given.
        port: Port of its address, if that is free; 0 for any.

    Raises:
        click.UsageError: If --demo contradicts another option.
    """
    if not demo:
        yield params
        return
    if params.get("offline"):
        raise click.UsageError(
            "--demo is never cached, as its address changes, so that --offline finds nothing. "
            "Start hrdem demo serve, and give its --stac-url instead of --demo."
        )
    urls = [name for name in URLS if name in params]
    for name in urls:
        source = click.get_current_context().get_parameter_source(name)
        if source is click.core.ParameterSource.COMMANDLINE:  # the flag overrides a variable
            raise click.UsageError(f"Give either --demo or {FIELDS[name].option}, not both.")
    from hrdem.demo import running
    from hrdem.demo.shifts import shift_grid

    with running(port if _is_free(port) else 0) as addresses, ExitStack() as stack:
        local: dict[str, Any] = {name: addresses.by_option[name] for name in urls}
        if "no_cache" in params:
            local["no_cache"] = True
        if params.get("vertical_grid", "") is None:
            local["vertical_grid"] = stack.enter_context(shift_grid())
        yield params | local


def _is_free(port: int) -> bool:
    """Whether a server can listen on a port of 127.0.0.1."""
    from hrdem.demo.listen import listen

    try:
        listen(port).close()
    except OSError:
        return False
    return True
