"""Compressed bodies, in parts of bounded size: what comes may grow a thousandfold."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

import httpx

ACCEPTED = "gzip, deflate"  # what requests say that they take
_WINDOWS = {"gzip": zlib.MAX_WBITS | 16, "deflate": zlib.MAX_WBITS}
_BARE = -zlib.MAX_WBITS  # deflate as some servers send it, without the head of RFC 1950
_PART = 64 << 10  # bytes that are decoded at once


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
