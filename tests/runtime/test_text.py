"""Foreign text cannot control a terminal."""

from __future__ import annotations

import time

from hrdem.runtime.text import escape_unprintable, to_one_line


def test_to_one_line_replaces_unprintable_characters() -> None:
    assert to_one_line("a\x1b[31m b\r\n\tc\x9b\u202ed\ud800", 80) == "a [31m b c d"
    assert to_one_line("x" * 90, 80) == "x" * 79 + "…"


def test_escape_unprintable_keeps_lines_and_accents() -> None:
    assert (
        escape_unprintable("a\n\tb\x1b]0;title\x07\x9b\u202e")
        == "a\n\tb\\x1b]0;title\\x07\\x9b\\u202e"
    )
    assert escape_unprintable("1\u00a0m, dès 2020…") == "1\u00a0m, dès 2020…"


def test_to_one_line_reads_only_the_beginning() -> None:
    begun = time.process_time()
    assert to_one_line("\x1b" * 50_000_000, 20) == "…"
    assert to_one_line("a " * 10_000_000, 5) == "a a…"
    assert time.process_time() - begun < 1
