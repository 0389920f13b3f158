"""Add new fuzzer inputs to the corpus: ``python -m tests.fuzz.choose vrt found``; see README.md."""

from __future__ import annotations

import argparse
import hashlib
import re
import shutil
import sys
import threading
from collections.abc import Hashable
from pathlib import Path
from types import FrameType
from typing import Any

import hrdem
from tests.fuzz.kinds import KINDS, Kind, corpus

_PACKAGE = Path(hrdem.__file__).parent
_NUMBER = re.compile(r"'.*'|-?(\d[\d.e+]*|nan|inf)")


def reached(content: bytes, kind: Kind) -> set[Hashable]:
    """Return the line transitions of an attempt and its outcome."""
    readers = tuple(str(_PACKAGE.joinpath(*reader.split(".")[1:])) for reader in kind.readers)
    steps: set[Hashable] = set()

    def called(frame: FrameType, event: str, argument: object) -> Any:
        if not frame.f_code.co_filename.startswith(readers):
            return None
        before = 0

        def stepped(frame: FrameType, event: str, argument: object) -> Any:
            nonlocal before
            if event == "line":
                steps.add((frame.f_code, before, frame.f_lineno))
                before = frame.f_lineno
            return stepped

        return stepped

    sys.settrace(called)
    threading.settrace(called)
    try:
        end = kind.attempt(content)
    finally:
        sys.settrace(None)
        threading.settrace(None)  # type: ignore[arg-type]
    return steps | {_NUMBER.sub("N", str(end))}


def main() -> None:
    """Copy a small set of files that extend coverage into the corpus."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=KINDS, help="what was fuzzed")
    parser.add_argument("room", type=Path, help="directory that the fuzzer has filled")
    arguments = parser.parse_args()
    kind, kept = KINDS[arguments.kind], corpus(arguments.kind)
    kept.mkdir(parents=True, exist_ok=True)
    known: set[Hashable] = set()
    for content in (*kind.seeds().values(), *(path.read_bytes() for path in kept.iterdir())):
        known |= reached(content, kind)
    new = {path: reached(path.read_bytes(), kind) for path in arguments.room.iterdir()}
    while new:
        path = max(new, key=lambda path: len(new[path] - known) / (200 + path.stat().st_size))
        if not new[path] - known:
            break
        known |= new.pop(path)
        name = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
        shutil.copyfile(path, kept / name)


if __name__ == "__main__":
    main()
