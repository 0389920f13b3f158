"""Share a number of connections among tiles; fewer while servers ask for that."""

from __future__ import annotations

from dataclasses import dataclass

from hrdem.errors import RequestError

MAX_USUAL_CONNECTIONS = 64  # to a public service; more only on purpose


def check_connections(connections: int, *, many: bool = False) -> None:
    """Check how many connections all workers may have together.

    Args:
        connections: The number.
        many: Whether it may be more than `MAX_USUAL_CONNECTIONS`.

    Raises:
        RequestError: If it is too small or too large.
    """
    if connections < 1:
        raise RequestError(f"{connections} `connections` were requested: give at least 1.")
    if connections > MAX_USUAL_CONNECTIONS and not many:
        raise RequestError(
            f"{connections} `connections` were requested, and more than {MAX_USUAL_CONNECTIONS} "
            "are a burden for a public service. Give fewer; or `many_connections=True`, if its "
            "operator agrees."
        )


@dataclass(frozen=True, slots=True)
class _Share:
    """What a tile in progress was given.

    Attributes:
        connections: Its connections.
        cuts: How often the allowance had been cut when the tile began.
    """

    connections: int
    cuts: int


class Allowance:
    """The connections that tiles in progress may have together.

    A throttled tile halves it, once for all that were in progress; each clean one wins back one
    connection. TCP shares a line in this way.

    Args:
        most: Maximum number of connections.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._allowed = most
        self._shares: dict[str, _Share] = {}
        self._cuts = 0

    @property
    def allowed(self) -> int:
        """Number of connections at present."""
        return self._allowed

    @property
    def in_progress(self) -> int:
        """Number of tiles that have a share."""
        return len(self._shares)

    def take(self, name: str, capacity: int) -> int:
        """Give a tile its share.

        Args:
            name: Name of the tile.
            capacity: Number of workers.

        Returns:
            Its connections; 0 if it has to wait until another tile ends.
        """
        if len(self._shares) >= capacity:
            return 0
        usual = max(1, self._most // capacity)
        free = self._allowed - sum(share.connections for share in self._shares.values())
        connections = usual if free >= usual else 0
        if not self._shares:
            connections = min(usual, self._allowed)
        if connections:
            self._shares[name] = _Share(connections, self._cuts)
        return connections

    def give_back(self, name: str, throttled: int) -> None:
        """Take back the share of a tile that has ended.

        Args:
            name: Name of the tile.
            throttled: Responses during it by which a server asked for fewer requests.
        """
        share = self._shares.pop(name)
        if not throttled:
            self._allowed = min(self._most, self._allowed + 1)
        elif share.cuts == self._cuts:
            self._allowed = max(1, self._allowed // 2)
            self._cuts += 1
