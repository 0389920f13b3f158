"""The house keeps its plan: imports run one way, start-up stays light, the public API is whole."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import hrdem

PACKAGE = Path(hrdem.__file__).parent

# From the ground up. A module may import from the rows below its own, and from its own room.
ROOMS = (
    ("errors", "_version", "demo"),
    ("runtime", "geo"),
    ("tiff", "http", "request"),
    ("catalog", "sources"),
    ("planning",),
    ("processing",),
    ("output",),
    ("jobs",),
    ("api",),
    ("__init__",),
    ("cli",),
    ("__main__",),
)
HEAVY = (
    "dask",
    "httpx",
    "numpy",
    "pyogrio",
    "pystac",
    "pystac_client",
    "rasterio",
    "requests",
    "rich",
    "shapely",
    "xarray",
)


def modules() -> dict[str, Path]:
    found = {}
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


def imported_by(module: str) -> Iterator[str]:
    """The package's own modules that a module imports, wherever in its text."""
    for node in ast.walk(ast.parse(MODULES[module].read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relatively"
            source = node.module or ""
            names = [
                f"{source}.{alias.name}" if f"{source}.{alias.name}" in MODULES else source
                for alias in node.names
            ]
        else:
            continue
        yield from (name for name in names if name in MODULES)


def room_of(module: str) -> str:
    """The room of a module: the first part of its name below the package."""
    return module.split(".")[1] if "." in module else "__init__"


def row_of(module: str) -> int:
    """The row of a module; StopIteration if its room has none."""
    return next(number for number, row in enumerate(ROOMS) if room_of(module) in row)


@pytest.mark.parametrize("module", sorted(MODULES))
def test_no_module_imports_upward_or_sideways(module: str) -> None:
    for other in imported_by(module):
        if room_of(other) != room_of(module):
            assert row_of(other) < row_of(module), f"{module} imports {other}"


def test_no_import_cycle() -> None:
    done: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, " -> ".join((*path, module))
        if module not in done:
            for other in imported_by(module):
                visit(other, (*path, module))
            done.add(module)

    for module in MODULES:
        visit(module, ())


def test_an_upward_import_would_be_seen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    guilty = tmp_path / "locks.py"
    guilty.write_text("def f():\n    from hrdem.api import extract\n")
    monkeypatch.setitem(MODULES, "hrdem.runtime.locks", guilty)
    with pytest.raises(AssertionError, match=r"hrdem\.runtime\.locks imports hrdem\.api"):
        test_no_module_imports_upward_or_sideways("hrdem.runtime.locks")


@pytest.mark.parametrize(
    "arguments", [["--help"], ["extract", "--help"], ["preview", "--help"], ["--version"]]
)
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    program = (
        "import sys; from hrdem.cli.main import run; "
        f"code = run({arguments!r}); "
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr); "
        "sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0
    assert done.stderr.strip() == "[]"


def test_importing_the_package_imports_nothing_heavy() -> None:
    program = f"import sys, hrdem; print([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


def test_every_public_name_is_there_and_documented() -> None:
    for name in hrdem.__all__:
        assert name == "__version__" or getattr(hrdem, name).__doc__, name
    assert set(dir(hrdem)) == set(hrdem.__all__)


def test_no_public_name_is_hidden_by_a_module() -> None:
    assert not {f"hrdem.{name}" for name in hrdem.__all__} & MODULES.keys()
