"""Read uploaded files in a process of its own, with limits on time and memory.

A file may make its reader compute forever or take all memory of the machine, and GDAL keeps
Python's lock meanwhile.
"""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from hrdem import errors
from hrdem.app.map_area import Area, UploadedArea
from hrdem.app.read_area import ChooseLayerError, read_area
from hrdem.app.upload_content import Kind
from hrdem.errors import HrdemError, RequestError

MAX_SECONDS = 30.0
MAX_MEMORY_BYTES = 3 << 30  # of address space, or committed
DRIVERS = {kind.driver for kind in Kind}
# pyogrio imports these where it finds them, which takes as long as all else; nothing needs them
_PROGRAM = (
    "import runpy, sys; sys.modules.update(dict.fromkeys(('geopandas', 'pandas', 'pyarrow'))); "
    "runpy.run_module('hrdem.app.read_apart', run_name='__main__')"
)


def read_area_apart(folder: Path, name: str, layer: str | None) -> UploadedArea:
    """Do in another process what `hrdem.app.read_area.read_area` does.

    Raises:
        RequestError: Also if it takes too long or too much memory.
    """
    request = json.dumps({"folder": str(folder), "name": name, "layer": layer})
    path = os.pathsep.join(filter(None, sys.path))
    environment = {**os.environ, "PYTHONPATH": path, "OGR_SKIP": _list_other_drivers()}
    try:
        done = subprocess.run(  # noqa: S603 (our own interpreter and module)
            [sys.executable, "-P", "-W", "ignore", "-c", _PROGRAM],
            input=request,
            capture_output=True,
            check=True,
            encoding="utf-8",
            errors="replace",
            env=environment,
            timeout=MAX_SECONDS,
        )
        answer = json.loads(done.stdout)
    except subprocess.TimeoutExpired as exc:
        raise RequestError(
            f"{name} could not be read within {MAX_SECONDS:.0f} s. Simplify its polygons."
        ) from exc
    except (subprocess.CalledProcessError, ValueError) as exc:
        raise RequestError(
            f"{name} could not be read: its reader ended early. Save it again as GeoJSON."
        ) from exc
    if "error" in answer:
        raise _to_error(answer["error"])
    area = Area(**answer["area"] | {"bbox": tuple(answer["area"]["bbox"])})
    return UploadedArea(area, answer["features"], tuple(answer["layers"]))


def _to_error(error: dict[str, Any]) -> HrdemError:
    """Return the error that the process describes."""
    if error["layers"]:
        return ChooseLayerError(error["message"], error["layers"])
    kind = getattr(errors, error["class"], RequestError)
    return (
        kind(error["message"]) if issubclass(kind, HrdemError) else RequestError(error["message"])
    )


@functools.cache
def _list_other_drivers() -> str:
    """Return the names of the drivers that no uploaded file needs, for GDAL to skip.

    Other formats can refer to other files and hosts.
    """
    import pyogrio

    return ",".join(sorted(pyogrio.list_drivers().keys() - DRIVERS))


def _answer() -> None:
    """Answer the request on standard input."""
    import pyogrio

    if not pyogrio.list_drivers().keys() <= DRIVERS:
        raise SystemExit("GDAL does not skip its other drivers")
    _limit_memory()
    request = json.load(sys.stdin)
    try:
        found = read_area(Path(request["folder"]), request["name"], request["layer"])
        answer = {
            "area": found.area.as_dict(),
            "features": found.features,
            "layers": found.layers,
        }
    except MemoryError:
        message = f"{request['name']} takes too much memory to read. Simplify its polygons."
        answer = {"error": {"class": "RequestError", "message": message, "layers": []}}
    except HrdemError as exc:
        layers = exc.layers if isinstance(exc, ChooseLayerError) else ()
        answer = {
            "error": {"class": type(exc).__name__, "message": str(exc), "layers": list(layers)}
        }
    json.dump(answer, sys.stdout)


def _limit_memory() -> None:
    """Limit the address space and the time of computing, where the system can."""
    if sys.platform == "win32":
        return
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY_BYTES, MAX_MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (int(MAX_SECONDS), int(MAX_SECONDS)))


if __name__ == "__main__":
    _answer()
