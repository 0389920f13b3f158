"""Coordinate reference systems by code, and what they are on the GRS80 ellipsoid."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

import pyproj

from benchmarks.agreement.gdal_pipeline import LONLAT, NATIVE


@dataclass(frozen=True)
class System:
    """A coordinate reference system: its code, and what it is on the GRS80 ellipsoid."""

    code: str
    proj: str
    conformal: bool = True

    @property
    def degrees(self) -> bool:
        """Whether its unit is the degree."""
        return "longlat" in self.proj

    def from_lonlat(self, lon: Any, lat: Any) -> tuple[Any, Any]:
        """Project longitudes and latitudes in degrees."""
        if self.degrees:
            return lon, lat
        x, y = pyproj.Proj(self.proj)(lon, lat)
        return x, y

    def to_lonlat(self, x: Any, y: Any) -> tuple[Any, Any]:
        """Return longitudes and latitudes in degrees."""
        if self.degrees:
            return x, y
        lon, lat = pyproj.Proj(self.proj)(x, y, inverse=True)
        return lon, lat


NATIVE_SYSTEM = System("EPSG:3979", NATIVE)
_FIXED = (
    System("EPSG:4326", LONLAT),
    System("EPSG:4617", LONLAT),
    System("EPSG:4269", LONLAT),
    System("EPSG:3857", "+proj=webmerc +ellps=GRS80 +units=m", conformal=False),
    System(
        "EPSG:3347",
        "+proj=lcc +lat_0=63.390675 +lon_0=-91.8666666666667 +lat_1=49 +lat_2=77 +x_0=6200000 "
        "+y_0=3000000 +ellps=GRS80 +units=m",
    ),
    System(
        "EPSG:3005",
        "+proj=aea +lat_0=45 +lon_0=-126 +lat_1=50 +lat_2=58.5 +x_0=1000000 +y_0=0 +ellps=GRS80 "
        "+units=m",
        conformal=False,
    ),
)
_CSRS_ZONES = {7: 3154, 8: 3155, 9: 3156, 10: 3157, 11: 2955, 12: 2956, 13: 2957, 14: 3158,
               15: 3159, 16: 3160, 17: 2958, 18: 2959, 19: 2960, 20: 2961, 21: 2962,
               22: 3761}  # fmt: skip


def pick_system(chance: random.Random, lon: float) -> System:
    """Choose the native CRS, a UTM zone that fits (on one of three datums), or another."""
    kind = chance.random()
    if kind < 0.3:
        return NATIVE_SYSTEM
    if kind < 0.7:
        zone = int((lon + 180) // 6) + 1
        codes = [26900 + zone, 32600 + zone]
        codes += [_CSRS_ZONES[zone]] if zone in _CSRS_ZONES else []
        proj = f"+proj=utm +zone={zone} +ellps=GRS80 +units=m"
        return System(f"EPSG:{chance.choice(codes)}", proj)
    return chance.choice(_FIXED)
