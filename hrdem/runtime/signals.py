"""Signals that end a process: Ctrl-C, and what the system sends at the end of a session."""

from __future__ import annotations

import _thread
import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType

from hrdem.errors import ExitCode

#: SIGHUP comes from a closed terminal on POSIX; SIGBREAK from Ctrl-Break and a closed window on
#: Windows, which never sends SIGTERM.
END_SIGNALS = frozenset(
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
    if hasattr(signal, name)
)

SECONDS_TO_LEAVE_CALLBACK = 0.02
_PR_SET_PDEATHSIG = 1  # of Linux's prctl: a signal when the thread ends that started the process


def interrupt_on_end_signals() -> None:
    """Raise KeyboardInterrupt on the first signal that ends a process; end at once on the second.

    Signals that are ignored already, as by `nohup`, stay ignored. Python drops an exception in a
    callback, such as that of a weak reference: an interrupt that it drops is raised again.
    """
    for number in END_SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _interrupt)
    sys.unraisablehook = _repeat_dropped_interrupt


def _interrupt(number: int, frame: FrameType | None) -> None:
    for other in END_SIGNALS:
        if signal.getsignal(other) is not signal.SIG_IGN:
            signal.signal(other, lambda *_: os._exit(ExitCode.INTERRUPTED))
    raise KeyboardInterrupt


def _repeat_dropped_interrupt(dropped: sys.UnraisableHookArgs) -> None:
    if not issubclass(dropped.exc_type, KeyboardInterrupt):
        sys.__unraisablehook__(dropped)
        return
    signal.signal(signal.SIGINT, _interrupt)
    threading.Timer(SECONDS_TO_LEAVE_CALLBACK, _interrupt_main_thread).start()


def _interrupt_main_thread() -> None:
    if hasattr(signal, "pthread_kill"):  # a signal also ends what the main thread waits for
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
    else:
        _thread.interrupt_main()


def ignore_keyboard() -> None:
    """Ignore the keys that interrupt every process of a terminal: the parent handles them."""
    for name in ("SIGINT", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)


def start_resource_tracker() -> None:
    """Start the process that keeps account for those of `multiprocessing`, where there is one.

    Otherwise the first of these starts it, and lets signals through meanwhile.
    """
    if os.name == "posix":
        from multiprocessing import resource_tracker  # noqa: PLC0415 (few runs start processes)

        resource_tracker.ensure_running()


@contextlib.contextmanager
def delay_signals() -> Iterator[None]:
    """Delay signals that end this process until the context ends, in the main thread.

    Processes that are started in it are not interrupted by the keyboard either, on POSIX.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    caught: list[int] = []
    handlers = {number: signal.getsignal(number) for number in END_SIGNALS}
    handled = [number for number, handler in handlers.items() if callable(handler)]
    for number in handled:
        signal.signal(number, lambda number, _: caught.append(number))
    with _block_keyboard():
        try:
            yield
        finally:
            for number in handled:
                signal.signal(number, handlers[number])
    for number in caught[:1]:
        signal.raise_signal(number)


@contextlib.contextmanager
def _block_keyboard() -> Iterator[None]:
    set_mask = getattr(signal, "pthread_sigmask", None)
    if set_mask is None:
        yield
        return
    before = set_mask(getattr(signal, "SIG_BLOCK"), {signal.SIGINT})  # noqa: B009 (not on Windows)
    try:
        yield
    finally:
        set_mask(getattr(signal, "SIG_SETMASK"), before)  # noqa: B009 (not on Windows)


def end_with_parent(code: int) -> None:
    """End this process when the one that started it by `multiprocessing` ends, even if killed.

    On Linux the system does it, whatever this process computes; elsewhere a thread.

    Args:
        code: Exit code if a thread ends it.
    """
    import ctypes  # noqa: PLC0415 (few runs start processes)

    threading.Thread(target=_wait_for_parent, args=(code,), daemon=True).start()
    if hasattr(signal, "SIGKILL"):
        with contextlib.suppress(AttributeError, OSError):  # not Linux
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _wait_for_parent(code: int) -> None:
    from multiprocessing import parent_process  # noqa: PLC0415 (few runs start processes)

    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(code)
