"""``hrdem tile verify``."""

from __future__ import annotations

from typing import Any

import click

from hrdem.cli import options, service, show, show_tiles
from hrdem.request import tile_fields


@click.command("verify", cls=options.Command)
@click.argument("output")
@options.add(*tile_fields.VERIFY, options.DEMO, options.PROGRESS)
def command(*, output: str, demo: bool, json: bool, samples: int, seed: int, **params: Any) -> int:
    """Compare each tile of a job with its item, and some windows with the sources.

    Size, checksum, grid and the number of valid pixels of each file are compared with what its item
    says; then pixels of a random sample of windows are read again from the sources.

    \b
      hrdem tile verify slopes --samples 20
    """
    import hrdem
    from hrdem.runtime.progress import Progress

    with service.resolve_demo(params, demo=demo, port=options.PORT.default) as worker:
        job = hrdem.TileJob.open(output, **worker)
        with show.progress("verify") as on_progress:
            summary = job.verify(
                samples=samples,
                seed=seed,
                on_progress=lambda checked, tiles: on_progress(Progress(checked, tiles, None)),
            )
    if json:
        show.document({"output": job.store.address, **summary.as_dict()})
    else:
        show_tiles.verification(job, summary)
    return summary.exit_code
