"""Calls of Windows that Python lacks: memory of the process, and a limit on it.

Structures and constants are those of ``psapi.h`` and ``winnt.h``:
https://learn.microsoft.com/windows/win32/api/psapi/ns-psapi-process_memory_counters and
https://learn.microsoft.com/windows/win32/api/winnt/ns-winnt-jobobject_extended_limit_information.
"""

from __future__ import annotations

import ctypes
from ctypes import c_int32, c_int64, c_size_t, c_uint32, c_uint64, c_void_p
from typing import Any

_EXTENDED_LIMIT_INFORMATION = 9  # JobObjectExtendedLimitInformation
_LIMIT_PROCESS_MEMORY = 0x100  # JOB_OBJECT_LIMIT_PROCESS_MEMORY


class MemoryCounters(ctypes.Structure):
    """PROCESS_MEMORY_COUNTERS."""

    _fields_ = (
        ("size", c_uint32),
        ("page_faults", c_uint32),
        ("peak_working_set", c_size_t),
        ("working_set", c_size_t),
        ("pools", c_size_t * 4),
        ("pagefile", c_size_t),
        ("peak_pagefile", c_size_t),
    )


class ExtendedLimits(ctypes.Structure):
    """JOBOBJECT_EXTENDED_LIMIT_INFORMATION, with its nested structures in one."""

    _fields_ = (
        ("process_time", c_int64),
        ("job_time", c_int64),
        ("flags", c_uint32),
        ("min_working_set", c_size_t),
        ("max_working_set", c_size_t),
        ("active_processes", c_uint32),
        ("affinity", c_size_t),
        ("priority_class", c_uint32),
        ("scheduling_class", c_uint32),
        ("io_counters", c_uint64 * 6),
        ("process_memory", c_size_t),
        ("job_memory", c_size_t),
        ("peak_process_memory", c_size_t),
        ("peak_job_memory", c_size_t),
    )


def resident_bytes() -> int:
    """Return the working set of this process in bytes; 0 on other systems."""
    kernel32 = _load()
    if kernel32 is None:
        return 0
    counters = MemoryCounters(size=ctypes.sizeof(MemoryCounters))
    process = c_void_p(kernel32.GetCurrentProcess())
    found = kernel32.K32GetProcessMemoryInfo(process, ctypes.byref(counters), counters.size)
    return int(counters.working_set) if found else 0


def limit_memory(max_bytes: int) -> None:
    """Put this process in a job that limits the memory it commits; nothing on other systems.

    The handle of the job stays open: the limit lasts as long as the process.
    """
    kernel32 = _load()
    if kernel32 is None:
        return
    job = c_void_p(kernel32.CreateJobObjectW(None, None))
    limits = ExtendedLimits(flags=_LIMIT_PROCESS_MEMORY, process_memory=max_bytes)
    if job and kernel32.SetInformationJobObject(
        job, c_int32(_EXTENDED_LIMIT_INFORMATION), ctypes.byref(limits), ctypes.sizeof(limits)
    ):
        kernel32.AssignProcessToJobObject(job, c_void_p(kernel32.GetCurrentProcess()))


def _load() -> Any:
    """Return the library of the calls; None on other systems."""
    if not hasattr(ctypes, "WinDLL"):
        return None
    kernel32 = ctypes.WinDLL("kernel32")
    for name in ("GetCurrentProcess", "CreateJobObjectW"):
        getattr(kernel32, name).restype = c_void_p  # handles have the size of pointers
    return kernel32
