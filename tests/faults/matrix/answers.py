"""Answers that a store should not give."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tests.faults.matrix.store import Answer, Store
from tests.misbehaving import Asked, Reply


def said(status: int = 200, body: bytes = b"", **settings: Any) -> Answer:
    """One answer, whatever was asked."""
    return lambda asked, store: Reply(status, body, **settings)


def document(content: object) -> Answer:
    """One JSON document."""
    return lambda asked, store: Reply.json(content)


def right_but(**settings: Any) -> Answer:
    """The right answer, sent otherwise."""
    return lambda asked, store: replace(store.right(asked), **settings)


def with_headers(**headers: str) -> Answer:
    """The right answer with other headers; an underscore stands for a hyphen."""

    def answer(asked: Asked, store: Store) -> Reply:
        reply = store.right(asked)
        reply.headers |= {name.replace("_", "-"): value for name, value in headers.items()}
        return reply

    return answer


def cut_in_half(*, announced: bool) -> Answer:
    """Half of the right body; the whole length is announced, or only that of the half."""

    def answer(asked: Asked, store: Store) -> Reply:
        reply = store.right(asked)
        half = len(reply.body) // 2
        if announced:
            return replace(reply, cut=half)
        return replace(reply, body=reply.body[:half])

    return answer


def flipped(at: int, every: int = 1 << 60) -> Answer:
    """The right answer with a bit of one byte inverted, or of every so many-th from it."""

    def answer(asked: Asked, store: Store) -> Reply:
        reply = store.right(asked)
        body = bytearray(reply.body)
        for each in range(at, len(body), every):
            body[each] ^= 0x80
        return replace(reply, body=bytes(body))

    return answer


def zipped(asked: Asked, store: Store) -> Reply:
    """The right answer, compressed."""
    reply = store.right(asked)
    reply.headers["Content-Encoding"] = "gzip"
    return replace(reply, body=gzip.compress(reply.body, 1))


def elsewhere(asked: Asked, store: Store) -> Reply:
    """A redirect to another host that has the same."""
    return Reply(307, headers={"Location": store.demo.url + asked.path})


def in_a_circle(asked: Asked, store: Store) -> Reply:
    """A redirect to where it came from."""
    return Reply(302, headers={"Location": asked.path})


def published_again(asked: Asked, store: Store) -> Reply:
    """The right answer, from now on, after all files were published again."""
    store.upstream = store.republished
    return store.right(asked)


def without_conditions(asked: Asked, store: Store) -> Reply:
    """The files that were published again, whatever version is asked for."""
    store.upstream = store.republished
    return store.right(asked, but_for="if-match")


def without_folder(asked: Asked, store: Store) -> Reply:
    """The right answer, while the folder of the output is taken away."""
    shutil.rmtree(store.folder, ignore_errors=True)
    return store.right(asked)


def page(change: Callable[[dict[str, Any]], object]) -> Answer:
    """The right page of the catalogue, after a change to each of its items."""

    def answer(asked: Asked, store: Store) -> Reply:
        found = json.loads(store.right(asked).body)
        found["features"] = [change(item) for item in found["features"]]
        return Reply.json(found)

    return answer


def without(*keys: str) -> Answer:
    """The right page of the catalogue, but its items lack something."""

    def change(item: dict[str, Any]) -> dict[str, Any]:
        *parents, last = keys
        holder = item
        for key in parents:
            holder = holder[key]
        del holder[last]
        return item

    return page(change)


def many_items(number: int) -> Answer:
    """One page with so many items."""
    return document({"features": [_item(column, 2) for column in range(number)]})


def _item(column: int, row: int) -> dict[str, Any]:
    """An item with nothing in it."""
    name = f"{column}_{row}-mosaic-1m"
    return {"id": name, "collection": "hrdem-mosaic-1m", "properties": {}, "assets": {}}


def endless(*, items: bool) -> Answer:
    """Pages that always lead to a next one: with other items each, or empty."""

    def answer(asked: Asked, store: Store) -> Reply:
        features = [_item(column, store.hits) for column in range(100 if items else 0)]
        following = {"rel": "next", "method": "POST", "href": f"{store.server.url}/search"}
        return Reply.json({"type": "FeatureCollection", "features": features, "links": [following]})

    return answer


def repeated(asked: Asked, store: Store) -> Reply:
    """The right page, again and again as its own next one."""
    found = json.loads(store.right(replace(asked, path="/stac/api/search")).body)
    following = {"rel": "next", "method": "POST", "href": "search", "merge": True}
    return Reply.json({**found, "links": [following]})


def empty_first(asked: Asked, store: Store) -> Reply:
    """An empty page that leads to the right one."""
    following = {"rel": "next", "method": "POST", "href": "search", "body": json.loads(asked.body)}
    return Reply.json({"type": "FeatureCollection", "features": [], "links": [following]})


def other_total(asked: Asked, store: Store) -> Reply:
    """The right answer, but it says that the file has another size."""
    reply = store.right(asked)
    said = reply.headers["content-range"].partition("/")[0]
    reply.headers["content-range"] = f"{said}/999"
    return reply


def all_500(asked: Asked, store: Store) -> Reply:
    """500 here, and from now on wherever the service would be asked."""
    store.down = True
    return Reply(500)


def when_two_have_come(asked: Asked, store: Store) -> Reply:
    """The right answer, but not before two runs have asked for the same."""
    with store.lock:
        if asked.headers["range"] in store.ranges:
            store.two.set()
        store.ranges.add(asked.headers["range"])
    store.two.wait(30)
    return store.right(asked)
