"""Points of vector files, GeoDataFrames and geometries."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from hrdem.errors import RequestError
from hrdem.points.frame_rows import FrameRows
from hrdem.points.table import (
    BATCH_ROWS,
    Columns,
    Coordinates,
    PointTable,
    Rows,
    Times,
    make_text_column,
)
from hrdem.request.aoi.shape_part import FileLayer, Selection, describe
from hrdem.request.aoi.vector import read_parts
from hrdem.runtime.gdal_env import pinned_pyogrio

MAX_EXACT_FLOAT = 2.0**53  # from which on a float64 does not hold each whole number


@dataclass(frozen=True, slots=True)
class LayerRows:
    """The attributes of a layer (see `hrdem.points.table.Rows`).

    Attributes:
        label: Name of the layer, for messages.
        layer: The layer that the points are from.
        names: Names of the fields.
        kinds: Type of each, as OGR names it.
        dtypes: Type of each in numpy.
        count: Number of features.
    """

    label: str
    layer: FileLayer
    names: tuple[str, ...]
    kinds: tuple[str, ...]
    dtypes: tuple[str, ...]
    count: int

    def read_batches(self) -> Iterator[Columns]:
        """Yield the values of each field."""
        times = [
            name for name, kind in zip(self.names, self.kinds, strict=True) if kind == "OFTDateTime"
        ]
        others = [name for name in self.names if name not in times]
        for start in range(0, self.count, BATCH_ROWS):
            size = min(BATCH_ROWS, self.count - start)
            part = {"skip_features": start, "max_features": size}
            fids, found = self._read(others, **part)
            if len(fids) != size:
                raise RequestError(
                    f"{self.label} changed while it was read. Run the command again."
                )
            columns: dict[str, NDArray[Any] | Times]
            columns = {name: self._restore(name, column, fids) for name, column in found.items()}
            if times:  # as numbers, they have no zone; as text, pyogrio 0.12 leaves dates out
                _, found = self._read(times, datetime_as_string=True, **part)
                columns |= {name: Times(column) for name, column in found.items()}
            yield [columns[name] for name in self.names]

    def _read(
        self, names: Sequence[str], **which: Any
    ) -> tuple[NDArray[np.int64], dict[str, NDArray[Any]]]:
        """Return the ids of some features, and some of their fields."""
        import pyogrio.raw  # noqa: PLC0415 (slow to import, and only layers need it)

        # GDAL's warnings are of geometries, which have been read
        with pinned_pyogrio(), warnings.catch_warnings(action="ignore"):
            meta, fids, _, columns = pyogrio.raw.read(
                self.layer.source,
                layer=self.layer.index,
                columns=names,
                read_geometry=False,
                return_fids=True,
                **which,
            )
        return fids, dict(zip(meta["fields"].tolist(), columns, strict=True))

    def _restore(self, name: str, column: NDArray[Any], fids: NDArray[np.int64]) -> NDArray[Any]:
        """Return a column that pyogrio has read in the type of its field."""
        if column.dtype == object:
            return make_text_column(column)
        place = self.names.index(name)
        if column.dtype.kind != "f" or not self.kinds[place].startswith("OFTInteger"):
            return column
        missing = np.isnan(column)  # because of which whole numbers and truths became float64
        values = np.where(missing, 0, column).astype(self.dtypes[place])
        large = np.flatnonzero(~missing & (np.abs(column) >= MAX_EXACT_FLOAT))
        if large.size:
            _, exact = self._read([name], fids=fids[large])
            values[large] = exact[name]
        return np.ma.masked_array(values, missing)


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
    rows: Rows = Coordinates(points, agreed)
    if hasattr(type(source), "total_bounds") and hasattr(type(source), "columns"):
        rows = FrameRows(source)
    elif first.layer is not None and not others:
        rows = _open_rows(label, first.layer, len(points))
    return PointTable(label, points, agreed, rows)


def _open_rows(label: str, layer: FileLayer, count: int) -> LayerRows:
    import pyogrio  # noqa: PLC0415 (slow to import, and only layers need it)

    with pinned_pyogrio(), warnings.catch_warnings(action="ignore"):
        info = pyogrio.read_info(layer.source, layer=layer.index)
    names, kinds, dtypes = (
        tuple(map(str, info[each])) for each in ("fields", "ogr_types", "dtypes")
    )
    return LayerRows(label, layer, names, kinds, dtypes, count)


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
