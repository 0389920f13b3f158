"""Test malicious coverages, which end in an error message with bounded memory."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from hrdem.sources.wcs.response import ChunkTooLargeError, check_coverage
from tests.fuzz.coverages import GRID, NODATA, attempt_coverage
from tests.fuzz.crafted import ASCII, DOUBLE, LONG, SHORT, image, tiff

LEFT, BOTTOM, RIGHT, TOP = GRID.bounds


def whole(block: int, **tags) -> bytes:
    """Return a raster with one pixel that covers the grid, in a block of the given size."""
    size = (LONG, (block,))
    tags = {"t256": (LONG, (1,)), "t257": (LONG, (1,)), "t322": size, "t323": size} | tags
    return tiff(
        image(
            **tags,
            t259=(SHORT, (8,)),
            t33550=(DOUBLE, (RIGHT - LEFT, TOP - BOTTOM, 0.0)),
            t33922=(DOUBLE, (0.0, 0.0, 0.0, LEFT, TOP, 0.0)),
        )
    )


def test_a_placeholder_in_a_gigantic_block_is_refused_before_it_is_allocated(
    tmp_path: Path,
) -> None:
    """Guard against a 5 kB file that allocates 14 GB."""
    path = tmp_path / "coverage.tif"
    path.write_bytes(whole(16_384))
    with pytest.raises(
        ChunkTooLargeError, match="16384 x 16384 pixels, which are too large to decode"
    ):
        check_coverage(path, GRID, "float32", NODATA, "metre")


@pytest.mark.parametrize("corner", [math.inf, -math.inf, math.nan, 1e308])
def test_a_raster_that_lies_nowhere_is_told(corner: float) -> None:
    tags = image(
        t256=(LONG, (43,)),
        t257=(LONG, (37,)),
        t33922=(DOUBLE, (0.0, 0.0, 0.0, corner, TOP, 0.0)),
    )
    assert attempt_coverage(tiff(tags)) in {"told RetryableError", "told ChunkTooLargeError"}


def named(name: bytes) -> bytes:
    """Return a raster whose CRS is defined only by a name."""
    keys = (1, 1, 0, 3, 1024, 0, 1, 1, 1026, 34737, len(name) + 1, 0, 3076, 0, 1, 9001)
    size = {"t256": (LONG, (43,)), "t257": (LONG, (37,))}
    return tiff(image(**size, t34735=(SHORT, keys), t34737=(ASCII, name + b"|\0")))


def test_the_name_of_another_crs_is_told_in_one_line() -> None:
    """Check that terminal escape sequences in the name are not printed."""
    assert attempt_coverage(named(b"NAD83\x1b[2J\r\n")) == "told RetryableError"


def test_the_name_of_a_crs_may_be_in_any_letters() -> None:
    """Cover names that are not UTF-8, where rasterio raises none of its own errors."""
    assert attempt_coverage(named("Qu\u00e9bec".encode("latin-1"))) == "told ChunkTooLargeError"
