"""Fingerprints: of a request for tiles, and of all that the pixels of a tile depend on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import shapely

from hrdem.geo.grid import Grid
from hrdem.planning.mosaic import Mosaic
from hrdem.planning.plan import Plan
from hrdem.planning.precedence import rank_sources
from hrdem.request.aoi.aoi import Aoi
from hrdem.request.options import VerticalDatum
from hrdem.request.request import Request
from hrdem.tiling.features import Feature
from hrdem.tiling.job import JobOptions
from hrdem.tiling.schemes import TileArea

KEY_DIGITS = 32
EMPTY_KEY = KEY_DIGITS * "0"  # of tiles without anything to read


def digest_request(
    request: Request, scheme: str, options: JobOptions, features: Sequence[Feature] = ()
) -> str:
    """Return the fingerprint of what was requested, without the versions of any source.

    Args:
        request: The request of the whole.
        scheme: Scheme of the tiles.
        options: How tiles are written.
        features: The areas of ``features``.
    """
    is_shifted = request.vertical_datum is VerticalDatum.CGVD28
    return _digest(
        {
            **_describe_request(request),
            "stac_url": request.stac_url,
            "vertical_grid": str(request.vertical_grid) if is_shifted else None,
            "aoi": None if features else digest_shape(request.aoi),
            "like": request.like and _describe_grid(request.like),
            "scheme": scheme,
            "options": asdict(options),
            "features": [[each.name, digest_shape(each.aoi)] for each in features],
        }
    )


def digest_shape(aoi: Aoi) -> str:
    """Return the fingerprint of an area."""
    operation = aoi.operation and aoi.operation.as_dict()
    outline = hashlib.sha256(shapely.to_wkb(aoi.outline)).hexdigest()
    return _digest({"crs": aoi.crs, "outline": outline, "operation": operation})


def make_key(
    area: TileArea,
    cut: Plan,
    shape: str,
    stored: Sequence[str],
    options: JobOptions,
    shift_grid: str,
) -> str:
    """Return the fingerprint of all that the pixels of a tile depend on, and of how it is written.

    Args:
        area: The tile.
        cut: The plan of the tile.
        shape: Fingerprint of the area that it is cropped to, or empty.
        stored: Names of the sources that have stored tiles in it.
        options: How it is written.
        shift_grid: SHA-256 of the grid that shifts heights, or empty.
    """
    values = {
        **_describe_request(cut.request),
        "name": area.name,
        "whole": _describe_grid(cut.whole),
        "place": asdict(cut.place),
        "shape": shape,
        "feather": asdict(cut.feather),
        "border": cut.border,
        "dtype": cut.dtype,
        "nodata": repr(cut.nodata),
        "is_computed": cut.is_computed,
        "shift_grid": shift_grid,
        "options": asdict(options),
        "tiers": [[_describe_mosaic(each, stored) for each in tier.mosaics] for tier in cut.tiers],
    }
    return _digest(values)[:KEY_DIGITS]


def _describe_request(request: Request) -> dict[str, Any]:
    """Return the values of a request that its pixels may depend on, besides the area."""
    values = request.as_dict()
    for name in ("aoi", "stac_url", "wcs_url"):
        del values[name]
    return values | {"resampling": request.resampling.value}


def _describe_mosaic(mosaic: Mosaic, stored: Sequence[str]) -> dict[str, Any]:
    """Return the pixels that a mosaic is made from: its sources by rank, and their versions."""
    return {
        "product": mosaic.query.product.name,
        "whole": _describe_grid(mosaic.whole),
        "grid": _describe_grid(mosaic.grid),
        "dtype": mosaic.dtype,
        "nodata": repr(mosaic.nodata),
        "sources": [
            {
                "name": source.name,
                "version": source.file.version and asdict(source.file.version),
                "level": source.level,
                "src_window": asdict(source.src_window),
                "dst_window": asdict(source.dst_window),
            }
            for source in rank_sources(mosaic.sources)
            if source.name in stored
        ],
    }


def _describe_grid(grid: Grid) -> list[Any]:
    return [grid.crs, grid.width, grid.height, *list(grid.transform)[:6]]


def _digest(values: dict[str, Any]) -> str:
    text = json.dumps(values, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()
