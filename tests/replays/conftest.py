"""Recorded answers of real servers, replayed with the network blocked.

cassettes/README.md tells what was recorded where, and how to record again.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hrdem.catalog.items import Item
from hrdem.catalog.search import get_item
from hrdem.http.client import HttpClient

_CASSETTES = Path(__file__).parents[2] / "cassettes"
_STAND_IN = "http://127.0.0.1:18080"
_DEMONSTRATION = "http://127.0.0.1:18090"
_OTHER = os.environ.get("HRDEM_RECORD_STAC_URL")
_CLOSE = 1.5e-4  # degrees; asked for in ten-thousandths, of which versions of PROJ may round one


def pytest_recording_configure(config: pytest.Config, vcr: Any) -> None:
    vcr.register_matcher("close_query", _same_query)
    vcr.register_matcher("close_body", _same_body)
    vcr.register_matcher("range", _same_range)


@pytest.fixture(scope="module")
def vcr_cassette_dir(request: pytest.FixtureRequest) -> str:
    home = _CASSETTES / "live" if _OTHER else _CASSETTES
    return str(home / request.path.stem)


@pytest.fixture(scope="module")
def vcr_config() -> dict[str, Any]:
    return {
        "match_on": (
            "method",
            "scheme",
            "host",
            "port",
            "path",
            "range",
            "close_query",
            "close_body",
        ),
        "decode_compressed_response": True,  # readable cassettes
    }


@pytest.fixture(autouse=True)
def nothing_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cassettes hold requests, and connections ahead of them would be refused."""
    monkeypatch.setattr(HttpClient, "open_connections", lambda *_: None)


@pytest.fixture
def http() -> Iterator[HttpClient]:
    with HttpClient(trusted=[_STAND_IN]) as client:
        yield client


@pytest.fixture
def stac() -> str:
    """Root of the STAC API that was recorded."""
    return f"{_OTHER.rstrip('/')}/" if _OTHER else f"{_STAND_IN}/stac/api/"


@pytest.fixture
def stand_in() -> str:
    """Scheme and host of the recorded servers of tests/services."""
    if _OTHER:
        pytest.skip("asks for what only the servers of tests/services have")
    return _STAND_IN


@pytest.fixture
def demonstration() -> str:
    """Scheme and host of the recorded `hrdem demo serve`."""
    if _OTHER:
        pytest.skip("asks for what only the demonstration has")
    return _DEMONSTRATION


@pytest.fixture
def item_9_2(stac: str, http: HttpClient) -> Item:
    """A sub-tile with a DTM in the store."""
    return get_item("9_2-mosaic-2m", stac, http)


def _same_query(one: Any, other: Any) -> None:
    assert len(one.query) == len(other.query)
    for (name, value), (other_name, other_value) in zip(one.query, other.query, strict=True):
        assert name == other_name
        assert _alike(_parsed(value), _parsed(other_value)), f"{name}: {value} != {other_value}"


def _same_range(one: Any, other: Any) -> None:
    for name in ("Range", "If-Match"):
        assert one.headers.get(name) == other.headers.get(name)


def _same_body(one: Any, other: Any) -> None:
    assert _alike(_parsed(one.body), _parsed(other.body)), f"{one.body} != {other.body}"


def _parsed(text: Any) -> Any:
    try:
        return json.loads(text or "null")
    except ValueError:
        return text


def _alike(one: Any, other: Any) -> bool:
    """Equal, but for the last digits of numbers."""
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=0, abs_tol=_CLOSE)
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_alike(one[k], other[k]) for k in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_alike, one, other))
    return bool(one == other)
