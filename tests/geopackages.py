"""Write small GeoPackages of polygons."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyogrio.raw
import shapely


def write_layer(
    path: Path,
    outlines: Sequence[shapely.Geometry] | None,
    fields: Mapping[str, Sequence] | None = None,
    *,
    layer: str = "dtm",
    crs: str | None = "EPSG:3979",
    kind: str = "Polygon",
    **options: str,
) -> None:
    """Add a layer; a field value of None is written as null."""
    columns = [_column(values) for values in (fields or {}).values()]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*'crs' was not provided")
        pyogrio.raw.write(
            path,
            None
            if outlines is None
            else np.array([shapely.to_wkb(each) for each in outlines], object),
            [values for values, _ in columns],
            list(fields or {}),
            field_mask=[mask for _, mask in columns],
            layer=layer,
            driver="GPKG",
            geometry_type=None if outlines is None else kind,
            crs=crs,
            append=path.exists(),
            layer_options=options,
        )


def _column(values: Sequence) -> tuple[np.ndarray, np.ndarray]:
    mask = np.array([value is None for value in values], bool)
    known = [value for value in values if value is not None]
    if all(isinstance(value, str) for value in known):
        return np.array(values, object), mask
    filler = known[0]
    return np.array([filler if value is None else value for value in values]), mask
