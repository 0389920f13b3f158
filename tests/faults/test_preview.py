"""A WMS that gives anything but the picture: overviews do, and a warning says why."""

from __future__ import annotations

import logging
import re
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.io import MemoryFile

import hrdem
from hrdem.cli.main import run
from hrdem.demo import Addresses
from hrdem.errors import NetworkError, NoDataError, OutputExistsError
from hrdem.geo.ground import fit_grid
from hrdem.http.client import HttpClient
from hrdem.sources.wms import get_map
from tests.demo_tiles import TILES, find_empty_block
from tests.misbehaving import Reply, forward, misbehaving

BOX = (1_505_000, -176_000, 1_506_000, -175_500)
HEADER = '<?xml version="1.0" encoding="UTF-8"?>'
SERVICE = (
    '<{0} version="1.3.0" {2}><{1} locator="noLocator" code="LayerNotDefined">'
    "Layers List(dsm-hillshade-2m) not found</{1}></{0}>"
)
OGC = 'xmlns="http://www.opengis.net/ogc" xmlns:ogc="http://www.opengis.net/ogc"'
PLAIN = SERVICE.format("ServiceExceptionReport", "ServiceException", OGC)
PREFIXED = SERVICE.format("ServiceExceptionReport", "ogc:ServiceException", OGC)
UNDECLARED = SERVICE.format("ServiceExceptionReport", "ogc:ServiceException", "")
LONG = PLAIN.replace("<ServiceException ", f"<!-- {'x' * 900} --><ServiceException ")
WORDS = "Layers List(dsm-hillshade-2m) not found"


def picture(width: int, height: int, *, opacity: int = 255, bands: int = 2) -> bytes:
    pixels = np.random.default_rng(7).integers(0, 255, (bands, height, width), np.uint8)
    pixels[-1] = opacity
    with warnings.catch_warnings(), MemoryFile(ext=".png") as file:
        warnings.simplefilter("ignore")
        with file.open(
            driver="PNG", width=width, height=height, count=bands, dtype="uint8"
        ) as dataset:
            dataset.write(pixels)
        return bytes(file.getbuffer())


NOISE = picture(100, 50)


def palette(width: int, height: int, opacity: int) -> bytes:
    """A PNG of two colours, of which it uses the first (PNG, 11.2.2 to 11.3.2)."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    rows = zlib.compress(bytes(width + 1) * height)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        [
            chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
            chunk(b"PLTE", bytes([10, 20, 30, 200, 200, 200])),
            chunk(b"tRNS", bytes([opacity, 128])),
            chunk(b"IDAT", rows),
            chunk(b"IEND", b""),
        ]
    )


def preview(demo: Addresses, wms_url: str, http: HttpClient, output: Path, **changes):
    given = {"bbox": BOX, "bbox_crs": "EPSG:3979", "product": "dtm-hillshade", "size": 100}
    given |= {"stac_url": demo.stac, "wms_url": wms_url, "http": http, "output": output}
    return hrdem.preview(**{**given, **changes})


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (Reply(200, (HEADER + PLAIN).encode()), WORDS),
        (Reply(200, PREFIXED.encode()), f"LayerNotDefined (noLocator): {WORDS}"),
        (Reply(200, UNDECLARED.encode()), WORDS),
        (Reply(400, (HEADER + PREFIXED).encode()), f"400: LayerNotDefined (noLocator): {WORDS}"),
        (Reply(400, LONG.encode()), WORDS),
        (Reply(400, b"layer does not exist"), "400: layer does not exist"),
        (Reply(404), "answers 404"),
        (Reply(500, b"<html><title>Oops</title></html>"), "500: Oops"),
        (Reply(502, b"<html><title>502 Bad Gateway</title>"), "502: 502 Bad Gateway"),
        (Reply(200, b"<!DOCTYPE html><html><title>Sign in</title>"), "reads: Sign in"),
        (Reply(200, b""), "an empty response"),
        (Reply(200, b"null"), "reads: null"),
        (Reply(200, b"GIF89a\x00\x01"), "not return a PNG"),
        (Reply(200, b"II*\x00\x08\x00\x00\x00"), "begins with b'II*"),
        (Reply(200, NOISE[: len(NOISE) // 2]), "cannot be decoded"),
        (Reply(200, NOISE[: len(NOISE) // 2] + NOISE[-12:]), "cannot be decoded"),
        (Reply(200, NOISE[:3000] + b"oops" + NOISE[3004:]), "cannot be decoded"),
        (Reply(200, b"\x89PNG\r\n\x1a\nnonsense"), "cannot be decoded"),
        (Reply(200, picture(256, 256)), "256 x 256 pixels instead of 100 x 50"),
        (Reply(200, picture(100, 50, opacity=0)), "all transparent"),
        (Reply(200, picture(100, 50, opacity=0, bands=4)), "all transparent"),
        (Reply(200, palette(100, 50, 0)), "all transparent"),
        (Reply(200, picture(100, 50), cut=90), "did not complete its response"),
        (Reply(reset=True, body=b"x", length=5), "did not complete its response"),
    ],
)
def test_anything_but_the_picture_is_an_error(http: HttpClient, reply: Reply, said: str) -> None:
    grid = fit_grid(BOX, "EPSG:3979", 100)
    with misbehaving(lambda _: reply) as server, pytest.raises((NetworkError, NoDataError)) as exc:
        get_map(server.url, "dtm-hillshade", grid, http)
    assert said in str(exc.value)


@pytest.mark.parametrize(
    ("reply", "said"),
    [(Reply(200, PLAIN.encode()), WORDS), (Reply(200, picture(100, 50, opacity=0)), "transparent")],
    ids=["an error", "no data"],
)
def test_overviews_replace_a_failed_wms(
    demo: Addresses, http: HttpClient, tmp_path: Path, caplog, reply: Reply, said: str
) -> None:
    with misbehaving(lambda _: reply) as server, caplog.at_level(logging.WARNING):
        done = preview(demo, server.url, http, tmp_path / "a.png")
    assert done.source.value == "overviews"
    assert said in done.reason
    assert done.reason in caplog.text
    with rasterio.open(tmp_path / "a.png") as dataset:
        assert dataset.bounds == BOX
        assert dataset.read(1).std() > 1


@pytest.mark.parametrize(
    "body",
    [picture(100, 50), picture(100, 50, bands=4), picture(100, 50, bands=1), palette(100, 50, 9)],
    ids=["grey", "colour", "no alpha", "palette"],
)
@pytest.mark.parametrize("media_type", ["image/png", "text/plain"])
def test_picture_is_saved_unchanged(
    demo: Addresses, http: HttpClient, tmp_path: Path, body: bytes, media_type: str
) -> None:
    with misbehaving(lambda _: Reply(200, body, {"Content-Type": media_type})) as server:
        done = preview(demo, server.url, http, tmp_path / "a.png")
    assert (done.source.value, done.reason) == ("wms", "")
    assert (tmp_path / "a.png").read_bytes() == body


def test_redirect_is_followed(demo: Addresses, http: HttpClient, tmp_path: Path) -> None:
    """The live documented address redirects with 308."""

    def script(request):
        if request.path.startswith("/ows"):
            return Reply(308, headers={"Location": request.path.replace("/ows", "/wrapper")})
        assert "REQUEST=GetMap" in request.path
        return Reply(200, picture(100, 50))

    with misbehaving(script) as server:
        done = preview(demo, f"{server.url}/ows/elevation", http, tmp_path / "a.png")
    assert done.source.value == "wms"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("crs", "box"),
    [
        (
            "+proj=lcc +lat_0=45 +lon_0=-75 +lat_1=44 +lat_2=47 +datum=NAD83",
            (-60_000, 50_000, -55_000, 52_000),
        ),
        ("+proj=mill +lat_0=60", (-8_442_000, 5_434_000, -8_437_000, 5_436_000)),
    ],
    ids=["without an EPSG code", "that no GeoTIFF can hold"],
)
def test_crs_beyond_the_wms_uses_overviews(
    demo: Addresses, http: HttpClient, tmp_path: Path, crs: str, box: tuple[float, ...]
) -> None:
    """On the way, only mosaics in EPSG:3979 are written."""
    done = preview(demo, demo.wms, http, tmp_path / "a.png", bbox=box, bbox_crs=crs)
    assert "EPSG code" in done.reason
    assert (done.width, done.crs) == (100, crs)
    with rasterio.open(done.output) as dataset:
        assert dataset.read(2).all()


def test_error_names_both_failed_sources(demo: Addresses, http: HttpClient, tmp_path: Path) -> None:
    def script(request):
        if request.path.startswith("/wms"):
            return Reply(400, b"layer does not exist")
        if "canelevation" in request.path:
            return Reply(500, b"out of order")
        return forward(request, demo.url, server.url)

    with misbehaving(script) as server:
        urls = {"stac_url": f"{server.url}/stac/api/"}
        with pytest.raises(NetworkError, match="layer does not exist.*out of order") as caught:
            preview(demo, f"{server.url}/wms", http, tmp_path / "a.png", **urls)
    assert "Both sources" in str(caught.value)
    assert "allow_partial" not in str(caught.value)  # which a preview does not have
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_empty_area_is_no_data(demo: Addresses, http: HttpClient, tmp_path: Path) -> None:
    """The WMS picture is transparent and no overview has a pixel."""
    x, y = find_empty_block(TILES["9_2", "1m"])
    box = (x + 10, y - 400, x + 400, y - 10)
    for product in ("dtm", "dtm-slope"):
        with pytest.raises(NoDataError, match="no valid pixel"):
            preview(demo, demo.wms, http, tmp_path / "a.png", bbox=box, product=product)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_file_without_overviews_is_refused_before_reading(
    demo: Addresses, http: HttpClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A picture of 400 km from 1 m pixels would read 500 GB; 900 km cannot even be planned."""
    monkeypatch.setattr("hrdem.sources.cog.CogFile.levels", lambda file, size: iter([file]))
    for right, top in (1_900_000, -100_000), (2_400_000, 200_000):
        box = (1_500_000, -400_000, right, top)
        with pytest.raises(NetworkError, match="no overviews coarse enough"):
            preview(demo, f"{demo.url}/nothing", http, tmp_path / "a.png", bbox=box)


def test_neither_file_is_replaced_without_overwrite(
    demo: Addresses, http: HttpClient, tmp_path: Path
) -> None:
    for taken in ("a.png", "a.pgw", "a.png.aux.xml"):
        (tmp_path / taken).write_text("precious")
        with pytest.raises(OutputExistsError, match=re.escape(taken)):
            preview(demo, "http://127.0.0.1:9/", http, tmp_path / "a.png")
        assert [path.name for path in tmp_path.iterdir()] == [taken]
        done = preview(demo, demo.wms, http, tmp_path / "a.png", overwrite=True)
        assert done.output.read_bytes().startswith(b"\x89PNG")
        for path in tmp_path.iterdir():
            path.unlink()


def test_command_warns_and_exits_0(demo: Addresses, tmp_path: Path, capsys) -> None:
    code = run(
        ["preview", "--bbox", ",".join(map(str, BOX)), "--bbox-crs", "EPSG:3979",
         "--product", "dsm", "-o", str(tmp_path / "a.png"), "--size", "64",
         "--stac-url", demo.stac, "--wms-url", f"{demo.url}/nothing"]
    )  # fmt: skip
    captured = capsys.readouterr()
    assert code == 0
    assert "from overviews" in captured.out
    assert "answers 404" in captured.err
