"""Find the published grid of differences between CGVD2013 and CGVD28, or download it once.

Its checksum is verified; only a user-supplied file is used without.
"""

from __future__ import annotations

import hashlib
import logging
import os
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from hrdem.errors import NetworkError, OutputError, TransferError
from hrdem.http.parsed import request_parsed
from hrdem.http.protocol import Http, Response
from hrdem.http.retry import RetryableError
from hrdem.http.run_context import RunContext
from hrdem.processing.vertical.shift_grid import ShiftGrid, read_grid, read_user_grid
from hrdem.request.options import VerticalDatum
from hrdem.request.request import Request
from hrdem.runtime.atomic import publish, staged_file
from hrdem.runtime.gdal_env import get_variable
from hrdem.runtime.gdal_settings import PROJ_DATA

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PublishedGrid:
    """A published grid file.

    Attributes:
        url: Its address, which ends with the name of the file.
        size: Bytes.
        sha256: Checksum, hexadecimal.
    """

    url: str
    size: int
    sha256: str

    @property
    def name(self) -> str:
        """Name of the file."""
        return self.url.rpartition("/")[2]


# By Natural Resources Canada, under its Open Government Licence; a GeoTIFF by the PROJ project.
HT2_2010 = PublishedGrid(
    url="https://cdn.proj.org/ca_nrc_HT2_2010v70_CGG2013a.tif",
    size=2_187_252,
    sha256="6f1f405626f6b132d42b84584f31cadb88e038026ca692b5b3a61cd82fb92e11",
)


def find_shift_grid(request: Request, context: RunContext) -> ShiftGrid | None:
    """Find the differences to add to heights for the vertical datum of a request.

    Returns:
        None if heights stay as they are in the data.

    Raises:
        HrdemError: As `find_cgvd28_grid` does.
    """
    if request.vertical_datum is VerticalDatum.CGVD2013:
        return None
    return find_cgvd28_grid(request.vertical_grid, context.cache, context.http)


def find_cgvd28_grid(
    trusted: Path | None, cache: Path, http: Http, published: PublishedGrid = HT2_2010
) -> ShiftGrid:
    """Find the grid from CGVD2013 to CGVD28, and read it.

    A user-supplied file comes first, then PROJ's folders (PROJ_DATA, PROJ_LIB, and the user's own),
    then the cache; otherwise the grid is downloaded into the cache. Except for a user-supplied
    file, only the published one is used, bit for bit.

    Args:
        trusted: User-supplied file, used regardless of its checksum; None to look for one.
        cache: Cache folder; created if needed.
        http: HTTP client.
        published: The grid to look for.

    Raises:
        RequestError: If the user-supplied file cannot be used.
        TransferError: If there is no grid, and it cannot be downloaded.
        OutputError: If it cannot be written to the cache.
    """
    if trusted is not None:
        return read_user_grid(trusted)
    cached = cache / "proj" / published.name
    folders = [*_find_proj_folders(), cached.parent]
    for folder in folders:
        path = folder / published.name
        content = _read_published(path, published)
        if content is not None:
            log.info("%s is the grid from CGVD2013 to CGVD28.", path)
            return read_grid(path, content)
    try:
        content = _download(published, http)
    except NetworkError as exc:
        raise TransferError(
            f"Heights in CGVD28 need the grid {published.name}. It is not in "
            f"{', '.join(map(str, folders))}, and cannot be downloaded: {exc} Download "
            f"{published.url} in another way, and pass the file as `vertical_grid`."
        ) from exc
    _store(cached, content, published)
    return read_grid(cached, content)


def _find_proj_folders() -> list[Path]:
    """Return PROJ's folders of grids: https://proj.org/en/stable/resource_files.html."""
    named = [get_variable(name) for name in PROJ_DATA]
    parts = [part for each in named for part in each.split(os.pathsep) if part]
    own = os.environ.get("PROJ_USER_WRITABLE_DIRECTORY")
    users = Path(own) if own else platformdirs.user_data_path("proj", appauthor=False)
    return list(dict.fromkeys([*map(Path, parts), users]))


def _read_published(path: Path, published: PublishedGrid) -> bytes | None:
    """Return the bytes of a file; None if it does not exist or is not the published one."""
    try:
        content = path.read_bytes() if path.stat().st_size == published.size else b""
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as exc:
        log.warning("%s cannot be read and is ignored: %s.", path, exc)
        return None
    if hashlib.sha256(content).hexdigest() == published.sha256:
        return content
    log.warning(
        "%s differs from %s and is ignored. To use it, pass it as `vertical_grid`.",
        path,
        published.url,
    )
    return None


def _download(published: PublishedGrid, http: Http) -> bytes:
    log.info("Downloading %s.", published.url)

    def parse(response: Response) -> bytes:
        found = hashlib.sha256(response.content).hexdigest()
        if found != published.sha256:
            raise RetryableError(
                f"{published.url} was replaced, or a proxy answered: {len(response.content)} bytes "
                f"instead of {published.size}, SHA-256 {found} instead of {published.sha256}."
            )
        return response.content

    return request_parsed(http, "GET", published.url, parse, max_bytes=published.size)


def _store(path: Path, content: bytes, published: PublishedGrid) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with staged_file(path, content) as partial:
            publish(partial, path, overwrite=True)
    except OSError as exc:
        raise OutputError(
            f"The grid {published.name} cannot be written to {path.parent}: {exc}. Set another "
            f"`cache_dir`, or download {published.url} and pass the file as `vertical_grid`."
        ) from exc
