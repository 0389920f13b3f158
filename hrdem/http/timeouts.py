"""How long to wait for a connection, for bytes, and for a whole response."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long to wait, in seconds.

    Attributes:
        connect: For a connection.
        read: For the next bytes of a response.
        total: For the body of one response.
        slow: For a body that arrives at less than 2,000 bytes a second.
    """

    connect: float = 10.0
    read: float = 60.0
    total: float = 300.0
    slow: float = 30.0
