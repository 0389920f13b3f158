"""Receive a range in large pieces, straight into its buffer where that is possible."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from typing import Any

import httpx

from hrdem.http.range_buffer import RangeBuffer
from hrdem.http.retry import RetryableError

IN_PLACE = "receive_into"  # extension of responses, see `hrdem.http.direct`
_MIN_READ_BYTES = 8 << 10
_MAX_READ_BYTES = 64 << 10
_TLS_BUFFER_BYTES = 40 << 10  # more than nested TLS (to a proxy) buffers of unfinished records


class LowWaterMark:
    """Lets a thread sleep until a large piece of a body, or its rest, has arrived (SO_RCVLOWAT).

    On a slow connection data arrive by the packet, and each wake-up takes CPU time. Pieces are
    small on a new connection: TCP opens its window by what was read.

    Args:
        stream: The connection, as httpcore has it; None if there is none.
        length: Bytes of the body.
        before: Bytes that the connection has received before.
    """

    def __init__(self, stream: Any, length: int, before: int = 0) -> None:
        self._socket: Any = stream and stream.get_extra_info("socket")
        is_encrypted = stream and stream.get_extra_info("ssl_object") is not None
        self._length = length - (_TLS_BUFFER_BYTES if is_encrypted else 0)
        self._before = before
        self._bytes = 1

    def set(self, received: int) -> None:
        """Set it after so many bytes of the body; at the end that resets it for other bodies."""
        to_come = self._length - received
        usual = min(max((self._before + received) // 8, _MIN_READ_BYTES), _MAX_READ_BYTES)
        least = max(1, min(to_come, usual))
        if least < self._bytes or least >= 2 * self._bytes:
            self._bytes = least
            with contextlib.suppress(OSError, AttributeError):  # not on every system
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, least)


def receive_body(
    response: httpx.Response, received: RangeBuffer, end: int, display_url: str
) -> Iterator[int]:
    """Append the body of a response to a buffer; yield numbers of bytes as they arrive.

    Args:
        response: The response, whose body is not read yet.
        received: The buffer.
        end: Position in the file that the body ends at.
        display_url: Address in messages.

    Raises:
        httpx.TransportError: If the body breaks off.
        RetryableError: If it is longer.
    """
    chunks = response.iter_raw()
    receive_into = response.extensions.get(IN_PLACE)
    if receive_into is not None:
        while count := received.receive(lambda memory: int(receive_into(chunks, memory))):
            yield count
        return
    length = int(response.headers.get("content-length") or 0)
    mark = LowWaterMark(response.extensions.get("network_stream"), length)
    count = 0
    mark.set(count)
    for chunk in chunks:
        if received.position + len(chunk) > end:
            raise RetryableError(f"{display_url} sends more bytes than requested.")
        received.add(chunk)
        count += len(chunk)
        mark.set(count)
        yield len(chunk)
