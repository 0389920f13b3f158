"""A process of its own for a stranger's file, which may compute for ever or take all memory.

A process can be ended, and is held to less memory than a machine has.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from multiprocessing import spawn
from typing import Any

import shapely

from hrdem.catalog.surveys.attributes import Outline, Project, find_projects
from hrdem.errors import SourceError, TransferError
from hrdem.runtime.redaction import redact_secrets
from hrdem.runtime.text import to_one_line

_LONGEST_WORDS = 500  # characters of a failure that are told
_USUAL_TIME = 60.0  # seconds
_MOST_MEMORY = 4 << 30  # bytes of addresses


def read_in_subprocess(
    module: str,
    asked: Mapping[str, str],
    name: str,
    area: shapely.Polygon,
    settings: Mapping[str, object],
    seconds: float,
) -> list[Project]:
    """Tell which projects in a file share some of an area, the newest first.

    Args:
        module: The module that reads the file, which ends in `answer_request` if it is run.
        asked: What it has to know, with the file's ``path``.
        name: What messages call the file.
        area: Polygon in EPSG:3979.
        settings: Of the environment.
        seconds: Longest time to take.

    Raises:
        SourceError: If the module cannot read it.
        TransferError: If the process that reads does not end in that time, or ends otherwise.
    """
    question = json.dumps({**asked, "area": shapely.to_wkb(area, hex=True)})
    try:
        told = json.loads(_run(["-m", module], question, settings, seconds))
    except subprocess.TimeoutExpired as exc:
        raise TransferError(f"{name} could not be read within {seconds:.0f} s.") from exc
    except subprocess.CalledProcessError as exc:
        last = to_one_line(redact_secrets(exc.stderr.strip().rpartition("\n")[2]), _LONGEST_WORDS)
        raise TransferError(
            f"{name} was not read: the process that reads it ended with {exc.returncode} {last!r}."
        ) from exc
    except (OSError, ValueError) as exc:
        raise TransferError(
            f"{name} was not read: the process that reads it failed ({exc})."
        ) from exc
    if "refused" in told:
        said = redact_secrets(told["refused"].replace(asked["path"], name))
        raise SourceError(f"{name} cannot be read: {to_one_line(said, _LONGEST_WORDS)}.")
    return [Project(**each) for each in told["projects"]]


def run_python(arguments: Sequence[str]) -> str:
    """Return what Python prints, in a process of its own.

    Raises:
        TransferError: If it fails.
    """
    try:
        return _run(arguments, "", {}, _USUAL_TIME)
    except (OSError, subprocess.SubprocessError) as exc:
        raise TransferError(f"A process that reads files failed ({exc}).") from exc


def _run(
    arguments: Sequence[str], question: str, settings: Mapping[str, object], seconds: float
) -> str:
    environment = os.environ | {name: str(value) for name, value in settings.items()}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    executable = os.fsdecode(spawn.get_executable() or sys.executable)
    done = subprocess.run(  # noqa: S603 (our own interpreter and modules)
        [executable, "-P", "-W", "ignore", *arguments],
        input=question,
        capture_output=True,
        check=True,
        encoding="utf-8",
        errors="replace",
        env=environment,
        timeout=seconds,
    )
    return done.stdout


def answer_request(
    read: Callable[[Mapping[str, str], shapely.Polygon], Iterable[Outline]],
    refusals: tuple[type[Exception], ...],
) -> None:
    """Answer what `read_in_subprocess` asks, in the process that it starts.

    Args:
        read: Returns the outlines in a file that may lie under an area.
        refusals: What it raises if the file is not what it should be.
    """
    with contextlib.suppress(ImportError, OSError, ValueError):  # not on Windows
        import resource  # noqa: PLC0415

        resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY, _MOST_MEMORY))
    asked = json.load(sys.stdin)
    area = shapely.from_wkb(asked["area"])
    told: dict[str, Any]
    try:
        projects = find_projects(area, read(asked, area))
        told = {"projects": [dataclasses.asdict(each) for each in projects]}
    except MemoryError:
        told = {"refused": "it takes more memory than it should"}
    except refusals as exc:
        told = {"refused": str(exc).rstrip(".")}
    json.dump(told, sys.stdout)
