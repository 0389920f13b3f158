"""How tiles are packed; tests/output/test_geotiff.py reads them back."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from hrdem.tiff.encode import DEFLATE, DIFFERENCE, NO_PREDICTOR, choose_tile_format, encode


@pytest.mark.parametrize("predictor", [NO_PREDICTOR, DIFFERENCE])
def test_same_bytes_in_every_thread(predictor: int) -> None:
    """ISA-L by itself packs about one of two thousand of such tiles otherwise in another thread."""
    storage = replace(choose_tile_format("uint8", DEFLATE, predictor), tile=(64, 16))
    rows = np.random.default_rng(2026).integers(0, 256, (5_000, 1, 64), np.uint8)
    tiles = [np.repeat(row, 16, axis=0) for row in rows]

    def pack_all() -> list[bytes]:
        return [encode(tile, storage, 0) for tile in tiles]

    with ThreadPoolExecutor(3) as pool:
        first, *others = [pool.submit(pack_all) for _ in range(3)]
    assert all(other.result() == first.result() for other in others)
