"""Whose certificates are trusted, against real TLS servers."""

from __future__ import annotations

import contextlib
import shutil
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import certifi
import pytest
import rasterio
import trustme

from hrdem.errors import RequestError, TransferError
from hrdem.http import certificates
from hrdem.http.certificate_store import SystemStoreContext
from hrdem.http.certificates import find_certificates, make_tls_context, share_tls_context
from hrdem.http.client import HttpClient
from hrdem.http.gdal_options import gdal_http_options
from hrdem.http.retry import Retries
from hrdem.runtime.gdal_env import pinned_gdal
from tests.misbehaving import Misbehaving, Reply, misbehaving, range_reply

PLACE = rasterio.Affine(1, 0, 7, 0, -1, 7)
VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def server(authority: trustme.CA) -> Iterator[Misbehaving]:
    with misbehaving(lambda _: Reply(body=b"x"), authority.issue_cert("127.0.0.1")) as running:
        yield running


@pytest.fixture(scope="module")
def bundle(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with the certificate of the server's authority."""
    path = tmp_path_factory.mktemp("authority") / "authority.pem"
    authority.cert_pem.write_to_path(str(path))
    return path


@pytest.fixture(scope="module")
def hashed(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same as a folder for SSL_CERT_DIR."""
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl")
    folder = tmp_path_factory.mktemp("hashed")
    command = ["openssl", "x509", "-hash", "-noout", "-in", str(bundle)]
    name = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    (folder / f"{name}.0").write_bytes(bundle.read_bytes())
    return folder


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Sets where OpenSSL and other programs of the system have certificates: nowhere at first."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(certificates, "HAS_STORE", False)

    def have(file: Path | None = None, folder: Path | None = None, other: Path | None = None):
        paths = ssl.DefaultVerifyPaths(
            file and str(file), folder and str(folder), "SSL_CERT_FILE", "", "SSL_CERT_DIR", ""
        )
        monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: paths)
        monkeypatch.setattr(certificates, "SYSTEM_FILES", (str(other),) if other else ())

    have()
    return have


def fetch(url: str) -> bytes:
    with HttpClient(retries=Retries(attempts=1), trusted=[url]) as client:
        return client.request("GET", url).content


def test_authority_in_the_system_is_trusted(
    server: Misbehaving, bundle: Path, hashed: Path, system: Callable[..., None]
) -> None:
    for place in ({"file": bundle}, {"folder": hashed}, {"other": bundle}):
        system(**place)
        assert fetch(server.url) == b"x"
        assert find_certificates().source == f"the operating system ({next(iter(place.values()))})"


def test_file_of_the_system_wins_over_that_of_python(
    server: Misbehaving, bundle: Path, system: Callable[..., None]
) -> None:
    """Python of conda has a bundle of its own, in which no company installs anything."""
    system(file=Path(certifi.where()), other=bundle)
    assert fetch(server.url) == b"x"


def test_authority_in_no_store_is_an_error_with_the_fix(
    server: Misbehaving, system: Callable[..., None]
) -> None:
    """A system without certificates has certifi's, which do not hold that authority."""
    assert find_certificates() == certificates.Certificates("certifi", certifi.where())
    with pytest.raises(TransferError, match="not trusted here.*set SSL_CERT_FILE"):
        fetch(server.url)


def test_system_without_certificates_has_those_of_certifi(
    server: Misbehaving, bundle: Path, system: Callable[..., None], tmp_path: Path, monkeypatch
) -> None:
    """A slim container: OpenSSL's own folder exists, and is empty."""
    monkeypatch.setattr(certifi, "where", lambda: str(bundle))
    system(folder=tmp_path)
    assert fetch(server.url) == b"x"


@pytest.mark.parametrize("name", [*VARIABLES, "folder in REQUESTS_CA_BUNDLE"])
def test_variable_wins_over_the_system(
    server: Misbehaving, bundle: Path, hashed: Path, system: Callable[..., None], monkeypatch, name
) -> None:
    other = trustme.CA()
    with other.cert_pem.tempfile() as of_system:
        system(file=Path(of_system))
        with pytest.raises(TransferError, match="not trusted"):
            fetch(server.url)
        value = hashed if name == "SSL_CERT_DIR" or " " in name else bundle
        monkeypatch.setenv(name.rpartition(" ")[2], str(value))
        assert fetch(server.url) == b"x"
        system(file=bundle)  # and the other way round
        monkeypatch.setenv("SSL_CERT_FILE", of_system)
        monkeypatch.delenv("SSL_CERT_DIR", raising=False)
        with pytest.raises(TransferError, match="not trusted"):
            fetch(server.url)


@pytest.mark.parametrize("name", VARIABLES)
def test_unreadable_certificates_are_one_sentence(
    system: Callable[..., None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    monkeypatch.setenv(name, str(tmp_path / "missing"))
    with pytest.raises(RequestError, match=rf"{name}.*missing.*read.*unset {name}\."):
        fetch("https://127.0.0.1:9")


def test_intermediate_certificate_may_be_trusted_alone(
    authority: trustme.CA, system: Callable[..., None], tmp_path: Path
) -> None:
    """As by curl and GDAL: some companies publish nothing else of their proxy."""
    intermediate = authority.create_child_ca()
    file = tmp_path / "intermediate.pem"
    intermediate.cert_pem.write_to_path(str(file))
    system(file=file)
    with misbehaving(lambda _: Reply(body=b"z"), intermediate.issue_cert("127.0.0.1")) as service:
        assert fetch(service.url) == b"z"


def test_missing_file_is_named_among_several_places(
    hashed: Path, system: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """OpenSSL says that there is no such file or directory, and not which."""
    monkeypatch.setenv("SSL_CERT_FILE", str(hashed / "missing.pem"))
    monkeypatch.setenv("SSL_CERT_DIR", str(hashed))
    with pytest.raises(RequestError, match=r"No such file .*missing\.pem'\)\. Correct or unset"):
        fetch("https://127.0.0.1:9")


def test_http_needs_no_certificates(
    system: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Loading them takes 40 ms."""
    monkeypatch.setenv("SSL_CERT_FILE", "/missing")
    with misbehaving(lambda _: Reply(body=b"y")) as plain:
        assert fetch(plain.url) == b"y"


@pytest.mark.parametrize("place", ["file", "folder", "store", "SSL_CERT_DIR"])
@pytest.mark.skipif(sys.platform == "win32", reason="GDAL's libcurl takes no folder there")
def test_gdal_trusts_the_same(
    authority: trustme.CA, bundle: Path, hashed: Path, system: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, place: str,
) -> None:  # fmt: skip
    if place == "store":  # of Windows, which Python can list
        monkeypatch.setattr(certificates, "HAS_STORE", True)
        listed = ssl.create_default_context(cafile=str(bundle))
        monkeypatch.setattr(ssl, "create_default_context", lambda: listed)
        certificates.export_store.cache_clear()
    elif place == "SSL_CERT_DIR":
        monkeypatch.setenv(place, str(hashed))
    else:
        system(**{place: bundle if place == "file" else hashed})
    path = tmp_path / f"{place}.tif"
    with rasterio.open(path, "w", width=1, height=1, count=1, dtype="uint8", transform=PLACE):
        pass
    content = path.read_bytes()
    leaf = authority.issue_cert("127.0.0.1")
    with misbehaving(lambda request: range_reply(content, request), leaf) as store:
        url = f"{store.url}/{place}.tif"
        with (
            pinned_gdal(),
            rasterio.Env(**gdal_http_options(None, [url])),
            rasterio.open(f"/vsicurl/{url}") as raster,
        ):
            assert raster.width == 1
    if place == "store":
        certificates.export_store.cache_clear()


@pytest.mark.skipif(
    sys.platform in ("win32", "darwin"), reason="SSL_CERT_FILE is no part of the store"
)
def test_certificate_store_serves_handshakes_side_by_side(
    server: Misbehaving, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that does not answer holds up no other: truststore's own context would."""
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))  # the store of truststore on Linux
    context = SystemStoreContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_alpn_protocols(["http/1.1"])
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as silent:
        stalled = socket.create_connection(silent.getsockname())
        thread = threading.Thread(target=_handshake, args=(context, stalled))
        thread.start()
        accepted, _ = silent.accept()
        with (
            socket.create_connection(server.server_address[:2], timeout=5) as plain,
            context.wrap_socket(plain, server_hostname="127.0.0.1") as encrypted,
        ):
            assert encrypted.version()
        accepted.close()
        thread.join()
        stalled.close()


def _handshake(context: ssl.SSLContext, connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        context.wrap_socket(connection, server_hostname="127.0.0.1")


def test_certificates_are_loaded_once_until_their_file_changes(
    server: Misbehaving, authority: trustme.CA, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "authority.pem"
    trustme.CA().cert_pem.write_to_path(file)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    with pytest.raises(TransferError, match="not trusted"):
        fetch(server.url)
    before = share_tls_context(find_certificates())
    assert share_tls_context(find_certificates()) is before
    authority.cert_pem.write_to_path(file, append=True)
    assert fetch(server.url)


def test_certificate_store_refuses_others(
    server: Misbehaving, monkeypatch: pytest.MonkeyPatch, system: Callable[..., None]
) -> None:
    monkeypatch.setattr(certificates, "HAS_STORE", True)
    monkeypatch.setenv("SSL_CERT_FILE", "")
    assert find_certificates().source == "the operating system"
    assert isinstance(make_tls_context(find_certificates()), SystemStoreContext)
    with pytest.raises(TransferError, match="not trusted"):
        fetch(server.url)
