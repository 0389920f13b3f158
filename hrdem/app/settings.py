"""What `hrdem app` was started with: services, folders, limits."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hrdem

MAX_JSON_BYTES = 64_000  # of a request's body
MAX_UPLOAD_BYTES = 20_000_000
MAX_JOBS_OF_BROWSER = 100  # queued and running
MAX_JOBS_IN_ALL = 1_000
MAX_AREAS_OF_BROWSER = 50  # files kept; the oldest goes first
MAX_STREAMS_OF_BROWSER = 8
MAX_DISK_BYTES = 50_000_000_000
KEEP_DAYS = 30.0
#: WMS of Natural Resources Canada's base map, which is drawn only where somebody chooses it
BASEMAP_URL = "https://maps.geogratis.gc.ca/wms/CBMT"


@dataclass(frozen=True, slots=True)
class Services:
    """The services that are read, and how, as parameters of `hrdem`'s functions.

    Attributes:
        stac_url: Root of the STAC API.
        wcs_url: Address of the WCS; None for NRCan's, if ``stac_url`` is NRCan's.
        wms_url: Address of the WMS.
        vertical_grid: File of the shifts between vertical datums; None finds or downloads it.
        cache_dir: Folder of the cache; None for the system's.
        no_cache: Whether the cache is neither read nor written.
        max_cache: Size limit of the cache, bytes.
        basemap_url: Address of the WMS of the base map; None for none.
        is_demo: Whether it is the demonstration.
    """

    stac_url: str
    wcs_url: str | None
    wms_url: str
    vertical_grid: Path | None = None
    cache_dir: Path | None = None
    no_cache: bool = False
    max_cache: int | None = None
    basemap_url: str | None = None
    is_demo: bool = False

    @property
    def cache(self) -> dict[str, Any]:
        """The parameters of the cache, which every function has."""
        found = {"cache_dir": self.cache_dir, "no_cache": self.no_cache}
        return found if self.max_cache is None else {**found, "max_cache": self.max_cache}

    @property
    def catalogue(self) -> dict[str, Any]:
        """The parameters of functions that read the catalogue alone."""
        return {"stac_url": self.stac_url, **self.cache}

    @property
    def reading(self) -> dict[str, Any]:
        """The parameters of functions that read pixels."""
        return {**self.catalogue, "wcs_url": self.wcs_url, "vertical_grid": self.vertical_grid}

    @property
    def drawing(self) -> dict[str, Any]:
        """The parameters of `hrdem.preview`."""
        return {**self.catalogue, "wms_url": self.wms_url}

    @property
    def own_addresses(self) -> dict[str, str]:
        """The addresses that ``hrdem extract`` would not use by itself, by parameter."""
        defaults = inspect.signature(hrdem.extract).parameters
        return {
            name: value
            for name in ("stac_url", "wcs_url")
            if (value := getattr(self, name)) not in (None, defaults[name].default)
        }

    def as_arguments(self) -> list[str]:
        """Return the parameters of pixels as options of ``hrdem extract``."""
        arguments = []
        for name, value in self.reading.items():
            option = f"--{name.replace('_', '-')}"
            if value is True:
                arguments.append(option)
            elif value not in (None, False):
                arguments.append(f"{option}={value}")
        return arguments


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of the server.

    Attributes:
        services: The services that are read.
        data: Folder of jobs, areas and the database.
        host: Address that the server listens on.
        port: Port that the server listens on.
        token: Secret of the address; None where only this machine can connect.
        allowed_hosts: Further names under which the page may be opened, as behind a proxy.
        workers: Jobs that run at the same time.
        max_memory: Peak memory of a job, bytes.
        max_upload: Largest file of an area, bytes.
        max_download: Largest download of a job, bytes; None for no limit.
        max_jobs: Jobs of a browser that wait or run.
        max_disk: Size of all results; the oldest jobs are removed first.
        keep_days: Days after which finished jobs are removed.
    """

    services: Services
    data: Path
    host: str = "127.0.0.1"
    port: int = 0
    token: str | None = None
    allowed_hosts: tuple[str, ...] = ()
    workers: int = 2
    max_memory: int | None = None
    max_upload: int = MAX_UPLOAD_BYTES
    max_download: int | None = None
    max_jobs: int = MAX_JOBS_OF_BROWSER
    max_disk: int = MAX_DISK_BYTES
    keep_days: float = KEEP_DAYS
