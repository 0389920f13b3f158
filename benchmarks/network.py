"""The lines on which readers are measured: this machine's loopback, or a slower one."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.link import STORE_ADDRESS, USER_ADDRESS

LINES: dict[str, tuple[float, tuple[str, ...]]] = {
    "loopback": (0.0, ()),
    "30ms-60MB/s": (30.0, ("--rate-mb", "60")),
    "60ms-12MB/s-per-connection": (60.0, ("--flow-mb", "12")),
    "80ms-10MB/s": (80.0, ("--rate-mb", "10")),
}
_PATIENCE = 30  # seconds


@dataclass(frozen=True, slots=True)
class Line:
    """A line that is up.

    Attributes:
        name: As in `LINES`.
        rtt: Round trip time, seconds.
        store_address: IP address of the store.
        user_address: IP address of the machine that reads. A catalogue there has the store's
            network scope, so that hrdem may read the files that it lists.
        on_store: Words to put before a command to run it on the store's side.
        on_user: The same for the user's side.
        carrier: Process that emulates it, None for loopback.
    """

    name: str
    rtt: float
    store_address: str
    user_address: str
    on_store: tuple[str, ...] = ()
    on_user: tuple[str, ...] = ()
    carrier: int | None = None


@contextlib.contextmanager
def line(name: str) -> Iterator[Line]:
    """Set up a line, and take it down in the end."""
    rtt, options = LINES[name]
    if not options:
        yield Line(name, 0.0, "127.0.0.1", "127.0.0.1")
        return
    command = [sys.executable, "-m", "benchmarks.link", "--rtt-ms", str(rtt), *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as carrier:
        try:
            assert carrier.stdout is not None
            word, *namespaces = carrier.stdout.readline().split() or [""]
            if word != "ready":
                raise RuntimeError(f"no line {name}: it needs root, /dev/net/tun and iproute2")
            store, user = (("ip", "netns", "exec", each) for each in namespaces)
            yield Line(name, rtt / 1e3, STORE_ADDRESS, USER_ADDRESS, store, user, carrier.pid)
        finally:
            carrier.terminate()
            carrier.wait(_PATIENCE)
