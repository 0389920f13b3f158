"""pystac-client's way to the network, led over our HTTP client."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

from pystac_client.stac_api_io import StacApiIO

from hrdem.errors import BlockedAddressError, CatalogError
from hrdem.http.protocol import Http
from hrdem.runtime.redaction import redact_secrets
from hrdem.runtime.text import to_one_line

_MOST_BYTES = 16 << 20  # of a page; 100 items of a mosaic have 3 MB, and JSON grows tenfold
_MOST_BYTES_IN_ALL = 128 << 20  # of a search, characters
_LONGEST_ADDRESS = 8_000  # characters
_EXCERPT = 200  # characters
_HEADER = re.compile(r"[A-Za-z0-9-]{1,100}: [ -~]{0,1000}")
# those that say where a request goes, where it ends, or how its answer is packed
_KEPT_HEADERS = {
    "accept-encoding", "connection", "content-length", "expect", "host", "keep-alive",
    "proxy-authorization", "proxy-connection", "range", "te", "trailer", "transfer-encoding",
    "upgrade",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is asked for a page."""

    url: str
    method: str
    headers: dict[str, str] | None
    parameters: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class _Page:
    """A page, and how many characters it came in."""

    content: dict[str, Any]
    size: int


_MOST_SHOWN = 200  # characters of the catalogue's words in a message
_LONGEST_ADDRESS = 8_000  # characters; servers refuse longer ones
_HEADER = re.compile(r"[A-Za-z0-9-]{1,100}: [ -~]{0,1000}")


class HttpStacIO(StacApiIO):
    """Read the pages of an item search through an `hrdem.http.protocol.Http`.

    Unlike its base it refuses whatever is not a page of items from an http address, instead of
    taking a strange answer for an empty one.
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
        """Send one request and return the text of its answer.

        Args:
            href: Address.
            method: GET or POST; None for GET.
            headers: Further headers.
            parameters: Of the query, or of the body of a POST.
            trusted: Whether the user gave the address.
        """
        posted = method == "POST"
        response = self._http.request(
            "POST" if posted else "GET",
            href,
            headers=headers,
            params=None if posted else parameters or None,
            json=parameters if posted else None,
            max_bytes=_MOST_BYTES,
            trusted=trusted,
        )
        try:
            return response.content.decode()
        except UnicodeDecodeError as exc:
            raise CatalogError(f"{redact_secrets(href)} answers with bytes, not JSON.") from exc

    def get_pages(
        self, url: str, method: str | None = None, parameters: dict[str, Any] | None = None
    ) -> Iterator[dict[str, Any]]:
        """Yield the pages of a search, each ``next`` followed exactly as it is given.

        Unlike its base it goes on after an empty page.

        Raises:
            CatalogError: If an answer is not a page of items, a next link leads nowhere or where
                it may not, or the pages are too much for a list of items.
        """
        asked = _Asked(url, method or "GET", None, parameters)
        page = self._page(asked, trusted=True)
        came = page.size
        yield page.content
        while (following := _next(page.content, asked)) is not None:
            try:
                page = self._page(following, trusted=False)
            except BlockedAddressError as exc:
                raise CatalogError(
                    f"{redact_secrets(asked.url)} gives a link to a next page, but {exc}"
                ) from exc
            asked = following
            came += page.size
            if came > _MOST_BYTES_IN_ALL:
                raise CatalogError(
                    f"{redact_secrets(url)} answers a search with more than {_MOST_BYTES_IN_ALL} "
                    "bytes, which is no list of items. Check the address given as --stac-url."
                )
            yield page.content

    def _page(self, asked: _Asked, *, trusted: bool) -> _Page:
        text = self.request(
            asked.url, asked.method, asked.headers, asked.parameters, trusted=trusted
        )
        return _Page(_parsed(text, redact_secrets(asked.url)), len(text))


def _next(page: dict[str, Any], asked: _Asked) -> _Asked | None:
    """What a page says to ask for next; nothing of it is sent that a search does not need."""
    try:
        link = next((k for k in page.get("links") or () if k["rel"] == "next"), None)
        if link is None:
            return None
        json.dumps(link, allow_nan=False, ensure_ascii=False).encode()  # or it cannot be sent
        href, method = link["href"], link.get("method")
        method = "GET" if method is None else method
        headers, body = link.get("headers") or {}, link.get("body")
        if not isinstance(href, str) or not isinstance(body, dict | None):
            raise TypeError("it has no address, or a body of another kind")  # noqa: TRY301
        if not href.isprintable() or len(href) > _LONGEST_ADDRESS:
            raise ValueError(f"{to_one_line(href, 30)!r} is no address")  # noqa: TRY301
        if method not in ("GET", "POST"):
            raise ValueError(f"its method is {to_one_line(repr(method), 30)}")  # noqa: TRY301
        for name, value in headers.items():
            if (
                not isinstance(value, str)
                or name.lower() in _KEPT_HEADERS
                or not _HEADER.fullmatch(f"{name}: {value}")
            ):
                raise ValueError(f"its header {to_one_line(name, 30)!r} is not to be set")  # noqa: TRY301
        parameters = body if method == "POST" else None
        if link.get("merge"):
            parameters = {**(asked.parameters or {}), **(parameters or {})}
        return _Asked(urljoin(asked.url, href), method, headers or None, parameters)
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError) as exc:
        said = to_one_line(redact_secrets(str(exc)), _EXCERPT)
        raise CatalogError(
            f"{redact_secrets(asked.url)} gives a link to a next page that cannot be followed "
            f"({type(exc).__name__}: {said})."
        ) from exc


def _parsed(text: str, shown: str) -> dict[str, Any]:
    try:
        page = json.loads(text)
    except RecursionError as exc:
        raise CatalogError(
            f"{shown} is no STAC API: its answer is nested too deeply. Check the address given as "
            "--stac-url."
        ) from exc
    except ValueError as exc:
        start = to_one_line(text[:400], 80)
        raise CatalogError(
            f"{shown} is no STAC API: it answers {start!r} where JSON was expected. "
            "Check the address given as --stac-url."
        ) from exc
    if not isinstance(page, dict) or not isinstance(page.get("features"), list):
        raise CatalogError(
            f"{shown} is no STAC API: its answer to an item search has no list of features. "
            "Check the address given as --stac-url."
        )
    return page
