"""Signals that end a process, as each system has them."""

from __future__ import annotations

import contextlib
import importlib
import signal
import subprocess
import sys

import pytest

from hrdem.runtime import signals
from tests.systems import IS_WINDOWS


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


@pytest.mark.skipif(IS_WINDOWS, reason="a signal ends the process at once")
def test_ctrl_c_in_a_callback_interrupts_what_comes_after_it() -> None:
    """Python drops the exception there, and reports it; others it reports as ever."""
    program = """
import signal, time
from hrdem.runtime.signals import interrupt_on_end_signals

class Callback:
    def __init__(self, act): self.act = act
    def __del__(self): self.act()

interrupt_on_end_signals()
try:
    Callback(lambda: 1 / 0)
    Callback(lambda: signal.raise_signal(signal.SIGTERM))
    time.sleep(60)
except KeyboardInterrupt:
    print("interrupted")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "interrupted\n")
    assert "ZeroDivisionError" in done.stderr
    assert "KeyboardInterrupt" not in done.stderr


@pytest.mark.skipif(IS_WINDOWS, reason="Windows has no ignored signals")
def test_signals_that_are_ignored_stay_so_after_another() -> None:
    """After `nohup`, the end of the session does not end what SIGTERM has begun to end."""
    program = """
import signal
from hrdem.runtime.signals import interrupt_on_end_signals

signal.signal(signal.SIGHUP, signal.SIG_IGN)
interrupt_on_end_signals()
try:
    signal.raise_signal(signal.SIGTERM)
except KeyboardInterrupt:
    signal.raise_signal(signal.SIGHUP)
    print("cleaned up")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "cleaned up\n"), done.stderr


def test_ctrl_c_waits_until_what_must_not_be_interrupted_is_done() -> None:
    done = []
    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):  # noqa: PT012
        with signals.delay_signals():
            signal.raise_signal(signal.SIGINT)
            done.append("started")
        done.append("not reached")
    assert done == ["started"]
    assert signal.getsignal(signal.SIGINT) is handler


@pytest.mark.skipif(IS_WINDOWS, reason="Windows has no masks of signals")
def test_processes_that_are_started_meanwhile_do_not_get_ctrl_c() -> None:
    says = "import signal; print(signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, []))"
    for context, blocks in ((signals.delay_signals(), "True"), (contextlib.nullcontext(), "False")):
        with context:
            process = subprocess.Popen([sys.executable, "-c", says], stdout=subprocess.PIPE)
        assert process.communicate()[0].decode().strip() == blocks
