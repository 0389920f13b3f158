"""Find the lidar projects under an area in the coverage files beside the rasters."""

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
from hrdem.http.retry import Retries, RetryableError, run_with_retries
from hrdem.http.source_version import SourceVersion
from hrdem.request.aoi.aoi import Aoi
from hrdem.request.products import Product
from hrdem.runtime.threads import thread_pool

log = logging.getLogger(__name__)

MAX_PARALLEL_ITEMS = 4
MAX_WHOLE_FILE_BYTES = 8 << 20  # of a GeoPackage read in one piece; in parts it takes 20 requests
MAX_READ_SECONDS = 300.0  # of one file


@dataclass(frozen=True, slots=True)
class Survey:
    """A lidar project under an area of interest.

    Attributes:
        item: Id of the item that links to it.
        asset: Key of the asset that describes it: ``coverage``, or ``extent``, which only has the
            outline of all projects together.
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
    """An item whose projects are unknown, or known only in part.

    Attributes:
        item: Id of the item.
        reason: Reason, in sentences.
        failed: Whether reading failed; False if the catalogue has no such file.
    """

    item: str
    reason: str
    failed: bool

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready values."""
        return {"item": self.item, "reason": self.reason, "failed": self.failed}


@dataclass(frozen=True, slots=True)
class Surveys:
    """The lidar projects under an area of interest.

    Attributes:
        found: Projects by item, the newest first.
        unknown: Items whose projects are unknown.
        versions: Files that the projects were read from.
    """

    found: tuple[Survey, ...]
    unknown: tuple[UnknownSurvey, ...]
    versions: tuple[SourceVersion, ...]

    @property
    def newest_first(self) -> list[Survey]:
        """The projects of all items, the newest first, those without a date last."""
        return sorted(self.found, key=lambda each: each.project.last or "", reverse=True)

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready values."""
        return {
            "surveys": [survey.as_dict() for survey in self.found],
            "unknown": [unknown.as_dict() for unknown in self.unknown],
            "files": [{"url": each.url, **each.as_dict()} for each in self.versions],
        }


def find_surveys(items: Sequence[Item], aoi: Aoi, product: Product, http: Http) -> Surveys:
    """Find the lidar projects under an area of interest.

    Each item is read by itself, so a project that spans two sub-tiles is listed twice. Shares are
    computed from each project's own outlines: where projects overlap, the mosaic has the newest,
    and the shares add up to more than the area.

    Args:
        items: Items under the area.
        aoi: Area of interest.
        product: Product; a coverage file may have layers for the terrain and the surface model.
        http: Client to use.

    Returns:
        The projects. An item whose file is missing or cannot be read is listed as unknown, with a
        warning; nothing is raised for it.
    """
    surveys = read_surveys(items, aoi, product, http)
    for unknown in surveys.unknown:
        log.warning("The surveys of %s are not known: %s", unknown.item, unknown.reason)
    return surveys


def read_surveys(items: Sequence[Item], aoi: Aoi, product: Product, http: Http) -> Surveys:
    """Find the lidar projects as `find_surveys` does, without warnings."""
    with thread_pool(MAX_PARALLEL_ITEMS, "survey") as pool:
        results = list(pool.map(lambda item: _find_in_item(item, aoi, product, http), items))
    return Surveys(
        tuple(survey for result in results for survey in result.found),
        tuple(unknown for result in results for unknown in result.unknown),
        tuple(version for result in results for version in result.versions),
    )


def _find_in_item(item: Item, aoi: Aoi, product: Product, http: Http) -> Surveys:
    """Read the coverage file of an item; if there is none, its extent."""
    missing = []
    for key in ("coverage", "extent"):
        asset = next((asset for asset in item.assets if asset.key == key), None)
        if asset is None:
            missing.append(f"The catalogue lists no {key}.")
            continue
        try:
            if key == "coverage":
                version, projects = _read_coverage(asset, aoi, product, http)
            else:
                version, projects = _read_extent(asset, aoi, http)
        except OSError as exc:  # a failed request, or a full disk
            if isinstance(exc, ServerError) and exc.is_missing:
                missing.append(str(exc))
                continue
            return Surveys(
                (), (UnknownSurvey(item.id, " ".join([*missing, str(exc)]), failed=True),), ()
            )
        if missing:
            missing.append("Its extent shows only where any project was flown.")
        unknown = [UnknownSurvey(item.id, " ".join(missing), failed=False)] if missing else []
        found = (Survey(item.id, key, project) for project in projects)
        return Surveys(tuple(found), tuple(unknown), (version,))
    return Surveys((), (UnknownSurvey(item.id, " ".join(missing), failed=False),), ())


def _read_coverage(
    asset: Asset, aoi: Aoi, product: Product, http: Http
) -> tuple[SourceVersion, list[Project]]:
    """Read a coverage file: a small one whole, a large one in the parts that GDAL needs."""
    version, beginning = read_first_bytes(asset.href, len(SIGNATURE), http)
    if beginning != SIGNATURE:
        raise SourceError(f"{version.url} is not a GeoPackage: it begins with {beginning!r}.")
    if version.size <= MAX_WHOLE_FILE_BYTES:
        with tempfile.TemporaryDirectory(prefix="hrdem-") as folder:
            copy = Path(folder) / "coverage.gpkg"
            copy.write_bytes(PinnedFile(asset.href, version, http).read(0, version.size))
            return version, read_geopackage_projects(
                str(copy), version.url, aoi.geometry, product.name, {}, MAX_READ_SECONDS
            )
    path = f"/vsicurl/{asset.href}"
    settings = {
        **gdal_http_options(version, [asset.href]),
        "CPL_VSIL_CURL_ALLOWED_FILENAME": path,  # else GDAL looks for a journal and metadata
        "CPL_VSIL_CURL_CHUNK_SIZE": 64 << 10,
    }

    def read_once() -> list[Project]:
        try:
            return read_geopackage_projects(
                path, version.url, aoi.geometry, product.name, settings, MAX_READ_SECONDS
            )
        except SourceError as exc:  # GDAL reports a broken transfer as a damaged file
            raise RetryableError(str(exc)) from exc

    try:
        return version, run_with_retries(read_once, Retries(attempts=3), time.sleep)
    finally:
        check_file_unchanged(asset.href, version, http)


def _read_extent(asset: Asset, aoi: Aoi, http: Http) -> tuple[SourceVersion, list[Project]]:
    version, document = read_whole_file(asset.href, http)
    with tempfile.TemporaryDirectory(prefix="hrdem-") as folder:
        copy = Path(folder) / "extent.geojson"
        copy.write_bytes(document)
        return version, read_extent_projects(str(copy), version.url, aoi.geometry, MAX_READ_SECONDS)
