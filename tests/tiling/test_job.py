"""What a job costs, and its tiles by name."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from hrdem.errors import RequestError
from hrdem.geo.grid import Window
from hrdem.planning.plan import Tier
from hrdem.request.options import Compression, Format
from hrdem.tiling.job import Job, JobOptions, Tile


@dataclass(frozen=True)
class Heights:
    """A plan of 32-bit heights from one file."""

    staged_mosaics: tuple[str, ...] = ()
    warped: bool = False
    dtype: str = "float32"

    @property
    def tiers(self) -> tuple[Tier, ...]:
        return (Tier("1m", ("file",)),)

    def is_resampled(self, mosaic: str) -> bool:
        return self.warped and mosaic == "file"


def make_tile(name: str, size: int, sources: tuple[int, ...]) -> Tile:
    return Tile(name, Window(0, 0, 10, 10), None, size, size * 2, 3, sources, 32 * "0")


TILES = (make_tile("a", 1000, (0,)), make_tile("b", 0, ()), make_tile("c", 500_000, (0, 1)))
OPTIONS = JobOptions(Format.COG, Compression.DEFLATE, None, 0)
JOB = Job(Heights(), "50km", OPTIONS, TILES, (), "", "digest", "hash")


def test_cost_is_the_sum_of_tiles() -> None:
    """By hand: 1,002,000 pixels of 4 bytes at 0.6, and of 130 ns."""
    cost = JOB.cost
    assert (cost.tiles, cost.empty, cost.requests) == (3, 1, 9)
    assert (cost.source_bytes, cost.output_bytes) == (501_000, 2_404_800)
    assert cost.cpu_hours == pytest.approx(1_002_000 * 130e-9 / 3600)
    assert cost.hours_at(501, cores=1) == pytest.approx(1000 / 3600)
    assert cost.hours_at(1e12, cores=2) == pytest.approx(cost.cpu_hours / 2)


def test_what_tiles_share_is_read_once_as_long_as_the_cache_keeps_it() -> None:
    """By hand: a and c are 1000 bytes apart, c and d 500,000; b is empty."""
    tiles = (*TILES, make_tile("d", 700, (0,)))
    job = replace(JOB, tiles=tiles, shared=((100, (0, 2)), (7, (3, 0, 2))))
    for chosen, max_cache, cached in (
        (tiles, 0, 0),
        (tiles, 1_001, 107),
        (tiles, 10**6, 114),
        (tiles[1:], 10**6, 7),
        ((tiles[0], tiles[3]), 10**6, 7),
        (tiles[3:], 10**6, 0),
    ):
        whole = sum(tile.size for tile in chosen)
        assert job.cost_of(chosen, max_cache).source_bytes == whole - cached


@pytest.mark.parametrize(
    ("plan", "layout", "nanoseconds"),
    [
        (Heights(), Format.GTIFF, 50),
        (Heights(("file",)), Format.GTIFF, 120),
        (Heights(("file",), warped=True), Format.GTIFF, 250),
        (Heights(("file",), warped=True), Format.COG, 330),
    ],
)
def test_pixels_that_are_computed_or_warped_take_longer(
    plan: Heights, layout: Format, nanoseconds: int
) -> None:
    job = replace(JOB, plan=plan, options=replace(OPTIONS, layout=layout))
    assert job.cost.cpu_hours == pytest.approx(1_002_000 * nanoseconds * 1e-9 / 3600)


def test_a_tile_is_found_by_its_name() -> None:
    assert JOB.tile("b").is_empty
    assert JOB.tile("c").sources == (0, 1)
    for name in ("", "bb", "d"):
        with pytest.raises(RequestError, match="no tile"):
            JOB.tile(name)
