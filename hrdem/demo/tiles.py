"""The sub-tiles of the mosaics: which exist, their grids and products."""

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


@dataclass(frozen=True, slots=True)
class Tile:
    """One raster grid of a collection, in EPSG:3979.

    Attributes:
        name: Sub-tile name ``{column}_{row}``, or ``mrdem``.
        collection: ``"1m"``, ``"2m"`` or ``"30m"``.
        left: x of the upper left corner, metres.
        top: y of the same corner.
        width: Columns of the raster.
        height: Rows of the raster.
        resolution: Pixel size, metres.
        products: Published products.
    """

    name: str
    collection: str
    left: int
    top: int
    width: int
    height: int
    resolution: int
    products: tuple[str, ...]

    @property
    def item_id(self) -> str:
        return "mrdem" if self.collection == "30m" else f"{self.name}-mosaic-{self.collection}"

    @property
    def collection_id(self) -> str:
        return "mrdem-30" if self.collection == "30m" else f"hrdem-mosaic-{self.collection}"

    @property
    def bounds(self) -> tuple[int, int, int, int]:
        """Left, bottom, right, top in metres."""
        right = self.left + self.width * self.resolution
        return self.left, self.top - self.height * self.resolution, right, self.top


def list_tiles() -> Iterator[Tile]:
    """Yield every tile of the three collections, in no order that a client may rely on."""
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
