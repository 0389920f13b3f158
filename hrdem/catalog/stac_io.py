"""Read the pages of a STAC item search; pystac-client only writes its parameters."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

from hrdem.catalog.items import MAX_HREF_CHARACTERS
from hrdem.catalog.search_area import MAX_PAGE_BYTES
from hrdem.errors import BlockedAddressError, CatalogError, ServerError
from hrdem.http.parsed import request_parsed
from hrdem.http.protocol import Http, Response
from hrdem.http.retry import RetryableError
from hrdem.runtime.redaction import redact_secrets
from hrdem.runtime.text import to_one_line

MAX_SEARCH_CHARACTERS = 128 << 20  # of all pages
MAX_REASON_CHARACTERS = 200  # of server text in a message
_HEADER = re.compile(r"[A-Za-z0-9-]{1,100}: [ -~]{0,1000}")
# headers that decide where a request goes, where it ends, or how its response is encoded
_RESERVED_HEADERS = {
    "accept-encoding", "connection", "content-length", "expect", "host", "keep-alive",
    "proxy-authorization", "proxy-connection", "range", "te", "trailer", "transfer-encoding",
    "upgrade",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _PageRequest:
    """A request for a page."""

    url: str
    method: str
    headers: dict[str, str] | None
    parameters: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Page:
    """A page of items.

    Attributes:
        url: Address that responded, after redirects, which relative addresses on it refer to.
        content: The page as parsed JSON; its ``features`` are a list.
        size: Its length in characters.
    """

    url: str
    content: dict[str, Any]
    size: int


def fetch_pages(
    url: str, method: str, parameters: dict[str, Any], http: Http, *, trusted: bool
) -> Iterator[Page]:
    """Yield the pages of a search, following each ``next`` link exactly as it is.

    Unlike pystac-client it continues after an empty page, and refuses a response that is not a page
    of items, which pystac-client takes for an empty page.

    Args:
        url: Address of the search.
        method: GET or POST.
        parameters: Query parameters of a GET, or body of a POST.
        http: Client to use.
        trusted: Whether the user supplied the address; it may then be in any network.

    Raises:
        CatalogError: If a response is not a page of items, a next link is invalid or blocked,
            or the pages are too large for a list of items.
    """
    request = _PageRequest(url, method, None, parameters)
    page = _fetch_page(request, http, trusted=trusted)
    total = page.size
    yield page
    while (following := _parse_next_link(page, request)) is not None:
        try:
            page = _fetch_page(following, http, trusted=False)
        except BlockedAddressError as exc:
            raise CatalogError(
                f"{redact_secrets(request.url)} links to a next page, but {exc}"
            ) from exc
        except ServerError as exc:
            if method == "POST":  # pages of a search by GET may be linked in another way
                raise
            raise CatalogError(
                f"{redact_secrets(request.url)} links to a next page, but {exc} The catalogue is "
                "at fault: tell its publisher, or request a smaller area."
            ) from exc
        request = following
        total += page.size
        if total > MAX_SEARCH_CHARACTERS:
            raise CatalogError(
                f"{redact_secrets(url)} answers a search with more than "
                f"{MAX_SEARCH_CHARACTERS} bytes, too much for a list of items. Check "
                "`stac_url`."
            )
        yield page


def _fetch_page(request: _PageRequest, http: Http, *, trusted: bool) -> Page:
    display_url = redact_secrets(request.url)

    def parse(response: Response) -> Page:
        try:
            text = response.content.decode("utf-8-sig")  # some servers send a byte order mark
        except UnicodeDecodeError as exc:
            raise RetryableError(
                f"{display_url} answers with binary data, not JSON. Check `stac_url`.",
                kind=CatalogError,
            ) from exc
        return Page(response.url, _parse_page(text, display_url), len(text))

    posted = request.method == "POST"
    return request_parsed(
        http,
        request.method,
        request.url,
        parse,
        headers=request.headers,
        params=None if posted else request.parameters or None,
        json=request.parameters if posted else None,
        max_bytes=MAX_PAGE_BYTES,
        trusted=trusted,
    )


def _parse_next_link(page: Page, request: _PageRequest) -> _PageRequest | None:
    """Return the request for the next page, with nothing in it that a search does not need."""
    try:
        link = next((k for k in page.content.get("links") or () if k["rel"] == "next"), None)
        if link is None:
            return None
        json.dumps(
            link, allow_nan=False, ensure_ascii=False
        ).encode()  # raises if it cannot be sent
        href, method = link["href"], link.get("method")
        method = "GET" if method is None else method
        headers, body = link.get("headers") or {}, link.get("body")
        if not isinstance(href, str) or not isinstance(body, dict | None):
            raise TypeError("it has no address, or a body of another kind")  # noqa: TRY301
        if not href.isprintable() or len(href) > MAX_HREF_CHARACTERS:
            raise ValueError(f"{to_one_line(href, 30)!r} is not an address")  # noqa: TRY301
        if method not in ("GET", "POST"):
            raise ValueError(f"its method is {to_one_line(repr(method), 30)}")  # noqa: TRY301
        for name, value in headers.items():
            if (
                not isinstance(value, str)
                or name.lower() in _RESERVED_HEADERS
                or not _HEADER.fullmatch(f"{name}: {value}")
            ):
                raise ValueError(f"its header {to_one_line(name, 30)!r} is not allowed")  # noqa: TRY301
        parameters = body if method == "POST" else None
        if link.get("merge"):
            parameters = {**(request.parameters or {}), **(parameters or {})}
        return _PageRequest(urljoin(page.url, href), method, headers or None, parameters)
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError) as exc:
        message = to_one_line(redact_secrets(str(exc)), MAX_REASON_CHARACTERS)
        raise CatalogError(
            f"{redact_secrets(request.url)} links to a next page that cannot be followed "
            f"({type(exc).__name__}: {message})."
        ) from exc


def _parse_page(text: str, address: str) -> dict[str, Any]:
    try:
        page = json.loads(text)
    except RecursionError as exc:
        raise CatalogError(
            f"{address} is not a STAC API: its response is nested too deeply. Check `stac_url`."
        ) from exc
    except ValueError as exc:
        start = to_one_line(text[:400], 80)
        raise RetryableError(  # a login page, or cut off
            f"{address} is not a STAC API: it answers {start!r} where JSON was expected. Check "
            "`stac_url`.",
            kind=CatalogError,
        ) from exc
    if not isinstance(page, dict) or not isinstance(page.get("features"), list):
        raise CatalogError(
            f"{address} is not a STAC API: its response to an item search has no list of "
            "features. Check `stac_url`."
        )
    return page
