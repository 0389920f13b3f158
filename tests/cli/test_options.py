"""What is said of many connections that fail at a time."""

from __future__ import annotations

import logging
from unittest import mock

from hrdem.cli.options import _Seldom


def retry(said: str, name: str = "hrdem.http.retry") -> logging.LogRecord:
    return logging.LogRecord(name, logging.WARNING, "", 0, "%s Trying again.", (said,), None)


def test_of_many_that_are_tried_again_at_a_time_one_is_told_and_the_others_counted() -> None:
    seldom, told = _Seldom(), []
    with mock.patch("hrdem.cli.options.time.monotonic") as clock:
        for at, said in ((10.0, "a"), (10.1, "b"), (10.9, "c"), (11.0, "d"), (12.5, "e")):
            clock.return_value = at
            if seldom.filter(record := retry(said)):
                told.append(record.getMessage())
        assert seldom.filter(retry("another matter", "hrdem.http.client"))
    assert told == [
        "a Trying again.",
        "d Trying again. So do 2 others.",
        "e Trying again.",
    ]
