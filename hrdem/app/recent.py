"""What was computed a short while ago, by what it was computed from."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from typing import Generic, TypeVar

T = TypeVar("T")


class Recent(Generic[T]):
    """The values that were used last; several threads can use it at the same time.

    Args:
        most: Maximum number of values.
        seconds: Age at which a value is dropped.
    """

    def __init__(self, most: int, seconds: float) -> None:
        self._most = most
        self._seconds = seconds
        self._lock = threading.Lock()
        self._values: OrderedDict[str, tuple[float, T]] = OrderedDict()

    def get(self, key: str) -> T | None:
        """Return a value; None if there is none, or it is too old."""
        with self._lock:
            found = self._values.get(key)
            if found is None or time.monotonic() - found[0] > self._seconds:
                return None
            self._values.move_to_end(key)
            return found[1]

    def put(self, key: str, value: T) -> None:
        """Keep a value, and drop the one that was not used for longest if there are too many."""
        with self._lock:
            self._values[key] = time.monotonic(), value
            self._values.move_to_end(key)
            while len(self._values) > self._most:
                self._values.popitem(last=False)
