"""Test the WCS route against MapServer behind nginx: same pixels as the COG route.

Requests are read from nginx's log. MapServer returns unchanged 1 m pixels as multipart, and
exceptions with status 200.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import numpy as np
import pytest
import rasterio
from stack import Stack

import hrdem
from hrdem.demo.terrain import NODATA, heights

pytestmark = pytest.mark.services

COVERAGE = (-2_500_000, -1_000_000, 3_000_000, 4_000_000)  # WCS coverage of all sub-tiles
# Two sub-tiles meet here, at the western edge of the coverage; a small part of each is published.
EDGE = (-2_500_000, 500_000)
EDGE_TILES = {
    "1_3-mosaic-1m": (EDGE[0], EDGE[1] - 512, EDGE[0] + 512, EDGE[1]),
    "1_4-mosaic-1m": (EDGE[0], EDGE[1], EDGE[0] + 512, EDGE[1] + 288),  # up to a block boundary
}
BEYOND = {"bbox": (EDGE[0] - 100, EDGE[1] - 320, EDGE[0] + 640, EDGE[1] + 320)}
# Four sub-tiles meet here, in a lake.
CORNER = (2_000_000, 500_000)
CORNER_TILES = ("9_3-mosaic-1m", "9_4-mosaic-1m", "10_3-mosaic-1m", "10_4-mosaic-1m")
AROUND = {"bbox": (CORNER[0] - 333, CORNER[1] - 401, CORNER[0] + 418, CORNER[1] + 377)}
STRIP = {"bbox": (CORNER[0] - 850, CORNER[1] - 50, CORNER[0] + 850, CORNER[1] + 50)}
WITHIN = {"bbox": (CORNER[0] + 351, CORNER[1] - 753, CORNER[0] + 750, CORNER[1] - 350)}
# A file of forty rows; even half of it is wider than MapServer's limit.
WIDE = {"bbox": (-1_500_000, 500_000, -1_480_000, 500_040)}


@dataclass(frozen=True, slots=True)
class Asked:
    """A GetCoverage in nginx's log.

    Attributes:
        status: Status of the response.
        size: Size of the response in bytes.
        start: Start time in seconds.
        centres: Centres of the lower left and upper right pixels: left, bottom, right, top.
        step: Width and height of the pixels.
        origin: Centre of the upper left pixel.
    """

    status: int
    size: int
    start: float
    centres: tuple[float, float, float, float]
    step: tuple[float, float]
    origin: tuple[float, float]

    @property
    def shape(self) -> tuple[int, int]:
        """Width and height in pixels."""
        left, bottom, right, top = self.centres
        return round((right - left) / self.step[0]) + 1, round((bottom - top) / self.step[1]) + 1

    @property
    def pixels(self) -> int:
        width, height = self.shape
        return width * height


@pytest.fixture(scope="module")
def served(stack: Stack) -> Stack:
    """The service with small areas of data at the edge, at the corner, and in the wide file."""
    for item, area in EDGE_TILES.items():
        stack.publish(item, "dtm", area)
    for item in CORNER_TILES:
        x, y = CORNER
        stack.publish(item, "dtm", (x - 1_100, y - 1_100, x + 1_100, y + 1_100))
    stack.publish_small("3_4-mosaic-1m", "dtm", WIDE["bbox"])
    return stack


@pytest.fixture
def pieces_of(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Limit all pieces to this number of pixels along an edge."""

    def limit(edge: int) -> None:
        monkeypatch.setattr("hrdem.sources.wcs.chunking.FIRST_CHUNK_PIXELS", edge**2)
        monkeypatch.setattr("hrdem.sources.wcs.chunking.MAX_CHUNK_PIXELS", edge**2)

    return limit


def extract(stack: Stack, output: Path, via: str = "wcs", **asked: Any) -> hrdem.Result:
    words = {"bbox_crs": "EPSG:3979", "product": "dtm", "wcs_url": stack.wcs, **asked}
    cache = output.parent / "cache"
    result = hrdem.extract(**words, via=via, output=output, stac_url=stack.stac, cache_dir=cache)
    assert not list(cache.rglob("*.partial"))
    return result


def asked_since(stack: Stack, before: int) -> list[Asked]:
    """Return each GetCoverage after this many requests; fail if one is off the pixel lattice."""
    found = []
    for request in stack.requests()[before:]:
        query = {name: value for name, [value] in parse_qs(request["args"]).items()}
        if query.get("REQUEST") != "GetCoverage":
            continue
        *centres, crs = query["BOUNDINGBOX"].split(",")
        assert crs == query["GRIDBASECRS"] == "urn:ogc:def:crs:EPSG::3979"
        left, bottom, right, top = map(float, centres)
        x, y = map(float, query["GRIDORIGIN"].split(","))
        dx, dy = map(float, query["GRIDOFFSETS"].split(","))
        start = request["at"] - request["took"]
        asked = Asked(
            request["status"], request["bytes"], start, (left, bottom, right, top), (dx, dy), (x, y)
        )
        check_lattice(asked)
        found.append(asked)
    return found


def check_lattice(asked: Asked) -> None:
    """All positions are pixel centres of the coverage, counted from the CRS origin."""
    left, bottom, right, top = asked.centres
    dx, dy = asked.step
    assert dx == -dy >= 1
    assert asked.origin == (left, top)
    for place in asked.centres:
        assert place / dx % 1 == 0.5
    west, south, east, north = COVERAGE
    assert west < left <= right < east
    assert south < bottom <= top < north


def check_cover(asked: list[Asked], bbox: tuple[float, float, float, float]) -> None:
    """The requests cover each pixel of the box within the coverage exactly once."""
    boxes = [
        (left - 0.5, bottom - 0.5, right + 0.5, top + 0.5)
        for left, bottom, right, top in (each.centres for each in asked)
    ]
    for one, other in itertools.combinations(boxes, 2):
        apart = one[2] <= other[0] or other[2] <= one[0]
        assert apart or one[3] <= other[1] or other[3] <= one[1]
    lefts, bottoms, rights, tops = zip(*boxes, strict=True)
    west, south = max(bbox[0], COVERAGE[0]), max(bbox[1], COVERAGE[1])
    east, north = min(bbox[2], COVERAGE[2]), min(bbox[3], COVERAGE[3])
    assert (min(lefts), min(bottoms), max(rights), max(tops)) == (west, south, east, north)
    assert sum(each.pixels for each in asked) == (east - west) * (north - south)


def content(path: Path) -> tuple[np.ndarray, dict[str, Any]]:
    """Return the pixels and metadata of an output, without its sources."""
    with rasterio.open(path) as dataset:
        profile = {**dataset.profile, "statistics": dataset.tags(1), "offsets": dataset.offsets}
        return dataset.read(1), profile


def same_as_the_cogs(stack: Stack, result: hrdem.Result, **asked: Any) -> np.ndarray:
    """Return the pixels of an output; they must match its COGs."""
    by_cog = extract(stack, result.output.with_name("by-cog.tif"), "cog", overwrite=True, **asked)
    pixels, profile = content(result.output)
    expected, expected_profile = content(by_cog.output)
    np.testing.assert_array_equal(pixels, expected)
    assert profile == expected_profile
    assert result.statistics == by_cog.statistics
    return pixels


def check_terrain(path: Path) -> None:
    """Valid pixels match the terrain, and the output has valid and nodata pixels."""
    with rasterio.open(path) as dataset:
        pixels, bounds = dataset.read(1), dataset.bounds
    height, width = pixels.shape
    expected = heights(bounds.left, bounds.top, 1, width, height)
    valid = pixels != NODATA
    assert 0 < valid.mean() < 1
    np.testing.assert_array_equal(pixels[valid], expected[valid])


@contextmanager
def withdrawn(stack: Stack, *items: str) -> Iterator[dict[str, Path]]:
    """Remove COGs from the store, but not from the WCS; yields their former paths."""
    moved = {}
    for item in items:
        cog = stack.file_of(item, "dtm.tif")
        moved[item] = cog.rename(cog.with_name(f"copy-of-{cog.name}"))
    stack.serve_coverage("dtm")
    try:
        yield {item: stack.file_of(item, "dtm.tif") for item in items}
    finally:
        for item, copy in moved.items():
            copy.replace(stack.file_of(item, "dtm.tif"))
        stack.serve_coverage("dtm")


def with_other_words(stack: Stack, name: str, *changes: tuple[str, str]) -> str:
    """Return the query for another mapfile: a copy of ours with text replaced."""
    text = (stack.folder / "elevation.map").read_text("utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path = stack.folder / f"{name}.map"
    path.write_text(text, "utf-8")
    return f"map={path}"


@pytest.mark.parametrize(
    ("area", "edge", "count"),
    [(BEYOND, 640, 1), (BEYOND, 320, 4), (STRIP, 100, 17), (BEYOND, 64, 100)],
    ids=["1", "4", "17", "100"],
)
def test_file_is_independent_of_the_chunks(
    served: Stack, tmp_path: Path, pieces_of: Any, area: dict[str, Any], edge: int, count: int
) -> None:
    """Two sub-tiles with nodata and the outer edge of the data, and four sub-tiles."""
    pieces_of(edge)
    before = len(served.requests())
    result = extract(served, tmp_path / "out.tif", **area)
    asked = asked_since(served, before)
    assert len(asked) == count
    assert {each.status for each in asked} == {200}
    check_cover(asked, area["bbox"])
    same_as_the_cogs(served, result, **area)
    check_terrain(result.output)
    assert list(result.pixels_by_source) == ["WCS dtm"]


def test_growing_chunks_make_no_seam(served: Stack, tmp_path: Path) -> None:
    """Default sizes, around a corner of four sub-tiles."""
    area = {"bbox": (CORNER[0] - 803, CORNER[1] - 711, CORNER[0] + 851, CORNER[1] + 897)}
    before = len(served.requests())
    result = extract(served, tmp_path / "out.tif", **area)
    asked = asked_since(served, before)
    assert len({each.shape for each in asked}) > 1
    check_cover(asked, area["bbox"])
    same_as_the_cogs(served, result, **area)
    check_terrain(result.output)


def test_size_limit_is_learned_from_one_rejection(
    served: Stack, tmp_path: Path, pieces_of: Any
) -> None:
    """Halves that would also be rejected are not requested."""
    pieces_of(20_000)
    before = len(served.requests())
    result = extract(served, tmp_path / "out.tif", max_memory=1_000_000_000, **WIDE)
    first, *others = asked_since(served, before)
    assert first.shape == (20_000, 40)
    assert first.size < 1_000  # an exception, with status 200
    assert max(each.shape[0] for each in others) <= 8_192
    check_cover(others, WIDE["bbox"])
    same_as_the_cogs(served, result, **WIDE)


def test_gateway_timeouts_halve_the_chunks(served: Stack, tmp_path: Path, pieces_of: Any) -> None:
    """MapServer compresses at the highest level, which takes seconds."""
    slow = with_other_words(served, "slow", ("COMPRESS=LZW", "COMPRESS=LZMA"))
    x, y = CORNER
    area = {"bbox": (x - 1_024, y - 768, x + 1_024, y + 768)}
    pieces_of(2_048)
    before = len(served.requests())
    result = extract(
        served,
        tmp_path / "out.tif",
        wcs_url=f"{served.wcs_impatient}?{slow}",
        wcs_limit=10,
        **area,
    )
    asked = asked_since(served, before)
    refused = [each for each in asked if each.status == 504]
    came = [each for each in asked if each.status == 200]
    assert len(refused) + len(came) == len(asked)
    assert refused[0].shape == (2_048, 1_536)
    assert len({each.centres for each in refused}) == len(refused)
    assert max(each.pixels for each in came) < max(each.pixels for each in refused)
    check_cover(came, area["bbox"])
    same_as_the_cogs(served, result, **area)


def test_http_429_pauses_for_retry_after(served: Stack, tmp_path: Path, pieces_of: Any) -> None:
    area = {"bbox": (CORNER[0] - 128, CORNER[1] - 64, CORNER[0] + 64, CORNER[1] + 64)}
    pieces_of(64)
    before = len(served.requests())
    result = extract(served, tmp_path / "out.tif", wcs_url=served.wcs_limited, **area)
    asked = asked_since(served, before)
    refused = [each for each in asked if each.status == 429]
    assert refused
    for each in refused:  # pending requests may arrive a moment later
        assert not [other for other in asked if 0.2 < other.start - each.start < 0.9]
    check_cover([each for each in asked if each.status == 200], area["bbox"])
    same_as_the_cogs(served, result, **area)


def test_redirect_is_followed(served: Stack, tmp_path: Path) -> None:
    before = len(served.requests())
    result = extract(served, tmp_path / "out.tif", wcs_url=served.wcs_moved, **AROUND)
    asked = asked_since(served, before)
    moved = [each for each in asked if each.status == 308]
    followed = [each for each in asked if each.status == 200]
    assert {each.centres for each in moved} == {each.centres for each in followed}
    check_cover(followed, AROUND["bbox"])
    same_as_the_cogs(served, result, **AROUND)
    assert result.plan.sources[0].url == served.wcs_moved


@pytest.mark.parametrize(
    "coarse",
    [{"resolution": 6, "resampling": "nearest"}, {"crs": "EPSG:2961", "resolution": 7}],
    ids=["6m", "EPSG:2961"],
)
def test_coarse_pixels_match_the_cogs_overviews(
    served: Stack, tmp_path: Path, coarse: dict[str, Any]
) -> None:
    """MapServer supports these within a sub-tile, with a resolution limit in the mapfile."""
    closing = 'PROCESSING "CLOSE_CONNECTION=ALWAYS"'
    plain = with_other_words(
        served, "overviews", (closing, f'{closing}\n    PROCESSING "OVERSAMPLE_RATIO=1"')
    )
    before = len(served.requests())
    asked = {**WITHIN, **coarse}
    result = extract(served, tmp_path / "out.tif", wcs_url=f"{served.wcs}?{plain}", **asked)
    assert {each.step for each in asked_since(served, before)} == {(4, -4)}
    same_as_the_cogs(served, result, **asked)


def test_mapserver_by_default_resamples_a_finer_overview(served: Stack, tmp_path: Path) -> None:
    """The 4 m pixels differ from the COG overviews, and the response does not report it.

    MapServer uses the lower right 2 m pixel of each 4 m pixel, whose centre is one metre off.
    Pixels warped from these to EPSG:2961 also differ.
    """
    result = extract(served, tmp_path / "out.tif", resolution=6, resampling="nearest", **WITHIN)
    left, bottom, right, top = result.plan.grid.bounds
    west, north = left // 4 * 4, -(-top // 4) * 4
    width, height = int(right - west) // 4 + 1, int(north - bottom) // 4 + 1
    taken = heights(west, north, 2, 2 * width, 2 * height)[1::2, 1::2]
    columns = (np.arange(left + 3, right, 6) - west).astype(int) // 4
    rows = (north - np.arange(top - 3, bottom, -6)).astype(int) // 4
    np.testing.assert_array_equal(content(result.output)[0], taken[np.ix_(rows, columns)])


@pytest.mark.parametrize("gone", [CORNER_TILES[1:2], CORNER_TILES], ids=["one", "all"])
def test_wcs_replaces_files_missing_in_the_store(
    served: Stack, tmp_path: Path, gone: tuple[str, ...]
) -> None:
    """Complete sub-tiles, without pixels from other sources."""
    before = len(served.requests())
    with withdrawn(served, *gone):
        result = extract(served, tmp_path / "out.tif", "auto", **AROUND)
        asked = asked_since(served, before)
    same_as_the_cogs(served, result, **AROUND)
    check_terrain(result.output)
    counts = {item: count for item, (_, count) in shares(result.output).items()}
    if gone == CORNER_TILES:
        check_cover(asked, AROUND["bbox"])
        assert result.pixels_by_source == {"WCS dtm": sum(counts.values())}
    else:
        (item,) = gone
        check_cover(asked, shares(result.output)[item][0])
        counts[f"{item} (WCS)"] = counts.pop(item)
        assert result.pixels_by_source == counts
    check_provenance(result, "answers 404")


def test_wcs_replaces_a_damaged_cog(served: Stack, tmp_path: Path) -> None:
    """The header is valid; the damage is detected while reading."""
    item = CORNER_TILES[2]
    with withdrawn(served, item) as places:
        copy = places[item].with_name(f"copy-of-{places[item].name}")
        body = copy.read_bytes()
        places[item].write_bytes(body[: len(body) // 2] + bytes(len(body) - len(body) // 2))
        before = len(served.requests())
        result = extract(served, tmp_path / "out.tif", "auto", **AROUND)
        asked = asked_since(served, before)
    same_as_the_cogs(served, result, **AROUND)
    counts = {name: count for name, (_, count) in shares(result.output).items()}
    check_cover(asked, shares(result.output)[item][0])
    counts[f"{item} (WCS)"] = counts.pop(item)
    assert result.pixels_by_source == counts
    check_provenance(result, f"{item}-dtm.tif")


def shares(path: Path) -> dict[str, tuple[tuple[float, ...], int]]:
    """Return the bounds and valid pixels of each of the four sub-tiles in an output."""
    found = {}
    with rasterio.open(path) as dataset:
        pixels, (left, bottom, right, top) = dataset.read(1), dataset.bounds
    column, row = round(CORNER[0] - left), round(top - CORNER[1])
    for item in CORNER_TILES:
        east, north = item.startswith("10_"), "_4-" in item
        part = pixels[:row] if north else pixels[row:]
        part = part[:, column:] if east else part[:, :column]
        bounds = (
            CORNER[0] if east else left,
            CORNER[1] if north else bottom,
            right if east else CORNER[0],
            top if north else CORNER[1],
        )
        found[item] = bounds, int((part != NODATA).sum())
    return found


def check_provenance(result: hrdem.Result, why: str) -> None:
    """The file records for each source whether and why it replaces a COG."""
    with rasterio.open(result.output) as dataset:
        told = json.loads(dataset.tags()["HRDEM_SOURCES"])
    assert [each["name"] for each in told] == list(result.pixels_by_source)
    through_wcs = [each for each in told if each["via"] == "wcs"]
    assert through_wcs
    for each in told:
        assert ("fallback_reason" in each) == (each in through_wcs)
    for each in through_wcs:
        assert why in each["fallback_reason"]
        assert each["coverage"] == "dtm"


def test_error_names_both_failed_sources(served: Stack, tmp_path: Path) -> None:
    with withdrawn(served, CORNER_TILES[0]), pytest.raises(hrdem.ServerError) as caught:
        extract(served, tmp_path / "out.tif", "auto", wcs_url=f"{served.url}/ows/gone", **AROUND)
    assert caught.value.status == 404
    assert f"dtm of item {CORNER_TILES[0]}" in str(caught.value)
    assert "cannot take its place either" in str(caught.value)
    assert "/ows/gone answers 404: no WCS there" in str(caught.value)
    assert not (tmp_path / "out.tif").exists()


def test_unlisted_product_is_not_requested(served: Stack, tmp_path: Path) -> None:
    """MapServer would return an exception; other servers differ."""
    without = with_other_words(served, "dtm-only", ('NAME "dsm"', 'NAME "dsm-of-old"'))
    before = len(served.requests())
    with pytest.raises(hrdem.WcsError, match="has no dsm; it lists dtm, dsm-of-old.*`via=cog`"):
        extract(
            served,
            tmp_path / "out.tif",
            product="dsm",
            wcs_url=f"{served.wcs}?{without}",
            **AROUND,
        )
    assert asked_since(served, before) == []
    assert [path.name for path in tmp_path.iterdir()] == ["cache"]
