"""Words of others cannot give orders to a terminal."""

from __future__ import annotations

import time

from hrdem.runtime.text import escape_unprintable, to_one_line


def test_what_is_no_letter_becomes_a_space() -> None:
    assert to_one_line("a\x1b[31m b\r\n\tc\x9b\u202ed\ud800", 80) == "a [31m b c d"
    assert to_one_line("x" * 90, 80) == "x" * 79 + "…"


def test_several_lines_stay_so_and_nothing_else_is_lost() -> None:
    assert (
        escape_unprintable("a\n\tb\x1b]0;title\x07\x9b\u202e")
        == "a\n\tb\\x1b]0;title\\x07\\x9b\\u202e"
    )
    assert escape_unprintable("1\u00a0m, dès 2020…") == "1\u00a0m, dès 2020…"


def test_however_long_a_text_is_only_its_beginning_is_looked_at() -> None:
    begun = time.process_time()
    assert to_one_line("\x1b" * 50_000_000, 20) == "…"
    assert to_one_line("a " * 10_000_000, 5) == "a a…"
    assert time.process_time() - begun < 1
