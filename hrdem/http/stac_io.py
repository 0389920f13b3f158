"""pystac-client's way to the network, led over our HTTP client."""

from __future__ import annotations

import json
from typing import Any

from pystac_client.stac_api_io import StacApiIO

from hrdem.errors import CatalogError
from hrdem.http.client import Http, without_credentials


class HttpStacIO(StacApiIO):
    """Read the pages of an item search through an `hrdem.http.client.Http`.

    Unlike its base it refuses whatever is not a page of items from an http address, instead of
    reading local files or taking a strange answer for an empty one.
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

    def read_text(self, source: Any, *args: Any, **kwargs: Any) -> str:
        """Read from an address or a link; local files are refused."""
        href = str(getattr(source, "href", source))
        if not href.lower().startswith(("http://", "https://")):
            raise CatalogError(f"The catalogue points to {href!r}, which is not an http address.")
        return super().read_text(source, *args, **kwargs)

    def read_json(self, source: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Read a page of items.

        Raises:
            CatalogError: If the answer is anything else.
        """
        text = self.read_text(source, *args, **kwargs)
        shown = without_credentials(str(getattr(source, "href", source)))
        try:
            document = json.loads(text)
        except ValueError as exc:
            start = " ".join(text[:400].split())[:80]
            raise CatalogError(
                f"{shown} is no STAC API: it answers {start!r} where JSON was expected. "
                "Check the address given as --stac-url."
            ) from exc
        if not isinstance(document, dict) or not isinstance(document.get("features"), list):
            raise CatalogError(
                f"{shown} is no STAC API: its answer to an item search has no list of features. "
                "Check the address given as --stac-url."
            )
        return document
