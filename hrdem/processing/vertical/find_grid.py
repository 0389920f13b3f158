"""The published grid of the difference between CGVD2013 and CGVD28: found here, or fetched once.

It is held to its checksum, wherever it is found.
"""

from __future__ import annotations

import hashlib
import logging
import os
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from hrdem.errors import NetworkError, OutputError, TransferError
from hrdem.http.protocol import Http
from hrdem.http.run_context import RunContext
from hrdem.processing.vertical.shift_grid import ShiftGrid, read_grid, read_user_grid
from hrdem.request.options import VerticalDatum
from hrdem.request.request import Request
from hrdem.runtime.atomic import publish, staged_file

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PublishedGrid:
    """A grid file as its publisher has it.

    Attributes:
        url: Its address, which ends in its name.
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
    given: Path | None, cache: Path, http: Http, published: PublishedGrid = HT2_2010
) -> ShiftGrid:
    """Find the grid from CGVD2013 to CGVD28, and read it.

    It is the file that is given; else it is looked for in PROJ's folders (all of PROJ_DATA and
    PROJ_LIB, and the user's own) and in the cache; else it is fetched into the cache. A file that
    was not given is taken only if it is the published one, bit for bit.

    Args:
        given: A file to use whatever its checksum; None to look for one.
        cache: Folder of everything that is kept; it is made when it is needed.
        http: Client to fetch it with.
        published: What to look for.

    Raises:
        RequestError: If the file that is given cannot be used.
        TransferError: If there is no grid, and it cannot be fetched.
        OutputError: If it cannot be kept in the cache.
    """
    if given is not None:
        return read_user_grid(given)
    kept = cache / "proj" / published.name
    folders = [*_proj_folders(), kept.parent]
    for folder in folders:
        path = folder / published.name
        content = _found(path, published)
        if content is not None:
            log.info("%s is the grid from CGVD2013 to CGVD28.", path)
            return read_grid(path, content)
    try:
        content = _fetched(published, http)
    except NetworkError as exc:
        raise TransferError(
            f"Heights in CGVD28 need the grid {published.name}. It is not in "
            f"{', '.join(map(str, folders))}, and cannot be fetched: {exc} Fetch "
            f"{published.url} in another way, and give the file as `vertical_grid`."
        ) from exc
    _keep(kept, content, published)
    return read_grid(kept, content)


def _proj_folders() -> list[Path]:
    """Where PROJ keeps grids: https://proj.org/en/stable/resource_files.html."""
    named = [os.environ.get(name, "") for name in ("PROJ_DATA", "PROJ_LIB")]
    parts = [part for each in named for part in each.split(os.pathsep) if part]
    own = os.environ.get("PROJ_USER_WRITABLE_DIRECTORY")
    users = Path(own) if own else platformdirs.user_data_path("proj", appauthor=False)
    return list(dict.fromkeys([*map(Path, parts), users]))


def _found(path: Path, published: PublishedGrid) -> bytes | None:
    """The bytes of a file, if it is there and the published one."""
    try:
        content = path.read_bytes() if path.stat().st_size == published.size else b""
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as exc:
        log.warning("%s cannot be read and is passed over: %s.", path, exc)
        return None
    if hashlib.sha256(content).hexdigest() == published.sha256:
        return content
    log.warning(
        "%s is not the file that %s is, and is passed over. To use it, give it as `vertical_grid`.",
        path,
        published.url,
    )
    return None


def _fetched(published: PublishedGrid, http: Http) -> bytes:
    log.info("Fetching %s.", published.url)
    content = http.request("GET", published.url, max_bytes=published.size).content
    found = hashlib.sha256(content).hexdigest()
    if found != published.sha256:
        raise TransferError(
            f"{published.url} is another file by now, or a proxy's: {len(content)} bytes instead "
            f"of {published.size}, SHA-256 {found} instead of {published.sha256}."
        )
    return content


def _keep(path: Path, content: bytes, published: PublishedGrid) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with staged_file(path, content) as partial:
            publish(partial, path, overwrite=True)
    except OSError as exc:
        raise OutputError(
            f"The grid {published.name} cannot be kept in {path.parent}: {exc}. Give another "
            f"`cache_dir`, or fetch {published.url} and give the file as `vertical_grid`."
        ) from exc
