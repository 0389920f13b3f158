"""What Python users may pass, by what it can do: no library is imported to recognise it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any, Protocol, TypeAlias


class HasWkt(Protocol):
    """A CRS of pyproj, rasterio, odc-geo or another library."""

    def to_wkt(self, *, version: Any = ...) -> str:
        """Return it as WKT of a version, such as ``"WKT2_2019"``."""
        ...


class HasGeoInterface(Protocol):
    """A geometry or feature: https://gist.github.com/sgillies/2217756."""

    @property
    def __geo_interface__(self) -> Mapping[str, Any]: ...


class HasCrs(Protocol):
    """Geometries with their CRS: a GeoDataFrame or a GeoSeries."""

    @property
    def crs(self) -> Any:
        """Their CRS, or None."""
        ...

    @property
    def total_bounds(self) -> Any:
        """Their left, bottom, right and top together."""
        ...


class HasGrid(Protocol):
    """A georeferenced grid: an open dataset of rasterio, or a GeoBox."""

    @property
    def crs(self) -> Any:
        """Its CRS."""
        ...

    @property
    def transform(self) -> Any:
        """Its affine transformation from column and row to x and y."""
        ...

    @property
    def width(self) -> int:
        """Its number of columns."""
        ...

    @property
    def height(self) -> int:
        """Its number of rows."""
        ...


class HasDimensions(Protocol):
    """An `xarray.DataArray` or `xarray.Dataset`."""

    @property
    def sizes(self) -> Mapping[Any, int]:
        """Its length along each dimension."""
        ...

    @property
    def coords(self) -> Any:
        """Its coordinates by name."""
        ...

    @property
    def attrs(self) -> Any:
        """Its attributes."""
        ...


PathLike: TypeAlias = str | os.PathLike[str]
CrsLike: TypeAlias = str | int | HasWkt | Mapping[str, Any]
SizeLike: TypeAlias = int | str
BoxLike: TypeAlias = Iterable[float] | HasGeoInterface | str
AoiLike: TypeAlias = (
    PathLike | Mapping[str, Any] | HasGeoInterface | HasCrs | Iterable["AoiLike | None"]
)
RasterLike: TypeAlias = PathLike | HasGrid | HasDimensions | Mapping[str, Any]
