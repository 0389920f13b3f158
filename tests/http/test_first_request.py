"""The request that is sent before httpx is imported."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme

from hrdem.errors import TransferError
from hrdem.http.client import HttpClient
from hrdem.http.first_request import send_first
from hrdem.http.retry import Retries
from tests.misbehaving import Reply, misbehaving

BODY = {"limit": 100, "intersects": [-75.5, 45.0]}


def request_first(url: str, http: HttpClient) -> bytes:
    """Send a request before others are, and receive its response through a client."""
    sent = send_first(url, BODY)
    assert sent is not None
    http.send_early("POST", url, json=BODY, max_bytes=100, trusted=True, sent=sent)
    return request(url, http)


def request(url: str, http: HttpClient) -> bytes:
    return http.request("POST", url, json=BODY, max_bytes=100, trusted=True).content


def test_it_is_what_httpx_sends() -> None:
    with misbehaving(lambda _: Reply.json([])) as server, HttpClient() as http:
        assert request_first(f"{server.url}/search", http) == b"[]"
        request(f"{server.url}/search", http)
    first, second = server.requests
    assert (first.method, first.path) == (second.method, second.path)
    assert json.loads(first.body) == json.loads(second.body) == BODY
    assert first.headers.pop("content-length") == str(len(first.body))
    second.headers.pop("content-length")  # older versions of httpx write blanks
    assert first.headers == second.headers


def test_its_connection_serves_the_next_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    certificate = authority.issue_cert("127.0.0.1")
    with misbehaving(lambda _: Reply.json([1]), certificate) as server, HttpClient() as http:
        assert request_first(f"{server.url}/search", http) == b"[1]"
        monkeypatch.delattr(socket, "create_connection")
        assert request(f"{server.url}/search", http) == b"[1]"


def test_a_refused_connection_is_reported_as_always() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/search"
    assert fail(request_first, url) == fail(request, url)


def test_a_certificate_that_nobody_trusts_is_reported_as_always() -> None:
    certificate = trustme.CA().issue_cert("127.0.0.1")
    with misbehaving(lambda _: Reply.json([]), certificate) as server:
        url = f"{server.url}/search"
        assert fail(request_first, url) == fail(request, url)
    assert not server.requests


def fail(send: Callable[[str, HttpClient], bytes], url: str) -> str:
    retries = Retries(attempts=1)
    with HttpClient(retries=retries) as http, pytest.raises(TransferError) as error:
        send(url, http)
    return str(error.value)


def test_a_server_that_fails_gets_it_again_from_the_client() -> None:
    def script(request) -> Reply:
        return Reply.json([]) if request.number > 1 else Reply(503, headers={"Retry-After": "7"})

    waits: list[float] = []
    with misbehaving(script) as server, HttpClient(sleep=waits.append) as http:
        assert request_first(f"{server.url}/search", http) == b"[]"
    assert waits == [7.0]


@pytest.mark.parametrize(
    ("url", "variables"),
    [
        ("http://127.0.0.1:9/search", {"ALL_PROXY": "http://127.0.0.1:9"}),
        ("http://127.0.0.1:9/search", {"https_proxy": "http://127.0.0.1:9"}),
        ("http://bücher.example/search", {}),
        ("http://[::1]:9/search", {}),
        ("http://127.0.0.1:9/search?key=1", {}),
        ("http://127.0.0.1:9/se arch", {}),
    ],
)
def test_proxies_and_unusual_addresses_are_left_to_the_client(
    url: str, variables: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert send_first(url, BODY) is None
