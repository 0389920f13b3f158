"""Run one command and print what it took, as JSON.

A process of its own, and a small one: the peak of memory that the kernel reports for a command
includes that of the process which started it.

    python -m benchmarks.stopwatch SECONDS COMMAND...
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time

_LAST_WORDS = 600  # characters of standard error that are kept


def measure(timeout: float, command: list[str]) -> dict[str, object]:
    """Run a command.

    Args:
        timeout: Seconds after which it is killed, with all that it started.
        command: Its words.

    Returns:
        ``began`` (seconds since 1970), ``wall``, ``cpu`` (seconds, user and system, of it and of
        what it started), ``peak`` (bytes, of the largest process), ``status``, ``timed_out``,
        ``words`` (the end of what it said on standard error).
    """
    timed_out = threading.Event()
    with tempfile.TemporaryFile() as errors:
        began, started = time.time(), time.perf_counter()
        process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=errors, start_new_session=True
        )

        def kill() -> None:
            timed_out.set()
            os.killpg(process.pid, signal.SIGKILL)

        clock = threading.Timer(timeout, kill)
        clock.start()
        try:
            _, status, used = os.wait4(process.pid, 0)
        except BaseException:
            clock.cancel()
            kill()
            raise
        wall = time.perf_counter() - started
        clock.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        errors.seek(0)
        words = errors.read().decode("utf-8", "replace").strip()
    return {
        "began": began,
        "wall": wall,
        "cpu": used.ru_utime + used.ru_stime,
        "peak": used.ru_maxrss * 1024,
        "status": process.returncode,
        "timed_out": timed_out.is_set(),
        "words": words[-_LAST_WORDS:],
    }


if __name__ == "__main__":
    print(json.dumps(measure(float(sys.argv[1]), sys.argv[2:])))
