"""A misspelt word is the one word that it can be, or none."""

from __future__ import annotations

import pytest

from hrdem.runtime.closest import find_closest

WORDS = ("dtm", "dsm", "chm", "dtm-slope", "dsm-slope", "dtm-hillshade", "1m", "2m", "30m")


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("DTM", "dtm"),
        ("dmt", "dtm"),  # exchanged neighbours are one edit
        ("dtms", "dtm"),
        ("dtm_slope", "dtm-slope"),
        ("dtm slop", "dtm-slope"),
        ("dtm-hilshade", "dtm-hillshade"),
        ("1", "1m"),
        ("2 M", "2m"),
        ("30", "30m"),
    ],
)
def test_a_misspelt_word_is_found(word: str, meant: str) -> None:
    assert find_closest(word, WORDS) == meant


@pytest.mark.parametrize(
    "word",
    [
        "dm",  # dtm or dsm
        "10m",  # 1m or 30m
        "slope",
        "xyz",
        "",
        "-",
        "dtm" * 1_000_000,
    ],
)
def test_a_word_that_may_be_several_or_none_is_not_guessed(word: str) -> None:
    assert find_closest(word, WORDS) is None


def test_nothing_is_close_where_there_are_no_words() -> None:
    assert find_closest("dtm", ()) is None
