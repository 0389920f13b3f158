"""Blocks without data are neither computed nor written, and are read as nodata."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
import rasterio.features
import shapely

import hrdem
from hrdem.demo import Addresses
from hrdem.demo.terrain import heights
from hrdem.processing.finish import TileFinisher
from hrdem.tiff.encode import BLOCK

LEFT, TOP, SIDE = 1_499_970, -150_000, 60_000  # on the lattice of the 30 m collection
SQUARES = shapely.MultiPolygon(
    [shapely.box(LEFT, TOP - 600, LEFT + 600, TOP),
     shapely.box(LEFT + SIDE - 600, TOP - SIDE, LEFT + SIDE, TOP - SIDE + 600)]
)  # fmt: skip


@pytest.fixture
def finished(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Blocks of mosaics and of the output that were computed."""
    blocks: list[object] = []
    finish = TileFinisher.finish_block

    def count(self, dst_window, *arguments, **more):
        blocks.append(dst_window)
        return finish(self, dst_window, *arguments, **more)

    monkeypatch.setattr(TileFinisher, "finish_block", count)
    return blocks


def count_present_blocks(dataset: rasterio.DatasetReader) -> int:
    rows, columns = (-(-size // BLOCK) for size in dataset.shape)
    names = [f"BLOCK_OFFSET_{x}_{y}" for y in range(rows) for x in range(columns)]
    return sum(dataset.get_tag_item(name, "TIFF", 1) is not None for name in names)


@pytest.mark.parametrize(
    "params",
    [
        {},
        pytest.param({"feather": 60.0, "collection": "2m", "fill": "30m"}, marks=pytest.mark.slow),
    ],
)
def test_far_apart_squares_are_two_blocks(
    demo: Addresses, tmp_path: Path, finished: list[object], params: dict[str, object]
) -> None:
    """Four squares of 20 m over 24 km used to be 16 MB, and a hundred over 432 km took minutes."""
    request = {
        "aoi": SQUARES, "aoi_crs": "EPSG:3979", "product": "dtm", "collection": "30m",
        "resolution": 30, "stac_url": demo.stac, "no_cache": True,
    } | params  # fmt: skip
    result = hrdem.extract(**request, output=tmp_path / "a.tif")
    assert len(finished) <= 6
    with rasterio.open(tmp_path / "a.tif") as dataset:
        assert dataset.shape == (2000, 2000)
        assert count_present_blocks(dataset) == 2
        pixels = dataset.read(1)
        inside = rasterio.features.rasterize(
            [SQUARES], dataset.shape, transform=dataset.transform
        ).astype(bool)
    if not params:
        expected = np.full(pixels.shape, -32767, "float32")
        expected[:20, :20] = heights(LEFT, TOP, 30, 20, 20, collection="30m")
        corner = LEFT + SIDE - 600, TOP - SIDE + 600
        expected[-20:, -20:] = heights(*corner, 30, 20, 20, collection="30m")
        np.testing.assert_array_equal(pixels, expected)
    statistics = result.statistics
    assert (statistics.pixels, statistics.valid) == (inside.sum(), (pixels != -32767).sum())
    np.testing.assert_array_equal(hrdem.load(**request).to_numpy(), pixels)
