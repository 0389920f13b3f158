"""The session of the page's looks: made, with the libraries that it needs, after the page."""

from __future__ import annotations

import threading

import hrdem

_FIRST_NEEDED = ("Estimate", "Plan", "extract_products", "preview", "surveys")


class SharedSession:
    """A session that is made in a thread, when it is first needed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._session: hrdem.Session | None = None

    def get(self) -> hrdem.Session:
        """Return the session."""
        with self._lock:
            if self._session is None:
                self._session = hrdem.Session()
            return self._session

    def warm_up(self) -> None:
        """Import what the first look needs, and make the session."""
        for name in _FIRST_NEEDED:
            getattr(hrdem, name)
        self.get()

    def close(self) -> None:
        """Close the session."""
        with self._lock:
            if self._session is not None:
                self._session.close()
