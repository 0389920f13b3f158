"""Signals that end a process, as each system has them."""

from __future__ import annotations

import importlib
import signal

import pytest

from hrdem.runtime import signals


def test_each_system_has_its_signals(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows sends SIGBREAK for Ctrl-Break and a closed window, and lacks SIGHUP."""
    before = signals.END_SIGNALS
    monkeypatch.setattr(signal, "SIGBREAK", signal.SIGABRT, raising=False)
    monkeypatch.delattr(signal, "SIGHUP", raising=False)
    try:
        on_windows = importlib.reload(signals).END_SIGNALS
    finally:
        monkeypatch.undo()
        importlib.reload(signals)
    assert on_windows == {signal.SIGINT, signal.SIGTERM, signal.SIGABRT}
    assert before == signals.END_SIGNALS
