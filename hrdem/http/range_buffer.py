"""The bytes of a range as they arrive, over as many responses as it takes."""

from __future__ import annotations

import time
from collections.abc import Callable

from hrdem.http.protocol import ByteSink
from hrdem.runtime.memory import allocate_buffer

_MAX_DELIVERED_BYTES = 4 << 20  # that are passed to a sink at a time
_MAX_DELAY_SECONDS = 1.0  # of bytes that have arrived: a killed run loses no more


class RangeBuffer:
    """Memory for a byte range that is filled from its start.

    Attributes:
        memory: Anonymous memory: ``headroom`` zero bytes, then the range.
        position: Position in the file of the next byte to receive.

    Args:
        start: First byte.
        stop: Byte after the last.
        headroom: Free bytes at the beginning of the memory.
        on_bytes: Called with the bytes in larger pieces; None for nobody.
    """

    def __init__(self, start: int, stop: int, headroom: int, on_bytes: ByteSink | None) -> None:
        self.memory = allocate_buffer(headroom + stop - start)
        self.position = self._delivered = start
        self._shift = headroom - start
        self._on_bytes = on_bytes
        self._delivered_at = time.monotonic()

    def add(self, chunk: bytes) -> None:
        """Append bytes, which have to lie within the range."""
        at = self.position + self._shift
        self.memory[at : at + len(chunk)] = chunk
        self._advance(len(chunk))

    def receive(self, receive_into: Callable[[memoryview], int]) -> int:
        """Let a function write the next bytes into the rest of the memory; return their number."""
        with memoryview(self.memory) as whole, whole[self.position + self._shift :] as rest:
            count = receive_into(rest)
        self._advance(count)
        return count

    def _advance(self, count: int) -> None:
        self.position += count
        if (
            self.position - self._delivered >= _MAX_DELIVERED_BYTES
            or time.monotonic() - self._delivered_at >= _MAX_DELAY_SECONDS
        ):
            self.deliver()

    def deliver(self) -> None:
        """Pass the bytes that have arrived to the sink."""
        if self._on_bytes is not None and self.position > self._delivered:
            shift = self._shift
            with (
                memoryview(self.memory) as whole,
                whole[self._delivered + shift : self.position + shift] as new,
            ):
                self._on_bytes(self._delivered, new)
        self._delivered, self._delivered_at = self.position, time.monotonic()
