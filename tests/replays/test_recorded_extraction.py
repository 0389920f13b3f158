"""A whole extraction from recorded answers: catalogue, headers, tile indexes, tiles."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio

import hrdem
from hrdem.demo.terrain import heights
from hrdem.http.client import HttpClient

pytestmark = [pytest.mark.vcr, pytest.mark.block_network, pytest.mark.usefixtures("stand_in")]

# over the border of 8_2 and 9_2, where tests/services/stack.py has small files
AREA = (1_499_871, -170_410, 1_500_205, -170_123)


def test_box_over_a_border_is_extracted_from_two_files(
    stac: str, http: HttpClient, tmp_path: Path
) -> None:
    result = hrdem.extract(
        bbox=AREA,
        bbox_crs="EPSG:3979",
        product="dtm",
        output=tmp_path / "out.tif",
        stac_url=stac,
        http=http,
    )
    assert list(result.pixels_by_source) == ["8_2-mosaic-1m", "9_2-mosaic-1m"]
    assert all(source.file.version.pinned for source in result.plan.sources)
    with rasterio.open(tmp_path / "out.tif") as dataset:
        assert dataset.bounds == AREA
        expected = heights(AREA[0], AREA[3], 1, dataset.width, dataset.height)
        np.testing.assert_array_equal(dataset.read(1), expected)


def test_blocks_of_one_file_are_copied(stac: str, http: HttpClient, tmp_path: Path) -> None:
    result = hrdem.extract(
        bbox=(1_500_010, -170_300, 1_500_200, -170_200),
        bbox_crs="EPSG:3979",
        product="dtm",
        align="blocks",
        output=tmp_path / "out.tif",
        stac_url=stac,
        http=http,
    )
    with rasterio.open(tmp_path / "out.tif") as dataset:
        assert dataset.block_shapes == [(128, 128)]
        left, _, _, top = dataset.bounds
        assert (left, top) == (1_500_000, -170_128)
        expected = heights(left, top, 1, dataset.width, dataset.height)
        np.testing.assert_array_equal(dataset.read(1), expected)
        assert result.received_bytes < (tmp_path / "out.tif").stat().st_size
