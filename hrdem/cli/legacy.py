"""``hrdem legacy``: the older Canadian DEM products."""

from __future__ import annotations

import click

from hrdem.cli.lazy_group import LazyGroup

# in the order of the help
COMMANDS: tuple[str, ...] = ("cded", "bc", "convert", "compare", "check")


@click.group(
    "legacy", cls=LazyGroup, modules={name: f"hrdem.cli.legacy_{name}" for name in COMMANDS}
)
def command() -> None:
    """Make, read and check the two older Canadian DEM products.

    These are Canadian Digital Elevation Data 2.1 (CDED: USGS DEM cells, two for each NTS sheet),
    and British Columbia's Gridded DEM 2.0 (26 files for each NTS 250K block).
    """
