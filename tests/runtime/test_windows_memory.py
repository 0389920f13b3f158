"""Structures of Windows' calls have the layout that its headers define, on 64-bit systems."""

from __future__ import annotations

import ctypes
import sys

import pytest

from hrdem.runtime import windows_memory


# sizeof and offsetof of PROCESS_MEMORY_COUNTERS and JOBOBJECT_EXTENDED_LIMIT_INFORMATION
@pytest.mark.skipif(sys.maxsize < 2**32, reason="pointers are shorter")
@pytest.mark.parametrize(
    ("structure", "size", "offsets"),
    [
        (windows_memory.MemoryCounters, 72, {"peak_working_set": 8, "working_set": 16}),
        (
            windows_memory.ExtendedLimits,
            144,
            {
                "flags": 16,
                "min_working_set": 24,
                "active_processes": 40,
                "affinity": 48,
                "priority_class": 56,
                "io_counters": 64,
                "process_memory": 112,
                "job_memory": 120,
            },
        ),
    ],
)
def test_layout(structure: type[ctypes.Structure], size: int, offsets: dict[str, int]) -> None:
    assert ctypes.sizeof(structure) == size
    assert {name: getattr(structure, name).offset for name in offsets} == offsets


@pytest.mark.skipif(sys.platform == "win32", reason="it has them")
def test_other_systems_lack_the_calls() -> None:
    assert windows_memory.resident_bytes() == 0
    windows_memory.limit_memory(1)
