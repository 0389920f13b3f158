"""A TCP proxy that flips one bit."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Wire:
    """Forwards connections to a local server.

    Args:
        port: Port of the server.
        at: Bytes from the server after which one bit flips.
    """

    def __init__(self, port: int, at: int) -> None:
        self._server = port
        self._left = at
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.flipped = False

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)  # or it keeps listening
        self._listener.close()

    def serve(self) -> None:
        """Accept connections until closed."""
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._server))
                for ways in ((client, server, False), (server, client, True)):
                    threading.Thread(target=self._pass, args=ways, daemon=True).start()

    def _pass(self, one: socket.socket, other: socket.socket, fault: bool) -> None:
        with contextlib.suppress(OSError):
            while data := bytearray(one.recv(16_384)):
                if fault:
                    self._flip(data)
                other.sendall(data)
        for each in (one, other):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _flip(self, data: bytearray) -> None:
        with self._lock:
            self._left -= len(data)
            if self._left < 0 and not self.flipped:
                data[len(data) // 2] ^= 0x10
                self.flipped = True


@contextmanager
def wire(port: int, at: int) -> Iterator[Wire]:
    """Proxy a server while the context is open."""
    laid = Wire(port, at)
    thread = threading.Thread(target=laid.serve, daemon=True)
    thread.start()
    try:
        yield laid
    finally:
        laid.close()
