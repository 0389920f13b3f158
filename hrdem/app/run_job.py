"""Run a job: the command line in a process of its own, its progress, and what it wrote."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hrdem.app.job import JobProgress
from hrdem.app.job_process import MAX_SECONDS_TO_STOP
from hrdem.app.problems import describe

MAX_LINE_BYTES = 1 << 20  # of standard error
MAX_OTHER_LINES = 60
MAX_DOCUMENT_BYTES = 64 << 20  # of standard output
MIN_SECONDS_OF_RATE = 1.0  # before the time left is estimated
ROLES = {  # and media types, by the end of a name
    ".tif": ("raster", "image/tiff; application=geotiff"),
    ".tif.aux.xml": ("layer", "application/xml"),  # names of sources
    ".stac.json": ("item", "application/geo+json"),
    ".png": ("picture", "image/png"),
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended.

    Attributes:
        code: Exit code of the process.
        document: The JSON document that it printed; empty if it printed none.
        messages: The last lines that it wrote on standard error, without progress.
    """

    code: int
    document: dict[str, Any]
    messages: str

    @property
    def error(self) -> dict[str, Any] | None:
        """The error as the page gets it; None if the run wrote what was requested."""
        if self.code in (0, 3) and "error" not in self.document:
            return None
        found = self.document.get("error")
        if found is None:
            return describe(
                "Ended", f"The job ended with exit code {self.code} and no message. Start it again."
            )
        return {**found, "parameter": None}


async def run_process(
    arguments: Sequence[str],
    folder: Path,
    environment: dict[str, str],
    stop: asyncio.Event,
    on_progress: Callable[[JobProgress], None],
    total_bytes: int | None,
) -> Outcome:
    """Run ``hrdem`` in a folder until it ends, or is stopped.

    Args:
        arguments: Its arguments.
        folder: Its working folder, which gets the outputs.
        environment: Its environment.
        stop: Stops it when set.
        on_progress: Called with its progress, at most once a second.
        total_bytes: Estimate of its download.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "hrdem.app.job_process", *arguments),
        cwd=folder,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        limit=MAX_LINE_BYTES,
        **_apart_from_terminal(),
    )
    assert process.stdout is not None
    assert process.stderr is not None
    stopping = asyncio.create_task(_stop(process, stop))
    try:
        printed, messages = await asyncio.gather(
            _read_bounded(process.stdout),
            _follow(process.stderr, on_progress, total_bytes),
        )
        code = await process.wait()
    finally:
        stopping.cancel()
        if process.returncode is None:
            process.kill()
            await process.wait()
    try:
        document = json.loads(printed)
    except ValueError:
        document = {}
    return Outcome(code, document if isinstance(document, dict) else {}, messages)


def list_files(folder: Path, document: dict[str, Any]) -> list[dict[str, Any]]:
    """List the files of a run as the page gets them.

    Args:
        folder: The folder of the run.
        document: The document that it printed, which names the product of each output.
    """
    outputs = document.get("outputs", [document])
    products = {
        Path(each["output"]).name: each["request"]["product"]
        for each in outputs
        if "output" in each
    }
    by_stem = {name.removesuffix(".tif"): product for name, product in products.items()}
    files = []
    for path in sorted(folder.iterdir()):
        if not path.is_file() or path.is_symlink():
            continue
        suffix = next((each for each in ROLES if path.name.endswith(each)), None)
        if suffix is None:
            continue
        role, media_type = ROLES[suffix]
        if role == "raster" and path.name not in products:
            role = "layer"  # of sources, or of years of surveys, beside it
        files.append(
            {
                "name": path.name,
                "bytes": path.stat().st_size,
                "media_type": media_type,
                "product": by_stem.get(path.name.partition(".")[0]),
                "role": role,
            }
        )
    order = ("raster", "layer", "item", "picture")
    return sorted(files, key=lambda each: (order.index(each["role"]), each["name"]))


def describe_area_file(path: Path) -> dict[str, Any]:
    """Describe the file of the area, which the command that a job shows reads."""
    return {
        "name": path.name,
        "bytes": path.stat().st_size,
        "media_type": "application/geo+json",
        "product": None,
        "role": "area",
    }


def _apart_from_terminal() -> dict[str, Any]:
    """Return settings by which Ctrl-C in the terminal reaches the server alone.

    On Windows they also give the process its priority, which it lowers itself elsewhere.
    """
    if sys.platform == "win32":
        flags = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.BELOW_NORMAL_PRIORITY_CLASS
        return {"creationflags": flags}
    return {"process_group": 0}


async def _stop(process: asyncio.subprocess.Process, stop: asyncio.Event) -> None:
    """Interrupt a process when it shall stop, and kill it if it does not."""
    await stop.wait()
    assert process.stdin is not None
    process.stdin.close()
    await asyncio.sleep(MAX_SECONDS_TO_STOP + 2)
    with contextlib.suppress(ProcessLookupError):
        process.kill()


async def _read_bounded(stream: asyncio.StreamReader) -> bytes:
    parts, size = [], 0
    while part := await stream.read(1 << 16):
        size += len(part)
        if size <= MAX_DOCUMENT_BYTES:
            parts.append(part)
    return b"".join(parts)


async def _follow(
    stream: asyncio.StreamReader,
    on_progress: Callable[[JobProgress], None],
    total_bytes: int | None,
) -> str:
    """Read lines of progress until the stream ends; return the last of the other lines."""
    others: deque[str] = deque(maxlen=MAX_OTHER_LINES)
    began: tuple[float, float] | None = None
    while True:
        try:
            line = await stream.readline()
        except ValueError:  # longer than any line of ours: skipped
            continue
        if not line:
            return "".join(others)
        try:
            found = json.loads(line)
            done, pixels = found["pixels"], found["total_pixels"]
            received = found["received_bytes"]
        except (ValueError, KeyError, TypeError):
            others.append(line.decode(errors="replace"))
            continue
        fraction = min(done / max(pixels, 1), 1.0)
        began = began or (time.monotonic(), fraction)
        seconds = time.monotonic() - began[0]
        left = None
        if seconds >= MIN_SECONDS_OF_RATE and fraction > began[1]:
            left = seconds * (1 - fraction) / (fraction - began[1])
        on_progress(JobProgress(fraction, received, total_bytes, left, "extracting"))
