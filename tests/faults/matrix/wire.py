"""A wire between a client and a server on which a bit is flipped."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Wire:
    """Passes on what clients and a server on this machine say to each other.

    Args:
        port: The server's.
        at: After how many bytes from the server one bit of them is flipped.
    """

    def __init__(self, port: int, at: int) -> None:
        self._server = port
        self._left = at
        self._lock = threading.Lock()
        self._ears = socket.create_server(("127.0.0.1", 0))
        self.port = self._ears.getsockname()[1]
        self.flipped = False

    def close(self) -> None:
        self._ears.shutdown(socket.SHUT_RDWR)  # or it goes on listening
        self._ears.close()

    def serve(self) -> None:
        """Take connections until it is closed."""
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._ears.accept()
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
    """Lay a wire to a server for as long as the context lasts."""
    laid = Wire(port, at)
    thread = threading.Thread(target=laid.serve, daemon=True)
    thread.start()
    try:
        yield laid
    finally:
        laid.close()
