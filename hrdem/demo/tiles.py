"""The sub-tiles of the mosaics, and single surveys: which exist, their grids and products."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

# Columns of each row, as listed for the live mosaics.
_COLUMNS = {
    1: (8,),
    2: range(6, 11),
    3: range(1, 12),
    4: range(1, 12),
    5: range(1, 12),
    6: range(1, 10),
    7: range(1, 9),
    8: range(2, 8),
    9: (4, 5, 6),
    10: (6,),
}
_NO_DTM_1M = ["6_4", "5_5", "11_5", "9_6", "4_7", "4_8", "4_9", "5_9", "6_9", "6_10"]
_NO_DTM_2M = ["4_8", "5_7", "5_8", "6_7", "6_8", "7_4", "7_5", "7_6", "7_7", "7_8", "8_5", "8_6"]
_NO_DTM_2M += ["8_7", "9_5"]
SIDE = 500_000
# name, left, top, width, height (m), year, height above the terrain (m)
_SURVEYS = (
    ("ON-Ottawa_2014", 1_495_018, -160_003, 20_171, 20_038, 2014, 0.0),
    ("QC-Outaouais_2018", 1_500_031, -150_110, 18_002, 20_055, 2018, -0.25),
    ("ON-Ottawa_2021", 1_505_007, -162_042, 15_333, 15_001, 2021, 0.5),
)


@dataclass(frozen=True, slots=True)
class Tile:
    """One raster grid of a collection, in EPSG:3979.

    Attributes:
        name: Sub-tile name ``{column}_{row}``, ``mrdem``, or the name of a survey.
        collection: ``"1m"``, ``"2m"``, ``"30m"`` or ``"lidar"``.
        left: x of the upper left corner, metres.
        top: y of the same corner.
        width: Columns of the raster.
        height: Rows of the raster.
        resolution: Pixel size, metres.
        products: Published products.
        flown: Year of a single survey; 0 for other rasters.
        offset: Height that is added to the terrain, metres: surveys are not matched.
    """

    name: str
    collection: str
    left: int
    top: int
    width: int
    height: int
    resolution: int
    products: tuple[str, ...]
    flown: int = 0
    offset: float = 0.0

    @property
    def item_id(self) -> str:
        if self.flown:
            return f"{self.name}-{self.resolution}m"
        return "mrdem" if self.collection == "30m" else f"{self.name}-mosaic-{self.collection}"

    @property
    def collection_id(self) -> str:
        if self.flown:
            return "hrdem-lidar"
        return "mrdem-30" if self.collection == "30m" else f"hrdem-mosaic-{self.collection}"

    @property
    def bounds(self) -> tuple[int, int, int, int]:
        """Left, bottom, right, top in metres."""
        right = self.left + self.width * self.resolution
        return self.left, self.top - self.height * self.resolution, right, self.top


def list_tiles() -> Iterator[Tile]:
    """Yield every tile of the collections, in no order that a client may rely on."""
    for collection, resolution, without in (("1m", 1, _NO_DTM_1M), ("2m", 2, _NO_DTM_2M)):
        for row, columns in _COLUMNS.items():
            for column in columns:
                name = f"{column}_{row}"
                yield Tile(
                    name,
                    collection,
                    left=(column - 6) * SIDE,
                    top=(row - 2) * SIDE,
                    width=SIDE // resolution,
                    height=SIDE // resolution,
                    resolution=resolution,
                    products=("dsm",) if name in without else ("dsm", "dtm"),
                )
    yield Tile("mrdem", "30m", -2_500_020, 4_000_020, 185_220, 166_668, 30, ("dsm", "dtm"))
    for name, left, top, width, height, flown, offset in _SURVEYS:
        yield Tile(name, "lidar", left, top, width, height, 1, ("dsm", "dtm"), flown, offset)
