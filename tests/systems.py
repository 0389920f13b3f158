"""What a test needs of the system; on others, and as on Windows, it is skipped."""

from __future__ import annotations

import os

import pytest

from hrdem.http.cache.store import IS_SUPPORTED
from tests.as_windows.emulation import VARIABLE

#: Windows, or what docs/testing.md calls "as on Windows".
IS_WINDOWS = os.name == "nt" or os.environ.get(VARIABLE) == "windows"

needs_cache = pytest.mark.skipif(not IS_SUPPORTED, reason="this system has no cache yet")
needs_forks = pytest.mark.skipif(IS_WINDOWS, reason="Windows has no forks")
needs_modes = pytest.mark.skipif(IS_WINDOWS, reason="Windows has no modes of folders")
needs_signals = pytest.mark.skipif(IS_WINDOWS, reason="Windows has other signals")
