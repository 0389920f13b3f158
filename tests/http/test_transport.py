"""Requests through a real proxy, by our client and by GDAL."""

from __future__ import annotations

import contextlib
import socketserver
import ssl
import threading
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest
import rasterio
import trustme

from hrdem.errors import RequestError, ServerError, TransferError
from hrdem.http.client import HttpClient
from hrdem.http.gdal_options import gdal_http_options
from hrdem.http.retry import Retries
from hrdem.runtime.gdal_env import pinned_gdal
from tests.misbehaving import Misbehaving, Reply, misbehaving

USER = "me:p%40ss"
SENT = f"Basic {b64encode(b'me:p@ss').decode()}"


@pytest.fixture(autouse=True)
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[Misbehaving]:
    """A proxy that all variables name; it answers itself."""
    with misbehaving(lambda request: Reply(body=request.path.encode())) as running:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
            monkeypatch.delenv(name.lower(), raising=False)
        monkeypatch.setenv("ALL_PROXY", running.url.replace("//", f"//{USER}@"))
        yield running


@pytest.fixture
def client() -> Iterator[HttpClient]:
    with HttpClient(retries=Retries(attempts=1), trusted=["http://127.0.0.1"]) as made:
        yield made


def test_client_goes_through_the_proxy(client: HttpClient, proxy: Misbehaving) -> None:
    assert client.request("GET", "http://hrdem.invalid/x").content == b"http://hrdem.invalid/x"
    assert proxy.requests[0].headers["proxy-authorization"] == SENT


def test_service_on_this_machine_is_reached_directly(
    proxy: Misbehaving, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the variables hold, even what cannot be read."""
    monkeypatch.setenv("NO_PROXY", "[::1],fd00::/8,[oops")
    monkeypatch.setenv("HTTP_PROXY", "http://[")
    with (
        misbehaving(lambda request: Reply(body=request.path.encode())) as service,
        HttpClient(trusted=[service.url]) as client,
    ):
        assert client.request("GET", f"{service.url}/x").content == b"/x"
        with pytest.raises(RequestError, match="The proxy of HTTP_PROXY has no valid address"):
            client.request("GET", "http://hrdem.invalid/")
    assert proxy.requests == []


def test_exempted_host_is_reached_directly(
    client: HttpClient, proxy: Misbehaving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "10.0.0.0/8,invalid")
    with (
        HttpClient(retries=Retries(attempts=1)) as direct,
        pytest.raises(TransferError, match="cannot be reached"),
    ):
        direct.request("GET", "http://hrdem.invalid/")
    assert proxy.requests == []


def test_socks_without_its_package_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://me:hush@127.0.0.1:9")
    monkeypatch.setitem(__import__("sys").modules, "socksio", None)
    with (
        HttpClient() as client,
        pytest.raises(
            RequestError,
            match=r"^The proxy of ALL_PROXY, socks5://127.0.0.1:9, needs .*httpx\[socks\]",
        ),
    ):
        client.request("GET", "http://hrdem.invalid/")


def open_with_gdal(url: str) -> None:
    with (
        pinned_gdal(),
        rasterio.Env(**{**gdal_http_options(None, [url]), "GDAL_HTTP_MAX_RETRY": 0}),
        pytest.raises(rasterio.RasterioIOError),
    ):
        rasterio.open(f"/vsicurl/{url}")


def test_gdal_goes_through_the_same_proxy(
    proxy: Misbehaving, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also by HTTP_PROXY in capitals, which libcurl does not read."""
    monkeypatch.setenv("HTTP_PROXY", proxy.url.replace("//", f"//{USER}@"))
    monkeypatch.delenv("ALL_PROXY")
    open_with_gdal("http://hrdem.invalid/gdal.tif")
    assert proxy.requests[0].path == "http://hrdem.invalid/gdal.tif"
    assert proxy.requests[0].headers["proxy-authorization"] == SENT


@pytest.mark.parametrize("no_proxy", ["", "a.ca"])
def test_gdal_reaches_this_machine_directly(
    proxy: Misbehaving, monkeypatch: pytest.MonkeyPatch, no_proxy: str
) -> None:
    monkeypatch.setenv("NO_PROXY", no_proxy)
    with misbehaving(lambda _: Reply(404)) as service:
        open_with_gdal(f"{service.url}/{no_proxy}direct.tif")
        assert service.requests
    assert proxy.requests == []


class _Inspecting(socketserver.BaseRequestHandler):
    """A proxy that inspects TLS: it answers in place of the server, with its own certificate."""

    server: _InspectingServer

    def handle(self) -> None:
        self.request.recv(4096)
        self.request.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        with (
            contextlib.suppress(OSError),
            self.server.context.wrap_socket(self.request, server_side=True) as tunnel,
        ):
            while asked := tunnel.recv(4096):
                self.server.asked.append(asked.partition(b" HTTP")[0])
                tunnel.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")


class _InspectingServer(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__(("127.0.0.1", 0), _Inspecting)
        self.context = context
        self.asked: list[bytes] = []


def test_proxy_that_inspects_tls_needs_its_certificate_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Our client and GDAL trust it by the same file."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("hrdem.invalid").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "company.pem"))
    with _InspectingServer(context) as inspecting:
        threading.Thread(target=inspecting.serve_forever, args=(0.02,), daemon=True).start()
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{inspecting.server_address[1]}")
        for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
            monkeypatch.delenv(name, raising=False)
        with HttpClient() as client, pytest.raises(TransferError, match="not trusted here"):
            client.request("GET", "https://hrdem.invalid/before")
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "company.pem"))
        with HttpClient() as client, pytest.raises(ServerError, match="404"):
            client.request("GET", "https://hrdem.invalid/ours")
        open_with_gdal("https://hrdem.invalid/gdal.tif")
        inspecting.shutdown()
    assert inspecting.asked[0] == b"GET /ours"
    assert b"HEAD /gdal.tif" in inspecting.asked


def test_refusing_proxy_is_named_as_the_cause(client: HttpClient) -> None:
    with pytest.raises(TransferError, match=r"through the proxy \(501.*hrdem doctor shows which"):
        client.request("GET", "https://hrdem.invalid/")


def test_https_proxy_is_verified_like_any_server(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    with misbehaving(lambda _: Reply(body=b"x"), authority.issue_cert("127.0.0.1")) as secure:
        monkeypatch.setenv("ALL_PROXY", secure.url)
        for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
        with HttpClient() as client:
            assert client.request("GET", "http://hrdem.invalid/").content == b"x"
        with trustme.CA().cert_pem.tempfile() as other:
            monkeypatch.setenv("SSL_CERT_FILE", other)
            with HttpClient() as client, pytest.raises(TransferError, match="not trusted"):
                client.request("GET", "http://hrdem.invalid/")
