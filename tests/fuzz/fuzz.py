"""Run the fuzzer: ``python -m tests.fuzz.fuzz vrt found``; see README.md."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(
    include=[
        "hrdem.tiff",
        "hrdem.sources",
        "hrdem.http",
        "hrdem.jobs.save_vrt",
        "hrdem.catalog.items",
        "hrdem.sources.wcs",
        "hrdem.usgsdem",
        "hrdem.legacy.check",
        "hrdem.legacy.archive",
        "hrdem.legacy.inputs",
        "hrdem.legacy.raster",
        "hrdem.request.aoi.ascii_crs",
    ]
):
    from tests.fuzz.kinds import KINDS, corpus

_LIMITS = ("-max_len=24576", "-timeout=10", "-rss_limit_mb=3000")


def main() -> None:
    """Fuzz until a finding or a limit set by libFuzzer options."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=KINDS, help="what to fuzz")
    parser.add_argument("room", type=Path, help="directory that will grow")
    arguments, options = parser.parse_known_args()
    kind, room = KINDS[arguments.kind], arguments.room

    def once(data: bytes) -> None:
        kind.attempt(data)

    def change(data: bytes, most: int, seed: int) -> bytes:
        changed = atheris.Mutate(data, most) if seed % kind.blind == 0 else kind.mutated(data, seed)
        return changed[:most]

    room.mkdir(parents=True, exist_ok=True)
    for name, content in kind.seeds().items():
        (room / name).write_bytes(content)
    known = corpus(arguments.kind)
    folders = [str(each) for each in (room, known) if each.is_dir()]
    atheris.Setup([sys.argv[0], *_LIMITS, *options, *folders], once, custom_mutator=change)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
