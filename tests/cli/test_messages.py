"""Messages name options, and one of many retries is logged."""

from __future__ import annotations

import ast
import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest

import hrdem
from hrdem.cli import show
from hrdem.cli.messages import FIELDS, RetryRateLimit, name_options

PACKAGE = Path(hrdem.__file__).parent


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
        ("Give `layer='main roads'`.", "Give --layer 'main roads'."),
        ("Leave out `chunks` and `x y`.", "Leave out `chunks` and `x y`."),
        ("A product; see `doctor`.", "A product; see `doctor`."),
    ],
)
def test_parameters_in_backquotes_become_options(message: str, printed: str) -> None:
    assert name_options(message) == printed


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


def test_messages_in_json_name_options_and_data_stay(capsys: pytest.CaptureFixture[str]) -> None:
    checks = [{"name": "`via`", "fix": "Give `via=cog`."}]
    show.document({"checks": checks, "reason": None})
    assert json.loads(capsys.readouterr().out) == {
        "schema_version": 1,
        "checks": [{"name": "`via`", "fix": "Give --via cog."}],
        "reason": None,
    }


def strings_in(path: Path) -> Iterator[str]:
    """Yield the strings of a module that are no docstrings."""
    tree = ast.parse(path.read_text("utf-8"))
    prose = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            yield node.value


def test_messages_below_the_command_line_name_parameters() -> None:
    """An option has no meaning to a user of Python."""
    options = [f.option for f in FIELDS.values()] + [
        flag for f in FIELDS.values() for flag in f.flags
    ]
    named = re.compile(rf"(?<![\w-])({'|'.join(map(re.escape, options))})(?![\w-])")
    for path in PACKAGE.rglob("*.py"):
        if path.relative_to(PACKAGE).parts[0] not in ("cli", "demo") and path.name != "fields.py":
            for text in strings_in(path):
                assert not named.search(text), (path.name, text)


def test_parameters_in_backquotes_exist() -> None:
    names = set()
    for path in PACKAGE.rglob("*.py"):
        for text in strings_in(path):
            names |= set(re.findall(r"`([a-z_]+)(?:=[^`]*)?`", text))
    assert names <= FIELDS.keys()
