"""Tests; with HRDEM_TESTS_AS=windows they run as on Windows (docs/testing.md)."""

import os

from tests.as_windows import emulation

if os.environ.get(emulation.VARIABLE) == "windows":
    emulation.install()
