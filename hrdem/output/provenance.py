"""Provenance: tags in the file and a STAC item beside it record the source of every pixel."""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import rasterio
import shapely
from rasterio.crs import CRS
from rasterio.enums import WktVersion

from hrdem._version import __version__
from hrdem.errors import OutputExistsError
from hrdem.geo.crs import LONLAT, METRES_PER_DEGREE, get_unit
from hrdem.geo.grid import Grid
from hrdem.geo.reproject import project_geometry
from hrdem.output.citation import list_identifiers, make_citation
from hrdem.output.layers import Layer
from hrdem.output.pam import get_pam_path
from hrdem.output.paths import (
    FileKind,
    check_name,
    check_no_input,
    check_output,
    get_layer_path,
    is_same_file,
)
from hrdem.output.plan_writer import make_output_crs
from hrdem.output.publish import (
    COMPANION_SUFFIXES,
    StoredFile,
    list_described_files,
    list_described_layers,
)
from hrdem.output.result import Result, vertical_datum_as_dict
from hrdem.planning.plan import Plan
from hrdem.processing.vertical.shift_grid import ShiftGrid
from hrdem.request.request import Request
from hrdem.request.request_document import encode_request
from hrdem.runtime.atomic import output_exists_error
from hrdem.runtime.gdal_env import pinned_gdal
from hrdem.runtime.text import to_json_number

MULTIHASH_SHA256 = "1220"  # code of SHA-256, and 32 bytes: https://multiformats.io/multihash
MAX_FOOTPRINT_ERROR_PIXELS = 0.01  # of its edges
ATTRIBUTION = "Contains information licensed under the Open Government Licence – Canada."
_MAX_PUBLISHING_SECONDS = 5.0  # between the publication of an item and of its raster
_GEOTIFF_TYPE = "image/tiff; application=geotiff"
_CLASSIFICATION = "https://stac-extensions.github.io/classification/v2.0.0/schema.json"
_MEDIA_TYPES = {".vrt": "application/xml"}
LICENCE_URL = "https://open.canada.ca/en/open-government-licence-canada"


def check_raster_output(
    output: Path,
    overwrite: bool,
    inputs: Iterable[object] = (),
    kind: FileKind = FileKind.GEOTIFF,
    layers: Iterable[str] = (),
) -> None:
    """Check that a raster and the files beside it can be written, before any work.

    Args:
        output: Path of the raster.
        overwrite: Whether existing files may be replaced.
        inputs: What is read; that which is a path may not be replaced.
        kind: Kind of the raster.
        layers: Names of its layers.

    Raises:
        RequestError: If the name does not end as those of its kind do, or is that of an input.
        OutputExistsError: If one exists and may not be replaced.
        OutputError: If one cannot be written, or the item describes another raster.
    """
    check_output(output, overwrite, kind)
    for suffix in COMPANION_SUFFIXES:
        check_name(output.with_name(f"{output.name}{suffix}"))
    item = get_stac_path(output)
    written = [get_layer_path(output, name) for name in layers]
    check_no_input((output, item, *written), inputs)
    described = list_described_files(item)
    for raster in () if output in described else described:
        if raster.exists() and not is_same_file(output, raster):
            raise OutputExistsError(
                f"{item} describes {raster.name}, and {output.name} needs an item of that name "
                "too; choose an `output` that differs before its ending."
            )
    is_orphaned = has_orphaned_item(output)
    check_output(item, overwrite or is_orphaned)
    for path in written:
        for each in (path, get_pam_path(path)):
            check_output(each, overwrite or (is_orphaned and path in described))


def check_layers_are_ours(output: Path, layers: tuple[str, ...]) -> None:
    """Check that the layers of an output that may be made again were written with it.

    Args:
        output: Path of the output.
        layers: Names of the layers of sources that it will have; none if it will have no layer.

    Raises:
        OutputExistsError: If one exists that its item does not describe.
    """
    ours = list_described_layers(get_stac_path(output), output)
    for name in (*layers, "year") if layers else ():
        path = get_layer_path(output, name)
        if path.exists() and path not in ours:
            raise output_exists_error(path)


def has_orphaned_item(output: Path) -> bool:
    """Whether an output has a STAC item but no raster: a run was killed while publishing."""
    path = get_stac_path(output)
    with contextlib.suppress(OSError):
        if not output.exists() and time.time() - path.stat().st_mtime >= _MAX_PUBLISHING_SECONDS:
            return output in list_described_files(path)
    return False


def remove_orphans(output: Path) -> None:
    """Remove the STAC item and the layers of an output that a killed run did not publish.

    Raises:
        OSError: If one cannot be removed.
    """
    if has_orphaned_item(output):
        item = get_stac_path(output)
        for layer in list_described_layers(item, output):
            for path in (layer, get_pam_path(layer)):
                path.unlink(missing_ok=True)
        item.unlink(missing_ok=True)


def _format_href(output: Path) -> str:
    return f"./{quote(os.fsencode(output.name))}"


def get_stac_path(output: Path) -> Path:
    """Return the path of the STAC item beside an output."""
    return output.with_suffix(".stac.json")


def make_tags(plan: Plan, shift_grid: ShiftGrid | None) -> dict[str, str]:
    """Return the tags of an output: product, collections, vertical datum, request and sources.

    Args:
        plan: The plan that was executed.
        shift_grid: Differences added to heights; None for none.
    """
    request = plan.request
    gaps = {"HRDEM_COMPLETE": "NO", "HRDEM_GAPS": json.dumps(plan.gaps_as_dict())}
    titles = [tier.collection.title for tier in plan.tiers]
    return {
        "TIFFTAG_SOFTWARE": f"hrdem {__version__}",
        "TIFFTAG_IMAGEDESCRIPTION": (
            f"{request.product.title}{request.height_reference}. {'; '.join(titles)}."
        ),
        "HRDEM_PRODUCT": request.product.name,
        "HRDEM_COLLECTION": ",".join(tier.collection.id for tier in plan.tiers),
        **make_datum_tags(request, shift_grid),
        "HRDEM_REQUEST": json.dumps(request.as_dict(), ensure_ascii=False),
        "HRDEM_SOURCES": json.dumps(plan.sources_as_dict()),
        **(gaps if plan.gaps else {}),
        "HRDEM_LICENCE": f"{ATTRIBUTION} {LICENCE_URL}",
    }


def make_datum_tags(request: Request, shift_grid: ShiftGrid | None) -> dict[str, str]:
    """Return the tags of the vertical datum of an output; none if it is not heights.

    Args:
        request: The request.
        shift_grid: Differences added to heights; None for none, or if they are not known.
    """
    described = vertical_datum_as_dict(request, shift_grid)
    return {f"HRDEM_VERTICAL_{key.upper()}": value for key, value in described.items()}


def make_layer_tags(plan: Plan, layer: Layer) -> dict[str, str]:
    """Return the tags of a layer beside an output.

    Args:
        plan: The plan that was executed.
        layer: The layer.
    """
    return {
        "TIFFTAG_SOFTWARE": f"hrdem {__version__}",
        "TIFFTAG_IMAGEDESCRIPTION": f"{layer.title[0].upper()}{layer.title[1:]}.",
        "HRDEM_PRODUCT": layer.name,
        "HRDEM_COLLECTION": ",".join(tier.collection.id for tier in plan.tiers),
        "HRDEM_SOURCES": json.dumps(plan.sources_as_dict()),
        "HRDEM_LICENCE": f"{ATTRIBUTION} {LICENCE_URL}",
    }


def make_stac_item(
    done: Result,
    stored: StoredFile,
    fingerprint: str,
    run: Mapping[str, Any],
    layers: Iterable[tuple[Layer, StoredFile]] = (),
) -> dict[str, Any]:
    """Describe an output as a STAC 1.1 item with relative links to its files.

    Args:
        done: The result.
        stored: Size and checksum of the raster, by which the item belongs to it alone.
        fingerprint: From `hrdem.planning.fingerprint.fingerprint_plan`.
        run: How the raster is written, for a rerun: encoding and memory.
        layers: The layers beside it, with theirs.
    """
    plan, output = done.plan, done.output
    request, grid = plan.request, plan.grid
    newest = max(plan.sources, key=lambda source: source.times).newest
    assets = {
        request.product.name: _describe_asset(output, stored, "data", _describe_band(done)),
        **{
            layer.name: _describe_asset(
                layer.path_beside(output), of_layer, "metadata", layer.describe_band()
            )
            for layer, of_layer in layers
        },
    }
    return {
        "type": "Feature",
        "stac_version": "1.1.0",
        "stac_extensions": [
            "https://stac-extensions.github.io/projection/v2.0.0/schema.json",
            "https://stac-extensions.github.io/processing/v1.2.0/schema.json",
            "https://stac-extensions.github.io/file/v2.1.0/schema.json",
            "https://stac-extensions.github.io/scientific/v1.0.0/schema.json",
            *([_CLASSIFICATION] if len(assets) > 1 else []),
        ],
        "id": output.stem.encode("utf-8", "surrogateescape").decode("utf-8", "replace"),
        **describe_footprint(grid),
        "properties": {
            "title": f"{request.product.title}, {request.aoi.label}",
            "datetime": (newest.datetime if newest else "") or format_now(),
            "created": format_now(),
            "license": "OGL-Canada-2.0",
            "attribution": ATTRIBUTION,
            "sci:citation": make_citation(
                plan, datetime.datetime.now(datetime.UTC).date(), f"{ATTRIBUTION} {LICENCE_URL}"
            ),
            **_describe_crs(make_output_crs(plan)),
            "proj:shape": [grid.height, grid.width],
            "proj:transform": list(grid.transform)[:6],
            "proj:bbox": list(grid.bounds),
            "processing:software": list_software(),
            "hrdem:request": request.as_dict(),
            # of a tile: the job has it
            **({"hrdem:rerun": {**encode_request(request), **run}} if grid == plan.whole else {}),
            **{f"hrdem:vertical_{key}": value for key, value in done.datum_as_dict().items()},
            **({"hrdem:fingerprint": fingerprint} if fingerprint else {}),
            "hrdem:sources": plan.sources_as_dict(members=True),
            "hrdem:infinite_pixels": done.infinite_pixels,
            "hrdem:complete": done.complete,
            "hrdem:gaps": done.gaps_as_dict(),
            **{f"hrdem:{name}": value for name, value in done.blending_as_dict().items()},
            **({"hrdem:surveys": plan.surveys.as_dict()} if plan.surveys else {}),
        },
        "links": [
            {"rel": "license", "href": LICENCE_URL, "title": "Open Government Licence – Canada"},
            *(
                {"rel": "derived_from", "href": source.url, "title": source.name}
                for source in plan.sources
            ),
            *({"rel": "cite-as", "href": address} for address in list_identifiers(plan)),
        ],
        "assets": assets,
    }


def _describe_asset(
    path: Path, stored: StoredFile, role: str, band: dict[str, Any]
) -> dict[str, Any]:
    return {
        "href": _format_href(path),
        "type": _MEDIA_TYPES.get(path.suffix.lower(), _GEOTIFF_TYPE),
        "roles": [role],
        "file:size": stored.size,
        "file:checksum": f"{MULTIHASH_SHA256}{stored.sha256}",
        "bands": [band],
    }


def list_software() -> dict[str, str]:
    """Return the versions of the programs that the bytes of an output depend on, by name."""
    versions = rasterio.__gdal_version__, rasterio.__proj_version__
    return {"hrdem": __version__, "GDAL": versions[0], "PROJ": versions[1]}


def describe_footprint(grid: Grid) -> dict[str, Any]:
    """Return geometry and bounding box of a STAC item: the outline of a grid.

    Args:
        grid: Pixel grid.
    """
    metres = MAX_FOOTPRINT_ERROR_PIXELS * min(grid.resolution) * get_unit(grid.crs).metres
    outline = project_geometry(
        shapely.box(*grid.bounds), grid.crs, LONLAT, metres / METRES_PER_DEGREE
    )
    ring = shapely.get_coordinates(outline).round(7)
    return {
        "geometry": {"type": "Polygon", "coordinates": [ring.tolist()]},
        "bbox": [*np.min(ring, axis=0).tolist(), *np.max(ring, axis=0).tolist()],
    }


def _describe_band(done: Result) -> dict[str, Any]:
    """Describe the band of the product."""
    plan, request, statistics = done.plan, done.plan.request, done.statistics
    band: dict[str, Any] = {
        "name": request.product.name,
        "description": f"{request.product.title}{request.height_reference}",
        "data_type": plan.dtype,
        "nodata": to_json_number(plan.nodata),
        "unit": request.unit,
    }
    if plan.nodata is None:
        del band["nodata"]
    if not request.unit:
        del band["unit"]
    if statistics is not None:
        band["statistics"] = {
            "minimum": to_json_number(statistics.minimum),
            "maximum": to_json_number(statistics.maximum),
            "mean": to_json_number(statistics.mean),
            "stddev": to_json_number(statistics.standard_deviation),
            "valid_percent": statistics.percent_of(plan.grid.window.pixels),
        }
    return band


def _describe_crs(crs: CRS | str) -> dict[str, str | None]:
    """Describe a CRS (STAC projection extension 2.0.0): its code, or null and WKT2."""
    if isinstance(crs, str) and crs.startswith("EPSG:"):
        return {"proj:code": crs}
    with pinned_gdal():
        wkt = CRS.from_user_input(crs).to_wkt(version=WktVersion.WKT2_2019)
    return {"proj:code": None, "proj:wkt2": wkt}


def format_now() -> str:
    """Return the present time as STAC has it."""
    return f"{datetime.datetime.now(datetime.UTC):%Y-%m-%dT%H:%M:%SZ}"
