"""World files: the document's example, rotated images, damaged files."""

from __future__ import annotations

from pathlib import Path
from warnings import catch_warnings

import pytest
import rasterio
from affine import Affine
from rasterio.errors import NotGeoreferencedWarning

from hrdem.errors import RequestError
from hrdem.geo.grid import Grid
from hrdem.usgsdem.world_file import format_world_file, parse_world_file

EXAMPLE = b"25\n0.0\n0.0\n-25\n1223600\n1683050\n"


def test_a_world_file_is_written_as_the_document_prints_it() -> None:
    """BC 2.0, 4.3; its second printing of the number 1223600 lacks a digit."""
    grid = Grid("EPSG:3005", Affine(25, 0, 1223587.5, 0, -25, 1683062.5), 10, 10)
    assert format_world_file(grid) == EXAMPLE


def test_a_world_file_places_pixels_as_gdal_does(tmp_path: Path) -> None:
    path = tmp_path / "old.tif"
    with catch_warnings(action="ignore", category=NotGeoreferencedWarning):
        rasterio.open(path, "w", "GTiff", 2, 2, 1, dtype="uint8").close()
    for text in (EXAMPLE, b"25.5\r\n1.25\r\n-2\r\n-24\r\n1223600.5\r\n1683050\r\n"):
        path.with_suffix(".tfw").write_bytes(text)
        with rasterio.open(path) as raster:
            assert parse_world_file(text, "old.tfw") == raster.transform


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "old.tfw is not a world file: it has 0 values"),
        (EXAMPLE + b"1", "it has 7 values"),
        (EXAMPLE + b" " * 5_000, "it has 6 values"),
        (EXAMPLE.replace(b"0.0", b"x", 1), "'x' is not a number"),
        (EXAMPLE.replace(b"0.0", b"1_0", 1), "is not a number"),
        (EXAMPLE.replace(b"0.0", b"nan", 1), "'nan' is not a number"),
        (EXAMPLE.replace(b"-25", b"0"), "its pixels have no area"),
    ],
)
def test_a_damaged_world_file_is_refused_with_a_sentence(content: bytes, said: str) -> None:
    with pytest.raises(RequestError) as caught:
        parse_world_file(content, "old.tfw")
    assert said in str(caught.value)
