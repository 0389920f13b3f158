"""Which lidar projects lie under an area, by the outlines that lie beside the rasters."""

from __future__ import annotations

import logging
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hrdem.catalog.items import Asset, Item
from hrdem.catalog.surveys.attributes import Project
from hrdem.catalog.surveys.geojson import read_extent_projects
from hrdem.catalog.surveys.geopackage import SIGNATURE, read_geopackage_projects
from hrdem.errors import ServerError, SourceError
from hrdem.http.gdal_options import gdal_http_options
from hrdem.http.protocol import Http
from hrdem.http.ranges import PinnedFile, check_file_unchanged, read_first_bytes, read_whole_file
from hrdem.http.retry import Retries, RetryableError, retried
from hrdem.http.source_version import SourceVersion
from hrdem.request.aoi.aoi import Aoi
from hrdem.request.products import Product
from hrdem.runtime.threads import thread_pool

log = logging.getLogger(__name__)

_AT_ONCE = 4  # items
_WHOLE = 8 << 20  # bytes of a GeoPackage that is fetched whole; parts of it take 20 requests
_SECONDS = 300.0  # for reading one file


@dataclass(frozen=True, slots=True)
class Survey:
    """A project that lies under an area of interest.

    Attributes:
        item: Id of the item beside whose rasters it is told.
        asset: Key of the asset that tells it: ``coverage``, or ``extent``, which knows only that
            something was flown.
        project: The project.
    """

    item: str
    asset: str
    project: Project

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready values."""
        return {
            "project": self.project.name,
            "from": self.project.first,
            "to": self.project.last,
            "share": self.project.share,
            "item": self.item,
            "asset": self.asset,
            "attributes": dict(self.project.attributes),
        }


@dataclass(frozen=True, slots=True)
class UnknownSurvey:
    """What is not known of the projects of an item.

    Attributes:
        item: Its id.
        reason: Why, as sentences.
        failed: Whether something went wrong; False if the item just does not tell.
    """

    item: str
    reason: str
    failed: bool

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready values."""
        return {"item": self.item, "reason": self.reason, "failed": self.failed}


@dataclass(frozen=True, slots=True)
class Surveys:
    """The projects under an area of interest.

    Attributes:
        found: Of each item, the newest first.
        unknown: What could not be told.
        versions: The files that told it.
    """

    found: tuple[Survey, ...]
    unknown: tuple[UnknownSurvey, ...]
    versions: tuple[SourceVersion, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready values."""
        return {
            "surveys": [survey.as_dict() for survey in self.found],
            "unknown": [unknown.as_dict() for unknown in self.unknown],
            "files": [{"url": each.url, **each.as_dict()} for each in self.versions],
        }


def find_surveys(items: Sequence[Item], aoi: Aoi, product: Product, http: Http) -> Surveys:
    """Tell which lidar projects lie under an area of interest.

    Each item is asked by itself, so a project that reaches over two sub-tiles is told twice. A
    share is that of a project's own outlines: where projects overlap, the mosaic holds the newest,
    and the shares add up to more than the area.

    Args:
        items: Items under the area.
        aoi: The area.
        product: Which of them; a coverage file may tell of the terrain and of the surface model.
        http: Client to read with.

    Returns:
        What is known. A file that is missing, or cannot be read, is among what is unknown; nothing
        is raised for it.
    """
    with thread_pool(_AT_ONCE, "survey") as pool:
        answers = list(pool.map(lambda item: _of_item(item, aoi, product, http), items))
    for unknown in (each for answer in answers for each in answer.unknown):
        log.warning("The surveys of %s are not known: %s", unknown.item, unknown.reason)
    return Surveys(
        tuple(survey for answer in answers for survey in answer.found),
        tuple(unknown for answer in answers for unknown in answer.unknown),
        tuple(version for answer in answers for version in answer.versions),
    )


def _of_item(item: Item, aoi: Aoi, product: Product, http: Http) -> Surveys:
    """Ask the coverage file; if there is none, the extent."""
    missing = []
    for key in ("coverage", "extent"):
        asset = next((asset for asset in item.assets if asset.key == key), None)
        if asset is None:
            missing.append(f"The catalogue lists no {key}.")
            continue
        try:
            if key == "coverage":
                version, projects = _in_coverage(asset, aoi, product, http)
            else:
                version, projects = _in_extent(asset, aoi, http)
        except OSError as exc:  # of the network; or of the local disk, for a while
            if isinstance(exc, ServerError) and exc.is_missing:
                missing.append(str(exc))
                continue
            return Surveys(
                (), (UnknownSurvey(item.id, " ".join([*missing, str(exc)]), failed=True),), ()
            )
        if missing:
            missing.append("Its extent tells only where anything was flown.")
        unknown = [UnknownSurvey(item.id, " ".join(missing), failed=False)] if missing else []
        found = (Survey(item.id, key, project) for project in projects)
        return Surveys(tuple(found), tuple(unknown), (version,))
    return Surveys((), (UnknownSurvey(item.id, " ".join(missing), failed=False),), ())


def _in_coverage(
    asset: Asset, aoi: Aoi, product: Product, http: Http
) -> tuple[SourceVersion, list[Project]]:
    """Read a coverage file: a small one whole, of a large one the parts that GDAL asks for."""
    version, beginning = read_first_bytes(asset.href, len(SIGNATURE), http)
    if beginning != SIGNATURE:
        raise SourceError(f"{version.url} is no GeoPackage: it begins with {beginning!r}.")
    if version.size <= _WHOLE:
        with tempfile.TemporaryDirectory(prefix="hrdem-") as folder:
            copy = Path(folder) / "coverage.gpkg"
            copy.write_bytes(PinnedFile(asset.href, version, http).read(0, version.size))
            return version, read_geopackage_projects(
                str(copy), version.url, aoi.geometry, product.name, {}, _SECONDS
            )
    path = f"/vsicurl/{asset.href}"
    settings = {
        **gdal_http_options(version),
        "CPL_VSIL_CURL_ALLOWED_FILENAME": path,  # or it looks for a journal, and for metadata
        "CPL_VSIL_CURL_CHUNK_SIZE": 64 << 10,
    }

    def once() -> list[Project]:
        try:
            return read_geopackage_projects(
                path, version.url, aoi.geometry, product.name, settings, _SECONDS
            )
        except SourceError as exc:  # GDAL does not tell a transfer that broke off from damage
            raise RetryableError(str(exc)) from exc

    try:
        return version, retried(once, Retries(attempts=3), time.sleep)
    finally:
        check_file_unchanged(asset.href, version, http)


def _in_extent(asset: Asset, aoi: Aoi, http: Http) -> tuple[SourceVersion, list[Project]]:
    version, document = read_whole_file(asset.href, http)
    with tempfile.TemporaryDirectory(prefix="hrdem-") as folder:
        copy = Path(folder) / "extent.geojson"
        copy.write_bytes(document)
        return version, read_extent_projects(str(copy), version.url, aoi.geometry, _SECONDS)
