"""``hrdem doctor``."""

from __future__ import annotations

from pathlib import Path

import click

from hrdem.cli import options, service, show
from hrdem.errors import HrdemError


@click.command("doctor")
@options.stac_url
@options.wcs_url
@options.demo
@options.cache_dir
@options.max_cache
@options.as_json
@options.reporting
def command(
    stac_url: str | None,
    wcs_url: str | None,
    demo: bool,
    cache_dir: Path | None,
    max_cache: int,
    as_json: bool,
) -> int:
    """Tell whether hrdem can work here, and how to mend what is wrong.

    Looks at versions, PROJ, the cache, the network's settings, the STAC API, a file of the store,
    and the WCS.
    Ends with the exit code that other commands would end with; a warning alone does not count.

    \b
      hrdem doctor
    """
    import hrdem

    try:
        doctor = hrdem.doctor
    except ImportError as exc:
        raise HrdemError(
            f"A library that hrdem needs cannot be imported: {exc}. Install it again: pip install "
            "--force-reinstall hrdem."
        ) from exc
    worst = 0
    told = []
    with service.chosen(demo, stac_url=stac_url, wcs_url=wcs_url) as urls:
        for check in doctor(**urls, cache_dir=cache_dir, max_cache=max_cache):
            worst = max(worst, check.exit_code)
            told.append(check.as_dict())
            if not as_json:
                show.check(check)
    if as_json:
        show.document({"checks": told})
    return worst
