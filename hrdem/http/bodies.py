"""Bodies of answers, as they come."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator
from typing import Any

import httpx

from hrdem.http.protocol import Timeouts

_LEAST_SPEED = 2_000  # bytes a second on one of 16 connections
_SMALL_READ = 8 << 10  # bytes
_LARGE_READ = 64 << 10  # httpx reads no more at once
_TLS_HOLDS = 40 << 10  # more than TLS, and TLS to a proxy around it, hold of unfinished records


class TooSlow(httpx.ReadTimeout):
    """A body comes so slowly that another connection is worth a try."""


def in_time(answer: httpx.Response, chunks: Iterator[bytes], limits: Timeouts) -> Iterator[bytes]:
    """Pass on a body, within a time for all of it, and at a least speed.

    Raises:
        TooSlow: If it comes more slowly.
        httpx.ReadTimeout: If it takes longer.
    """
    begun = since = time.monotonic()
    came = 0
    for chunk in chunks:
        yield chunk
        came += len(chunk)
        now = time.monotonic()
        if now - begun > limits.total:
            raise httpx.ReadTimeout(
                f"no whole answer within {limits.total:.0f} s", request=answer.request
            )
        if now - since > limits.slow:
            if came < _LEAST_SPEED * (now - since):
                raise TooSlow(f"{came} bytes in {now - since:.1f} s", request=answer.request)
            since, came = now, 0


def in_large_reads(answer: httpx.Response) -> Iterator[bytes]:
    """Pass on a body, undecoded, in the large parts that the system is told to gather.

    On a slow line data trickle in by the packet, and httpx takes some 0.1 ms of computing for each
    time that it is handed any. So the thread sleeps until a large part is there, or all that is
    still to come. Parts are small at first: TCP opens its window by what was taken.
    """
    stream = answer.extensions.get("network_stream")
    connection: Any = stream and stream.get_extra_info("socket")
    encrypted = stream and stream.get_extra_info("ssl_object") is not None
    to_come = int(answer.headers.get("content-length") or 0) - (_TLS_HOLDS if encrypted else 0)
    came = 0

    def wait() -> None:
        least = min(to_come - came, max(came // 8, _SMALL_READ), _LARGE_READ)
        with contextlib.suppress(OSError, AttributeError):  # not every system has it
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, max(1, least))

    wait()
    for chunk in answer.iter_raw():
        came += len(chunk)
        wait()  # for 1 again, before the connection is given to another
        yield chunk
