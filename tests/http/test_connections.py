"""Connections: used by one thread at a time, and closed by no other."""

from __future__ import annotations

import os
import random
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import httpx
import pytest

from hrdem.errors import TransferError
from hrdem.http.client import HttpClient
from hrdem.http.connections import MAX_CONNECTIONS, ConnectionPool
from hrdem.http.retry import Retries
from hrdem.http.source_version import SourceVersion
from hrdem.http.transport import RoutedTransport
from tests.misbehaving import Reply, ServerRequest, misbehaving, range_reply
from tests.systems import needs_forks

CONTENT = random.Random(1).randbytes(50_000)
HERE, THERE = (httpx.Request("GET", f"http://{name}.invalid/a") for name in ("here", "there"))


class Body(httpx.SyncByteStream):
    def __iter__(self) -> Iterator[bytes]:
        yield b"body"


class Transports:
    """Makes transports, and lists those that were made and those that were closed."""

    def __init__(self) -> None:
        self.made: list[httpx.BaseTransport] = []
        self.closed: list[httpx.BaseTransport] = []

    def __call__(self) -> httpx.BaseTransport:
        transports = self

        class Transport(httpx.BaseTransport):
            def handle_request(self, request: httpx.Request) -> httpx.Response:
                if request.method == "DELETE":
                    raise httpx.ReadError("broke off")
                return httpx.Response(200, stream=Body(), extensions={"transport": self})

            def close(self) -> None:
                transports.closed.append(self)

        self.made.append(Transport())
        return self.made[-1]


@pytest.fixture
def transports() -> Transports:
    return Transports()


def used(response: httpx.Response) -> httpx.BaseTransport:
    transport: httpx.BaseTransport = response.extensions["transport"]
    return transport


def test_a_transport_serves_one_response_at_a_time(transports: Transports) -> None:
    pool = ConnectionPool(transports)
    one, other = pool.handle_request(HERE), pool.handle_request(HERE)
    assert used(one) is not used(other)
    for response in (other, one, one):  # a response may be closed again
        response.close()
    again = pool.handle_request(HERE)
    assert used(again) is used(one)  # the one used last: its connection is the likeliest to be open
    assert used(pool.handle_request(HERE)) is used(other)
    assert len(transports.made) == 2


def test_a_transport_is_used_again_after_a_failure(transports: Transports) -> None:
    pool = ConnectionPool(transports)
    for _ in range(MAX_CONNECTIONS + 1):
        with pytest.raises(httpx.ReadError):
            pool.handle_request(httpx.Request("DELETE", "http://here.invalid/"))
    assert len(transports.made) == 1


def test_connections_to_one_server_stay_open_while_another_is_used(transports: Transports) -> None:
    pool = ConnectionPool(transports)
    for _ in range(3):
        here, there = pool.handle_request(HERE), pool.handle_request(THERE)
        here.close()
        there.close()
        assert [used(here), used(there)] == transports.made


def test_the_number_of_connections_is_limited(transports: Transports) -> None:
    pool = ConnectionPool(transports)
    responses = [pool.handle_request(HERE) for _ in range(MAX_CONNECTIONS)]
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(pool.handle_request, THERE)
        time.sleep(0.02)
        assert not waiting.done()
        responses[3].close()
        assert used(waiting.result(5)) is used(responses[3])  # closes one to the other server
    assert len(transports.made) == MAX_CONNECTIONS


def test_a_lower_limit_closes_idle_connections_at_once_and_others_when_they_are_free(
    transports: Transports,
) -> None:
    pool = ConnectionPool(transports, limit=4)
    first, second, third = (pool.handle_request(HERE) for _ in range(3))
    first.close()
    pool.set_limit(1)
    assert transports.closed == [used(first)]
    second.close()
    assert transports.closed == [used(first), used(second)]
    third.close()  # stays: it is the only one
    assert used(pool.handle_request(HERE)) is used(third)


def test_without_connections_requests_wait_for_another_limit(transports: Transports) -> None:
    pool = ConnectionPool(transports)
    pool.handle_request(HERE).close()
    pool.set_limit(0)
    assert len(transports.closed) == 1
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(pool.handle_request, HERE)
        time.sleep(0.02)
        assert not waiting.done()
        pool.set_limit(2)
        assert used(waiting.result(5)) is transports.made[1]


def test_without_connections_those_in_use_are_waited_for(transports: Transports) -> None:
    pool = ConnectionPool(transports)
    response = pool.handle_request(HERE)
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(pool.set_limit, 0)
        time.sleep(0.02)
        assert not waiting.done()
        response.close()
        waiting.result(5)
    assert transports.closed == [used(response)]


def test_a_connection_is_closed_before_another_takes_its_place(transports: Transports) -> None:
    pool = ConnectionPool(transports, limit=2)
    first, _ = pool.handle_request(HERE), pool.handle_request(HERE)
    closing, closed = threading.Event(), threading.Event()
    used(first).close = lambda: (closing.set(), closed.wait(5))
    pool.set_limit(1)
    with ThreadPoolExecutor(2) as threads:
        threads.submit(first.close)
        assert closing.wait(5)
        pool.set_limit(2)
        waiting = threads.submit(pool.handle_request, HERE)
        time.sleep(0.02)
        assert len(transports.made) == 2
        closed.set()
        assert used(waiting.result(5)) is transports.made[2]


def test_throttled_responses_are_counted() -> None:
    statuses = iter((503, 429, 500, 200))
    with misbehaving(lambda _: Reply(next(statuses))) as server:
        client = HttpClient(retries=Retries(attempts=4), sleep=lambda _: None)
        with client:
            client.request("GET", server.url, trusted=True)
            assert client.throttled_count == 2


def test_closing_leaves_connections_in_use_to_their_threads(transports: Transports) -> None:
    pool = ConnectionPool(transports)
    idle, busy = pool.handle_request(HERE), pool.handle_request(HERE)
    idle.close()
    pool.close()
    assert transports.closed == [used(idle)]
    busy.close()
    assert transports.closed == [used(idle), used(busy)]
    with pytest.raises(TransferError, match=r"here\.invalid/a is not requested"):
        pool.handle_request(HERE)


def test_a_closed_pool_has_no_connection_to_wait_for(transports: Transports) -> None:
    """A tile that nobody wants closes its client, and then gives its connections back."""
    pool = ConnectionPool(transports)
    pool.handle_request(HERE).close()
    pool.close()
    began = time.monotonic()
    pool.set_limit(0)
    assert time.monotonic() - began < 5


def test_closing_wakes_threads_that_wait_for_a_connection(transports: Transports) -> None:
    pool = ConnectionPool(transports)
    for _ in range(MAX_CONNECTIONS):
        pool.handle_request(HERE)
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(pool.handle_request, HERE)
        time.sleep(0.02)
        pool.close()
        assert isinstance(waiting.exception(5), TransferError)


def test_a_closed_client_sends_nothing() -> None:
    with misbehaving(lambda _: Reply()) as server:
        client = HttpClient(trusted=[server.url])
        client.close()
        with pytest.raises(TransferError, match="is not requested: the client was closed"):
            client.request("GET", server.url)
        assert server.requests == []


def test_close_during_a_response_ends_it_at_its_next_bytes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The thread that reads closes the connection, so no other gets its descriptor meanwhile."""
    closed_by: list[threading.Thread] = []
    close = RoutedTransport.close

    def record_close(transport: RoutedTransport) -> None:
        closed_by.append(threading.current_thread())
        close(transport)

    monkeypatch.setattr(RoutedTransport, "close", record_close)
    arrived = threading.Event()

    def reply_slowly(request: ServerRequest) -> Reply:
        arrived.set()
        return Reply(body=bytes(5_000), pause=0.01, piece=500)

    with misbehaving(reply_slowly) as server, ThreadPoolExecutor(1) as threads:
        client = HttpClient(trusted=[server.url])
        reading = threads.submit(client.request, "GET", server.url)
        assert arrived.wait(5)
        client.close()
        error = reading.exception(5)
    assert isinstance(error, TransferError)
    assert "the client was closed" in str(error)
    assert len(closed_by) == 1
    assert threading.main_thread() not in closed_by


def test_threads_never_share_a_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither while a request is sent, nor while its response is read."""
    in_use: dict[httpx.HTTPTransport, int] = {}
    shared: list[tuple[int, int]] = []
    send, close = httpx.HTTPTransport.handle_request, httpx.Response.close
    transports: dict[int, httpx.HTTPTransport] = {}  # by thread

    def record_send(transport: httpx.HTTPTransport, request: httpx.Request) -> httpx.Response:
        thread = threading.get_ident()
        if in_use.setdefault(transport, thread) != thread:
            shared.append((in_use[transport], thread))
        transports[thread] = transport
        return send(transport, request)

    def record_close(response: httpx.Response) -> None:
        transport = transports.pop(threading.get_ident(), None)
        if transport is not None:
            in_use.pop(transport, None)
        close(response)

    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", record_send)
    monkeypatch.setattr(httpx.Response, "close", record_close)
    read_ranges(CONTENT, threads=8, times=6)
    assert shared == []


@pytest.mark.slow
@pytest.mark.long
def test_many_threads_and_a_server_that_closes_idle_connections(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A reused connection that another thread closed reports "Bad file descriptor"."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-4)
    try:
        read_ranges(CONTENT, threads=2 * MAX_CONNECTIONS, times=30, faulty=True)
    finally:
        sys.setswitchinterval(interval)
    assert "Trying again" in caplog.text
    assert "Bad file descriptor" not in caplog.text


def read_ranges(content: bytes, *, threads: int, times: int, faulty: bool = False) -> None:
    """Read ranges in many threads and compare them; a faulty server ends connections at random."""
    chance = random.Random(0)

    def answer(request: ServerRequest) -> Reply:
        reply = range_reply(content, request)
        if faulty and chance.random() < 0.3:
            return replace(reply, cut=chance.choice((len(reply.body), len(reply.body) // 2)))
        return reply

    with (
        misbehaving(answer) as server,
        HttpClient(
            trusted=[server.url], retries=Retries(attempts=20), sleep=lambda _: None
        ) as http,
        ThreadPoolExecutor(threads) as pool,
    ):
        url = f"{server.url}/a.tif"
        version = SourceVersion.of(url, '"1"', len(content))

        def read(number: int) -> None:
            start = number * 37 % (len(content) - 9_000)
            stop = start + 1 + number * 101 % 9_000
            assert bytes(http.read_range(url, start, stop, version)) == content[start:stop]

        list(pool.map(read, range(threads * times)))


@needs_forks
@pytest.mark.filterwarnings("ignore:.*fork")  # Python 3.12 warns if the test runner has threads
def test_a_forked_process_opens_connections_of_its_own(transports: Transports) -> None:
    """On a shared one, each process would receive a part of the other's bytes."""
    pool = ConnectionPool(transports)
    pool.handle_request(HERE).close()
    (first,) = transports.made
    child = os.fork()
    if not child:
        is_other = used(pool.handle_request(HERE)) is not first
        os._exit(0 if is_other and transports.closed == [first] else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert used(pool.handle_request(HERE)) is first
    pool.close()
