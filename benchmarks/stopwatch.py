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
        what it started), ``others`` (seconds that the machine worked meanwhile for anything else:
        the server, the emulated line, strangers), ``peak`` (bytes, of the largest process),
        ``status``, ``timed_out``, ``words`` (the end of what it said on standard error).
    """
    timed_out = threading.Event()
    with tempfile.TemporaryFile() as errors:
        busy = _busy()
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
        busy = _busy() - busy
        clock.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        errors.seek(0)
        words = errors.read().decode("utf-8", "replace").strip()
    return {
        "began": began,
        "wall": wall,
        "cpu": used.ru_utime + used.ru_stime,
        "others": max(0.0, busy - used.ru_utime - used.ru_stime),
        "peak": used.ru_maxrss * 1024,
        "status": process.returncode,
        "timed_out": timed_out.is_set(),
        "words": words[-_LAST_WORDS:],
    }


def _busy() -> float:
    """Seconds that all cores together have worked since the machine started; 0 if unknown."""
    try:
        with open("/proc/stat", encoding="utf-8") as file:  # noqa: PTH123 (pathlib costs memory)
            ticks = [int(field) for field in file.readline().split()[1:9]]
    except OSError:
        return 0.0
    idle = ticks[3] + ticks[4]
    return (sum(ticks) - idle) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    print(json.dumps(measure(float(sys.argv[1]), sys.argv[2:])))
