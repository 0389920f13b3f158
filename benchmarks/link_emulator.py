"""Emulate a slow link between two network namespaces, for kernels without netem.

Each namespace has a TUN device; this program carries the packets from one to the other, late by
half of the round trip and no faster than the caps allow. The devices hand over what TCP wants to
send in pieces of up to 64 kB (segmentation offload), which keeps the program's own share of the
processor low while the connections still count in segments of 1,500 bytes.

Needs root, /dev/net/tun and iproute2. Nothing leaves the machine.

    python -m benchmarks.link_emulator --rtt-ms 60 --flow-mb 12    prints ``ready``, the namespaces
    ip netns exec NAMESPACE COMMAND                                store 10.77.0.1, user 10.77.0.2

It ends, and takes the namespaces with it, on SIGTERM, SIGINT, or when its parent has gone.
"""

from __future__ import annotations

import argparse
import contextlib
import heapq
import os
import select
import signal
import struct
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from types import FrameType

STORE_ADDRESS, USER_ADDRESS = "10.77.0.1", "10.77.0.2"
_TUNSETIFF, _TUNSETOFFLOAD = 0x400454CA, 0x400454D0
_TUN, _NO_PACKET_INFO, _OFFLOAD_HEADER = 0x0001, 0x1000, 0x4000
_CHECKSUM, _SEGMENTATION_4 = 1, 2
_HEADER = 10  # bytes of struct virtio_net_hdr before each packet, passed on as they are
MAX_PACKET_BYTES = 65_536 + _HEADER
_IDLE = 0.5  # seconds between looks whether the parent is still there
_GRAIN = 0.0002  # seconds; packets that are due together travel together
_CONGESTION_CONTROL = "cubic"  # as most servers have it, regardless of this machine's default


@dataclass(frozen=True, slots=True)
class Shape:
    """Delay and limits of a link.

    Attributes:
        rtt: Round trip time, seconds.
        rate: Bytes a second in each direction, 0 for no limit.
        flow_rate: Bytes a second of each TCP connection in each direction, 0 for no limit.
        queue: Seconds that a packet may wait for its turn before it is dropped.
    """

    rtt: float
    rate: float = 0.0
    flow_rate: float = 0.0
    queue: float = 0.3


class Pipe:
    """One direction of a link: packets go in now and come out later."""

    def __init__(self, source: int, sink: int, shape: Shape) -> None:
        self._source = source
        self._sink = sink
        self._shape = shape
        self._waiting: list[tuple[float, int, bytes]] = []
        self._number = 0
        self._free = 0.0
        self._flow_free: defaultdict[bytes, float] = defaultdict(float)

    @property
    def due(self) -> float:
        """When the next packet comes out."""
        return self._waiting[0][0] if self._waiting else float("inf")

    def receive(self) -> None:
        """Read what the source has."""
        now = time.monotonic()
        while True:
            try:
                packet = os.read(self._source, MAX_PACKET_BYTES)
            except BlockingIOError:
                return
            leaves = self._leave_time(packet, now)
            if leaves - now <= self._shape.queue:
                self._number += 1
                entry = (leaves + self._shape.rtt / 2, self._number, packet)
                heapq.heappush(self._waiting, entry)

    def send_due(self) -> None:
        """Send what is due."""
        until = time.monotonic() + _GRAIN
        while self._waiting and self._waiting[0][0] <= until:
            with contextlib.suppress(BlockingIOError, OSError):
                os.write(self._sink, self._waiting[0][2])
            heapq.heappop(self._waiting)

    def _leave_time(self, packet: bytes, now: float) -> float:
        """When a packet has passed the caps; if it would wait too long it takes up no time."""
        shape, leaves, flow_leaves, key = self._shape, now, now, b""
        if shape.flow_rate:
            key = packet[_HEADER + 12 : _HEADER + 24]  # addresses and ports, IPv4 without options
            flow_leaves = max(now, self._flow_free[key]) + len(packet) / shape.flow_rate
        if shape.rate:
            leaves = max(now, self._free) + len(packet) / shape.rate
        if max(leaves, flow_leaves) - now <= shape.queue:
            self._free = leaves
            if key:
                self._flow_free[key] = flow_leaves
        return max(leaves, flow_leaves)


def carry_packets(store: int, user: int, shape: Shape) -> None:
    """Carry packets between two devices until the parent has gone."""
    parent = os.getppid()
    pipes = {store: Pipe(store, user, shape), user: Pipe(user, store, shape)}
    while os.getppid() == parent:
        wait = min(pipe.due for pipe in pipes.values()) - time.monotonic()
        for ready in select.select(list(pipes), [], [], min(max(wait, 0), _IDLE))[0]:
            pipes[ready].receive()
        for pipe in pipes.values():
            pipe.send_due()


@contextlib.contextmanager
def namespaces(names: tuple[str, str], mtu: int) -> Iterator[tuple[int, int]]:
    """Make two namespaces with a TUN device each, and remove them in the end."""
    with contextlib.ExitStack() as cleaning:
        devices = []
        addresses = STORE_ADDRESS, USER_ADDRESS
        for side, name in enumerate(names):
            _run("ip", "netns", "add", name)
            cleaning.callback(_run, "ip", "netns", "del", name)
            label = f"hb{os.getpid() % 10**9}{'su'[side]}"
            device = _tun(label)
            cleaning.callback(os.close, device)
            _run("ip", "link", "set", label, "netns", name)
            # no connection is to learn from those before it
            _run("ip", "netns", "exec", name, "sysctl", "-qw", "net.ipv4.tcp_no_metrics_save=1")
            _run("ip", "-n", name, "link", "set", "lo", "up")
            here, there = addresses[side], addresses[1 - side]
            _run("ip", "-n", name, "addr", "add", here, "peer", there, "dev", label)
            _run("ip", "-n", name, "link", "set", label, "up", "mtu", str(mtu),
                 "txqueuelen", "10000")  # fmt: skip
            _run("ip", "-n", name, "route", "replace", there, "dev", label, "src", here,
                 "congctl", _CONGESTION_CONTROL)  # fmt: skip
            devices.append(device)
        yield devices[0], devices[1]


def _tun(label: str) -> int:
    import fcntl  # noqa: PLC0415 (Windows, where the results can be read, has none)

    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    flags = _TUN | _NO_PACKET_INFO | _OFFLOAD_HEADER
    fcntl.ioctl(device, _TUNSETIFF, struct.pack("16sH22x", label.encode(), flags))
    fcntl.ioctl(device, _TUNSETOFFLOAD, _CHECKSUM | _SEGMENTATION_4)
    return device


def _run(*command: str) -> None:
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


def _stop(number: int, frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.exit(0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rtt-ms", type=float, required=True)
    parser.add_argument("--rate-mb", type=float, default=0, help="MB/s in all, 0 for no limit")
    parser.add_argument("--flow-mb", type=float, default=0, help="MB/s of each connection")
    parser.add_argument("--queue-ms", type=float, default=300)
    parser.add_argument("--mtu", type=int, default=1500)
    parser.add_argument("--name", default=f"hrdem-bench-{os.getpid()}")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, _stop)
    shape = Shape(
        arguments.rtt_ms / 1e3,
        arguments.rate_mb * 1e6,
        arguments.flow_mb * 1e6,
        arguments.queue_ms / 1e3,
    )
    names = f"{arguments.name}-store", f"{arguments.name}-user"
    with namespaces(names, arguments.mtu) as devices:
        print("ready", *names, flush=True)
        carry_packets(*devices, shape)


if __name__ == "__main__":
    main()
