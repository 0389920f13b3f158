"""Run the fuzzer: ``python -m tests.fuzz.fuzz``; see README.md."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(
    include=["hrdem.cog", "hrdem.sources.cog", "hrdem.http.ranges", "hrdem.wcs"]
):
    from tests.fuzz.answers import SEEDS, attempt_answer, mutated_answer
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


def once_answered(data: bytes) -> None:
    """Try an answer."""
    attempt_answer(data)


def change_answer(data: bytes, most: int, seed: int) -> bytes:
    """Change an answer of a WCS, by pieces of such answers as a rule."""
    changed = atheris.Mutate(data, most) if seed % 4 == 0 else mutated_answer(data, seed)
    return changed[:most]


def fuzz_files(found: Path, options: list[str]) -> None:
    """Fuzz the reader of COGs."""
    with tempfile.TemporaryDirectory() as directory:
        for name, content in seeds(Path(directory)):
            (found / name).write_bytes(content)
    corpus = str(Path(__file__).parent / "corpus")
    atheris.Setup([*options, str(found), corpus], once, custom_mutator=change)
    atheris.Fuzz()


def fuzz_answers(found: Path, options: list[str]) -> None:
    """Fuzz what reads the answers of a WCS."""
    for name, content in SEEDS.items():
        (found / name).write_bytes(content)
    atheris.Setup([*options, str(found)], once_answered, custom_mutator=change_answer)
    atheris.Fuzz()


def main() -> None:
    """Fuzz until a finding, or until libFuzzer's own options say so."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("room", type=Path, help="directory that will grow")
    parser.add_argument("--answers", action="store_true", help="of a WCS, in the place of files")
    arguments, options = parser.parse_known_args()
    arguments.room.mkdir(parents=True, exist_ok=True)
    limits = ["-max_len=24576", "-timeout=10", "-rss_limit_mb=3000"]
    fuzz = fuzz_answers if arguments.answers else fuzz_files
    fuzz(arguments.room, [sys.argv[0], *limits, *options])


if __name__ == "__main__":
    main()
