"""Response bodies: within a time, in large reads, decompressed in parts of bounded size."""

from __future__ import annotations

import contextlib
import socket
import time
import zlib
from collections.abc import Iterator
from typing import Any

import httpx

from hrdem.http.timeouts import Timeouts

ACCEPTED = "gzip, deflate"  # what requests say that they take
_WINDOWS = {"gzip": zlib.MAX_WBITS | 16, "deflate": zlib.MAX_WBITS}
_BARE = -zlib.MAX_WBITS  # deflate as some servers send it, without the head of RFC 1950
_PART = 64 << 10  # bytes that are decoded at once
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


def refused_coding(answer: httpx.Response) -> str | None:
    """Return what a body is encoded in if that is not read here; None if it is.

    One layer of gzip or deflate is (RFC 9110, 8.4.1). What is packed twice can be a million times
    as large as it comes.
    """
    codings = _codings(answer)
    return ", ".join(codings) if len(codings) > 1 or not set(codings) <= _WINDOWS.keys() else None


def decoded(answer: httpx.Response) -> Iterator[bytes]:
    """Pass on a body, decoded, in parts of at most 64 kB.

    Raises:
        httpx.DecodingError: If it is not what its Content-Encoding says.
    """
    codings = _codings(answer)
    if not codings:
        yield from answer.iter_raw()
        return
    (coding,) = codings
    decoder = None
    try:
        for chunk in answer.iter_raw():
            if decoder is None and chunk:
                bare = coding == "deflate" and not _has_zlib_head(chunk)
                decoder = zlib.decompressobj(_BARE if bare else _WINDOWS[coding])
            if decoder is not None and decoder.eof and chunk:
                raise httpx.DecodingError(
                    f"its {coding} goes on behind its end", request=answer.request
                )
            rest = chunk
            while decoder is not None and rest and not decoder.eof:
                yield decoder.decompress(rest, _PART)
                rest = decoder.unconsumed_tail
        # what is left inside after the last byte came
        while decoder is not None and not decoder.eof and (part := decoder.decompress(b"", _PART)):
            yield part
    except zlib.error as exc:
        raise httpx.DecodingError(f"it is no {coding} ({exc})", request=answer.request) from exc
    if decoder is not None and not decoder.eof:
        raise httpx.DecodingError(f"its {coding} ends too early", request=answer.request)


def _codings(answer: httpx.Response) -> list[str]:
    said = answer.headers.get("content-encoding", "").lower().split(",")
    return [coding for each in said if (coding := each.strip()) not in ("", "identity", "none")]


def _has_zlib_head(chunk: bytes) -> bool:
    return chunk[0] & 0x0F == 8 and (len(chunk) == 1 or int.from_bytes(chunk[:2]) % 31 == 0)
