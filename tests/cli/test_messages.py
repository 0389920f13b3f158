"""Messages name options, and one of many retries is logged."""

from __future__ import annotations

import json
import logging
from unittest import mock

import click
import pytest

from hrdem.cli import show
from hrdem.cli.messages import DuplicateFilter, RetryRateLimit, Wording, name_options
from tests.systems import IS_WINDOWS

QUOTED = '"main roads"' if IS_WINDOWS else "'main roads'"


@pytest.mark.parametrize(
    ("message", "printed"),
    [
        ("Give `bbox_crs=EPSG:3979`.", "Give --bbox-crs EPSG:3979."),
        ("Give `no_cache` or another `output`.", "Give --no-cache or another -o."),
        ('Leave out `via="vrt"`.', "Leave out --via vrt."),
        ("Give `crop=False`.", "Give --no-crop."),
        ("Give `crop=True`.", "Give --crop."),
        ("Give `overwrite=True`.", "Give --overwrite."),
        ("Not `offline=False`.", "Not `offline=False`."),
        ("Give `layer='main roads'`.", f"Give --layer {QUOTED}."),
        ("Leave out `chunks` and `x y`.", "Leave out `chunks` and `x y`."),
        ("A product; see `doctor`.", "A product; see `doctor`."),
    ],
)
def test_parameters_in_backquotes_become_options(message: str, printed: str) -> None:
    assert name_options(message) == printed


def test_parameters_that_a_variable_sets_are_named_by_it() -> None:
    """Nobody gave the option that the message would name."""
    wording = Wording(variables=frozenset({"nts", "collection"}))
    message = "`bbox` and `nts` each define an area. Give `collection=2m`."
    assert wording.apply(message) == (
        "--bbox and HRDEM_NTS each define an area. Give --collection 2m."
    )


def test_advice_that_a_command_cannot_follow_is_left_out() -> None:
    wording = Wording(available=frozenset({"bbox"}))
    assert wording.apply("It failed. `allow_partial` helps. Check `bbox`.") == (
        "It failed. Check --bbox."
    )


def retry(message: str, name: str = "hrdem.http.retry") -> logging.LogRecord:
    return logging.LogRecord(name, logging.WARNING, "", 0, "%s Trying again.", (message,), None)


def test_one_retry_a_second_is_logged_and_the_others_are_counted() -> None:
    limit, logged = RetryRateLimit(), []
    with mock.patch("hrdem.cli.messages.time.monotonic") as clock:
        for at, message in ((10.0, "a"), (10.1, "b"), (10.9, "c"), (11.0, "d"), (12.5, "e")):
            clock.return_value = at
            if limit.filter(record := retry(message)):
                logged.append(record.getMessage())
        assert limit.filter(retry("another matter", "hrdem.http.client"))
    assert logged == [
        "a Trying again.",
        "d Trying again. Similar messages left out: 2.",
        "e Trying again.",
    ]


def test_a_warning_is_logged_once() -> None:
    """Retries excepted, of which there is one a second."""
    found = DuplicateFilter()
    records = [retry("a", name) for name in ("hrdem.geo.datum",) * 3 + ("hrdem.http.retry",) * 2]
    assert [found.filter(record) for record in records] == [True, False, False, True, True]
    assert found.filter(retry("b", "hrdem.geo.datum"))


def test_messages_in_json_name_options_and_data_stay(capsys: pytest.CaptureFixture[str]) -> None:
    values = {"name": "`via`", "state": "fail", "found": "", "seconds": 0.1}
    checks = [{**values, "fix": "Give `via=cog`."}]
    with click.Context(click.Command("doctor"), info_name="hrdem doctor"):
        show.document({"checks": checks})
    assert json.loads(capsys.readouterr().out)["checks"] == [{**values, "fix": "Give --via cog."}]
