"""Which service a command talks to: the live one, another, or the embedded demonstration."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click


@contextmanager
def chosen(demo: bool, **given: str | None) -> Iterator[dict[str, Any]]:
    """Yield the addresses to use, as arguments; the demonstration runs as long as the context.

    Args:
        demo: Use the demonstration.
        given: What the user gave for each address that the command needs, such as ``stac_url``;
            None leaves it to the function that is called, which takes the live one.

    Raises:
        click.UsageError: If both were given.
    """
    if not demo:
        yield {name: url for name, url in given.items() if url is not None}
        return
    for name in given:
        source = click.get_current_context().get_parameter_source(name)
        if source is click.core.ParameterSource.COMMANDLINE:  # a variable gives way to the flag
            option = f"--{name.replace('_', '-')}"
            raise click.UsageError(f"Give either --demo or {option}, not both.")
    from hrdem.demo import running

    with running() as addresses:
        yield {name: addresses.by_option[name] for name in given}
