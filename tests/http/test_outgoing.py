"""Redirects: what is sent on to which server."""

from __future__ import annotations

import httpx
import pytest

from hrdem.http.outgoing import OutgoingRequest

SAFE = {"If-Match": '"1"', "Range": "bytes=0-9"}
SECRET = {"Authorization": "Bearer hush", "X-Api-Key": "hush"}
REQUEST = OutgoingRequest("POST", "https://a.ca/search", SAFE | SECRET, {"limit": 1}, {"ids": []})


def redirect(target: str, status: int = 307) -> OutgoingRequest:
    sent = httpx.Request("POST", REQUEST.full_url)
    return REQUEST.follow(httpx.Response(status, headers={"Location": target}, request=sent))


@pytest.mark.parametrize(
    ("target", "headers"),
    [
        ("/other?limit=2", SAFE | SECRET),
        ("https://a.ca:443/other", SAFE | SECRET),
        ("https://b.ca/search", SAFE),
        ("https://www.a.ca/search", SAFE),
        ("https://a.ca:8443/search", SAFE),
        ("http://a.ca/search", SAFE),  # not encrypted
        ("//b.ca/search", SAFE),
    ],
)
def test_secrets_are_sent_to_their_own_server_alone(target: str, headers: dict[str, str]) -> None:
    assert redirect(target).headers == headers


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_method_and_body_are_kept(status: int) -> None:
    """Other clients turn POST into GET for 301 and 302, and a search loses its query."""
    following = redirect("/api/search?limit=2", status)
    assert (following.method, following.json) == ("POST", {"ids": []})
    assert str(following.full_url) == "https://a.ca/api/search?limit=2"


def test_see_other_is_a_get_without_a_body() -> None:
    assert (redirect("/x", 303).method, redirect("/x", 303).json) == ("GET", None)


def test_parameters_replace_those_of_the_address_in_any_case() -> None:
    request = OutgoingRequest("GET", "https://a.ca/wcs?Request=x&map=y", {}, {"REQUEST": "z"})
    assert str(request.full_url) == "https://a.ca/wcs?map=y&REQUEST=z"
