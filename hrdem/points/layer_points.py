"""Points of vector files, GeoDataFrames and geometries."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from hrdem.errors import RequestError
from hrdem.points.table import BATCH_ROWS, Columns, Coordinates, PointTable
from hrdem.request.aoi.vector import read_parts
from hrdem.runtime.gdal_env import pinned_pyogrio


@dataclass(frozen=True, slots=True)
class LayerRows:
    """The attributes of a layer (see `hrdem.points.table.Rows`).

    Attributes:
        path: The file.
        layer: Name of the layer.
        names: Names of the fields.
        count: Number of features.
    """

    path: Path
    layer: str
    names: tuple[str, ...]
    count: int

    def read_batches(self) -> Iterator[Columns]:
        """Yield the values of each field."""
        import pyogrio.raw  # noqa: PLC0415 (slow to import, and only layers need it)

        for start in range(0, self.count, BATCH_ROWS):
            with pinned_pyogrio():
                _, _, _, columns = pyogrio.raw.read(
                    self.path,
                    layer=self.layer,
                    read_geometry=False,
                    skip_features=start,
                    max_features=min(BATCH_ROWS, self.count - start),
                )
            yield list(columns)


def read_layer_points(path: Path, crs: str | None, layer: str | None) -> PointTable:
    """Read the points of a vector file that GDAL reads.

    Args:
        path: File.
        crs: CRS of the points, if the file does not declare one.
        layer: Layer, if it has several.

    Raises:
        RequestError: If GDAL cannot read it, or a feature is no point.
    """
    import pyogrio  # noqa: PLC0415 (slow to import, and only layers need it)

    table = read_geometry_points(path, crs, layer)
    with pinned_pyogrio():
        layers = [name for name, kind in pyogrio.list_layers(path).tolist() if kind is not None]
        chosen = layer or layers[0]
        info = pyogrio.read_info(path, layer=chosen)
    names = tuple(info["fields"].tolist())
    rows = LayerRows(path, chosen, names, len(table.points))
    return PointTable(table.label, table.points, table.crs, rows)


def read_geometry_points(source: Any, crs: str | None, layer: str | None = None) -> PointTable:
    """Read the points of anything that holds geometries, without attributes.

    Args:
        source: Path, geometry, GeoDataFrame, or a list of geometries.
        crs: CRS of the points, if they do not declare one.
        layer: Layer, if it has several.

    Raises:
        RequestError: If it cannot be read, or a geometry is no point.
    """
    parts, agreed = read_parts(source, crs, layer, "points")
    geometries = np.concatenate([np.asarray(part.geometries, object) for part in parts])
    label = parts[0].label
    points = _to_points(geometries, label)
    return PointTable(label, points, agreed, Coordinates(points))


def _to_points(geometries: NDArray[np.object_], label: str) -> NDArray[np.float64]:
    """Return the coordinates; NaN where there is no geometry."""
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
