"""Response bodies: time limits, large reads, and decompression in chunks of bounded size."""

from __future__ import annotations

import contextlib
import socket
import time
import zlib
from collections.abc import Iterator
from typing import Any

import httpx

from hrdem.http.timeouts import Timeouts

ACCEPT_ENCODING = "gzip, deflate"  # of requests
_ZLIB_WBITS = {"gzip": zlib.MAX_WBITS | 16, "deflate": zlib.MAX_WBITS}
_RAW_WBITS = -zlib.MAX_WBITS  # deflate without the header of RFC 1950, which some servers send
_MAX_DECODED_CHUNK_BYTES = 64 << 10
MIN_SPEED_BYTES_PER_SECOND = 2_000  # on one of 16 connections
_MIN_READ_BYTES = 8 << 10
_MAX_READ_BYTES = 64 << 10  # of httpx
_TLS_BUFFER_BYTES = 40 << 10  # more than nested TLS (to a proxy) buffers of unfinished records


class TooSlow(httpx.ReadTimeout):
    """A body arrives too slowly; another connection may be faster."""


def limit_time(
    response: httpx.Response, chunks: Iterator[bytes], limits: Timeouts
) -> Iterator[bytes]:
    """Yield a body's chunks; raise if it exceeds its time limit or falls below a minimum speed.

    Raises:
        TooSlow: If it is slower.
        httpx.ReadTimeout: If it takes longer.
    """
    begun = since = time.monotonic()
    received = 0
    for chunk in chunks:
        yield chunk
        received += len(chunk)
        now = time.monotonic()
        if now - begun > limits.total:
            raise httpx.ReadTimeout(
                f"no complete response within {limits.total:.0f} s", request=response.request
            )
        if now - since > limits.slow:
            if received < MIN_SPEED_BYTES_PER_SECOND * (now - since):
                raise TooSlow(f"{received} bytes in {now - since:.1f} s", request=response.request)
            since, received = now, 0


def read_large_chunks(response: httpx.Response) -> Iterator[bytes]:
    """Yield an undecoded body in large chunks, which the system gathers (SO_RCVLOWAT).

    On a slow connection data arrive by the packet, and httpx takes about 0.1 ms of CPU for each
    read. So the thread sleeps until a large chunk, or the rest of the body, is there. Chunks are
    small at first: TCP opens its window by what was read.
    """
    stream = response.extensions.get("network_stream")
    connection: Any = stream and stream.get_extra_info("socket")
    encrypted = stream and stream.get_extra_info("ssl_object") is not None
    to_come = int(response.headers.get("content-length") or 0) - (
        _TLS_BUFFER_BYTES if encrypted else 0
    )
    received = 0

    def wait() -> None:
        least = min(to_come - received, max(received // 8, _MIN_READ_BYTES), _MAX_READ_BYTES)
        with contextlib.suppress(OSError, AttributeError):  # not on every system
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, max(1, least))

    wait()
    for chunk in response.iter_raw():
        received += len(chunk)
        wait()  # resets it before another request uses the connection
        yield chunk


def unsupported_encoding(response: httpx.Response) -> str | None:
    """Return the Content-Encoding of a body if it is not supported; None if it is.

    One layer of gzip or deflate is supported (RFC 9110, 8.4.1). A body that is compressed twice can
    expand a million times.
    """
    codings = list_codings(response)
    return (
        ", ".join(codings) if len(codings) > 1 or not set(codings) <= _ZLIB_WBITS.keys() else None
    )


def decode_body(response: httpx.Response) -> Iterator[bytes]:
    """Yield a decoded body in chunks of at most 64 kB.

    Raises:
        httpx.DecodingError: If its Content-Encoding is wrong.
    """
    codings = list_codings(response)
    if not codings:
        yield from response.iter_raw()
        return
    (coding,) = codings
    decoder = None
    try:
        for chunk in response.iter_raw():
            if decoder is None and chunk:
                is_raw = coding == "deflate" and not _has_zlib_header(chunk)
                decoder = zlib.decompressobj(_RAW_WBITS if is_raw else _ZLIB_WBITS[coding])
            if decoder is not None and decoder.eof and chunk:
                raise httpx.DecodingError(
                    f"its {coding} data continue after their end", request=response.request
                )
            rest = chunk
            while decoder is not None and rest and not decoder.eof:
                yield decoder.decompress(rest, _MAX_DECODED_CHUNK_BYTES)
                rest = decoder.unconsumed_tail
        # what the decoder still has after the last byte
        while (
            decoder is not None
            and not decoder.eof
            and (part := decoder.decompress(b"", _MAX_DECODED_CHUNK_BYTES))
        ):
            yield part
    except zlib.error as exc:
        raise httpx.DecodingError(
            f"it is not valid {coding} ({exc})", request=response.request
        ) from exc
    if decoder is not None and not decoder.eof:
        raise httpx.DecodingError(f"its {coding} data are truncated", request=response.request)


def list_codings(response: httpx.Response) -> list[str]:
    """Return the Content-Encodings of a body, without those that leave it as it is."""
    header = response.headers.get("content-encoding", "").lower().split(",")
    return [coding for each in header if (coding := each.strip()) not in ("", "identity", "none")]


def _has_zlib_header(chunk: bytes) -> bool:
    return chunk[0] & 0x0F == 8 and (len(chunk) == 1 or int.from_bytes(chunk[:2]) % 31 == 0)
