"""Compare ways to receive byte ranges: CPU seconds per GB, and MB/s.

Each way fills the memory that the reader hands on, over 16 connections, from nginx, plain and
encrypted. Ways take turns, each in a process of its own; medians are printed. Needs nginx; a way
whose package is missing is left out.

    python -m benchmarks.receiving --file FILE [--sizes 1 4] [--links loopback] [--rounds 3]
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import json
import os
import queue
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from mmap import mmap
from pathlib import Path
from urllib.parse import urlsplit

import httpcore
import httpx

from benchmarks.certificate import make_certificate
from benchmarks.link_emulator import STORE_ADDRESS
from benchmarks.links import LINKS, open_link
from benchmarks.store_server import serve_store
from hrdem.http.client import HttpClient
from hrdem.http.ranges import read_version
from hrdem.runtime.memory import allocate_buffer

THREADS = 16
_HEADROOM = 300  # bytes before a range, as the decoder wants it
Receive = Callable[[str, int, int], mmap]


def with_hrdem() -> Receive:
    """Use the client of this version; the bytes are passed on as they arrive, as to the cache."""
    client, versions = HttpClient(trusted=["http://127.0.0.1", f"http://{STORE_ADDRESS}"]), {}

    def receive(url: str, start: int, stop: int) -> mmap:
        if url not in versions:
            versions[url] = read_version(url, client)
        return client.read_range(url, start, stop, versions[url], _HEADROOM, lambda *_: None)

    return receive


def with_httpx() -> Receive:
    """Use httpx, its chunks copied."""
    limits = httpx.Limits(max_connections=THREADS, max_keepalive_connections=THREADS)
    client = httpx.Client(verify=_tls(), limits=limits, trust_env=False)

    def receive(url: str, start: int, stop: int) -> mmap:
        memory = allocate_buffer(_HEADROOM + stop - start)
        with client.stream("GET", url, headers=_range(start, stop)) as response:
            _copy(response.iter_raw(), memory)
        return memory

    return receive


def with_httpcore() -> Receive:
    """Use httpcore alone, its chunks copied."""
    pool = httpcore.ConnectionPool(_tls(), max_connections=THREADS)

    def receive(url: str, start: int, stop: int) -> mmap:
        memory = allocate_buffer(_HEADROOM + stop - start)
        with pool.stream("GET", url, headers=_range(start, stop)) as response:
            _copy(response.iter_stream(), memory)
        return memory

    return receive


def with_recv_into() -> Receive:
    """Use httpcore for the head of a response, ``recv_into`` for its body."""
    idle: queue.LifoQueue = queue.LifoQueue()

    class Lent(httpcore.NetworkStream):
        def __init__(self, stream: httpcore.NetworkStream) -> None:
            self.read, self.write = stream.read, stream.write

        def close(self) -> None:
            pass  # the stream is used again

        def get_extra_info(self, info: str) -> object:
            return None

    def receive(url: str, start: int, stop: int) -> mmap:
        memory = allocate_buffer(_HEADROOM + stop - start)
        stream = idle.get_nowait() if idle.qsize() else _open_stream(url)
        parts = httpcore.URL(url)
        connection = httpcore.HTTP11Connection(parts.origin, Lent(stream))
        headers = [("Host", parts.host), *_range(start, stop).items()]
        response = connection.handle_request(
            httpcore.Request("GET", url, headers=headers, extensions={"timeout": {"read": 60}})
        )
        connected = stream.get_extra_info("socket")
        first = next(iter(response.stream))
        at = _HEADROOM + len(first)
        with memoryview(memory) as view:
            view[_HEADROOM:at] = first
            while at < len(memory):
                at += connected.recv_into(view[at:])
        idle.put(stream)
        return memory

    return receive


def with_http_client() -> Receive:
    """Use http.client of the standard library, ``readinto``."""
    idle: queue.LifoQueue = queue.LifoQueue()

    def receive(url: str, start: int, stop: int) -> mmap:
        memory = allocate_buffer(_HEADROOM + stop - start)
        parts = urlsplit(url)
        if idle.qsize():
            connection = idle.get_nowait()
        elif parts.scheme == "https":
            connection = http.client.HTTPSConnection(parts.netloc, timeout=60, context=_tls())
        else:
            connection = http.client.HTTPConnection(parts.netloc, timeout=60)
        connection.request("GET", parts.path, headers=_range(start, stop))
        response, at = connection.getresponse(), _HEADROOM
        with memoryview(memory) as view:
            while at < len(memory):
                at += response.readinto(view[at:])
        response.read()
        idle.put(connection)
        return memory

    return receive


def with_urllib3() -> Receive:
    """Use urllib3, its chunks copied."""
    import urllib3  # noqa: PLC0415 (optional)

    pool = urllib3.PoolManager(ssl_context=_tls(), maxsize=THREADS, block=True)

    def receive(url: str, start: int, stop: int) -> mmap:
        memory = allocate_buffer(_HEADROOM + stop - start)
        response = pool.request("GET", url, headers=_range(start, stop), preload_content=False)
        _copy(response.stream(1 << 18, decode_content=False), memory)
        response.release_conn()
        return memory

    return receive


def with_obstore() -> Receive:
    """Use obstore, whose bytes are copied once."""
    from obstore.store import HTTPStore  # noqa: PLC0415 (optional)

    options = {"allow_http": True, "allow_invalid_certificates": True, "timeout": "60s"}
    stores: dict[str, HTTPStore] = {}

    def receive(url: str, start: int, stop: int) -> mmap:
        memory = allocate_buffer(_HEADROOM + stop - start)
        base, _, name = url.rpartition("/")
        store = stores.setdefault(base, HTTPStore.from_url(base, client_options=options))
        memory[_HEADROOM:] = memoryview(store.get_range(name, start=start, end=stop))
        return memory

    return receive


WAYS: dict[str, tuple[Callable[[], Receive], str]] = {
    "hrdem": (with_hrdem, "hrdem"),
    "httpx": (with_httpx, "httpx"),
    "httpcore": (with_httpcore, "httpcore"),
    "urllib3": (with_urllib3, "urllib3"),
    "obstore": (with_obstore, "obstore"),
    "http.client, readinto": (with_http_client, "http"),
    "httpcore, recv_into": (with_recv_into, "httpcore"),
}


def _range(start: int, stop: int) -> dict[str, str]:
    return {"Range": f"bytes={start}-{stop - 1}", "Accept-Encoding": "identity"}


def _copy(chunks: Iterable[bytes], memory: mmap) -> None:
    at = _HEADROOM
    for chunk in chunks:
        memory[at : at + len(chunk)] = chunk
        at += len(chunk)
    if at != len(memory):
        raise ValueError("the body is short")


def _tls() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(os.environ["SSL_CERT_FILE"])
    return context


def _open_stream(url: str) -> httpcore.NetworkStream:
    parts = urlsplit(url)
    options = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]
    stream = httpcore.SyncBackend().connect_tcp(
        parts.hostname, parts.port, timeout=10, socket_options=options
    )
    if parts.scheme == "https":
        stream = stream.start_tls(_tls(), server_hostname=parts.hostname, timeout=10)
    return stream


def receive_all(name: str, url: str, size: int, amount: int, path: str) -> dict[str, float]:
    """Receive the beginning of a file by one way; check some ranges against the file."""
    receive = WAYS[name][0]()
    spans = [(start, start + size) for start in range(0, amount, size)]
    with ThreadPoolExecutor(THREADS) as pool, Path(path).open("rb") as file:
        list(pool.map(lambda span: receive(url, *span), spans[:THREADS]))  # opens connections
        for start, stop in spans[:: len(spans) // 3]:
            file.seek(start)
            if receive(url, start, stop)[_HEADROOM:] != file.read(stop - start):
                raise ValueError(f"{name} receives other bytes")
        before, began = os.times(), time.perf_counter()
        for _ in pool.map(lambda span: len(receive(url, *span)), spans):
            pass
        wall, after = time.perf_counter() - began, os.times()
    cpu = after.user + after.system - before.user - before.system
    return {"cpu": cpu / amount * 1e9, "speed": amount / wall / 1e6}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--file", type=Path, required=True, help="to serve, of 400 MB at least")
    parser.add_argument("--sizes", type=int, nargs="+", default=[1, 4], help="of ranges, MB")
    parser.add_argument("--amount", type=int, default=400, help="to receive in a round, MB")
    parser.add_argument("--links", nargs="+", default=["loopback"], choices=LINKS)
    parser.add_argument("--schemes", nargs="+", default=["http", "https"])
    parser.add_argument("--ways", nargs="+", default=list(WAYS), choices=WAYS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--one", nargs=5, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        name, url, size, amount, path = arguments.one
        print(json.dumps(receive_all(name, url, int(size), int(amount), path)))
        return
    ways = [name for name in arguments.ways if find_spec(WAYS[name][1])]
    print("| link, scheme, range | " + " | ".join(ways) + " |\n" + "|---" * (len(ways) + 1) + "|")
    for link, scheme in itertools.product(arguments.links, arguments.schemes):
        compare(link, scheme, ways, arguments)


def compare(link_name: str, scheme: str, ways: list[str], arguments: argparse.Namespace) -> None:
    """Measure ways over a link; print a row of the table for each size of range."""
    file, amount = arguments.file, arguments.amount << 20
    with tempfile.TemporaryDirectory() as folder, open_link(link_name) as link:
        certificate = make_certificate(Path(folder) / "tls", [link.store_address])
        environment = os.environ | certificate.environment
        tls = certificate.server if scheme == "https" else None
        with serve_store(link, file.parent, Path(folder), tls) as store:
            url = f"{store.base}/{file.name}"

            def measure(name: str, size: int) -> dict[str, float]:
                one = "--one", name, url, str(size << 20), str(amount), str(file)
                command = [*link.on_user, sys.executable, "-m", "benchmarks.receiving", *one]
                done = subprocess.run(
                    [*command, "--file", "-"], env=environment, check=True, stdout=subprocess.PIPE
                )
                found: dict[str, float] = json.loads(done.stdout)
                return found

            for size in arguments.sizes:
                rounds = [[measure(name, size) for name in ways] for _ in range(arguments.rounds)]
                cells = [f"{link_name}, {scheme}, {size} MB"]
                for found in zip(*rounds, strict=True):
                    cpu, speed = (statistics.median(each[key] for each in found)
                                  for key in ("cpu", "speed"))  # fmt: skip
                    cells.append(f"{cpu:.2f} s, {speed:.0f} MB/s")
                print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
