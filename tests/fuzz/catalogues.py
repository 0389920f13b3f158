"""Fuzz target for catalogue searches, which return items or end in an error message.

Responses are separated by the record separator of JSON text sequences (RFC 7464). An empty response
represents a catalogue without POST support. Requests after the last response fail.
"""

from __future__ import annotations

import json
import random
import string
import warnings
from functools import cache

import httpx
import shapely

from hrdem.catalog.items import Item
from hrdem.catalog.search import list_items
from hrdem.demo import catalog
from hrdem.errors import HrdemError
from hrdem.http.client import HttpClient
from hrdem.http.retry import Retries
from hrdem.request.products import get_collection
from tests.fuzz.findings import FindingError, check_shown

URL = "http://127.0.0.1/stac/"  # never connected; an IP address avoids DNS lookups
SEPARATOR = b"\x1e"
_AREA = shapely.box(1_480_000, -190_000, 1_520_000, -150_000)  # EPSG:3979
_COLLECTION = get_collection("1m")
_MOST_REQUESTS = 32  # per attempt
_MOST_MESSAGE = 10_000  # characters; messages include full URLs of next pages
_MOST_TEXT = 10_000  # characters per item field

Json = dict[str, object]


def attempt_catalogue(answers: bytes) -> str:
    """Search for items and check them.

    Returns:
        The outcome.

    Raises:
        FindingError: If an item or an error message cannot be displayed.
        Exception: Any other exception that the catalogue reader fails to handle.
    """
    http, transport = _client()
    transport.service = _Service(answers)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            found = list_items(_COLLECTION, URL, http)
        except HrdemError as exc:
            check_shown(str(exc), _MOST_MESSAGE)
            return f"told {type(exc).__name__}"
        for item in found:
            _check_item(item)
    return f"read {len(found) > 0}"


def _check_item(item: Item) -> None:
    for text in (item.id, item.collection, item.updated, item.datetime):
        check_shown(text, _MOST_TEXT)
    for asset in item.assets:
        for text in (asset.key, asset.href, asset.media_type, asset.title):
            check_shown(text, _MOST_TEXT)
    json.dumps(item.as_dict(), allow_nan=False, ensure_ascii=False).encode()
    if item.footprint is not None and not item.footprint.intersection(_AREA).area >= 0:
        raise FindingError(f"an outline that shares no number with an area: {item.footprint}")


class _Service:
    """A service that returns the responses in order."""

    def __init__(self, answers: bytes) -> None:
        self._bodies = answers.split(SEPARATOR)
        self._asked = 0

    def answer(self, request: httpx.Request) -> httpx.Response:
        request.read()
        number = self._asked
        self._asked += 1
        if self._asked > _MOST_REQUESTS:
            raise FindingError(f"{self._asked} requests")
        if number >= len(self._bodies):
            return httpx.Response(500, stream=httpx.ByteStream(b"no further page"))
        body = self._bodies[number]
        return httpx.Response(200 if body else 405, stream=httpx.ByteStream(body))


class _Transport(httpx.BaseTransport):
    """A transport that forwards requests to the current service."""

    service: _Service

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return self.service.answer(request)


@cache
def _client() -> tuple[HttpClient, _Transport]:
    """Return the client shared by all attempts, because loading certificates is slow."""
    transport = _Transport()
    return HttpClient(retries=Retries(attempts=1), transport=transport), transport


def _page(*items: Json, **more: object) -> bytes:
    return json.dumps({"type": "FeatureCollection", "features": items, **more}).encode()


def _small(item: Json) -> Json:
    """Reduce an item to the fields that matter, so that mutations affect them."""
    assets = {key: item["assets"][key] for key in ("dtm", "dtm-vrt") if key in item["assets"]}
    return {**item, "assets": assets, "geometry": None, "bbox": None}


def _seeds() -> dict[str, bytes]:
    asked = {"collections": [_COLLECTION.id], "limit": 100}
    listed = catalog.search("http://demo.invalid", asked, "POST")["features"]
    by_id = {item["id"]: _small(item) for item in listed}
    first, second = by_id["8_2-mosaic-1m"], by_id["9_2-mosaic-1m"]
    bare = {"id": "9_2-mosaic-1m", "collection": _COLLECTION.id, "properties": {}, "assets": {}}
    following = {"rel": "next", "href": "search?page=2"}
    posted = {**following, "method": "POST", "headers": {"X-Page": "2"}, "body": {"token": "a"}}
    pages = {
        "one": [_page(first, second, numberMatched=2)],
        "bare": [_page(bare)],
        "none": [_page()],
        "two": [_page(first, links=[{**posted, "merge": True}]), _page(second)],
        "get": [b"", _page(bare, links=[following]), _page(first, links=[])],
        "empty page": [_page(links=[posted]), _page(bare)],
        "circle": [_page(bare, links=[posted])] * 2,
        "page": [b"<!DOCTYPE html><html>Sign in</html>"],
    }
    return {name: SEPARATOR.join(bodies) for name, bodies in pages.items()}


SEEDS = _seeds()

_MARK = "\0raw"
_RAW = {  # JSON that Python cannot write
    "huge": "9" * 5_000,
    "wide": "1e999",
    "deep": '{"features":[' * 600 + "]}" * 600,
    "deeper": "[" * 5_000,
    "collected": '{"type":"GeometryCollection","geometries":[' * 450 + "]}" * 450,
    "surrogate": r'"\ud800"',
}


def _collected(depth: int) -> Json:
    """Return a point nested in geometry collections."""
    geometry: Json = {"type": "Point", "coordinates": [0, 0]}
    for _ in range(depth):
        geometry = {"type": "GeometryCollection", "geometries": [geometry]}
    return geometry


def _star(points: int) -> list[list[int]]:
    """Return a ring with many self-intersections."""
    chance = random.Random(points)
    ring = [[chance.randrange(1 << 20), chance.randrange(1 << 20)] for _ in range(points)]
    return [*ring, ring[0]]


_STRANGE: tuple[object, ...] = (
    None, True, False, 0, -1, 5, 2**53 + 1, -(2**70), 1e308, 0.5, float("nan"), float("inf"),
    "", " ", "x", "\0", "\n", "a\r\nb: c", "\x1b[2J", "\u202egnp", "\u2028", "é", "😀", "²", "9²",
    "٣_2", "1" * 5_000, "x" * 20_000, "next", "POST", "GET", "get", "DELETE", "NaN", "3979",
    3979, "EPSG:3979", "http://", "http://[", "http://[::1", "http://a:99999/", "HTTP://a/b",
    "//a", "/x", "?", "#", "..", "http://a@b/", "http://u:p@h/x", "http://a\\b", "http://é.invalid/",
    "http://\u2488.invalid/", "http://xn--/", f"http://h/{'a' * 9_000}", "file:///etc/passwd",
    "data:,x", "javascript:1", "ftp://host/x", "http://h/%", "http://h/ \t x", "http:///x",
    [], {}, [[]], [None], ["x"], {"": ""}, {"rel": "next"}, {"rel": ["next"]}, [{"rel": "next"}],
    {"type": "Polygon"}, {"type": "Polygon", "coordinates": []}, {"type": "x", "coordinates": [1]},
    {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [0, 1], [1, 0], [0, 0]]]},
    {"type": "Polygon", "coordinates": [[[float("nan"), 0], [1, 1], [0, 1], [float("nan"), 0]]]},
    {"type": "Polygon", "coordinates": [[[1e308, 0], [-1e308, 1], [0, float("inf")], [1e308, 0]]]},
    {"type": "Polygon", "coordinates": [[[0, 0, 1], [1, 1], [0, 1, 2, 3, 4], [0, 0, 1]]]},
    {"type": "Polygon", "coordinates": [_star(150)]}, {"type": "Point", "coordinates": [0, 0]},
    {"type": "MultiPolygon", "coordinates": [[_star(9)]]}, {"type": "Polygon", "coordinates": [[]]},
    {"type": "LineString", "coordinates": [[0, 0], [0, 0]]}, _collected(3), _collected(300),
    *({_MARK: name} for name in _RAW),
)  # fmt: skip


def mutated_catalogue(answers: bytes, seed: int) -> bytes:
    """Mutate the values or order of catalogue responses, reproducibly from a seed."""
    chance = random.Random(seed)
    bodies = answers.split(SEPARATOR)
    number = chance.randrange(len(bodies))
    if chance.random() < 0.1:
        other = chance.choice(list(SEEDS.values())).split(SEPARATOR)
        bodies.insert(number, chance.choice((*other, *bodies)))
        return SEPARATOR.join(bodies)
    try:
        bodies[number] = _changed(bodies[number], chance)
    except (ValueError, RecursionError):
        bodies[number] = _scribbled(bodies[number], chance)
    return SEPARATOR.join(bodies)


def _changed(body: bytes, chance: random.Random) -> bytes:
    """Mutate values of a page, or raise ValueError if it is not a page."""
    page = json.loads(body)
    if not isinstance(page, dict) or chance.random() < 0.1:
        raise ValueError("no page, or by chance")
    for _ in range(chance.choice((1, 1, 1, 2, 2, 3, 6))):
        _change(page, chance)
    return _written(page, chance)


def _scribbled(body: bytes, chance: random.Random) -> bytes:
    start, stop = sorted(chance.randrange(len(body) + 1) for _ in range(2))
    raw = chance.choice(list(_RAW.values())).encode()
    piece = chance.choice((b"", b"]", b"}", b'"', b"\\u", chance.randbytes(3), raw))
    return body[:start] + piece + body[stop if chance.random() < 0.3 else start :]


def _slots(page: object) -> list[tuple[object, object]]:
    """Return the container and key of each value in a page."""
    found: list[tuple[object, object]] = []
    waiting = [page]
    while waiting and len(found) < 5_000:
        value = waiting.pop()
        inside = enumerate(value) if isinstance(value, list) else value.items()
        for key, each in inside:
            found.append((value, key))
            if isinstance(each, list | dict):
                waiting.append(each)
    return found


def _change(page: Json, chance: random.Random) -> None:
    slots = _slots(page)
    if not slots:
        return
    container, key = chance.choice(slots)
    match chance.randrange(8):
        case 0:
            del container[key]
        case 1:
            other, name = chance.choice(slots)
            container[key] = json.loads(json.dumps(other[name]))
        case 2:
            container[key] = [container[key]]
        case 3 if isinstance(container, dict):
            name = chance.choice((*_TEXTS, *(each for _, each in slots if isinstance(each, str))))
            container[name] = container.pop(key)
        case 4 if isinstance(container, list):
            container += container[: chance.randint(1, 9)]
        case 5 if isinstance(container[key], str) and container[key]:
            text = container[key]
            at = chance.randrange(len(text))
            container[key] = text[:at] + chance.choice(_TEXTS) + text[at + 1 :]
        case _:
            container[key] = chance.choice(_STRANGE)


_TEXTS = tuple(each for each in _STRANGE if isinstance(each, str)) + tuple(string.printable)


def _written(page: Json, chance: random.Random) -> bytes:
    text = json.dumps(page, ensure_ascii=chance.random() < 0.5)
    for name, raw in _RAW.items():
        text = text.replace(json.dumps({_MARK: name}), raw)
    return text.encode("utf-8", "surrogatepass")
