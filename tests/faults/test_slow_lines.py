"""Parts of files over lines on which data trickle in, plain and encrypted."""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import threading
import time
from collections.abc import Iterator

import pytest
import trustme

from hrdem.http.client import HttpClient
from hrdem.http.retry import Retries
from hrdem.http.source_version import SourceVersion
from hrdem.http.timeouts import Timeouts

CONTENT = bytes(range(256)) * 4_000  # 1 MB


class Trickling:
    """A store of one file that sends its answers in small pieces, as packets would come.

    Encrypted, a piece ends somewhere within a record of TLS.
    """

    def __init__(self, certificate: trustme.LeafCert | None, piece: int, pause: float) -> None:
        self._context = None
        if certificate is not None:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            certificate.configure_cert(self._context)
        self._piece, self._pause = piece, pause
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self.connections = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listening.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                self.connections += 1
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.suppress(OSError, ssl.SSLError), connection:
            if self._context is None:
                self._answer(connection.recv, lambda data: self._trickle(connection, data))
                return
            arrived, leaving = ssl.MemoryBIO(), ssl.MemoryBIO()
            tls = self._context.wrap_bio(arrived, leaving, server_side=True)

            def pumped(step):
                while True:
                    try:
                        return step()
                    except ssl.SSLWantReadError:
                        connection.sendall(leaving.read())
                        arrived.write(connection.recv(65_536))

            def send(data: bytes) -> None:
                tls.write(data)
                self._trickle(connection, leaving.read())

            pumped(tls.do_handshake)
            connection.sendall(leaving.read())
            self._answer(lambda most: pumped(lambda: tls.read(most)), send)

    def _answer(self, receive, send) -> None:
        asked = b""
        while chunk := receive(65_536):
            asked += chunk
            if not asked.endswith(b"\r\n\r\n"):
                continue
            start, last = map(int, re.search(rb"bytes=(\d+)-(\d+)", asked).groups())
            head = (
                f"HTTP/1.1 206 Partial Content\r\nContent-Length: {last + 1 - start}\r\n"
                f'ETag: "1"\r\nContent-Range: bytes {start}-{last}/{len(CONTENT)}\r\n\r\n'
            )
            send(head.encode() + CONTENT[start : last + 1])
            asked = b""

    def _trickle(self, connection: socket.socket, data: bytes) -> None:
        for at in range(0, len(data), self._piece):
            connection.sendall(data[at : at + self._piece])
            time.sleep(self._pause)


@pytest.fixture(params=["plain", "encrypted"])
def certificate(
    request: pytest.FixtureRequest, tmp_path, monkeypatch: pytest.MonkeyPatch
) -> trustme.LeafCert | None:
    if request.param == "plain":
        return None
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    return authority.issue_cert("127.0.0.1")


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize("piece", [700, 5_000, 40_000])
def test_slow_ranges_arrive_whole_without_extra_waits(
    certificate: trustme.LeafCert | None, client_of, piece: int
) -> None:
    """The client wakes for large reads only; less than one may remain."""
    with contextlib.closing(Trickling(certificate, piece, pause=0.0005)) as store:
        scheme = "https" if certificate else "http"
        url = f"{scheme}://127.0.0.1:{store.port}/file.tif"
        version = SourceVersion(url, '"1"', len(CONTENT), "", "")
        client = client_of()
        for start, stop in ((0, 1), (5, 30_005), (7, 65_543), (11, 300_011), (1, len(CONTENT))):
            part = client.read_range(url, start, stop, version)
            assert part[:] == CONTENT[start:stop]
        assert store.connections == 1  # each was given back in order


@pytest.fixture
def client_of() -> Iterator:
    """Makes a client when certificates are in place."""
    with contextlib.ExitStack() as stack:
        timeouts = Timeouts(connect=2, read=1, total=20)
        yield lambda: stack.enter_context(
            HttpClient(timeouts=timeouts, retries=Retries(attempts=1), trusted=["http://127.0.0.1"])
        )


def test_at_most_16_connections_are_open(client_of) -> None:
    with contextlib.closing(Trickling(None, 10_000, pause=0.02)) as store:
        url = f"http://127.0.0.1:{store.port}/file.tif"
        version = SourceVersion(url, '"1"', len(CONTENT), "", "")
        client = client_of()
        threads = [
            threading.Thread(target=client.read_range, args=(url, 0, 50_000, version))
            for _ in range(40)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert store.connections == 16
