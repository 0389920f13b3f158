"""The readers of the benchmark: their commands, requirements and installed versions."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.readers import gdal_translate
from benchmarks.readers.task import Task

# name -> module, distributions, fixed arguments
_READERS: dict[str, tuple[str, tuple[str, ...], dict[str, str]]] = {
    "floor": ("floor", (), {}),
    "plain": ("plain", ("httpx", "rasterio"), {}),
    "hrdem": ("hrdem", ("hrdem",), {}),
    "hrdem-gdal": ("hrdem", ("hrdem",), {"engine": "gdal"}),
    "guide": ("guide", ("rasterio",), {}),
    "rasterio-tuned": ("rasterio_tuned", ("rasterio",), {}),
    "rasterio-threads": ("rasterio_threads", ("rasterio",), {}),
    "gdal_translate": ("gdal_translate", (), {}),
    "rio-tiler": ("rio_tiler", ("rio-tiler",), {}),
    "odc-stac": ("odc_stac", ("odc-stac", "dask", "pystac"), {}),
    "rioxarray": ("rioxarray", ("rioxarray",), {}),
    "async-geotiff": ("async_geotiff", ("async-geotiff", "obstore"), {}),
}
NAMES = tuple(_READERS)
_GIVEN = {"floor": "ranges", "plain": "tiles"}  # what would be in the index, as a file
_PROGRAMS = {"floor": "curl", "gdal_translate": "gdal_translate"}


@dataclass(frozen=True, slots=True)
class Reader:
    """A reader with its arguments.

    Attributes:
        label: How it is named in the results; ``hrdem:max_memory=100`` for one with arguments.
        module: Its module in `benchmarks.readers`.
        extra: Its arguments.
        folder: Checkout to run it in, None for this one.
    """

    label: str
    module: str
    extra: dict[str, str] = field(default_factory=dict)
    folder: Path | None = None

    @property
    def name(self) -> str:
        """Its name without the arguments."""
        return self.label.partition(":")[0]

    @property
    def needs_catalog(self) -> bool:
        """Whether it finds the file through a STAC API."""
        return self.module == "hrdem"

    @property
    def given(self) -> str:
        """Name of the file with what it knows of the index beforehand, empty for none."""
        return _GIVEN.get(self.name, "")

    def command(self, task: Task) -> list[str]:
        """Return the command line for a task."""
        if self.module == "gdal_translate":
            return gdal_translate.command(task)
        return [sys.executable, "-m", f"benchmarks.readers.{self.module}", *task.arguments]


def parse_reader(spec: str) -> Reader:
    """Return a reader by its name, which may be followed by arguments: ``name:a=1:b=2``.

    Raises:
        ValueError: If there is none of that name.
    """
    name, *arguments = spec.split(":")
    if name not in _READERS:
        raise ValueError(f"no reader {name!r}; there are {', '.join(NAMES)}")
    module, _, fixed = _READERS[name]
    parsed = dict(argument.partition("=")[::2] for argument in arguments)
    return Reader(spec, module, {**fixed, **parsed})


def installed_readers(readers: Iterable[Reader]) -> Iterator[Reader]:
    """Pass those on whose requirements are installed; print which are skipped."""
    for each in readers:
        if missing := _missing_requirements(each.name):
            print(f"{each.label} is SKIPPED: {', '.join(missing)} is not installed", flush=True)
        else:
            yield each


def _missing_requirements(name: str) -> list[str]:
    program = _PROGRAMS.get(name)
    programs = [program] if program and shutil.which(program) is None else []
    return programs + [each for each in _READERS[name][1] if _version(each) is None]


def versions() -> dict[str, str]:
    """Return the version of every reader, library and program, by name."""
    found = {"Python": sys.version.partition(" ")[0]}
    names = {name for _, distributions, _ in _READERS.values() for name in distributions}
    for name in sorted(names | {"httpx", "numpy"}):
        if version := _version(name):
            found[name] = version
    if importlib.util.find_spec("rasterio"):
        program = "import rasterio; print(rasterio.__gdal_version__)"
        found["GDAL in rasterio"] = _first_line([sys.executable, "-c", program])
    for program in ("gdal_translate", "curl"):
        if shutil.which(program):
            found[program] = _first_line([program, "--version"]).split(",")[0].split(" (")[0]
    if nginx := shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin"):
        found["nginx"] = _first_line([nginx, "-v"]).rpartition("/")[2]
    return found


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def _first_line(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return (done.stdout or done.stderr).partition("\n")[0].strip()
