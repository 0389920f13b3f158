"""Fingerprints: whether an output would be made again as it was, byte ranges and options alike."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import rasterio
import shapely

from hrdem._version import __version__
from hrdem.planning.plan import Plan


def fingerprint_plan(plan: Plan, shift_grid_sha256: str, encoding: Mapping[str, Any]) -> str:
    """Return a digest of all that the bytes of an output depend on; empty if that is not known.

    It covers the request, the area with all of its corners, the grid, the versions of all files and
    their items in the catalogue, gaps, shifts of heights, the encoding, and the versions of hrdem,
    GDAL and PROJ.

    Args:
        plan: The plan.
        shift_grid_sha256: Checksum of the differences added to heights; empty for none.
        encoding: How the file is written.

    Returns:
        64 hexadecimal digits. Empty if the version of a file, or the date of a coverage's item, is
        unknown: whether it has changed cannot be seen.
    """
    if not all(_is_versioned(source) for source in plan.sources_as_dict(members=True)):
        return ""
    aoi = plan.request.aoi
    shapes = [shapely.to_wkb(each, byte_order=1) for each in (aoi.geometry, aoi.outline)]
    content = {
        "software": [__version__, rasterio.__gdal_version__, rasterio.__proj_version__],
        "area": [aoi.crs, *(hashlib.sha256(shape).hexdigest() for shape in shapes)],
        "plan": plan.as_dict(),
        "sources": plan.sources_as_dict(members=True),
        "shift_grid": shift_grid_sha256,
        "encoding": dict(encoding),
        **({"flights": [each.as_dict() for each in plan.flights]} if plan.flights else {}),
    }
    text = json.dumps(content, sort_keys=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _is_versioned(source: Mapping[str, Any]) -> bool:
    """Whether another version of a source, as JSON-ready values, would be noticed."""
    if "pinned_by" not in source:  # a coverage of a WCS
        return bool(source["items"]) and all(item["updated"] for item in source["items"])
    files = [source, *source.get("files", ())]
    return all(file["pinned_by"] for file in files)
