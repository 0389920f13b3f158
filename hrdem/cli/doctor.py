"""``hrdem doctor``."""

from __future__ import annotations

from typing import Any

import click

from hrdem.cli import options, service, show
from hrdem.errors import HrdemError
from hrdem.request import fields


@click.command("doctor", cls=options.Command)
@options.add(*fields.DOCTOR, options.DEMO)
def command(*, demo: bool, json: bool, **params: Any) -> int:
    """Check whether hrdem works here, and print how to fix what does not.

    Checks versions, PROJ, the cache, network settings, the STAC API, a file, and the WCS. The exit
    code is the one that other commands would end with; warnings do not change it.

    \b
      hrdem doctor
    """
    import hrdem

    try:
        import hrdem.calls  # noqa: F401 (looked for before any work)
    except ImportError as exc:
        raise HrdemError(
            f"A library that hrdem needs cannot be imported: {exc}. Install it again: pip install "
            "--force-reinstall hrdem."
        ) from exc
    exit_code = 0
    checks = []
    with service.resolve_demo(params, demo=demo) as resolved:
        for check in hrdem.doctor(**resolved):
            exit_code = max(exit_code, check.exit_code)
            checks.append(check.as_dict())
            if not json:
                show.check(check)
    if json:
        show.document({"checks": checks})
    return exit_code
