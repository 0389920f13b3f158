"""What a job costs, and its tiles by name."""

from __future__ import annotations

import pytest

from hrdem.errors import RequestError
from hrdem.geo.grid import Window
from hrdem.request.options import Compression, Format
from hrdem.tiling.job import Job, JobOptions, Tile


class Heights:
    """A plan of 32-bit heights."""

    dtype = "float32"


def make_tile(name: str, size: int, sources: tuple[int, ...]) -> Tile:
    return Tile(name, Window(0, 0, 10, 10), None, size, size * 2, 3, sources, 32 * "0")


TILES = (make_tile("a", 1000, (0,)), make_tile("b", 0, ()), make_tile("c", 500_000, (0, 1)))
OPTIONS = JobOptions(Format.COG, Compression.DEFLATE, None, 0)
JOB = Job(Heights(), "50km", OPTIONS, TILES, "", "digest", "hash")


def test_cost_is_the_sum_of_tiles() -> None:
    """By hand: 1,002,000 pixels of 4 bytes at 0.6, and of 130 ns."""
    cost = JOB.cost
    assert (cost.tiles, cost.empty, cost.requests) == (3, 1, 9)
    assert (cost.source_bytes, cost.output_bytes) == (501_000, 2_404_800)
    assert cost.cpu_hours == pytest.approx(1_002_000 * 130e-9 / 3600)
    assert cost.hours_at(501, cores=1) == pytest.approx(1000 / 3600)
    assert cost.hours_at(1e12, cores=2) == pytest.approx(cost.cpu_hours / 2)


def test_a_tile_is_found_by_its_name() -> None:
    assert JOB.tile("b").is_empty
    assert JOB.tile("c").sources == (0, 1)
    for name in ("", "bb", "d"):
        with pytest.raises(RequestError, match="no tile"):
            JOB.tile(name)
