"""Every system: calls that Windows lacks are in `hrdem/runtime/`, each with another way."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hrdem.demo import Addresses
from tests.as_windows import emulation
from tests.test_architecture import MODULES, room_of

HIDDEN = {f"{name}.{each}" for name, text in emulation.NAMES.items() for each in text.split()}
#: Code asks for what a system can do, not for its name; os.replace does the same everywhere.
PECULIAR = {"os.name", "sys.platform", "os.rename"}
POSIX_ARGUMENTS = {"preexec_fn", "start_new_session", "process_group", "pass_fds", "umask"}
POSIX_ATTRIBUTES = {"madvise", "st_blocks"}
POSIX_FOLDERS = ("/proc/", "/dev/", "/tmp/", "/sys/")
#: Reserved names, shells and stores of certificates can be told by the system's name alone.
ALLOWED = {
    "hrdem.app.job_process": {"os.nice", "signal.pthread_kill"},  # where the system has them
    "hrdem.app.read_apart": {"resource", "sys.platform"},
    "hrdem.app.run_job": {"sys.platform"},
    "hrdem.http.certificates": {"sys.platform"},
    "hrdem.output.paths": {"os.name"},
}
REMOVES = {"unlink", "replace", "rename", "remove"}


def faults_of(tree: ast.Module) -> Iterator[str]:
    """Yield what Windows lacks, or refuses, in a module."""
    for node in ast.walk(tree):
        match node:
            case ast.Import() | ast.ImportFrom():
                yield from imports_of(node)
            case ast.Attribute(ast.Name(module), name) if f"{module}.{name}" in HIDDEN | PECULIAR:
                yield f"{module}.{name}"
            case ast.Attribute(_, name) if name in POSIX_ATTRIBUTES:
                yield name
            case ast.keyword(arg=str(name)) if name in POSIX_ARGUMENTS:
                yield name
            case ast.Constant(str(text)) if text.startswith(POSIX_FOLDERS):
                yield text
            case ast.With(items, body):
                opened = {name for item in items for name in opened_by(item.context_expr)}
                yield from (call for part in body for call in removals_of(part, opened))


def imports_of(node: ast.Import | ast.ImportFrom) -> Iterator[str]:
    names = [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        names = [f"{node.module}.{name}" for name in names]
    for name in names:
        if name.split(".")[0] in emulation.MODULES.split() or name in HIDDEN | PECULIAR:
            yield name


def opened_by(node: ast.expr) -> Iterator[str]:
    """Yield the expression of a path that a context opens, as in ``path.open()``."""
    match node:
        case ast.Call(ast.Attribute(path, "open")) | ast.Call(ast.Name("open"), [path, *_]):
            yield ast.unparse(path)


def removals_of(node: ast.stmt, opened: set[str]) -> Iterator[str]:
    for call in ast.walk(node):
        match call:
            case ast.Call(ast.Attribute(target, name), arguments) if name in REMOVES:
                if opened & set(map(ast.unparse, [target, *arguments])):
                    yield ast.unparse(call)


def test_only_the_runtime_has_calls_that_windows_lacks() -> None:
    modules = {name: path for name, path in MODULES.items() if room_of(name) != "runtime"}
    found = {name: {*faults_of(ast.parse(path.read_bytes()))} for name, path in modules.items()}
    assert {name: faults for name, faults in found.items() if faults} == ALLOWED


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("import fcntl", "fcntl"),
        ("from pwd import getpwuid", "pwd.getpwuid"),
        ("import os; os.pread(1, 2, 3)", "os.pread"),
        ("from os import geteuid", "os.geteuid"),
        ("import signal; signal.SIGHUP", "signal.SIGHUP"),
        ("if sys.platform == 'linux': pass", "sys.platform"),
        ("subprocess.run(a, preexec_fn=b)", "preexec_fn"),
        ("Path('/proc/self/status')", "/proc/self/status"),
        ("with path.open() as file:\n  path.unlink()", "path.unlink()"),
        ("with open(a) as f, open(b) as g:\n  os.replace(b, c)", "os.replace(b, c)"),
    ],
)
def test_what_windows_lacks_is_detected(source: str, fault: str) -> None:
    assert [*faults_of(ast.parse(source))] == [fault]


@pytest.mark.skipif(sys.platform != "linux", reason="what Windows refuses is emulated on Linux")
@pytest.mark.skipif(emulation.VARIABLE in os.environ, reason="it is this run")
@pytest.mark.slow
@pytest.mark.long
def test_outputs_are_written_as_windows_requires() -> None:
    """Locks, atomic writes and outputs, without the calls of POSIX: a part of the whole run."""
    files = ("runtime/test_locks.py", "http/test_part_store.py", "output/test_plan_writer.py")
    paths = [str(Path(__file__).parent / file) for file in files]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-n", "0", *paths],
        env={**os.environ, emulation.VARIABLE: "windows"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    assert " skipped" in done.stdout


@pytest.mark.slow
@pytest.mark.long
def test_output_in_a_code_page(demo: Addresses, tmp_path: Path) -> None:
    """Windows writes text to files and pipes in the code page of the country."""

    def run(*arguments: str) -> subprocess.CompletedProcess[bytes]:
        environment = {**os.environ, "PYTHONIOENCODING": "cp1252", "PYTHONUTF8": "0"}
        command = [sys.executable, "-m", "hrdem", *arguments]
        return subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True)

    area = ("--bbox", "-75.701,45.400,-75.700,45.401", "--stac-url", demo.stac)
    done = run("extract", *area, "--product", "dtm", "-o", "река 1…2.tif", "--no-cache", "-v")
    assert (done.returncode, b"Traceback" in done.stderr) == (0, False), done.stderr
    assert rb"\u0440\u0435" in done.stdout
    failed = run("extract", "--aoi", "озеро.gpkg", "--product", "dtm", "-o", "a.tif")
    assert failed.returncode == 2
    assert rb"There is no file \u043e\u0437" in failed.stderr


@pytest.mark.skipif(emulation.VARIABLE not in os.environ, reason="of the emulation of Windows")
def test_the_emulation_refuses_what_windows_refuses(tmp_path: Path) -> None:
    path = tmp_path / "a"
    with path.open("w"):
        with pytest.raises(PermissionError, match="in use"):
            path.unlink()
        with pytest.raises(PermissionError, match="in use"):
            path.replace(tmp_path / "b")
        with pytest.raises(PermissionError, match="in use"):
            tmp_path.rename(tmp_path.with_name("c"))
        (tmp_path / "b").touch()
        with pytest.raises(PermissionError, match="in use"):
            (tmp_path / "b").replace(path)
    path.unlink()
