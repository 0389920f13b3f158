"""The I/O of pystac-client through our HTTP client."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

from pystac_client.stac_api_io import StacApiIO

from hrdem.catalog.items import MAX_HREF_CHARACTERS
from hrdem.errors import BlockedAddressError, CatalogError
from hrdem.http.protocol import Http
from hrdem.runtime.redaction import redact_secrets
from hrdem.runtime.text import to_one_line

MAX_PAGE_BYTES = 16 << 20  # 100 items of a mosaic have 3 MB; parsed JSON takes ten times as much
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
class _Page:
    """A page and its length in characters."""

    content: dict[str, Any]
    size: int


class HttpStacIO(StacApiIO):
    """Read the pages of an item search through an `hrdem.http.protocol.Http`.

    Unlike its base class it refuses every response that is not a page of items, which the base
    class takes for an empty page.
    """

    def __init__(self, http: Http) -> None:
        super().__init__(max_retries=None)
        self._http = http

    def request(
        self,
        href: str,
        method: str | None = None,
        headers: dict[str, str] | None = None,
        parameters: dict[str, Any] | None = None,
        *,
        trusted: bool = False,
    ) -> str:
        """Send one request and return the text of its response.

        Args:
            href: Address.
            method: GET or POST; None for GET.
            headers: Further headers.
            parameters: Query parameters of a GET, or body of a POST.
            trusted: Whether the user gave the address.
        """
        posted = method == "POST"
        response = self._http.request(
            "POST" if posted else "GET",
            href,
            headers=headers,
            params=None if posted else parameters or None,
            json=parameters if posted else None,
            max_bytes=MAX_PAGE_BYTES,
            trusted=trusted,
        )
        try:
            return response.content.decode("utf-8-sig")  # some servers send a byte order mark
        except UnicodeDecodeError as exc:
            raise CatalogError(
                f"{redact_secrets(href)} answers with binary data, not JSON. Check `stac_url`."
            ) from exc

    def get_pages(
        self, url: str, method: str | None = None, parameters: dict[str, Any] | None = None
    ) -> Iterator[dict[str, Any]]:
        """Yield the pages of a search, following each ``next`` link exactly as it is.

        Unlike its base class it continues after an empty page.

        Raises:
            CatalogError: If a response is not a page of items, a next link is invalid or blocked,
                or the pages are too large for a list of items.
        """
        request = _PageRequest(url, method or "GET", None, parameters)
        page = self._fetch_page(request, trusted=True)
        total = page.size
        yield page.content
        while (following := _parse_next_link(page.content, request)) is not None:
            try:
                page = self._fetch_page(following, trusted=False)
            except BlockedAddressError as exc:
                raise CatalogError(
                    f"{redact_secrets(request.url)} links to a next page, but {exc}"
                ) from exc
            request = following
            total += page.size
            if total > MAX_SEARCH_CHARACTERS:
                raise CatalogError(
                    f"{redact_secrets(url)} answers a search with more than "
                    f"{MAX_SEARCH_CHARACTERS} bytes, too much for a list of items. Check "
                    "`stac_url`."
                )
            yield page.content

    def _fetch_page(self, request: _PageRequest, *, trusted: bool) -> _Page:
        text = self.request(
            request.url, request.method, request.headers, request.parameters, trusted=trusted
        )
        return _Page(_parse_page(text, redact_secrets(request.url)), len(text))


def _parse_next_link(page: dict[str, Any], request: _PageRequest) -> _PageRequest | None:
    """Return the request for the next page, with nothing in it that a search does not need."""
    try:
        link = next((k for k in page.get("links") or () if k["rel"] == "next"), None)
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
        return _PageRequest(urljoin(request.url, href), method, headers or None, parameters)
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
        raise CatalogError(
            f"{address} is not a STAC API: it answers {start!r} where JSON was expected. Check "
            "`stac_url`."
        ) from exc
    if not isinstance(page, dict) or not isinstance(page.get("features"), list):
        raise CatalogError(
            f"{address} is not a STAC API: its response to an item search has no list of "
            "features. Check `stac_url`."
        )
    return page
