"""Run the fuzzer: ``python -m tests.fuzz.fuzz``; see README.md."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["hrdem.cog", "hrdem.sources.cog", "hrdem.http.ranges"]):
    from tests.fuzz.attempt import FAR, attempt

from tests.fuzz.mutation import mutated
from tests.fuzz.seeds import seeds


def once(data: bytes) -> None:
    """Try a file as it is, and as the beginning of a large one."""
    attempt(data)
    attempt(data, FAR)


def change(data: bytes, most: int, seed: int) -> bytes:
    """Change a file, by its structure as a rule."""
    changed = atheris.Mutate(data, most) if seed % 16 == 0 else mutated(data, seed)
    return changed[:most]


def main() -> None:
    """Fuzz until a finding, or until libFuzzer's own options say so."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rooms", type=Path, nargs="+", help="directories; the first will grow")
    arguments, options = parser.parse_known_args()
    rooms = [*arguments.rooms, Path(__file__).parent / "corpus"]
    rooms[0].mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as directory:
        for name, content in seeds(Path(directory)):
            (rooms[0] / name).write_bytes(content)
    limits = ["-max_len=24576", "-timeout=10", "-rss_limit_mb=3000"]
    atheris.Setup([sys.argv[0], *limits, *options, *map(str, rooms)], once, custom_mutator=change)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
