"""The demonstration service behind a server that fails at one place of a run."""

from __future__ import annotations

import collections
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from hrdem.demo import Addresses
from tests.misbehaving import Misbehaving, Reply, ServerRequest, forward, misbehaving

_TILES_FROM = 12_000_000  # bytes; header and tile index come before


class Place(StrEnum):
    """The kinds of requests in a run, in order."""

    CATALOGUE = "catalogue"
    HEADER = "header"
    INDEX = "index"
    TILES = "tiles"
    WCS = "WCS"


def place_of(request: ServerRequest) -> Place | None:
    """Return the place of a request in a run."""
    if "/search" in request.path:
        return Place.CATALOGUE
    if "request=getcoverage" in request.path.lower():
        return Place.WCS
    if not request.path.endswith(".tif"):
        return None
    found = re.match(r"bytes=(\d+)-", request.headers.get("range", ""))
    start = int(found[1]) if found else 0
    if start == 0:
        return Place.HEADER
    return Place.INDEX if start < _TILES_FROM else Place.TILES


@dataclass
class Store:
    """The demonstration service with a fault.

    Attributes:
        demo: The service with the first version of the files.
        republished: The service with the second.
        folder: Output folder of the run.
        files_url: Scheme and host of the files in the catalogue; empty for the store's own.
    """

    demo: Addresses
    republished: Addresses
    folder: Path
    files_url: str = ""

    def __post_init__(self) -> None:
        self.upstream = self.demo
        self.seen = 0  # requests at the place of the fault
        self.hits = 0  # requests that the fault affected
        self.reached = threading.Event()  # the first fault happened
        self.two = threading.Event()  # both runs reached the fault
        self.ranges: set[str] = set()  # requested there
        self.requests: collections.Counter[str] = (
            collections.Counter()
        )  # tiles sent, by URL and range
        self.down = False  # the whole service
        self.misplaced = ""  # an item whose outline in the catalogue is somewhere else
        self.mended = False  # the fault is over
        self.errors: list[Exception] = []  # of our own
        self.lock = threading.Lock()

    def upstream_reply(self, request: ServerRequest, *, but_for: str = "") -> Reply:
        """Return the service's own reply, optionally without one request header."""
        headers = {name: value for name, value in request.headers.items() if name != but_for}
        reply = forward(replace(request, headers=headers), self.upstream.url, self.server.url)
        if self.misplaced and place_of(request) is Place.CATALOGUE:
            reply.body = _misplace(reply.body, self.misplaced)
        if self.files_url and place_of(request) is Place.CATALOGUE:
            ours, theirs = (f"{host}/canelevation" for host in (self.server.url, self.files_url))
            reply.body = reply.body.replace(ours.encode(), theirs.encode())
        return reply

    def twice(self, before: dict[str, int]) -> set[str]:
        """Return the tiles that were requested again after they had arrived."""
        return {each for each in before if self.requests[each] > before[each]}

    @contextmanager
    def serving(
        self, answer: Answer | None, place: Place | None, first: int, last: int
    ) -> Iterator[Misbehaving]:
        """Serve with a fault.

        Args:
            answer: The faulty reply.
            place: Where it happens.
            first: First request there that gets it, counted from 1.
            last: Last request that gets it.
        """

        def script(request: ServerRequest) -> Reply:
            if self.down:
                return Reply(500)
            if place_of(request) is Place.TILES and (self.mended or self.seen < first - 1):
                self.requests[request.path + request.headers["range"]] += 1
            if answer is None or self.mended or place_of(request) is not place:
                return self.upstream_reply(request)
            with self.lock:
                self.seen += 1
                met = first <= self.seen <= last
                self.hits += met
            if not met:
                return self.upstream_reply(request)
            self.reached.set()
            try:
                return answer(request, self)
            except Exception as exc:
                self.errors.append(exc)
                raise

        with misbehaving(script) as self.server:
            yield self.server


def _misplace(page: bytes, name: str) -> bytes:
    """Return a page of items, with the outline of one of them moved to another place."""
    document = json.loads(page)
    for item in document["features"]:
        if item["id"] == name:
            for ring in item["properties"]["proj:geometry"]["coordinates"]:
                ring[:] = [[x + 3e6, y] for x, y in ring]
    return json.dumps(document).encode()


Answer = Callable[[ServerRequest, Store], Reply]
