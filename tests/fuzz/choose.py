"""Keep what the fuzzer found: ``python -m tests.fuzz.choose found``; see README.md."""

from __future__ import annotations

import argparse
import hashlib
import re
import shutil
import sys
import tempfile
import threading
from collections.abc import Hashable
from pathlib import Path
from types import FrameType
from typing import Any

import hrdem
from tests.fuzz.attempt import FAR, attempt
from tests.fuzz.seeds import seeds

_CORPUS = Path(__file__).parent / "corpus"
_PACKAGE = Path(hrdem.__file__).parent
_READER = (str(_PACKAGE / "cog"), str(_PACKAGE / "sources" / "cog.py"))
_NUMBER = re.compile(r"'.*'|-?(\d[\d.e+]*|nan|inf)")


def reached(content: bytes) -> set[Hashable]:
    """Return the steps from line to line that an attempt takes, and how it ends."""
    steps: set[Hashable] = set()

    def called(frame: FrameType, event: str, argument: object) -> Any:
        if not frame.f_code.co_filename.startswith(_READER):
            return None
        before = 0

        def stepped(frame: FrameType, event: str, argument: object) -> Any:
            nonlocal before
            if event == "line":
                steps.add((frame.f_code, before, frame.f_lineno))
                before = frame.f_lineno
            return stepped

        return stepped

    for size in (None, FAR):
        sys.settrace(called)
        threading.settrace(called)
        try:
            outcome = attempt(content, size)
        finally:
            sys.settrace(None)
            threading.settrace(None)  # type: ignore[arg-type]
        steps.add((size, _NUMBER.sub("N", str(outcome.error))))
    return steps


def main() -> None:
    """Copy into the corpus the fewest files that reach what it does not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("room", type=Path, help="directory that the fuzzer has filled")
    room = parser.parse_args().room
    known: set[Hashable] = set()
    with tempfile.TemporaryDirectory() as directory:
        for _, content in seeds(Path(directory)):
            known |= reached(content)
    for path in _CORPUS.iterdir():
        known |= reached(path.read_bytes())
    new = {path: reached(path.read_bytes()) for path in room.iterdir()}
    while new:
        path = max(new, key=lambda path: len(new[path] - known) / (200 + path.stat().st_size))
        if not new[path] - known:
            break
        known |= new.pop(path)
        name = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
        shutil.copyfile(path, _CORPUS / name)


if __name__ == "__main__":
    main()
