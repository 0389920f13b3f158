"""The network links of the benchmark: loopback, or an emulated slower one."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.link_emulator import STORE_ADDRESS, USER_ADDRESS

LINKS: dict[str, tuple[float, tuple[str, ...]]] = {
    "loopback": (0.0, ()),
    "30ms-60MB/s": (30.0, ("--rate-mb", "60")),
    "60ms-12MB/s-per-connection": (60.0, ("--flow-mb", "12")),
    "80ms-10MB/s": (80.0, ("--rate-mb", "10")),
}
_TIMEOUT = 30  # seconds


class UnavailableError(Exception):
    """This machine lacks what a part of the benchmark needs."""


@dataclass(frozen=True, slots=True)
class Link:
    """A link that is up.

    Attributes:
        name: As in `LINKS`.
        rtt: Round trip time, seconds.
        store_address: IP address of the store.
        user_address: IP address of the machine that reads. A catalogue there has the store's
            network scope, so that hrdem may read the files that it lists.
        on_store: Command prefix that runs a command on the store's side.
        on_user: The same for the user's side.
        emulator: Process that emulates it, None for loopback.
    """

    name: str
    rtt: float
    store_address: str
    user_address: str
    on_store: tuple[str, ...] = ()
    on_user: tuple[str, ...] = ()
    emulator: int | None = None


@contextlib.contextmanager
def open_link(name: str) -> Iterator[Link]:
    """Set up a link; remove it at the end.

    Raises:
        UnavailableError: If this machine cannot emulate it.
    """
    rtt, options = LINKS[name]
    if not options:
        yield Link(name, 0.0, "127.0.0.1", "127.0.0.1")
        return
    command = [sys.executable, "-m", "benchmarks.link_emulator", "--rtt-ms", str(rtt), *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as emulator:
        try:
            assert emulator.stdout is not None
            status, *namespaces = emulator.stdout.readline().split() or [""]
            if status != "ready":
                needed = "root, /dev/net/tun, and ip and sysctl (iproute2, procps)"
                raise UnavailableError(f"no link {name}: it needs {needed}")
            store, user = (("ip", "netns", "exec", each) for each in namespaces)
            yield Link(name, rtt / 1e3, STORE_ADDRESS, USER_ADDRESS, store, user, emulator.pid)
        finally:
            emulator.terminate()
            emulator.wait(_TIMEOUT)
