"""A store that misbehaves: the demonstration with random faults, in two editions of its files."""

from __future__ import annotations

import bisect
import collections
import contextlib
import random
import re
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.misbehaving import Reply, ServerRequest, forward

EDITIONS = (1, 2)
IN_FLIGHT_SECONDS = 2.0  # before a kill, in which what was sent may be lost by it
_FAULT_SHARE = 0.12  # of the requests for parts of files
_DELAY = 0.08  # seconds before each response, as on a network
_MAX_COMMAND_CHARACTERS = 120
_ESTABLISHED = "01"  # state of a connection in /proc/net/tcp
Fault = Callable[[Reply], tuple[str, Reply]]


@dataclass(frozen=True)
class Sent:
    """Bytes of files that a store has sent.

    Attributes:
        once: Each counted once.
        again: Those that were sent again.
        by_kills: Of these, those that had been sent shortly before a kill.
    """

    once: int = 0
    again: int = 0
    by_kills: int = 0


@dataclass(frozen=True)
class Storms:
    """When a store answers every request with 503.

    Attributes:
        period: Seconds from the beginning of one storm to the next.
        length: Seconds that one lasts; 0 for no storms.
        first: Seconds until the first.
    """

    period: float = 1.0
    length: float = 0.0
    first: float = 0.0

    @classmethod
    def draw(
        cls, chance: random.Random, periods: tuple[float, float], lengths: tuple[float, float]
    ) -> Storms:
        """Draw them, the first within a period."""
        period = chance.uniform(*periods)
        return cls(period, chance.uniform(*lengths), chance.uniform(0, period))

    def blow(self, seconds: float) -> bool:
        """Whether there is one, seconds after the beginning."""
        return seconds >= self.first and (seconds - self.first) % self.period < self.length

    def describe(self) -> str:
        """Describe them in a few words."""
        return f"{self.length:.1f} s of every {self.period:.1f} s, from {self.first:.1f} s"


class Store:
    """A store of two editions with random faults; its `respond` is the script of a server.

    Args:
        upstreams: Address of the demonstration by edition.
        seed: Seed of the faults.
        republish_share: Share of requests with which a file changes its edition.
        storms: Storms of 503s.

    Attributes:
        faults: Faults by kind.
        editions: Edition of each file by its path.
        most_connections: Maximum number of connections at a time.
        owners: Processes that had these.
        is_calm: Whether there are no faults.
    """

    def __init__(
        self,
        upstreams: dict[int, str],
        seed: int,
        republish_share: float = 0.0,
        storms: Storms | None = None,
    ) -> None:
        self.faults: collections.Counter[str] = collections.Counter()
        self.editions: collections.defaultdict[str, int] = collections.defaultdict(lambda: 1)
        self.most_connections = 0
        self.owners = ""
        self.is_calm = False
        self._upstreams = upstreams
        self._chance = random.Random(seed)
        self._republish_share = republish_share
        self._storms = storms or Storms()
        self._began = time.monotonic()
        self._lock = threading.Lock()
        self._sent: collections.defaultdict[tuple[str, int], list[tuple[float, int, int]]]
        self.reset_counts()

    def reset_counts(self) -> None:
        """Reset the counts of bytes."""
        self._sent = collections.defaultdict(list)

    def count_bytes(self, kills: Iterable[float] = ()) -> Sent:
        """Count the bytes that were sent since the reset.

        Args:
            kills: Times of kills, as of `time.monotonic`, sorted.
        """
        kills = list(kills)
        once = again = by_kills = 0
        with self._lock:
            spans_of_files = [sorted(spans) for spans in self._sent.values()]
        for spans in spans_of_files:
            for number, (_, start, stop) in enumerate(spans):
                parts = _subtract((start, stop), ((a, b) for _, a, b in spans[:number]))
                new = sum(b - a for a, b in parts)
                lost = ((a, b) for sent, a, b in spans[:number] if not _is_before(sent, kills))
                kept = sum(b - a for a, b in _subtract((start, stop), lost))
                once += new
                again += stop - start - new
                by_kills += stop - start - kept
        return Sent(once, again, by_kills)

    def republish(self, path: str) -> None:
        """Publish the other edition of a file under its address."""
        with self._lock:
            self.editions[path] = 3 - self.editions[path]
            self.faults["republished"] += 1

    def respond(self, request: ServerRequest) -> Reply:
        """Respond like the demonstration, or with a fault."""
        base = f"http://{request.headers['host']}"
        self._count_connections(int(base.rpartition(":")[2]))
        with self._lock:
            dice, kind = self._chance.random(), self._chance.choice(_FAULTS)
            status = self._chance.choice((500, 502, 503))
        is_file = request.path.endswith(".tif")
        if dice > 1 - self._republish_share:
            self.republish(request.path)
        with self._lock:
            edition = self.editions[request.path] if is_file else 1
        time.sleep(_DELAY)
        if self.is_calm:
            dice = 1.0
        elif self._is_storm():
            return self._count_fault("503 in a storm", Reply(503, b"slow down"))
        if dice < _FAULT_SHARE and "range" not in request.headers:
            return self._count_fault("catalogue or WCS", Reply(status))
        reply = forward(request, self._upstreams[edition], base)
        if dice < _FAULT_SHARE and reply.status == 206:
            what, reply = kind(reply)
            self._count_fault(what, reply)
            if what in _UNUSABLE:
                return reply
        if reply.status == 206:
            start = int(re.findall(r"\d+", reply.headers["content-range"])[0])
            size = len(reply.body) if reply.cut is None else min(reply.cut, len(reply.body))
            with self._lock:
                span = time.monotonic(), start, start + size
                self._sent[request.path, edition].append(span)
        return reply

    def _count_connections(self, port: int) -> None:
        """Count connections that are open at the same time.

        The system's table changes while it is read, so that one reading may list a connection that
        was closed before another was opened. Those in two readings were open between them.
        """
        found = find_connections(port)
        if len(found) > self.most_connections:
            found &= find_connections(port)
        with self._lock:
            if len(found) > self.most_connections:
                self.most_connections = len(found)
                self.owners = _describe_owners(found)

    def _is_storm(self) -> bool:
        return self._storms.blow(time.monotonic() - self._began)

    def _count_fault(self, what: str, reply: Reply) -> Reply:
        with self._lock:
            self.faults[what] += 1
        return reply


def find_connections(port: int) -> set[int]:
    """Return the ports of the clients that are connected to a port of this machine, on Linux."""
    try:
        table = Path("/proc/net/tcp").read_text("ascii")
    except OSError:
        return set()
    rows = (line.split() for line in table.splitlines()[1:])
    return {
        int(row[2].rpartition(":")[2], 16)
        for row in rows
        if row[1].endswith(f":{port:04X}") and row[3] == _ESTABLISHED
    }


def _describe_owners(ports: set[int]) -> str:
    """Return the processes whose connections have these ports, as far as they are still there."""
    with contextlib.suppress(psutil.Error):
        connections = psutil.net_connections("tcp4")
        pids = (each.pid for each in connections if each.laddr and each.laddr.port in ports)
        counts = collections.Counter(pid for pid in pids if pid)
        return "; ".join(f"{count} of {_describe_process(pid)}" for pid, count in counts.items())
    return ""


def _describe_process(pid: int) -> str:
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(pid)
        command = " ".join(process.cmdline())[-_MAX_COMMAND_CHARACTERS:]
        return f"{pid} after {time.time() - process.create_time():.1f} s, {command}"
    return f"{pid}, which has ended"


def _subtract(span: tuple[int, int], others: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the parts of a span that none of the others has."""
    parts = [span]
    for start, stop in others:
        parts = [
            part
            for a, b in parts
            for part in ((a, min(b, start)), (max(a, stop), b))
            if part[0] < part[1]
        ]
    return parts


def _is_before(sent: float, kills: list[float]) -> bool:
    """Whether no kill followed shortly."""
    number = bisect.bisect_left(kills, sent)
    return number == len(kills) or kills[number] - sent > IN_FLIGHT_SECONDS


def _status(status: int, **headers: str) -> Fault:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda reply: (f"status {status}", Reply(status, b"busy", named))


def _cut(reply: Reply) -> tuple[str, Reply]:
    reply.cut = len(reply.body) // 3
    return "body cut off", reply


def _reset(reply: Reply) -> tuple[str, Reply]:
    reply.cut, reply.reset = len(reply.body) // 2, True
    return "connection reset in the body", reply


def _dropped(reply: Reply) -> tuple[str, Reply]:
    return "connection closed without a response", Reply(dropped=True)


def _silent(reply: Reply) -> tuple[str, Reply]:
    return "silence", Reply(silent=True)


def _short(reply: Reply) -> tuple[str, Reply]:
    reply.body = reply.body[: len(reply.body) // 2]
    return "short body that claims to be whole", reply


def _altered(reply: Reply) -> tuple[str, Reply]:
    """Flip a bit at both ends: the leader and trailer of a tile, or the index."""
    body = bytearray(reply.body)
    body[3] ^= 0x40
    body[-1] ^= 0x40
    reply.body = bytes(body)
    return "altered bytes", reply


def _other_range(reply: Reply) -> tuple[str, Reply]:
    reply.headers["content-range"] = "bytes 0-15/1000"
    return "Content-Range of another part", reply


def _other_version(reply: Reply) -> tuple[str, Reply]:
    reply.headers["etag"] = '"of nothing"'
    return "another ETag", reply


_UNUSABLE = ("altered bytes", "Content-Range of another part", "another ETag")  # not cached
_FAULTS = (
    *(_status(500), _status(502), _status(503, Retry_After="0"), _status(429, Retry_After="0")) * 3,
    *(_cut, _reset, _dropped, _short) * 3,
    _silent,
    *(_altered, _other_range, _other_version, _status(403)),
)
