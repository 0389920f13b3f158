"""Pictures of BC Gridded DEM, read by GDAL and by the tags of TIFF 6.0."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import rasterio

from hrdem.legacy.bc.picture import format_picture_header


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
@pytest.mark.parametrize(("width", "height"), [(1, 1), (37, 16), (50, 33)])
def test_gdal_reads_the_pixels_and_finds_no_place(tmp_path: Path, width: int, height: int) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8)
    path = tmp_path / "picture.tif"
    path.write_bytes(format_picture_header(width, height) + pixels.tobytes())
    with rasterio.open(path) as opened:
        np.testing.assert_array_equal(opened.read(), pixels.transpose(2, 0, 1))
        assert opened.profile["interleave"] == "pixel"
        assert opened.crs is None
        assert opened.transform.is_identity
        assert [each.name for each in opened.colorinterp] == ["red", "green", "blue"]
    assert not list(tmp_path.glob("*.aux.xml"))


def test_the_directory_has_the_tags_of_a_baseline_picture_and_no_others() -> None:
    """TIFF 6.0, section 6, in ascending order, with the values of a picture of 50 x 33 pixels."""
    header = format_picture_header(50, 33)
    assert header[:8] == b"II*\0\x08\0\0\0"
    (count,) = struct.unpack_from("<H", header, 8)
    rows = [struct.unpack_from("<HHII", header, 10 + 12 * n) for n in range(count)]
    assert [tag for tag, *_ in rows] == [
        256, 257, 258, 259, 262, 273, 277, 278, 279, 282, 283, 284, 296,
    ]  # fmt: skip
    values = {tag: value for tag, _, number, value in rows if number == 1}
    assert (values[256], values[257], values[259] & 0xFFFF) == (50, 33, 1)
    assert (values[262] & 0xFFFF, values[277] & 0xFFFF, values[284] & 0xFFFF) == (2, 3, 1)
    offsets = struct.unpack_from("<3I", header, {row[0]: row[3] for row in rows}[273])
    assert offsets == tuple(len(header) + n * 16 * 50 * 3 for n in range(3))
