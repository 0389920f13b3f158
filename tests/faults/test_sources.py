"""Files that are missing, change, or break off: an error, never nodata, and nothing left behind."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine

import hrdem
from hrdem.demo import Addresses
from hrdem.demo.terrain import heights
from hrdem.geo.grid import Window
from hrdem.http.client import HttpClient
from hrdem.http.ranges import check_file_unchanged, read_version
from hrdem.http.run_context import RunContext
from hrdem.jobs.extract import run_plan
from hrdem.output.plan_writer import OutputOptions
from hrdem.planning.make_plan import make_plan
from hrdem.request.request import Request
from hrdem.sources.dataset_pool import DatasetPool
from hrdem.sources.gdal import GdalSource, probe_gdal_cog, probe_vrt
from tests.misbehaving import (
    Misbehaving,
    Reply,
    ServerRequest,
    forward,
    misbehaving,
    range_reply,
)

AREA = (1_499_400, -170_600, 1_500_600, -170_000)  # 8_2 and 9_2


@contextmanager
def store(demo: Addresses, fault: Callable[[ServerRequest], Reply | None]) -> Iterator[Misbehaving]:
    """The demonstration service behind a server that sometimes answers by itself."""

    def script(request: ServerRequest) -> Reply:
        return fault(request) or forward(request, demo.url, server.url)

    with misbehaving(script) as server:
        yield server


def starts_at(request: ServerRequest) -> int:
    found = re.match(r"bytes=(\d+)-", request.headers.get("range", ""))
    return int(found[1]) if found else 0


def extract(server: Misbehaving, output: Path, http: HttpClient, **more) -> hrdem.Result:
    return hrdem.extract(
        bbox=AREA,
        bbox_crs="EPSG:3979",
        product="dtm",
        output=output,
        stac_url=f"{server.url}/stac/api/",
        http=http,
        **more,
    )


def test_missing_neighbour_outside_the_area_is_ignored(
    demo: Addresses, http: HttpClient, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Tiles near the area are opened too, as footprints may be imprecise."""

    def gone(request: ServerRequest) -> Reply | None:
        return Reply(404) if "8_2-mosaic-1m-dtm.tif" in request.path else None

    with store(demo, gone) as server:
        result = hrdem.extract(
            bbox=(1_500_100, -170_600, 1_500_600, -170_000),
            bbox_crs="EPSG:3979",
            product="dtm",
            output=tmp_path / "out.tif",
            stac_url=f"{server.url}/stac/api/",
            http=http,
        )
        assert any("8_2-mosaic-1m-dtm.tif" in request.path for request in server.requests)
    assert [source.name for source in result.plan.sources] == ["9_2-mosaic-1m"]
    assert "8_2-mosaic-1m" in caplog.text
    assert "skipped" in caplog.text


@pytest.mark.slow
def test_transient_faults_change_no_pixel(
    demo: Addresses, http: HttpClient, tmp_path: Path
) -> None:
    hit: set[str] = set()

    def busy(request: ServerRequest) -> Reply | None:
        """Every request is refused the first time."""
        key = f"{request.method} {request.path} {request.headers.get('range')} {request.body!r}"
        if key in hit:
            return None
        hit.add(key)
        return Reply(503, headers={"Retry-After": "0"})

    with store(demo, busy) as server:
        extract(server, tmp_path / "out.tif", http)
    with rasterio.open(tmp_path / "out.tif") as dataset:
        expected = heights(AREA[0], AREA[3], 1, dataset.width, dataset.height)
        np.testing.assert_array_equal(dataset.read(1), expected)


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(Reply(500), marks=pytest.mark.slow),
        pytest.param(Reply(403), marks=pytest.mark.slow),
        Reply(206, bytes(100), cut=10),
    ],
    ids=["500", "403", "truncated"],
)
def test_tiles_that_gdal_cannot_read_are_an_error(
    demo: Addresses, http: HttpClient, tmp_path: Path, fault: Reply, monkeypatch
) -> None:
    monkeypatch.setattr("hrdem.sources.gdal.time.sleep", lambda _: None)
    monkeypatch.setitem(hrdem.http.gdal_options.OPTIONS, "GDAL_HTTP_RETRY_DELAY", 0)

    def broken(request: ServerRequest) -> Reply | None:
        return fault if starts_at(request) > 20_000_000 else None

    with store(demo, broken) as server, pytest.raises(hrdem.NetworkError):
        extract(server, tmp_path / "out.tif", http, engine="gdal")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("is_vrt", [False, True])
@pytest.mark.parametrize("edge", [8, pytest.param(400, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    "fault", [Reply(206, bytes(100), cut=10), pytest.param(Reply(404), marks=pytest.mark.slow)]
)
def test_an_index_that_gdal_cannot_read_is_an_error(
    http: HttpClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: Reply, edge: int,
    is_vrt: bool,
) -> None:  # fmt: skip
    """GDAL returned nodata, for pixels of one tile and of many, of a file that is no COG of its."""
    monkeypatch.setattr("hrdem.sources.gdal.time.sleep", lambda _: None)
    size = {"width": 2048, "height": 1024}
    with rasterio.open(
        tmp_path / "a.tif", "w", "GTiff", **size, count=1, dtype="float32", nodata=-32767,
        crs="EPSG:3979", transform=Affine(1, 0, 1_500_000, 0, -1, -170_000),
        tiled=True, blockxsize=16, blockysize=16, compress="lzw",
    ) as dataset:  # fmt: skip
        dataset.write(np.full(dataset.shape, 300, np.float32), 1)
    content = (tmp_path / "a.tif").read_bytes()
    rectangle = 'xOff="0" yOff="0" xSize="2048" ySize="1024"'
    vrt = f"""<VRTDataset rasterXSize="2048" rasterYSize="1024"><SRS>EPSG:3979</SRS>
        <GeoTransform>1500000, 1, 0, -170000, 0, -1</GeoTransform>
        <VRTRasterBand dataType="Float32" band="1"><NoDataValue>-32767</NoDataValue><SimpleSource>
        <SourceFilename relativeToVRT="1">a.tif</SourceFilename>
        <SrcRect {rectangle}/><DstRect {rectangle}/></SimpleSource></VRTRasterBand></VRTDataset>"""
    broken = False

    def script(request: ServerRequest) -> Reply:
        if request.path == "/a.vrt":
            return Reply(200, vrt.encode(), {"ETag": '"1"'})
        return fault if broken and starts_at(request) else range_reply(content, request)

    window = Window(1200, 600, edge, edge)
    with misbehaving(script) as server, contextlib.closing(DatasetPool(max_open=2)) as pool:
        url = f"{server.url}/a"
        found = (
            probe_vrt(f"{url}.vrt", "metre", http) if is_vrt else probe_gdal_cog(f"{url}.tif", http)
        )
        source = GdalSource(found, pool, http)
        broken = True
        with pytest.raises(hrdem.SourceError, match="cannot be read"):
            source.fetch(window)
        broken = False
        assert (source.fetch(window).decode() == 300).all()


@pytest.mark.parametrize(
    "where",
    [
        pytest.param("tile", marks=pytest.mark.slow),
        "trailer",
        pytest.param("index", marks=pytest.mark.slow),
    ],
)
def test_corrupt_bytes_are_detected(
    demo: Addresses, http: HttpClient, tmp_path: Path, where: str
) -> None:
    """Tile leader and trailer must match the index; GDAL would return wrong pixels."""

    def altered(request: ServerRequest) -> Reply | None:
        start = starts_at(request)
        if where == "index":
            if not 3_000 < start < 7_000_000:
                return None
        elif start < 20_000_000:
            return None
        reply = forward(request, demo.url, server.url)
        body = bytearray(reply.body)
        for at in {"tile": [0, 1, 2, 3], "trailer": [-1], "index": range(3, len(body), 8)}[where]:
            body[at] ^= 0x01
        reply.body = bytes(body)
        return reply

    with store(demo, altered) as server, pytest.raises(hrdem.SourceError, match="index"):
        extract(server, tmp_path / "out.tif", http)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.long
def test_interrupted_range_resumes(demo: Addresses, http: HttpClient, tmp_path: Path) -> None:
    cut: list[tuple[int, int]] = []

    def once(request: ServerRequest) -> Reply | None:
        start = starts_at(request)
        if start < 20_000_000 or cut:
            return None
        reply = forward(request, demo.url, server.url)
        reply.cut = len(reply.body) // 2
        cut.append((start, reply.cut))
        return reply

    with store(demo, once) as server:
        extract(server, tmp_path / "out.tif", http)
        (start, length) = cut[0]
        assert start + length in [starts_at(request) for request in server.requests]
    with rasterio.open(tmp_path / "out.tif") as dataset:
        expected = heights(AREA[0], AREA[3], 1, dataset.width, dataset.height)
        np.testing.assert_array_equal(dataset.read(1), expected)


@pytest.mark.slow
def test_ignored_if_match_is_detected(demo: Addresses, http: HttpClient, tmp_path: Path) -> None:
    """The response's own ETag is compared as well."""

    def swap(request: ServerRequest) -> Reply | None:
        if not request.path.endswith("9_2-mosaic-1m-dtm.tif") or starts_at(request) == 0:
            return None
        reply = forward(request, demo.url, server.url)
        reply.headers["etag"] = '"new"'
        return reply

    with store(demo, swap) as server, pytest.raises(hrdem.ServerError, match="another version"):
        extract(server, tmp_path / "out.tif", http)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_republished_file_is_never_mixed_by_gdal(
    demo: Addresses, http: HttpClient, tmp_path: Path
) -> None:
    """From the first tile on, the store has a new version and rejects the old one."""
    changed = False

    def swap(request: ServerRequest) -> Reply | None:
        nonlocal changed
        if not request.path.endswith("9_2-mosaic-1m-dtm.tif"):
            return None
        changed = changed or starts_at(request) > 20_000_000
        if not changed:
            return None
        if "if-match" in request.headers:
            return Reply(412)
        return Reply(206, bytes(16), {"Content-Range": "bytes 0-15/999", "ETag": '"new"'})

    with (
        store(demo, swap) as server,
        pytest.raises(
            hrdem.SourceChangedError, match='published again.*now it is 999 bytes.*"new"'
        ),
    ):
        extract(server, tmp_path / "out.tif", http, engine="gdal")
    assert not list(tmp_path.iterdir())


def test_file_republished_between_plan_and_run_is_detected(
    demo: Addresses, http: HttpClient, tmp_path: Path
) -> None:
    planned = False

    def swap(request: ServerRequest) -> Reply | None:
        if not planned or not request.path.endswith("8_2-mosaic-1m-dtm.tif"):
            return None
        if "if-match" in request.headers:
            return Reply(412)
        return Reply(206, bytes(16), {"Content-Range": "bytes 0-15/999", "ETag": '"new"'})

    with store(demo, swap) as server:
        request = Request.of(
            bbox=AREA, bbox_crs="EPSG:3979", product="dtm", stac_url=f"{server.url}/stac/api/"
        )
        plan = make_plan(request, http)
        planned = True
        with pytest.raises(hrdem.SourceChangedError):
            run_plan(plan, RunContext(http), OutputOptions(tmp_path / "out.tif"))
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize("no_cache", [True, False])
def test_chunks_use_the_planned_version_only(
    demo: Addresses, http: HttpClient, no_cache: bool
) -> None:
    """Later chunks come from the cache or fail."""
    changed = False

    def swap(request: ServerRequest) -> Reply | None:
        if not changed or not request.path.endswith("9_2-mosaic-1m-dtm.tif"):
            return None
        if "if-match" in request.headers:
            return Reply(412)
        return Reply(206, bytes(16), {"Content-Range": "bytes 0-15/999", "ETag": '"new"'})

    with store(demo, swap) as server:
        array = hrdem.load(
            bbox=AREA, bbox_crs="EPSG:3979", product="dtm",
            stac_url=f"{server.url}/stac/api/", http=http, chunks={"x": 500},
            no_cache=no_cache,
        )  # fmt: skip
        before = array[:, 1000:].compute()
        changed = True
        if no_cache:
            with pytest.raises(hrdem.SourceChangedError, match="published again"):
                array[:, 1000:].compute()
        else:
            np.testing.assert_array_equal(array[:, 1000:].compute(), before)
        assert array[:, :500].compute().shape == (600, 500)  # of the other file
    assert (before != -32767).any()


@pytest.mark.slow
@pytest.mark.long
def test_failed_chunk_can_be_computed_later(demo: Addresses, http: HttpClient) -> None:
    down = False

    def fault(request: ServerRequest) -> Reply | None:
        return Reply(503) if down and request.path.endswith(".tif") else None

    with store(demo, fault) as server:
        words = {"bbox": AREA, "bbox_crs": "EPSG:3979", "product": "dtm", "http": http}
        array = hrdem.load(**words, stac_url=f"{server.url}/stac/api/", chunks=512)
        down = True
        with pytest.raises(hrdem.NetworkError, match="503"):
            array.compute()
        down = False
        there = array.compute()
        np.testing.assert_array_equal(there, hrdem.load(**words, stac_url=demo.stac))


@pytest.mark.slow
@pytest.mark.long
def test_republished_vrt_is_detected_at_the_end(
    demo: Addresses, http: HttpClient, tmp_path: Path
) -> None:
    """GDAL reads a VRT without If-Match; its version is compared before publishing."""
    read = False

    def swap(request: ServerRequest) -> Reply | None:
        nonlocal read
        read = read or starts_at(request) > 20_000_000
        if read and request.path.endswith("8_2-mosaic-1m-dtm.vrt"):
            return Reply(body=b"<VRTDataset/>")
        return None

    with store(demo, swap) as server, pytest.raises(hrdem.SourceChangedError):
        extract(server, tmp_path / "out.tif", http, via="vrt")
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_republished_cog_behind_a_vrt_is_detected(
    demo: Addresses, http: HttpClient, tmp_path: Path
) -> None:
    read = False

    def swap(request: ServerRequest) -> Reply | None:
        nonlocal read
        read = read or starts_at(request) > 20_000_000
        if not read or not request.path.endswith("8_2-mosaic-1m-dtm.tif") or starts_at(request):
            return None
        return Reply(206, bytes(16), {"Content-Range": "bytes 0-15/999", "ETag": '"new"'})

    with store(demo, swap) as server, pytest.raises(hrdem.SourceChangedError, match=r"8_2.*tif"):
        extract(server, tmp_path / "out.tif", http, via="vrt")
    assert not list(tmp_path.iterdir())


def test_every_range_request_sends_the_planned_version(
    demo: Addresses, http: HttpClient, tmp_path: Path
) -> None:
    with store(demo, lambda request: None) as server:
        result = extract(server, tmp_path / "out.tif", http)
        etags = {s.url.rsplit("/", 1)[1]: s.file.version.etag for s in result.plan.sources}
        reads = [each for each in server.requests if starts_at(each) > 20_000_000]
    assert reads
    for each in reads:
        assert each.headers["if-match"] == etags[each.path.rsplit("/", 1)[1]]


def test_unchanged_file_passes(demo: Addresses, http: HttpClient) -> None:
    href = f"{demo.url}/canelevation-dem/hrdem-mosaic-1m/9_2-mosaic-1m-dtm.tif"
    check_file_unchanged(href, read_version(href, http), http)


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize(
    "body", [b"II*\0" + bytes(400), b"<html></html>" * 40], ids=["broken TIFF", "HTML"]
)
@pytest.mark.parametrize(
    ("engine", "said"),
    [("auto", "cannot be read as a tiled GeoTIFF"), ("gdal", "cannot be opened")],
)
def test_file_that_is_no_raster_is_an_error(
    demo: Addresses, http: HttpClient, tmp_path: Path, body: bytes, engine: str, said: str
) -> None:
    def other(request: ServerRequest) -> Reply | None:
        if not request.path.endswith("9_2-mosaic-1m-dtm.tif"):
            return None
        start = starts_at(request)
        found = re.match(r"bytes=\d+-(\d+)", request.headers.get("range", ""))
        stop = min(int(found[1]) + 1 if found else len(body), len(body))
        headers = {"Content-Range": f"bytes {start}-{stop - 1}/{len(body)}", "ETag": '"x"'}
        return Reply(206 if found else 200, body[start:stop], headers)

    with store(demo, other) as server, pytest.raises(hrdem.SourceError, match=said):
        extract(server, tmp_path / "out.tif", http, engine=engine)
