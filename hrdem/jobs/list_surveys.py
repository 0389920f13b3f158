"""List the lidar surveys under an area, and write them as a layer."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hrdem.catalog.search import find_intersecting_items
from hrdem.catalog.surveys.layer import write_layer
from hrdem.catalog.surveys.lookup import Survey, Surveys, find_surveys
from hrdem.errors import NoDataError, TransferError
from hrdem.http.protocol import Http
from hrdem.output.paths import FileKind, check_output
from hrdem.request.aoi.aoi import Aoi
from hrdem.request.products import Collection, Product
from hrdem.runtime.atomic import write_file_atomically
from hrdem.runtime.temporary_files import translate_full_disk


@dataclass(frozen=True, slots=True)
class SurveyList:
    """The lidar surveys under an area.

    Attributes:
        collection: Collection whose items were looked up.
        surveys: The surveys, and the items whose surveys are unknown.
        output: Path of the GeoPackage; None if none was written.
    """

    collection: Collection
    surveys: Surveys
    output: Path | None

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready values."""
        return {
            **self.surveys.as_dict(),
            "surveys": [self._describe(survey) for survey in self.surveys.found],
            "output": None if self.output is None else str(self.output),
        }

    def _describe(self, survey: Survey) -> dict[str, Any]:
        of_list = {"year": survey.project.year, "resolution": self.collection.resolution}
        return survey.as_dict() | of_list


def list_surveys(
    aoi: Aoi,
    product: Product,
    collection: Collection,
    stac_url: str,
    output: Path | None,
    http: Http,
    *,
    overwrite: bool,
) -> SurveyList:
    """List the surveys under an area; with an output, write them as a layer.

    Args:
        aoi: Area of interest.
        product: Surface; a coverage file may have a layer for each.
        collection: Collection whose items are looked up.
        stac_url: Root of the STAC API, with a trailing slash.
        output: GeoPackage to write; None for none.
        http: Client to use.
        overwrite: Whether an existing output may be replaced.

    Raises:
        NoDataError: If there is no item in the area, or no survey is known.
        NetworkError: If the catalogue or a file of surveys cannot be read.
        OutputError: If the output exists or cannot be written.
    """
    if output is not None:
        check_output(output, overwrite, FileKind.GEOPACKAGE)
    items = find_intersecting_items(aoi, collection, stac_url, http)
    if not items:
        raise NoDataError(f"{collection.id} has no item in {aoi.label}.")
    surveys = find_surveys(items, aoi, product, http)
    if failed := [each for each in surveys.unknown if each.failed]:
        raise TransferError(f"The surveys of {failed[0].item} cannot be read: {failed[0].reason}")
    if not surveys.found:
        reasons = [f"{each.item}: {each.reason}" for each in surveys.unknown]
        raise NoDataError(
            " ".join([f"No survey of {collection.id} is known in {aoi.label}.", *reasons])
        )
    if output is not None:
        # SQLite needs locks, which a folder on a file server may not have
        with translate_full_disk(), tempfile.TemporaryDirectory(prefix="hrdem-") as folder:
            local = Path(folder, "surveys.gpkg")
            write_layer(surveys.found, collection.resolution, local)
            layer = local.read_bytes()
        write_file_atomically(output, layer, overwrite)
    return SurveyList(collection, surveys, output)
