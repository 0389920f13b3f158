"""Read untrusted files in a separate process, with limits on its time and memory.

Such a file may make its reader compute forever or take all memory of the machine.
"""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from multiprocessing import spawn
from typing import Any

import shapely

from hrdem.catalog.surveys.attributes import Outline, Project, find_projects
from hrdem.errors import SourceError, TransferError
from hrdem.runtime.gdal_settings import VALUES
from hrdem.runtime.memory import limit_memory
from hrdem.runtime.redaction import redact_secrets
from hrdem.runtime.text import to_one_line

MAX_MESSAGE_CHARACTERS = 500  # of an error of the process
MAX_PYTHON_SECONDS = 60.0
MAX_MEMORY_BYTES = 4 << 30  # of address space, or committed

# pyogrio imports these where it finds them, which takes as long as all else; nothing needs them
_WITHOUT_TABLES = (
    "import sys; sys.modules.update(dict.fromkeys(('geopandas', 'pandas', 'pyarrow'))); "
)


def read_in_subprocess(
    module: str,
    arguments: Mapping[str, str],
    name: str,
    area: shapely.Polygon,
    settings: Mapping[str, object],
    seconds: float,
) -> list[Project]:
    """Return the projects in a file that overlap an area, newest first.

    Args:
        module: Module that reads the file and calls `answer_request` when it is run.
        arguments: Its arguments, including the ``path`` of the file.
        name: Name of the file in messages.
        area: Polygon in EPSG:3979.
        settings: Environment variables to set.
        seconds: Time limit.

    Raises:
        SourceError: If the module cannot read it.
        TransferError: If the process exceeds the time limit or fails.
    """
    request = json.dumps({**arguments, "area": shapely.to_wkb(area, hex=True)})
    program = f"import runpy; runpy.run_module({module!r}, run_name='__main__')"
    try:
        response = json.loads(_run(program, request, settings, seconds))
    except subprocess.TimeoutExpired as exc:
        raise TransferError(f"{name} could not be read within {seconds:.0f} s.") from exc
    except subprocess.CalledProcessError as exc:
        last_line = exc.stderr.strip().rpartition("\n")[2]
        message = to_one_line(redact_secrets(last_line), MAX_MESSAGE_CHARACTERS)
        raise TransferError(
            f"{name} was not read: its reader ended with exit code {exc.returncode} {message!r}."
        ) from exc
    except (OSError, ValueError) as exc:
        raise TransferError(f"{name} was not read: its reader failed ({exc}).") from exc
    if "error" in response:
        message = redact_secrets(response["error"].replace(arguments["path"], name))
        raise SourceError(f"{name} cannot be read: {to_one_line(message, MAX_MESSAGE_CHARACTERS)}.")
    return [
        Project(**project, outline=shapely.from_wkb(outline))
        for project, outline in zip(response["projects"], response["outlines"], strict=True)
    ]


def run_python(program: str) -> str:
    """Run Python in a separate process and return its standard output.

    Args:
        program: Text of the program.

    Raises:
        TransferError: If it fails.
    """
    try:
        return _run(program, "", {}, MAX_PYTHON_SECONDS)
    except (OSError, subprocess.SubprocessError) as exc:
        raise TransferError(f"A process that reads surveys failed ({exc}).") from exc


def _run(program: str, request: str, settings: Mapping[str, object], seconds: float) -> str:
    environment = {**os.environ, **VALUES, **{name: str(value) for name, value in settings.items()}}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    executable = os.fsdecode(spawn.get_executable() or sys.executable)
    completed = subprocess.run(  # noqa: S603 (our own interpreter and modules)
        [executable, "-P", "-W", "ignore", "-c", _WITHOUT_TABLES + program],
        input=request,
        capture_output=True,
        check=True,
        encoding="utf-8",
        errors="replace",
        env=environment,
        timeout=seconds,
    )
    return completed.stdout


def answer_request(
    read: Callable[[Mapping[str, str], shapely.Polygon], Iterable[Outline]],
    errors: tuple[type[Exception], ...],
) -> None:
    """Answer the request of `read_in_subprocess`, in the process that it starts.

    Args:
        read: Returns the outlines in a file that may overlap an area.
        errors: Exceptions that it raises if the file is invalid.
    """
    limit_memory(MAX_MEMORY_BYTES)
    request = json.load(sys.stdin)
    area = shapely.from_wkb(request["area"])
    response: dict[str, Any]
    try:
        projects = find_projects(area, read(request, area))
        response = {
            "projects": [_to_json(project) for project in projects],
            "outlines": [shapely.to_wkb(project.outline, hex=True) for project in projects],
        }
    except MemoryError:
        response = {"error": "reading it takes too much memory"}
    except errors as exc:
        response = {"error": str(exc).rstrip(".")}
    json.dump(response, sys.stdout)


def _to_json(project: Project) -> dict[str, Any]:
    """Return a project as JSON-ready values, without its outline."""
    names = [field.name for field in dataclasses.fields(project) if field.name != "outline"]
    return {name: getattr(project, name) for name in names}
