"""Compare the COG reader with rasterio, for each supported kind of file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hrdem.errors import HrdemError, SourceError
from hrdem.geo.grid import Window
from hrdem.geo.prepared import PreparedGeometry
from hrdem.sources.cog import CogSource, probe_cog
from hrdem.tiff.header import read_header
from tests.cogs import KINDS, TRANSFORM, Bytes, write_cog


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_file_like_rasterio(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "file.tif"
    write_cog(path, **KINDS[kind])
    content = Bytes(path.read_bytes())
    file = probe_cog("http://store.invalid/file.tif", content)
    with rasterio.open(path) as dataset:
        assert file.grid.bounds == dataset.bounds
        assert (file.dtype, file.nodata) == (dataset.dtypes[0], dataset.nodata)
        assert file.block == dataset.block_shapes[0][::-1]
        assert len(file.header.levels) == 1 + len(dataset.overviews(1))
        assert file.header.has_guards == (dataset.tags(ns="IMAGE_STRUCTURE").get("LAYOUT") == "COG")
    for level in range(len(file.header.levels)):
        source = CogSource(file.at_level(level), content)
        options = {"overview_level": level - 1} if level else {}
        with rasterio.open(path, **options) as dataset:
            expected = dataset.read(1)
        height, width = expected.shape
        for window in (
            Window(0, 0, width, height),
            Window(width // 3, height // 5, max(1, width // 2), max(1, height // 3)),
            Window(width - 1, height - 1, 1, 1),
        ):
            np.testing.assert_array_equal(source.fetch(window).decode(), expected[window.slices])


def test_window_reads_only_index_and_tiles(tmp_path: Path) -> None:
    """A window reads only its part of the index, its tiles, and little else."""
    path = tmp_path / "file.tif"
    write_cog(path, driver="COG", COMPRESS="LZW", BLOCKSIZE=128)
    content = Bytes(path.read_bytes())
    file = probe_cog("http://store.invalid/file.tif", content)
    assert content.ranges == []  # one request for the header
    window = Window(200, 200, 20, 20)
    CogSource(file, content, window).fetch(window).decode()
    offsets, counts, tile = content.ranges
    stored = file.needed(window, None, content, None)
    assert stored.tiles == 1
    assert tile[1] - tile[0] == stored.size + 8
    assert stored.missing == stored.size
    assert (offsets[1] - offsets[0]) + (counts[1] - counts[0]) <= 12 * 30


def test_rows_of_the_index_that_the_region_does_not_touch_are_not_looked_up(
    tmp_path: Path,
) -> None:
    """Reading leaves them out, so that offline they may be missing."""
    path = tmp_path / "file.tif"
    write_cog(path, driver="COG", COMPRESS="LZW", BLOCKSIZE=128)
    window = Window(100, 100, 200, 200)  # the last 28 rows of the first row of tiles, and more
    tiles, first_bytes = [], []
    for top in (120, 130):
        content = Bytes(path.read_bytes(), etag="")
        file = probe_cog("http://store.invalid/file.tif", content)
        region = shapely.box(*file.grid.crop(Window(0, top, 700, 100)).bounds)
        tiles.append(file.needed(window, PreparedGeometry(region), content, None).tiles)
        first_bytes.append(content.ranges[0][0])
    assert tiles == [6, 3]
    assert first_bytes[1] - first_bytes[0] in (6 * 4, 6 * 8)  # a row of the index


def test_only_tiles_that_the_region_touches_are_needed(tmp_path: Path) -> None:
    """Of a window of three by three tiles of 128 pixels, and only where they are in it."""
    path = tmp_path / "file.tif"
    write_cog(path, driver="COG", COMPRESS="LZW", BLOCKSIZE=128)
    content = Bytes(path.read_bytes(), etag="")
    file = probe_cog("http://store.invalid/file.tif", content)
    for left, width, expected in ((90, 30, 3), (130, 100, 3), (250, 10, 6), (301, 50, 0)):
        region = PreparedGeometry(shapely.box(*file.grid.crop(Window(left, 0, width, 700)).bounds))
        needed = file.needed(Window(100, 100, 200, 200), region, content, None)
        assert needed.tiles == expected, left


def test_header_is_parsed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second read in the same session checks the version without reading the header again."""
    path = tmp_path / "file.tif"
    write_cog(path, driver="COG", COMPRESS="LZW", BLOCKSIZE=128)
    first = Bytes(path.read_bytes())
    file = probe_cog("http://store.invalid/file.tif", first)

    def fail(*_: object) -> None:
        pytest.fail("the header is parsed again")

    monkeypatch.setattr("hrdem.sources.cog.read_header", fail)
    assert probe_cog("http://store.invalid/file.tif", first).header is file.header
    assert first.ranges == []


def test_index_is_shared_by_version(tmp_path: Path) -> None:
    """Another reader of the same version does not read the index again."""
    path = tmp_path / "file.tif"
    write_cog(path, driver="COG", COMPRESS="LZW", BLOCKSIZE=128)
    content = Bytes(path.read_bytes())
    for again in (False, True):
        content.ranges.clear()
        source = CogSource(probe_cog("http://store.invalid/file.tif", content), content)
        source.fetch(Window(200, 200, 20, 20))
        assert len(content.ranges) == (1 if again else 3)
    altered = Bytes(content.content[:-1] + b"!")  # another version
    CogSource(probe_cog("http://store.invalid/file.tif", altered), altered).fetch(
        Window(200, 200, 20, 20)
    )
    assert len(altered.ranges) == 3


def test_no_index_cache_without_strong_etag(tmp_path: Path) -> None:
    path = tmp_path / "file.tif"
    write_cog(path, driver="COG", COMPRESS="LZW", BLOCKSIZE=128)
    content = Bytes(path.read_bytes(), etag="")
    for _ in range(2):
        content.ranges.clear()
        source = CogSource(probe_cog("http://store.invalid/file.tif", content), content)
        source.fetch(Window(200, 200, 20, 20))
        assert len(content.ranges) == 3


def test_altered_index_is_not_cached(tmp_path: Path) -> None:
    """An index altered in transit is read again."""
    path = tmp_path / "file.tif"
    write_cog(path, driver="COG", COMPRESS="LZW", BLOCKSIZE=128)
    good = Bytes(path.read_bytes())
    file = probe_cog("http://store.invalid/file.tif", good)
    content = bytearray(good.content)
    start, _ = file.header.levels[0].offsets.span(0, 1)
    content[start] ^= 1
    altered = Bytes(bytes(content), etag=good.etag)
    with pytest.raises(SourceError, match="is not where the file's index says"):
        CogSource(file, altered).fetch(Window(0, 0, 10, 10)).decode()
    CogSource(file, good).fetch(Window(0, 0, 10, 10)).decode()


def test_absent_tiles_ask_for_nothing(tmp_path: Path) -> None:
    path = tmp_path / "file.tif"
    write_cog(path, compress="lzw", SPARSE_OK=True, empty=True)
    content = Bytes(path.read_bytes())
    source = CogSource(probe_cog("http://store.invalid/file.tif", content), content)
    assert (source.fetch(Window(0, 0, 128, 256)).decode() == -32767).all()
    assert len(content.ranges) == 2  # both parts of the index


@pytest.mark.parametrize("array", ["offsets", "counts"])
@pytest.mark.parametrize("value", [0, -1])
def test_inconsistent_index_is_an_error(tmp_path: Path, array: str, value: int) -> None:
    """An inconsistent index is an error, not nodata."""
    path = tmp_path / "file.tif"
    write_cog(path, compress="lzw", BIGTIFF="YES")
    content = bytearray(path.read_bytes())
    file = probe_cog("http://store.invalid/file.tif", Bytes(bytes(content)))
    start, stop = getattr(file.header.levels[0], array).span(0, 1)
    content[start:stop] = value.to_bytes(stop - start, "little", signed=True)
    source = CogSource(file, Bytes(bytes(content)))
    with pytest.raises(SourceError, match="tile index"):
        source.fetch(Window(0, 0, 10, 10)).decode()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"tiled": False, "blockysize": 16}, "in strips"),
        ({"compress": "packbits"}, "compression, number 32773"),
        ({"crs": None}, "coordinate reference system"),
        ({"transform": Affine(2, 1, 0, 1, -2, 0)}, "no georeferencing, or a rotated one"),
        ({"dtype": "complex64", "nodata": None}, "bits"),
    ],
    ids=["strips", "codec", "no CRS", "rotated", "complex"],
)
def test_unsupported_kind_names_the_way_out(tmp_path, options, said) -> None:
    """The error for an unsupported file names the option that supports it."""
    path = tmp_path / "file.tif"
    profile = {"dtype": "float32", "tiled": True, "crs": "EPSG:3979", "transform": TRANSFORM}
    profile |= {"driver": "GTiff", "count": 1, "width": 512, "height": 512, **options}
    with rasterio.open(path, "w", **profile) as dataset:
        dataset.write(np.zeros((512, 512), profile["dtype"]), 1)
    with pytest.raises(SourceError, match=f"{said}.*`engine=gdal`"):
        probe_cog("http://store.invalid/file.tif", Bytes(path.read_bytes()))


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("fuzz") / "file.tif"
    write_cog(path, driver="COG", COMPRESS="LZW", BLOCKSIZE=128, BIGTIFF="YES")
    return path.read_bytes()


@pytest.mark.slow
@settings(max_examples=600, deadline=2000, suppress_health_check=list(HealthCheck))
@given(
    changes=st.lists(
        st.tuples(st.integers(0, 1_600), st.binary(min_size=1, max_size=9)), min_size=1, max_size=5
    ),
    cut=st.one_of(st.none(), st.integers(0, 2_000)),
)
def test_damaged_header(sample: bytes, changes, cut) -> None:
    """A damaged header results in an error or a header, but no other exception."""
    damaged = bytearray(sample)
    for at, data in changes:
        damaged[at : at + len(data)] = data
    content = bytes(damaged[:cut])
    fetched = 0

    def fetch(start: int, stop: int) -> bytes:
        nonlocal fetched
        fetched += stop - start
        assert 0 <= start <= stop <= len(content)
        return content[start:stop]

    try:
        header = read_header(fetch, len(content), "sample")
    except HrdemError:
        pass
    else:
        assert header.levels[0].offsets.span(0, header.levels[0].offsets.count)[1] <= len(content)
    assert fetched <= 4 << 20


def test_directory_loop_ends(sample: bytes) -> None:
    loop = bytearray(sample)
    count = int.from_bytes(loop[200:208], "little")
    at = 208 + 20 * count
    loop[at : at + 8] = (200).to_bytes(8, "little")
    with pytest.raises(SourceError, match="form a loop"):
        read_header(lambda a, b: bytes(loop[a:b]), len(loop), "loop")
