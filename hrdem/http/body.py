"""Response bodies: their pace, and decompression in chunks of bounded size."""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterator

import httpx

from hrdem.http.timeouts import Timeouts

_ZLIB_WBITS = {"gzip": zlib.MAX_WBITS | 16, "deflate": zlib.MAX_WBITS}
_RAW_WBITS = -zlib.MAX_WBITS  # deflate without the header of RFC 1950, which some servers send
_MAX_DECODED_CHUNK_BYTES = 64 << 10
MIN_SPEED_BYTES_PER_SECOND = 2_000  # on one of 16 connections


class TooSlow(httpx.ReadTimeout):
    """A body arrives too slowly; another connection may be faster."""


class Pace:
    """The time limit and the minimum speed of a body, which begins to arrive now.

    Args:
        response: The response.
        limits: How long to wait.
    """

    def __init__(self, response: httpx.Response, limits: Timeouts) -> None:
        self._request = response.request
        self._limits = limits
        self._begun = self._since = time.monotonic()
        self._received = 0  # since then

    def check(self, count: int) -> None:
        """Check the pace after a number of bytes has arrived.

        Raises:
            TooSlow: If it is below the minimum.
            httpx.ReadTimeout: If the body takes too long.
        """
        self._received += count
        now = time.monotonic()
        if now - self._begun > self._limits.total:
            raise httpx.ReadTimeout(
                f"no complete response within {self._limits.total:.0f} s", request=self._request
            )
        passed = now - self._since
        if passed > self._limits.slow:
            if self._received < MIN_SPEED_BYTES_PER_SECOND * passed:
                raise TooSlow(f"{self._received} bytes in {passed:.1f} s", request=self._request)
            self._since, self._received = now, 0


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
