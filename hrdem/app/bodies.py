"""Bodies of requests, bounded while they are read."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection, Mapping
from typing import Any, Final

from starlette.requests import ClientDisconnect, Request

from hrdem.app.problems import RefusedError
from hrdem.app.settings import MAX_JSON_BYTES

MAX_SECONDS: Final = 120.0  # for a body to arrive


async def read_body(request: Request, limit: int) -> bytes:
    """Read the body of a request.

    Args:
        request: The request.
        limit: Largest body, bytes; nothing beyond it is read.

    Raises:
        RefusedError: If it is larger, or does not arrive.
    """
    announced = request.headers.get("content-length", "0")
    if not announced.isascii() or not announced.isdigit() or int(announced) > limit:
        raise _too_large(limit)
    parts, size = [], 0
    try:
        async with asyncio.timeout(MAX_SECONDS):
            async for part in request.stream():
                size += len(part)
                if size > limit:
                    raise _too_large(limit)
                parts.append(part)
    except (TimeoutError, ClientDisconnect) as exc:
        raise RefusedError(
            408, "TooSlow", "The request did not arrive whole. Send it again."
        ) from exc
    return b"".join(parts)


async def read_object(
    request: Request, keys: Collection[str], *, is_optional: bool = False
) -> dict[str, Any]:
    """Read a JSON object from the body of a request.

    Args:
        request: The request.
        keys: Keys that it may have.
        is_optional: Whether an empty body counts as an empty object.

    Raises:
        RefusedError: If it is too large, no JSON object, or has other keys.
    """
    body = await read_body(request, MAX_JSON_BYTES)
    if not body and is_optional:
        return {}
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise RefusedError(415, "NotJson", "The body is no JSON. Send it as `application/json`.")
    try:
        found = json.loads(body, parse_constant=_refuse_constant)
        json.dumps(found, ensure_ascii=False).encode()  # halves of characters are no text
    except (ValueError, RecursionError) as exc:
        raise RefusedError(400, "NotJson", "The body is no JSON. Send one JSON object.") from exc
    if not isinstance(found, dict):
        raise RefusedError(400, "NotJson", "The body is no JSON object. Send one JSON object.")
    check_keys(found, keys)
    return found


def check_keys(found: Mapping[str, Any], keys: Collection[str]) -> None:
    """Check that an object has known keys alone.

    Raises:
        RefusedError: If it has another one.
    """
    for key in found:
        if key not in keys:
            name = key[:40]
            raise RefusedError(
                400, "UnknownKey", f"There is no key {name!r}. Known are: {', '.join(keys)}.", name
            )


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _too_large(limit: int) -> RefusedError:
    return RefusedError(
        413,
        "TooLarge",
        f"The request is larger than {limit:,} bytes. Send less.",
        headers={"connection": "close"},
    )
