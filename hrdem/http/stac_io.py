"""pystac-client's way to the network, led over our HTTP client."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin

from pystac_client.stac_api_io import StacApiIO

from hrdem.errors import CatalogError
from hrdem.excerpts import one_line
from hrdem.http.client import without_credentials
from hrdem.http.protocol import Http

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
    ) -> str:
        """Send one request and return the text of its answer."""
        if not href.lower().startswith(("http://", "https://")):
            shown = one_line(href, _MOST_SHOWN)
            raise CatalogError(f"The catalogue points to {shown!r}, which is not an http address.")
        method = (method or "GET").upper()
        if method == "POST":
            response = self._http.request(method, href, headers=headers, json=parameters)
        else:
            response = self._http.request(method, href, headers=headers, params=parameters or None)
        try:
            return response.content.decode()
        except UnicodeDecodeError as exc:
            raise CatalogError(
                f"{without_credentials(href)} answers with bytes, not JSON."
            ) from exc

    def get_pages(
        self, url: str, method: str | None = None, parameters: dict[str, Any] | None = None
    ) -> Iterator[dict[str, Any]]:
        """Yield the pages of a search, each ``next`` followed exactly as it is given.

        Unlike its base it goes on after an empty page.

        Raises:
            CatalogError: If an answer is not a page of items, or a next link leads nowhere.
        """
        headers: dict[str, str] | None = None
        while True:
            try:
                page = _page(self.request(url, method, headers, parameters), url)
            except RecursionError as exc:
                raise CatalogError(
                    f"{without_credentials(url)} is no STAC API: what it answers, or says to ask "
                    "next, is nested too deeply. Check the address given as --stac-url."
                ) from exc
            yield page
            try:
                link = next((k for k in page.get("links") or () if k["rel"] == "next"), None)
                if link is None:
                    return
                _check_link(link)
                method, headers = link.get("method") or "GET", link.get("headers")
                body = link.get("body") if method == "POST" else None
                parameters = {**(parameters or {}), **(body or {})} if link.get("merge") else body
                url = urljoin(url, link["href"])
            except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as exc:
                said = one_line(f"{type(exc).__name__}: {exc}", _MOST_SHOWN)
                raise CatalogError(
                    f"{without_credentials(url)} gives a link to a next page that cannot be "
                    f"followed ({said})."
                ) from exc


def _check_link(link: dict[str, Any]) -> None:
    """Make sure that a request can be made of a link; TypeError or ValueError if not."""
    json.dumps(link, allow_nan=False, ensure_ascii=False).encode()
    href, method, headers = link["href"], link.get("method"), link.get("headers")
    if not isinstance(href, str) or not href.isprintable() or len(href) > _LONGEST_ADDRESS:
        raise TypeError(f"{href!r} is no address")
    if method not in {None, "GET", "POST"}:
        raise ValueError(f"its method is {method!r}")
    if not isinstance(link.get("body"), dict | None):
        raise TypeError("its body is no object")
    for name, value in (headers or {}).items():
        if not isinstance(value, str) or not _HEADER.fullmatch(f"{name}: {value}"):
            raise ValueError(f"{name!r} is no header")


def _page(text: str, url: str) -> dict[str, Any]:
    shown = without_credentials(url)
    try:
        page = json.loads(text)
    except ValueError as exc:
        start = one_line(text[:400], 80)
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
