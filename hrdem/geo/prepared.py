"""Prepared geometries that several threads may query."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import shapely
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class PreparedGeometry:
    """A geometry with a spatial index.

    GEOS builds the index of a prepared geometry during the first query, and does not protect it:
    two threads that ask at once crash the process (libgeos/geos#825). So `shapely.prepare` is
    called nowhere else, on a copy that nobody else holds, and one thread queries it at a time.

    Attributes:
        geometry: The geometry, not prepared.
    """

    geometry: shapely.Geometry
    _copy: shapely.Geometry = field(init=False, repr=False, compare=False)
    _lock: threading.Lock = field(
        init=False, repr=False, compare=False, default_factory=threading.Lock
    )

    def __post_init__(self) -> None:
        copy = shapely.from_wkb(shapely.to_wkb(self.geometry))
        shapely.prepare(copy)
        object.__setattr__(self, "_copy", copy)

    def __reduce__(self) -> tuple[type[PreparedGeometry], tuple[shapely.Geometry]]:
        """Prepare the geometry again where it is unpickled."""
        return PreparedGeometry, (self.geometry,)

    def intersects(
        self, others: Iterable[shapely.Geometry] | NDArray[np.object_]
    ) -> NDArray[np.bool_]:
        """Return which of some geometries it intersects, in an array of the same shape."""
        with self._lock:
            found: NDArray[np.bool_] = shapely.intersects(self._copy, others)
        return found

    def contains_points(self, points: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return which of some points, shape (n, 2), are in it or on its edge; NaN is nowhere."""
        with self._lock:
            found: NDArray[np.bool_] = shapely.intersects_xy(self._copy, points[:, 0], points[:, 1])
        return found
