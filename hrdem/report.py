"""What an extraction tells about itself: its result, tags in the file, a STAC item beside it."""

from __future__ import annotations

import datetime
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import rasterio
import shapely
from rasterio.crs import CRS
from rasterio.enums import WktVersion

from hrdem._version import __version__
from hrdem.crs import LONLAT, in_nad83, project
from hrdem.planning import Plan, grid_as_dict
from hrdem.products import VERTICAL_DATUM
from hrdem.statistics import Statistics, json_number

ATTRIBUTION = "Contains information licensed under the Open Government Licence – Canada."
LICENCE_URL = "https://open.canada.ca/en/open-government-licence-canada"


@dataclass(frozen=True, slots=True)
class Result:
    """A finished extraction.

    Attributes:
        output: Path of the file.
        plan: What was read and why.
        statistics: Of the output's pixels; None if blocks were copied, whose pixels were not
            looked at.
        pixels_by_source: How many valid pixels came from each source, by its name, in the plan's
            order, before they were resampled; None likewise.
        received: Bytes of tiles that came; None if GDAL fetched them, which does not tell.
        seconds: How long it took.
    """

    output: Path
    plan: Plan
    statistics: Statistics | None
    pixels_by_source: dict[str, int] | None
    received: int | None
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready values."""
        pixels = self.pixels_by_source or {}
        return {
            "output": str(self.output),
            "bytes": self.output.stat().st_size,
            "seconds": round(self.seconds, 3),
            "request": self.plan.request.as_dict(),
            "grid": grid_as_dict(self.plan.grid),
            "resampled_from": grid_as_dict(self.plan.native) if self.plan.resampled else None,
            "received_bytes": self.received,
            "statistics": self.statistics and self.statistics.as_dict(),
            "items_lacking_the_product": list(self.plan.lacking),
            "neighbours_left_out": list(self.plan.left_out),
            "sources": [
                {
                    **source.as_dict(),
                    "pixels": pixels.get(source.name),
                }
                for source in self.plan.sources
            ],
        }


def stac_path(output: Path) -> Path:
    """Return the path of the STAC item beside an output."""
    return output.with_suffix(".stac.json")


def tags(plan: Plan) -> dict[str, str]:
    """Return the metadata that goes into the file: what it is and where it comes from."""
    request = plan.request
    return {
        "TIFFTAG_SOFTWARE": f"hrdem {__version__}",
        "TIFFTAG_IMAGEDESCRIPTION": f"{request.product.title}. {request.collection.title}.",
        "HRDEM_PRODUCT": request.product.name,
        "HRDEM_COLLECTION": request.collection.id,
        "HRDEM_VERTICAL_DATUM": VERTICAL_DATUM,
        "HRDEM_REQUEST": json.dumps(request.as_dict(), ensure_ascii=False),
        "HRDEM_SOURCES": json.dumps([source.as_dict() for source in plan.sources]),
        "HRDEM_LICENCE": f"{ATTRIBUTION} {LICENCE_URL}",
    }


def stac_item(plan: Plan, statistics: Statistics | None, output: Path) -> dict[str, Any]:
    """Describe an output as a STAC 1.1 item.

    Args:
        plan: What was read.
        statistics: Of the output's pixels, if they are known.
        output: Path of the output; the item refers to it as lying beside.
    """
    request, grid = plan.request, plan.grid
    left, bottom, right, top = grid.bounds
    outline = shapely.segmentize(shapely.box(*grid.bounds), max(right - left, top - bottom) / 20)
    ring = project(shapely.get_coordinates(outline), in_nad83(grid.crs), LONLAT).round(7)
    newest = max(source.newest for source in plan.sources)
    band: dict[str, Any] = {
        "name": request.product.name,
        "description": request.product.title,
        "data_type": plan.dtype,
        "nodata": json_number(plan.nodata),
        "unit": request.product.unit,
    }
    if plan.nodata is None:
        del band["nodata"]
    if statistics is not None:
        band["statistics"] = {
            "minimum": json_number(statistics.minimum),
            "maximum": json_number(statistics.maximum),
            "mean": json_number(statistics.mean),
            "stddev": json_number(statistics.deviation),
            "valid_percent": statistics.valid_percent,
        }
    return {
        "type": "Feature",
        "stac_version": "1.1.0",
        "stac_extensions": [
            "https://stac-extensions.github.io/projection/v2.0.0/schema.json",
            "https://stac-extensions.github.io/processing/v1.2.0/schema.json",
        ],
        "id": output.stem,
        "geometry": {"type": "Polygon", "coordinates": [ring.tolist()]},
        "bbox": [*np.min(ring, axis=0).tolist(), *np.max(ring, axis=0).tolist()],
        "properties": {
            "title": f"{request.product.title}, {request.aoi.text}",
            "datetime": newest or _now(),
            "created": _now(),
            "license": "OGL-Canada-2.0",
            "attribution": ATTRIBUTION,
            **_projection(grid.crs),
            "proj:shape": [grid.height, grid.width],
            "proj:transform": list(grid.transform)[:6],
            "proj:bbox": list(grid.bounds),
            "processing:software": {"hrdem": __version__},
            "hrdem:request": request.as_dict(),
            "hrdem:vertical_datum": VERTICAL_DATUM,
            "hrdem:sources": [source.as_dict() for source in plan.sources],
        },
        "links": [
            {"rel": "license", "href": LICENCE_URL, "title": "Open Government Licence – Canada"},
            *(
                {"rel": "derived_from", "href": source.url, "title": source.name}
                for source in plan.sources
            ),
        ],
        "assets": {
            request.product.name: {
                "href": f"./{quote(output.name)}",
                "type": "image/tiff; application=geotiff",
                "roles": ["data"],
                "bands": [band],
            }
        },
    }


def _projection(crs: str) -> dict[str, str | None]:
    """Name a CRS (STAC projection extension 2.0.0): a code if it has one, else null and WKT2."""
    if crs.startswith("EPSG:"):
        return {"proj:code": crs}
    with rasterio.Env():
        wkt = CRS.from_user_input(crs).to_wkt(version=WktVersion.WKT2_2019)
    return {"proj:code": None, "proj:wkt2": wkt}


def _now() -> str:
    return f"{datetime.datetime.now(datetime.UTC):%Y-%m-%dT%H:%M:%SZ}"
