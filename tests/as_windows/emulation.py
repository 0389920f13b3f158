"""Take from hrdem what Windows lacks, and refuse what Windows refuses.

Only the modules of hrdem are affected: what they import is put in place of what Linux has. Audit
events refuse to rename or remove files that this process has open, whoever does it. This module
imports nothing of hrdem: it has to be installed first.
"""

from __future__ import annotations

import builtins
import contextlib
import errno
import io
import os
import re
import struct
import sys
import types
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

with contextlib.suppress(ImportError):  # on Windows, where there is nothing to emulate
    import fcntl

#: Variable that runs the tests as another system does.
VARIABLE = "HRDEM_TESTS_AS"

#: Modules that Windows lacks: "Availability: Unix" in Python's documentation.
MODULES = "crypt curses fcntl grp nis posix pty pwd readline resource spwd syslog termios tty"

#: Names that Windows' modules lack, by module, from Python's documentation and typeshed's
#: conditions on `sys.platform`.
NAMES: Mapping[str, str] = {
    "os": """
        O_ACCMODE O_ASYNC O_CLOEXEC O_DIRECT O_DIRECTORY O_DSYNC O_NDELAY O_NOATIME O_NOCTTY
        O_NOFOLLOW O_NONBLOCK O_PATH O_RSYNC O_SYNC O_TMPFILE SEEK_DATA SEEK_HOLE WNOHANG
        chflags chown chroot confstr copy_file_range ctermid environb eventfd fchdir fchown
        fdatasync fork forkpty fpathconf fstatvfs fwalk getegid getenvb geteuid getgid getgrouplist
        getgroups getloadavg getpgid getpgrp getpriority getrandom getresgid getresuid getsid getuid
        getxattr initgroups killpg lchflags lchown listxattr lockf major makedev memfd_create minor
        mkfifo mknod nice openpty pathconf pidfd_open pipe2 posix_fadvise posix_fallocate
        posix_spawn posix_spawnp pread preadv pwrite pwritev readv register_at_fork removexattr
        sched_getaffinity sched_setaffinity sched_yield sendfile setegid seteuid setgid setgroups
        setns setpgid setpgrp setpriority setregid setresgid setresuid setreuid setsid setuid
        setxattr spawnlp spawnvp splice statvfs sync sysconf tcgetpgrp tcsetpgrp ttyname uname
        unshare wait wait3 wait4 waitid writev WEXITSTATUS WIFEXITED WIFSIGNALED WTERMSIG
        """,
    "signal": """
        SIGALRM SIGBUS SIGCHLD SIGCONT SIGHUP SIGIO SIGKILL SIGPIPE SIGPROF SIGPWR SIGQUIT SIGRTMAX
        SIGRTMIN SIGSTOP SIGSYS SIGTRAP SIGTSTP SIGTTIN SIGTTOU SIGURG SIGUSR1 SIGUSR2 SIGVTALRM
        SIGWINCH SIGXCPU SIGXFSZ SIG_BLOCK SIG_SETMASK SIG_UNBLOCK ITIMER_REAL alarm getitimer pause
        pidfd_send_signal pthread_kill pthread_sigmask setitimer siginterrupt sigpending
        sigtimedwait sigwait sigwaitinfo
        """,
    "mmap": """
        MADV_DONTNEED MADV_FREE MADV_HUGEPAGE MADV_NORMAL MADV_RANDOM MADV_SEQUENTIAL MADV_WILLNEED
        MAP_ANON MAP_ANONYMOUS MAP_NORESERVE MAP_POPULATE MAP_PRIVATE MAP_SHARED PROT_EXEC PROT_READ
        PROT_WRITE
        """,
    "time": "clock_getres clock_gettime clock_gettime_ns tzset",
    "socket": """
        AF_NETLINK AF_PACKET AF_UNIX MSG_DONTWAIT MSG_NOSIGNAL SCM_RIGHTS SOCK_CLOEXEC SOCK_NONBLOCK
        SO_BINDTODEVICE SO_MARK SO_REUSEPORT TCP_CONGESTION TCP_CORK TCP_DEFER_ACCEPT TCP_INFO
        TCP_USER_TIMEOUT recv_fds send_fds sethostname
        """,
    "select": "epoll kqueue poll",
}

_DESCRIPTORS = "/proc/self/fd"
_MAPS = "/proc/self/maps"


def install() -> None:
    """Make this process, and those that it starts, do as on Windows."""
    real_import = builtins.__import__
    missing = MODULES.split()
    replaced = {name: _Module(name, hidden.split()) for name, hidden in NAMES.items()}
    msvcrt = Msvcrt()

    def import_as_on_windows(
        name: str,
        globals: Mapping[str, Any] | None = None,  # noqa: A002
        locals: Mapping[str, Any] | None = None,  # noqa: A002
        fromlist: tuple[str, ...] | None = (),
        level: int = 0,
    ) -> Any:
        if _is_ours(globals) and not level:
            if name in missing:
                raise ModuleNotFoundError(f"No module named {name!r}", name=name)
            if name == "msvcrt":
                return msvcrt
            if name in replaced:
                return replaced[name]
        return real_import(name, globals, locals, fromlist or (), level)

    builtins.__import__ = import_as_on_windows  # type: ignore[assignment]
    sys.addaudithook(_refuse)
    folder = str(Path(__file__).parent)
    paths = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    if folder not in paths:
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [folder, *paths]))


def _is_ours(namespace: Mapping[str, Any] | None) -> bool:
    package = (namespace or {}).get("__package__") or ""
    return package == "hrdem" or package.startswith("hrdem.")


class _Status(tuple):  # noqa: SLOT001
    """In place of `os.stat_result`, without what Windows does not tell."""


class _Module(types.ModuleType):
    """A module of the standard library without some names, which are looked up at each use."""

    def __init__(self, name: str, hidden: list[str]) -> None:
        super().__init__(name)
        self._real = __import__(name)
        self._hidden = frozenset(hidden)
        if name == "os":
            self.name = "nt"
            self.stat_result = _Status
            self.open = _open
            self.fsync = _fsync

    def __getattr__(self, name: str) -> Any:
        if name in self._hidden:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        return getattr(self._real, name)


def _open(path: Any, flags: int, mode: int = 0o777) -> int:
    if os.path.isdir(path):  # noqa: PTH112
        raise PermissionError(errno.EACCES, "Permission denied", path)
    return os.open(path, flags, mode)


def _fsync(descriptor: int) -> None:
    if fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
        raise OSError(errno.EBADF, "Bad file descriptor")
    os.fsync(descriptor)


class Msvcrt(types.ModuleType):
    """In place of msvcrt: locks of bytes that belong to one open file, as Windows has them."""

    LK_UNLCK, LK_LOCK, LK_NBLCK = 0, 1, 2

    def __init__(self) -> None:
        super().__init__("msvcrt")
        self._locked: dict[int, set[tuple[int, int]]] = {}

    def locking(self, descriptor: int, mode: int, count: int) -> None:
        """Lock or unlock bytes from the position of a file; raise if they are locked."""
        span = os.lseek(descriptor, 0, os.SEEK_CUR), count
        mine = self._locked.setdefault(descriptor, set())
        if mode == self.LK_UNLCK:
            if span not in mine:
                raise PermissionError(errno.EACCES, "Permission denied")
            mine.remove(span)
            self._set(descriptor, fcntl.F_UNLCK, *span)
            return
        if any(start < span[0] + count and span[0] < start + size for start, size in mine):
            raise PermissionError(errno.EACCES, "Permission denied")
        try:
            self._set(descriptor, fcntl.F_WRLCK, *span)
        except BlockingIOError as exc:
            raise PermissionError(errno.EACCES, "Permission denied") from exc
        mine.add(span)

    @staticmethod
    def _set(descriptor: int, kind: int, start: int, count: int) -> None:
        fcntl.fcntl(
            descriptor,
            fcntl.F_OFD_SETLK,
            struct.pack("hhqqi4x", kind, os.SEEK_SET, start, count, 0),
        )


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    """Refuse what Windows refuses, before it happens."""
    if event == "os.remove":
        _check_closed(arguments[0], 32)
    elif event == "os.rename":
        _check_closed(arguments[0], 32)
        _check_closed(arguments[1], 5)
    elif event == "open":
        name = str(arguments[0])
        if name.startswith("/proc/") and name != _MAPS and _is_called_by_hrdem():
            raise FileNotFoundError(errno.ENOENT, "No such file or directory", name)


def _check_closed(path: Any, number: int) -> None:
    """Refuse a file that is open, and a folder with an open file in it."""
    try:
        name = os.path.realpath(os.fsdecode(path))
    except (TypeError, ValueError):
        return
    if _is_called_by_tempfile():
        return
    inside = f"{name}{os.sep}"
    for each in _open_files():
        if each == name or each.startswith(inside):
            raise PermissionError(
                errno.EACCES, f"[WinError {number}] {each} is in use by this process", str(path)
            )


def _open_files() -> Iterator[str]:
    """Yield the paths of all files that this process has open or mapped."""
    for descriptor in os.listdir(_DESCRIPTORS):  # noqa: PTH208
        try:
            yield os.readlink(f"{_DESCRIPTORS}/{descriptor}")  # noqa: PTH115
        except OSError:
            continue
    with io.FileIO(_MAPS) as maps:
        for line in maps.readall().decode(errors="replace").splitlines():
            if found := re.search(r" (/.*)$", line):
                yield found[1]


def _is_called_by_tempfile() -> bool:
    """Whether a temporary file removes its name at once; Windows' does so when it is closed."""
    return sys._getframe(3).f_code.co_name == "TemporaryFile"


def _is_called_by_hrdem() -> bool:
    frame: types.FrameType | None = sys._getframe(2)
    while frame is not None:
        if _is_ours(frame.f_globals):
            return True
        if frame.f_globals.get("__name__", "").startswith("psutil"):
            return False  # which has other ways on Windows
        frame = frame.f_back
    return False
