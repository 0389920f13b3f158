"""Requests that may be sent several times, and what a redirect makes of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self
from urllib.parse import urljoin

import httpx

from hrdem.http.connections import get_origin
from hrdem.http.first_request import FirstRequest
from hrdem.http.timeouts import Timeouts

_SAFE_HEADERS = frozenset(
    {"accept", "accept-encoding", "if-match", "if-none-match", "if-unmodified-since", "range"}
)  # they hold no secret: sent on to another server


@dataclass(frozen=True, slots=True)
class OutgoingRequest:
    """A request, by the parameters of `hrdem.http.client.HttpClient.request`.

    Attributes:
        timeouts: How long to wait, instead of the client's own timeouts.
        sent: The same request, if it was sent before there was a client.
    """

    method: str
    url: str
    headers: Mapping[str, str]
    params: Mapping[str, Any] | None = None
    json: object = None
    timeouts: Timeouts | None = None
    trusted: bool = False
    sent: FirstRequest | None = None

    @property
    def full_url(self) -> httpx.URL:
        """The address with the query parameters."""
        address = httpx.URL(self.url)
        if not self.params:
            return address
        names = {name.lower() for name in self.params}
        others = [(n, v) for n, v in address.params.multi_items() if n.lower() not in names]
        return address.copy_with(params=[*others, *self.params.items()])

    def follow(self, redirect: httpx.Response) -> Self:
        """Return the request to send after a redirect; to another server without secret headers.

        Method and body are kept, except for status 303.
        """
        target = urljoin(str(redirect.url), redirect.headers["location"])
        headers = self.headers
        if get_origin(httpx.URL(self.url)) != get_origin(httpx.URL(target)):
            headers = {name: v for name, v in headers.items() if name.lower() in _SAFE_HEADERS}
        following = replace(self, url=target, params=None, headers=headers, sent=None)
        if redirect.status_code == httpx.codes.SEE_OTHER:
            return replace(following, method="GET", json=None)
        return following
