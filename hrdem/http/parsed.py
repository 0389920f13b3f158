"""Requests whose response is parsed by the caller, and tried again if it cannot be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from hrdem.http.protocol import Http, Response
from hrdem.http.retry import RetryableError

T = TypeVar("T")


def request_parsed(
    http: Http,
    method: str,
    url: str,
    parse: Callable[[Response], T],
    *,
    headers: Mapping[str, str] | None = None,
    params: Mapping[str, Any] | None = None,
    json: object = None,
    max_bytes: int,
    trusted: bool = False,
) -> T:
    """Send a request, parse its response, and return the result.

    A response that cannot be parsed may come from a proxy or a login page, or be cut off: like a
    broken connection it is retried.

    Args:
        http: HTTP client.
        method: HTTP method.
        url: Absolute http or https address.
        parse: Raises `RetryableError` for a response that another attempt may improve.
        headers: Additional headers.
        params: Query parameters.
        json: Body, sent as JSON.
        max_bytes: Maximum size of the body.
        trusted: Whether the user supplied the address.

    Raises:
        NetworkError: As the client and the parser do.
    """
    results: list[T] = []

    def check(response: Response) -> None:
        results[:] = [parse(response)]

    response = http.request(
        method,
        url,
        headers=headers,
        params=params,
        json=json,
        max_bytes=max_bytes,
        trusted=trusted,
        check=check,
    )
    if results:
        return results[0]
    try:  # from a cache
        return parse(response)
    except RetryableError as exc:
        raise exc.final_error() from exc
