"""Listen on a port of this machine."""

from __future__ import annotations

import socket

_MAX_WAITING = 128  # connections that are not accepted yet


def listen(port: int = 0) -> socket.socket:
    """Return a socket that listens on a port of 127.0.0.1; 0 takes a free one.

    Raises:
        OSError: If the port is taken.
    """
    listening = socket.socket()
    try:
        if not hasattr(socket, "SO_EXCLUSIVEADDRUSE"):  # of Windows, which would share the port
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", port))
        listening.listen(_MAX_WAITING)
    except OSError:
        listening.close()
        raise
    return listening
