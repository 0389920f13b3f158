"""Faulty replies."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tests.faults.matrix.store import Answer, Store
from tests.misbehaving import Reply, ServerRequest


def reply(status: int = 200, body: bytes = b"", **settings: Any) -> Answer:
    """The same reply to every request."""
    return lambda request, store: Reply(status, body, **settings)


def of_file(name: str, answer: Answer) -> Answer:
    """A faulty reply to requests for one file, and the correct one to others."""

    def of_one(request: ServerRequest, store: Store) -> Reply:
        return answer(request, store) if name in request.path else store.upstream_reply(request)

    return of_one


def document(content: object) -> Answer:
    """A JSON document."""
    return lambda request, store: Reply.json(content)


def altered(**settings: Any) -> Answer:
    """The correct reply with other transport settings."""
    return lambda request, store: replace(store.upstream_reply(request), **settings)


def with_headers(**headers: str) -> Answer:
    """The correct reply with other headers; underscores stand for hyphens."""

    def answer(request: ServerRequest, store: Store) -> Reply:
        reply = store.upstream_reply(request)
        reply.headers |= {name.replace("_", "-"): value for name, value in headers.items()}
        return reply

    return answer


def cut_in_half(*, announced: bool) -> Answer:
    """Half of the correct body, announced as the whole or as the half."""

    def answer(request: ServerRequest, store: Store) -> Reply:
        reply = store.upstream_reply(request)
        half = len(reply.body) // 2
        if announced:
            return replace(reply, cut=half)
        return replace(reply, body=reply.body[:half])

    return answer


def half_a_range(request: ServerRequest, store: Store) -> Reply:
    """Half of the requested range, with headers that say so (RFC 9110, 15.3.7)."""
    reply = store.upstream_reply(request)
    start, _, rest = reply.headers["content-range"].removeprefix("bytes ").partition("-")
    half = len(reply.body) // 2
    last = int(start) + half - 1
    reply.headers["content-range"] = f"bytes {start}-{last}/{rest.partition('/')[2]}"
    return replace(reply, body=reply.body[:half])


def without_header(name: str) -> Answer:
    """The correct reply without a header."""

    def answer(request: ServerRequest, store: Store) -> Reply:
        reply = store.upstream_reply(request)
        del reply.headers[name]
        return reply

    return answer


def flipped(at: int, every: int = 1 << 60) -> Answer:
    """The correct reply with a flipped bit at a byte, and at every so many bytes after it."""

    def answer(request: ServerRequest, store: Store) -> Reply:
        reply = store.upstream_reply(request)
        body = bytearray(reply.body)
        for each in range(at, len(body), every):
            body[each] ^= 0x80
        return replace(reply, body=bytes(body))

    return answer


def zipped(request: ServerRequest, store: Store) -> Reply:
    """The correct reply, compressed."""
    reply = store.upstream_reply(request)
    reply.headers["Content-Encoding"] = "gzip"
    return replace(reply, body=gzip.compress(reply.body, 1))


def elsewhere(request: ServerRequest, store: Store) -> Reply:
    """A redirect to another host with the same files."""
    return Reply(307, headers={"Location": store.demo.url + request.path})


def in_a_circle(request: ServerRequest, store: Store) -> Reply:
    """A redirect to itself."""
    return Reply(302, headers={"Location": request.path})


def published_again(request: ServerRequest, store: Store) -> Reply:
    """The correct reply after republishing all files."""
    store.upstream = store.republished
    return store.upstream_reply(request)


def without_conditions(request: ServerRequest, store: Store) -> Reply:
    """The republished file, ignoring If-Match."""
    store.upstream = store.republished
    return store.upstream_reply(request, but_for="if-match")


def without_folder(request: ServerRequest, store: Store) -> Reply:
    """The correct reply, after removing the output folder."""
    shutil.rmtree(store.folder, ignore_errors=True)
    return store.upstream_reply(request)


def page(change: Callable[[dict[str, Any]], object]) -> Answer:
    """The correct page of the catalogue with each item changed."""

    def answer(request: ServerRequest, store: Store) -> Reply:
        found = json.loads(store.upstream_reply(request).body)
        found["features"] = [change(item) for item in found["features"]]
        return Reply.json(found)

    return answer


def without(*keys: str) -> Answer:
    """The correct page of the catalogue without one key of each item."""

    def change(item: dict[str, Any]) -> dict[str, Any]:
        *parents, last = keys
        holder = item
        for key in parents:
            holder = holder[key]
        del holder[last]
        return item

    return page(change)


def many_items(number: int) -> Answer:
    """A page with a number of items."""
    return document({"features": [_item(column, 2) for column in range(number)]})


def _item(column: int, row: int) -> dict[str, Any]:
    """An empty item."""
    name = f"{column}_{row}-mosaic-1m"
    return {"id": name, "collection": "hrdem-mosaic-1m", "properties": {}, "assets": {}}


def endless(*, items: bool) -> Answer:
    """Endless pages, with new items each or empty."""

    def answer(request: ServerRequest, store: Store) -> Reply:
        features = [_item(column, store.hits) for column in range(100 if items else 0)]
        following = {"rel": "next", "method": "POST", "href": f"{store.server.url}/search"}
        return Reply.json({"type": "FeatureCollection", "features": features, "links": [following]})

    return answer


def repeated(request: ServerRequest, store: Store) -> Reply:
    """The correct page as its own next page."""
    found = json.loads(store.upstream_reply(replace(request, path="/stac/api/search")).body)
    following = {"rel": "next", "method": "POST", "href": "search", "merge": True}
    return Reply.json({**found, "links": [following]})


def empty_first(request: ServerRequest, store: Store) -> Reply:
    """An empty page whose next page is correct."""
    following = {
        "rel": "next",
        "method": "POST",
        "href": "search",
        "body": json.loads(request.body),
    }
    return Reply.json({"type": "FeatureCollection", "features": [], "links": [following]})


def other_total(request: ServerRequest, store: Store) -> Reply:
    """The correct reply with another file size."""
    reply = store.upstream_reply(request)
    unit = reply.headers["content-range"].partition("/")[0]
    reply.headers["content-range"] = f"{unit}/999"
    return reply


def all_500(request: ServerRequest, store: Store) -> Reply:
    """500 here and, from now on, everywhere."""
    store.down = True
    return Reply(500)


def when_two_have_come(request: ServerRequest, store: Store) -> Reply:
    """The correct reply, delayed until two runs have requested the same range."""
    with store.lock:
        if request.headers["range"] in store.ranges:
            store.two.set()
        store.ranges.add(request.headers["range"])
    store.two.wait(30)
    return store.upstream_reply(request)
