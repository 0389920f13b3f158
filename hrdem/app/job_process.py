"""``python -m hrdem.app.job_process ARGUMENTS``: the command line, which ends with its server.

The server keeps standard input open. When it closes, because the job is cancelled or because the
server ended, however that was, the command is interrupted as by Ctrl-C, and ended if it does not
stop. This works on all systems alike, where signals do not.
"""

from __future__ import annotations

import _thread
import os
import runpy
import signal
import threading
import time

MAX_SECONDS_TO_STOP = 5.0
INTERRUPTED = 130
LOWER_PRIORITY = 5  # than the server, which answers meanwhile


def main() -> None:
    """Run the command line on the arguments of this process."""
    if hasattr(os, "nice"):
        os.nice(LOWER_PRIORITY)
    # until the command line handles it: an exception in a callback of an import is dropped
    signal.signal(signal.SIGINT, lambda *_: os._exit(INTERRUPTED))
    threading.Thread(target=_wait_for_end, daemon=True).start()
    runpy.run_module("hrdem", run_name="__main__", alter_sys=True)


def _wait_for_end() -> None:
    while os.read(0, 1024):  # not sys.stdin, whose lock would be held when Python ends
        pass
    if hasattr(signal, "pthread_kill"):  # a signal also ends what the main thread waits for
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
    else:
        _thread.interrupt_main()
    time.sleep(MAX_SECONDS_TO_STOP)
    os._exit(INTERRUPTED)


if __name__ == "__main__":
    main()
