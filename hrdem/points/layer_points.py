"""Points of vector files, GeoDataFrames and geometries."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from hrdem.errors import RequestError
from hrdem.points.table import BATCH_ROWS, Columns, Coordinates, PointTable
from hrdem.request.aoi.shape_part import FileLayer, Selection, describe
from hrdem.request.aoi.vector import read_parts
from hrdem.runtime.gdal_env import pinned_pyogrio


@dataclass(frozen=True, slots=True)
class LayerRows:
    """The attributes of a layer (see `hrdem.points.table.Rows`).

    Attributes:
        label: Name of the layer, for messages.
        layer: The layer that the points are from.
        names: Names of the fields.
        count: Number of features.
    """

    label: str
    layer: FileLayer
    names: tuple[str, ...]
    count: int

    def read_batches(self) -> Iterator[Columns]:
        """Yield the values of each field."""
        import pyogrio.raw  # noqa: PLC0415 (slow to import, and only layers need it)

        for start in range(0, self.count, BATCH_ROWS):
            size = min(BATCH_ROWS, self.count - start)
            # GDAL's warnings are of geometries, which have been read
            with pinned_pyogrio(), warnings.catch_warnings(action="ignore"):
                _, fids, _, columns = pyogrio.raw.read(
                    self.layer.source,
                    layer=self.layer.index,
                    read_geometry=False,
                    return_fids=True,
                    skip_features=start,
                    max_features=size,
                )
            if len(fids) != size:
                raise RequestError(
                    f"{self.label} changed while it was read. Run the command again."
                )
            yield list(columns)


def read_layer_points(source: Any, crs: str | None, layer: str | None = None) -> PointTable:
    """Read the points of a vector file, or of anything else that holds geometries.

    Points and attributes are read from the same layer, so that each row has its own point.

    Args:
        source: Path, geometry, GeoDataFrame, or a list of geometries, some of which may be None.
        crs: CRS of the points, if they do not declare one.
        layer: Layer, if it has several.

    Raises:
        RequestError: If it cannot be read, or a feature is no point.
    """
    parts, agreed = read_parts(source, crs, layer, "points", selection=Selection())
    geometries = np.concatenate([np.asarray(part.geometries, object) for part in parts])
    first, *others = parts
    label = first.label if first.is_file or not others else describe(geometries)
    points = _to_points(geometries, label)
    if first.layer is None or others:
        return PointTable(label, points, agreed, Coordinates(points))
    rows = LayerRows(label, first.layer, _list_fields(first.layer), len(points))
    return PointTable(label, points, agreed, rows)


def _list_fields(layer: FileLayer) -> tuple[str, ...]:
    import pyogrio  # noqa: PLC0415 (slow to import, and only layers need it)

    with pinned_pyogrio(), warnings.catch_warnings(action="ignore"):
        return tuple(pyogrio.read_info(layer.source, layer=layer.index)["fields"].tolist())


def _to_points(geometries: NDArray[np.object_], label: str) -> NDArray[np.float64]:
    """Return the coordinates; NaN where there is no geometry, or one without coordinates."""
    geometries = geometries.copy()
    geometries[shapely.is_empty(geometries)] = None
    single = (shapely.get_type_id(geometries) == 4) & (shapely.get_num_geometries(geometries) == 1)
    geometries = np.where(single, shapely.get_geometry(geometries, 0), geometries)
    kinds = shapely.get_type_id(geometries)
    wrong = np.flatnonzero((kinds != 0) & (kinds != -1))
    if wrong.size:
        first = geometries[wrong[0]]
        raise RequestError(
            f"Feature {wrong[0] + 1} of {label} is a {first.geom_type}, and heights are sampled at "
            "points. Give a layer of points."
        )
    return np.column_stack([shapely.get_x(geometries), shapely.get_y(geometries)])
