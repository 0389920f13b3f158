"""``hrdem view``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hrdem.cli import options, show
from hrdem.request import picture_fields
from hrdem.runtime.byte_sizes import format_size

if TYPE_CHECKING:
    from hrdem.jobs.view import View


@click.command("view", cls=options.Command)
@click.argument("file", type=click.Path(path_type=Path))
@options.add(*picture_fields.VIEW)
def command(*, file: Path, json: bool, **params: Any) -> None:
    """Draw a raster as a PNG with a legend, or in the terminal.

    Heights are drawn as shaded relief, each other product in colours of its own. NO_COLOR draws
    characters in the terminal.

    \b
      hrdem view ottawa.tif
      hrdem view ottawa.tif -o ottawa.png --language fr
    """
    import hrdem

    done = hrdem.view(file, **params)
    if json:
        show.document(done.as_dict())
    elif done.output is None:
        _draw(done, params["language"])
    else:
        show.lines(("output", f"{done.output}  {format_size(done.output.stat().st_size)}"))


def _draw(done: View, language: str) -> None:
    from rich.console import Console

    from hrdem.pictures.terminal import draw_in_terminal
    from hrdem.request.options import Language

    draw_in_terminal(done.raster, Console(highlight=False), Language(language))
