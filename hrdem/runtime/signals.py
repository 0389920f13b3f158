"""Signals that end a process: Ctrl-C, and what the system sends at the end of a session."""

from __future__ import annotations

import signal

#: SIGHUP comes from a closed terminal on POSIX; SIGBREAK from Ctrl-Break and a closed window on
#: Windows, which never sends SIGTERM.
END_SIGNALS = frozenset(
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
    if hasattr(signal, name)
)


def ignore_keyboard() -> None:
    """Ignore the keys that interrupt every process of a terminal: the parent handles them."""
    for name in ("SIGINT", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
