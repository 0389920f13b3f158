"""Direct connections: bodies in place, and which connections are used again."""

from __future__ import annotations

import contextlib
import random
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
import trustme

from hrdem.errors import BlockedAddressError, TransferError
from hrdem.http.client import HttpClient
from hrdem.http.direct import MAX_PIECE_BYTES, DirectTransport
from hrdem.http.receive import IN_PLACE
from hrdem.http.retry import Retries
from hrdem.http.source_version import SourceVersion

CONTENT = random.Random(3).randbytes(3 * MAX_PIECE_BYTES)


class Store:
    """A store of one file that counts connections; it may alter its answers."""

    def __init__(self, alter: Callable[[bytes, bytes], tuple[bytes, bytes]]) -> None:
        self._alter = alter
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}/file.tif"
        self.connections = 0
        self.open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listening.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                self.connections += 1
                self.open.append(connection)
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            while asked := connection.recv(65_536):
                start, last = map(int, re.search(rb"bytes=(\d+)-(\d+)", asked).groups())
                head = (
                    f"HTTP/1.1 206 Partial Content\r\nContent-Length: {last + 1 - start}\r\n"
                    f'ETag: "1"\r\nContent-Range: bytes {start}-{last}/{len(CONTENT)}\r\n'
                )
                head_bytes, body = self._alter(head.encode(), CONTENT[start : last + 1])
                connection.sendall(head_bytes + b"\r\n" + body)
                if len(body) < last + 1 - start:
                    return


def same(head: bytes, body: bytes) -> tuple[bytes, bytes]:
    return head, body


def read_twice(store: Store) -> None:
    """Read two ranges, one after the other, and compare them."""
    version = SourceVersion.of(store.url, '"1"', len(CONTENT))
    with HttpClient(trusted=[store.url], retries=Retries(attempts=1)) as client:
        for start, stop in ((5, 400_005), (9, 300_009)):
            assert client.read_range(store.url, start, stop, version)[:] == CONTENT[start:stop]


@pytest.mark.parametrize(
    ("alter", "connections"),
    [
        (same, 1),
        (lambda head, body: (head + b"Connection: Keep-Alive, CLOSE\r\n", body), 2),
        (lambda head, body: (head.replace(b"HTTP/1.1", b"HTTP/1.0"), body), 2),
        # bytes that nobody asked for would be taken for the next answer
        (lambda head, body: (head, body + bytes(100_000)), 2),
        # without a length its end has to be found
        (
            lambda head, body: (
                re.sub(rb"Content-Length: \d+", b"Transfer-Encoding: chunked", head),
                b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body),
            ),
            1,
        ),
    ],
    ids=["as usual", "closing", "HTTP/1.0", "longer", "chunked"],
)
def test_connections_are_used_again_where_that_is_safe(
    alter: Callable[[bytes, bytes], tuple[bytes, bytes]], connections: int
) -> None:
    with contextlib.closing(Store(alter)) as store:
        read_twice(store)
        assert store.connections == connections


def test_a_body_that_breaks_off_is_an_error_with_its_length() -> None:
    with (
        contextlib.closing(Store(lambda head, body: (head, body[:100_000]))) as store,
        pytest.raises(TransferError, match="closed after 100000 of 400000 bytes"),
    ):
        read_twice(store)


def test_connections_opened_ahead_serve_the_requests() -> None:
    with (
        contextlib.closing(Store(same)) as store,
        HttpClient(trusted=[store.url], retries=Retries(attempts=1)) as client,
    ):
        client.open_connections(store.url, 3)
        client.open_connections(store.url, 3)  # they are on their way
        wait_until_open(store, 3)
        client.open_connections(store.url, 3)  # they are there
        version = SourceVersion.of(store.url, '"1"', len(CONTENT))
        with ThreadPoolExecutor(3) as threads:
            spans = [(start, start + 200_000) for start in (0, 7, 100)]
            parts = threads.map(lambda span: client.read_range(store.url, *span, version), spans)
            assert [part[:] for part in parts] == [CONTENT[slice(*span)] for span in spans]
        assert store.connections == 3


def test_connections_that_the_server_closed_are_opened_again_ahead() -> None:
    with (
        contextlib.closing(Store(same)) as store,
        HttpClient(trusted=[store.url], retries=Retries(attempts=1)) as client,
    ):
        client.open_connections(store.url, 2)
        wait_until_open(store, 2)
        store.open.pop().shutdown(socket.SHUT_RDWR)
        time.sleep(0.02)
        client.open_connections(store.url, 2)
        wait_for(lambda: store.connections == 3)


def test_what_prevents_connections_ahead_is_reported_by_the_requests() -> None:
    with (
        contextlib.closing(Store(same)) as store,
        HttpClient(retries=Retries(attempts=1)) as client,
    ):
        client.open_connections(store.url, 3)  # blocked: it is on this machine
        client.open_connections("http://[", 1)
        client.open_connections("http://hrdem.invalid/", 20)
        with pytest.raises(BlockedAddressError):
            client.request("GET", store.url)
        with pytest.raises(TransferError, match="cannot be reached"):
            client.request("GET", "http://hrdem.invalid/")
        assert store.connections == 0


def test_without_threads_connections_are_opened_by_the_requests(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with (
        contextlib.closing(Store(same)) as store,
        HttpClient(trusted=[store.url], retries=Retries(attempts=1)) as client,
    ):
        with monkeypatch.context() as patched:
            patched.setattr(threading.Thread, "start", refuse)
            client.open_connections(store.url, 16)
        version = SourceVersion.of(store.url, '"1"', len(CONTENT))
        assert client.read_range(store.url, 0, 9, version)[:] == CONTENT[:9]


def wait_until_open(store: Store, count: int) -> None:
    """Wait until connections are there, and in the pool."""
    wait_for(lambda: len(store.open) == count)
    for thread in threading.enumerate():
        if thread.name == "hrdem-connect":
            thread.join(5)


def wait_for(condition: Callable[[], bool]) -> None:
    for _ in range(500):
        if condition():
            return
        time.sleep(0.01)
    pytest.fail("it did not happen within 5 s")


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> trustme.CA:
    made = trustme.CA()
    made.cert_pem.write_to_path(tmp_path / "authority.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    return made


@pytest.fixture
def encrypted(authority: trustme.CA) -> Iterator[str]:
    """Address of a server that answers everything with `CONTENT`, encrypted."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)

    def serve(listening: socket.socket) -> None:
        with contextlib.suppress(OSError):
            plain, _ = listening.accept()
            with context.wrap_socket(plain, server_side=True) as connection:
                while connection.recv(65_536):
                    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(CONTENT)}\r\n\r\n"
                    connection.sendall(head.encode() + CONTENT)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=serve, args=(listening,), daemon=True).start()
        yield f"https://127.0.0.1:{listening.getsockname()[1]}/"


def test_an_encrypted_connection_opened_ahead_waits_for_its_request(encrypted: str) -> None:
    """Tickets to resume the session arrive meanwhile, and are no answer."""
    with HttpClient(trusted=[encrypted], retries=Retries(attempts=1)) as client:
        client.open_connections(encrypted, 1)  # the server accepts no other
        time.sleep(0.1)
        assert client.request("GET", encrypted).content == CONTENT


def test_an_encrypted_body_arrives_in_place_in_large_pieces(
    encrypted: str, authority: trustme.CA
) -> None:
    """A record of TLS has 16 kB."""
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    with contextlib.closing(DirectTransport(trusting)) as transport:
        request = httpx.Request("GET", encrypted, extensions={"trace": lambda *_: None})
        for _ in range(2):
            response = transport.handle_request(request)
            memory, counts = memoryview(bytearray(len(CONTENT))), []
            chunks = iter(response.stream)
            while count := response.extensions[IN_PLACE](chunks, memory[sum(counts) :]):
                counts.append(count)
            response.close()
            assert memory == CONTENT
            assert max(counts) > 16_384


def test_bytes_after_an_encrypted_body_do_not_reach_the_next_response(
    authority: trustme.CA,
) -> None:
    """They are in the record of TLS that ends the body, so the socket has nothing to read."""
    context, trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.configure_trust(trusting)
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(CONTENT)}\r\n\r\n".encode()

    def serve(listening: socket.socket) -> None:
        plain, _ = listening.accept()
        with context.wrap_socket(plain, server_side=True) as connection:
            connection.recv(65_536)
            connection.sendall(head + CONTENT[:-10])
            connection.sendall(CONTENT[-10:] + b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            connection.recv(65_536)

    with (
        socket.create_server(("127.0.0.1", 0)) as listening,
        contextlib.closing(DirectTransport(trusting)) as transport,
    ):
        thread = threading.Thread(target=serve, args=(listening,))
        thread.start()
        url = f"https://127.0.0.1:{listening.getsockname()[1]}/"
        request = httpx.Request("GET", url, extensions={"trace": lambda *_: None})
        response = transport.handle_request(request)
        chunks, rest = iter(response.stream), memoryview(bytearray(len(CONTENT)))
        while count := response.extensions[IN_PLACE](chunks, rest):
            rest = rest[count:]
        response.close()
        assert not transport.is_connected(request)
        transport.close()
        thread.join()
