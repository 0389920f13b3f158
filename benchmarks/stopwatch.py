"""Run one command and print its time, CPU and memory as JSON.

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

MAX_STDERR_CHARACTERS = 600


def measure(timeout: float, command: list[str]) -> dict[str, object]:
    """Run a command.

    Args:
        timeout: Seconds after which it is killed, with all that it started.
        command: Its arguments.

    Returns:
        ``began`` (seconds since 1970), ``wall``, ``cpu`` (seconds, user and system, of it and of
        what it started), ``other_cpu`` (CPU seconds that the machine spent on anything else
        meanwhile: the server, the emulated link, other programs), ``peak`` (bytes, of the largest
        process), ``page_faults`` (how often the kernel had to provide a page of memory),
        ``status``, ``timed_out``, ``stderr`` (the end of its standard error).
    """
    timed_out = threading.Event()
    with tempfile.TemporaryFile() as errors:
        busy = _busy_seconds()
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
        busy = _busy_seconds() - busy
        clock.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        errors.seek(0)
        stderr = errors.read().decode("utf-8", "replace").strip()
    return {
        "began": began,
        "wall": wall,
        "cpu": used.ru_utime + used.ru_stime,
        "other_cpu": max(0.0, busy - used.ru_utime - used.ru_stime),
        "peak": used.ru_maxrss * 1024,
        "page_faults": used.ru_minflt,
        "status": process.returncode,
        "timed_out": timed_out.is_set(),
        "stderr": stderr[-MAX_STDERR_CHARACTERS:],
    }


def _busy_seconds() -> float:
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
