"""The HTTP client against a server that misbehaves."""

from __future__ import annotations

import email.utils
import logging
import socket
import ssl
import time
from pathlib import Path

import httpx
import pytest

from hrdem.errors import ServerError, TransferError
from hrdem.http.client import USER_AGENT, HttpClient
from hrdem.http.retry import Retries, RetryableError, parse_retry_after
from hrdem.http.timeouts import Timeouts
from tests.misbehaving import Reply, misbehaving

GOOD = Reply(body=b"good")


HERE = ["http://127.0.0.1"]


def first(*replies: Reply):
    """Give these answers first, then good ones."""
    return lambda request: replies[request.number - 1] if request.number <= len(replies) else GOOD


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_transient_status_is_retried(http: HttpClient, status: int) -> None:
    with misbehaving(first(Reply(status), Reply(status))) as server:
        assert http.request("GET", server.url).content == b"good"
        assert len(server.requests) == 3


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 410, 412, 416, 451])
def test_permanent_status_fails_at_once(http: HttpClient, status: int) -> None:
    with misbehaving(first(Reply(status, b"no such key"))) as server:
        with pytest.raises(ServerError, match=f"answers {status}: no such key") as caught:
            http.request("GET", server.url)
        assert caught.value.status == status
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    "broken",
    [
        Reply(body=b"x" * 4096, cut=1000),
        Reply(body=b"x" * 4096, cut=0),
        Reply(body=b"x" * 4096, cut=1000, reset=True),
        Reply(silent=True),
    ],
    ids=["truncated", "no body", "reset", "silence"],
)
def test_broken_transfer_is_retried(broken: Reply) -> None:
    timeouts = Timeouts(connect=2, read=0.3, total=5)
    with (
        misbehaving(first(broken)) as server,
        HttpClient(timeouts=timeouts, sleep=lambda _: None, trusted=HERE) as client,
    ):
        assert client.request("GET", server.url).content == b"good"
        assert len(server.requests) == 2


@pytest.mark.slow
def test_slow_response_ends_at_the_total_timeout() -> None:
    drip = Reply(body=b"x" * 1000, pause=0.05)
    timeouts = Timeouts(connect=2, read=1, total=0.5)
    with (
        misbehaving(lambda _: drip) as server,
        HttpClient(timeouts=timeouts, retries=Retries(attempts=1), trusted=HERE) as client,
    ):
        started = time.monotonic()
        with pytest.raises(TransferError, match="no complete response within"):
            client.request("GET", server.url)
        assert time.monotonic() - started < 20  # it would drip for 50


def test_final_error_counts_the_attempts(http: HttpClient) -> None:
    with misbehaving(lambda _: Reply(503, b"<h1>busy</h1>")) as server:
        with pytest.raises(ServerError, match=r"503: <h1>busy</h1>. Tried 3 times\.") as caught:
            http.request("GET", server.url)
        assert caught.value.status == 503
        assert len(server.requests) == 3


def test_refused_connection_is_retried_then_reported() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/"
        slept: list[float] = []
        with (
            HttpClient(sleep=slept.append, trusted=HERE) as client,
            pytest.raises(TransferError, match=r"cannot be reached .*Tried 5 times") as caught,
        ):
            client.request("GET", url)
    assert len(slept) == 4
    assert caught.value.__cause__ is not None


def test_waits_grow_with_jitter_up_to_a_limit() -> None:
    waits = list(Retries(attempts=9, first_wait=0.5, max_wait=8).waits())
    for wait, most in zip(waits, [0.5, 1, 2, 4, 8, 8, 8, 8], strict=True):
        assert most / 2 <= wait <= most
    assert len(set(waits)) == len(waits)


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_retry_after_is_honoured(form: str) -> None:
    after = "7" if form == "seconds" else email.utils.formatdate(time.time() + 7.5, usegmt=True)
    slept: list[float] = []
    with (
        misbehaving(first(Reply(429, headers={"Retry-After": after}))) as server,
        HttpClient(sleep=slept.append, trusted=HERE) as client,
    ):
        assert client.request("GET", server.url).content == b"good"
    assert slept[0] == pytest.approx(7, abs=1.2)


def test_retry_after_beyond_a_minute_is_an_error() -> None:
    slept: list[float] = []
    with (
        misbehaving(first(Reply(503, headers={"Retry-After": "3600"}))) as server,
        HttpClient(sleep=slept.append, trusted=HERE) as client,
        pytest.raises(ServerError, match="requests a wait of 3600 s"),
    ):
        client.request("GET", server.url)
    assert slept == []


def test_retry_is_logged(http: HttpClient, caplog: pytest.LogCaptureFixture) -> None:
    with (
        caplog.at_level(logging.WARNING, "hrdem"),
        misbehaving(first(Reply(502))) as server,
    ):
        http.request("GET", server.url)
    assert "answers 502" in caplog.text
    assert "Trying again in" in caplog.text


def test_redirects_keep_the_query(http: HttpClient) -> None:
    def script(request):
        if request.path.startswith("/ows"):
            return Reply(308, headers={"Location": "/wrapper?" + request.path.partition("?")[2]})
        return Reply(body=request.path.encode())

    with misbehaving(script) as server:
        answer = http.request("GET", f"{server.url}/ows?a=1&b=2")
    assert answer.content == b"/wrapper?a=1&b=2"
    assert answer.url.endswith("/wrapper?a=1&b=2")


def test_redirect_loop_is_an_error(http: HttpClient) -> None:
    with (
        misbehaving(lambda _: Reply(302, headers={"Location": "/again"})) as server,
        pytest.raises(TransferError, match="redirects more than 10 times"),
    ):
        http.request("GET", server.url)


def test_response_beyond_max_bytes_is_not_read(http: HttpClient) -> None:
    with misbehaving(lambda _: Reply(body=b"x" * 5000)) as server:
        with pytest.raises(ServerError, match="more than 100 bytes. It announces 5000"):
            http.request("GET", server.url, max_bytes=100)
        assert len(server.requests) == 1


def test_every_request_sends_the_user_agent(http: HttpClient) -> None:
    with misbehaving(first()) as server:
        http.request("GET", server.url)
        assert server.requests[0].headers["user-agent"] == USER_AGENT
    assert USER_AGENT.startswith("hrdem/")
    assert "(+https://" in USER_AGENT


def test_untrusted_certificate_is_not_retried() -> None:
    tries = []

    def refuse(request: httpx.Request) -> httpx.Response:
        tries.append(request)
        raise httpx.ConnectError("certificate verify failed") from ssl.SSLCertVerificationError()

    with (
        HttpClient(transport=httpx.MockTransport(refuse)) as client,
        pytest.raises(TransferError, match="not trusted here.*SSL_CERT_FILE"),
    ):
        client.request("GET", "https://hrdem.invalid/")
    assert len(tries) == 1


def test_credentials_never_reach_a_message() -> None:
    with (
        misbehaving(lambda _: Reply(404)) as server,
        HttpClient(trusted=HERE) as client,
        pytest.raises(ServerError) as caught,
    ):
        client.request("GET", server.url.replace("//", "//me:secret@"))
    assert "secret" not in str(caught.value)


def test_params_extend_and_replace_those_of_the_url(
    http: HttpClient,
) -> None:
    """MapServer needs map= in its URL; a copied URL may contain a whole request."""
    with misbehaving(lambda _: Reply(body=b"{}")) as server:
        address = f"{server.url}/?map=a%2Fb&request=GetCapabilities"
        http.request("GET", address, params={"REQUEST": "GetMap", "STYLES": ""})
        assert server.requests[0].path == "/?map=a%2Fb&REQUEST=GetMap&STYLES="


def test_body_is_saved_to_a_file_by_one_request(http: HttpClient, tmp_path: Path) -> None:
    path = tmp_path / "body"
    wait = Timeouts(connect=1, read=1, total=1)
    with misbehaving(
        lambda request: Reply(status=503 if request.number > 1 else 200, body=b"abc")
    ) as server:
        http.download(server.url, path, params={}, timeouts=wait, max_bytes=3)
        assert path.read_bytes() == b"abc"
        with pytest.raises(RetryableError) as told:
            http.download(server.url, path, params={}, timeouts=wait, max_bytes=3)
        assert (told.value.status, told.value.body, len(server.requests)) == (503, b"abc", 2)


def test_body_beyond_the_limit_does_not_fill_the_disk(http: HttpClient, tmp_path: Path) -> None:
    wait = Timeouts(connect=1, read=1, total=1)
    with (
        misbehaving(lambda _: Reply(body=b"a" * 1_000_000)) as server,
        pytest.raises(ServerError, match="more than 1000 bytes"),
    ):
        http.download(server.url, tmp_path / "body", params={}, timeouts=wait, max_bytes=1_000)
    assert (tmp_path / "body").stat().st_size <= 1_000


@pytest.mark.parametrize("value", ["²", "Fri, 20 Nov 2026 10:00:00 +99999999", "soon", "-1", ""])
def test_invalid_retry_after_is_ignored(value: str) -> None:
    assert parse_retry_after({"retry-after": value}) is None


@pytest.mark.parametrize("target", ["//[", "http://[::1", "http://\ud800/"])
def test_redirect_to_no_address_is_an_error(http: HttpClient, target: str) -> None:
    reply = Reply(302, {"Location": target.encode("utf-8", "replace").decode("latin-1")})
    with misbehaving(lambda _: reply) as server, pytest.raises(TransferError):
        http.request("GET", server.url)


def test_redirect_to_an_invalid_url_is_an_error(http: HttpClient) -> None:
    with (
        misbehaving(lambda _: Reply(302, headers={"Location": "//[abc]/x"})) as server,
        pytest.raises(TransferError, match="Invalid URL in location header"),
    ):
        http.request("GET", server.url)
