"""What a test needs of the system; on others, and as on Windows, it is skipped."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
from typing import Any

import pytest

from tests.as_windows.emulation import VARIABLE

#: Windows, or what docs/testing.md calls "as on Windows".
IS_WINDOWS = os.name == "nt" or os.environ.get(VARIABLE) == "windows"

needs_forks = pytest.mark.skipif(IS_WINDOWS, reason="Windows has no forks")
needs_modes = pytest.mark.skipif(IS_WINDOWS, reason="Windows has no modes of folders")
needs_limits = pytest.mark.skipif(
    importlib.util.find_spec("resource") is None, reason="Windows limits no sizes of files"
)

#: Arguments of a process that `interrupt` reaches.
INTERRUPTIBLE: dict[str, Any] = {}
if sys.platform == "win32":
    INTERRUPTIBLE = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}


def interrupt(process: subprocess.Popen[str]) -> None:
    """Press Ctrl-C; on Windows Ctrl-Break, which reaches one process of several."""
    if sys.platform == "win32":
        process.send_signal(signal.CTRL_BREAK_EVENT)
    else:
        process.send_signal(signal.SIGINT)
