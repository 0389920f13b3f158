"""Pin the settings of GDAL and PROJ while a call runs, whatever the environment says.

rasterio and pyogrio bring a GDAL each. rasterio sets options for the whole process in its main
thread, and for one thread in the others: every thread of a call is pinned. pyogrio sets them for
the whole process, so they are pinned just while it reads.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import rasterio
from rasterio.crs import CRS
from rasterio.env import get_gdal_config, set_gdal_config
from rasterio.errors import CRSError

from hrdem.errors import RequestError
from hrdem.runtime.forks import check_fork, running
from hrdem.runtime.gdal_settings import GDAL_CACHE_BYTES, HIDDEN, OWN_DATA, PROJ_DATA, VALUES

_RASTER_DRIVERS = ("GTiff", "COG", "VRT", "PNG")
_VECTOR_DRIVERS = ("GeoJSON", "GPKG", "ESRI Shapefile")
_RASTER_VALUES: dict[str, Any] = {**VALUES, "GDAL_CACHEMAX": GDAL_CACHE_BYTES}
#: PROJ's data of rasterio's wheels; another build of rasterio uses the system's
BUNDLED_PROJ_DATA = Path(rasterio.__file__).parent / "proj_data"

_thread = threading.local()
_pyogrio_lock = threading.Lock()


class _Process:
    """What calls share that run at the same time: hidden variables, and GDAL's cache."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls = 0
        self._cache_bytes = 0
        self.hidden: dict[str, str] = {}

    @contextlib.contextmanager
    def hiding(self) -> Iterator[None]:
        """Hide variables, and remember the size of GDAL's cache, until the last call ends."""
        with self._lock:
            if not self._calls:
                self.hidden = {name: os.environ.pop(name) for name in _list_variables_to_hide()}
                with rasterio.Env():  # registers the drivers, which reads settings from files
                    self._cache_bytes = get_gdal_config("GDAL_CACHEMAX")
            self._calls += 1
        try:
            yield
        finally:
            with self._lock:
                self._calls -= 1
                if not self._calls:
                    os.environ.update(self.hidden)
                    self.hidden = {}
                    set_gdal_config("GDAL_CACHEMAX", self._cache_bytes)


_process = _Process()


@contextlib.contextmanager
def pinned_gdal() -> Iterator[None]:
    """Pin GDAL's settings on this thread for as long as the context lasts.

    Raises:
        RequestError: If a setting that could change pixels cannot be pinned.
        HrdemError: If the process was forked from one in which a call was running.
    """
    check_fork()
    if getattr(_thread, "is_pinned", False):
        yield
        return
    with running(), _process.hiding(), rasterio.Env(**_RASTER_VALUES) as env:
        _check_unset(get_gdal_config)
        _check_drivers(env.drivers(), _RASTER_DRIVERS, "rasterio")
        _check_proj()
        _thread.is_pinned = True
        try:
            yield
        finally:
            _thread.is_pinned = False


def pin_thread() -> None:
    """Pin GDAL's settings on a worker thread of a call until the thread ends."""
    rasterio.Env(**_RASTER_VALUES).__enter__()
    _thread.is_pinned = True


@contextlib.contextmanager
def pinned_pyogrio() -> Iterator[None]:
    """Pin the settings of pyogrio's GDAL, which applies them to the whole process.

    Raises:
        RequestError: If a setting that could change shapes cannot be pinned.
    """
    import pyogrio  # noqa: PLC0415 (slow to import, and only files need it)

    with _pyogrio_lock:
        _check_unset(pyogrio.get_gdal_config_option)
        _check_drivers(pyogrio.list_drivers(), _VECTOR_DRIVERS, "pyogrio")
        before = {name: pyogrio.get_gdal_config_option(name) for name in VALUES}
        before |= {name: None for name in VALUES if name in os.environ}  # no need to set them
        pyogrio.set_gdal_config_options(VALUES)
        try:
            yield
        finally:
            pyogrio.set_gdal_config_options(before)


def get_variable(name: str) -> str:
    """Return an environment variable, also while it is hidden; empty if it is not set."""
    return os.environ.get(name) or _process.hidden.get(name, "")


def list_ignored_variables() -> list[str]:
    """Return the variables of the environment that have no effect while a call runs."""
    return [*(name for name in VALUES if name in os.environ), *_process.hidden]


def _list_variables_to_hide() -> list[str]:
    # those that are pinned too: rasterio would make them options of the program, which stay
    names = [*HIDDEN, *(name for name in VALUES if name != "GDAL_CACHEMAX")]
    if BUNDLED_PROJ_DATA.exists():
        names += OWN_DATA
    return [name for name in names if name in os.environ]


def _check_unset(get_option: Callable[[str], object]) -> None:
    """Check that neither a file nor the program sets what is hidden from the environment."""
    for name in HIDDEN:
        if (value := get_option(name)) is not None:
            raise RequestError(
                f"GDAL's setting {name} is {value}, which could change the result: "
                f"{HIDDEN[name]}. Remove it from GDAL's file of settings (~/.gdal/gdalrc), or from "
                "the program that calls hrdem."
            )


def _check_drivers(found: Mapping[str, str], wanted: Iterable[str], library: str) -> None:
    """Check that a library was not loaded without the formats that are needed."""
    missing = [name for name in wanted if name not in found]
    if missing:
        raise RequestError(
            f"GDAL has no driver for {', '.join(missing)}. Unset GDAL_SKIP and OGR_SKIP before the "
            f"program uses {library}, or install {library} with these drivers."
        )


def _check_proj() -> None:
    try:
        CRS.from_epsg(3979).to_wkt()
    except CRSError as exc:
        named = [f"{name} ({value})" for name in PROJ_DATA if (value := get_variable(name))]
        fix = "Install rasterio again, which brings PROJ's data."
        if named:
            fix = f"Unset {' and '.join(named)}, which points to the data of another PROJ."
        raise RequestError(f"PROJ cannot read its definitions of CRSs ({exc}). {fix}") from exc
