"""Test the responses of MapServer, a WCS 1.1.1 server close to the standard."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from email import message_from_bytes
from email.policy import HTTP
from urllib.parse import parse_qs
from xml.etree import ElementTree

import httpx
import numpy as np
import pytest
from affine import Affine
from rasterio.io import MemoryFile
from rasterio.warp import transform
from stack import Stack

from hrdem.demo.terrain import NODATA, heights
from hrdem.geo.axis_order import format_crs_urn, order_axes
from hrdem.sources.ogc_exceptions import read_refusal

pytestmark = pytest.mark.services

BORDER = 500_000  # x at which 6_2 ends and 7_2 begins
TOP = -170_000
AREAS = {
    "6_2-mosaic-1m": (BORDER - 600, TOP - 600, BORDER, TOP),
    "7_2-mosaic-1m": (BORDER, TOP - 600, BORDER + 600, TOP),
}
NAMESPACES = {"ows": "http://www.opengis.net/ows/1.1", "xlink": "http://www.w3.org/1999/xlink"}


@pytest.fixture(scope="module")
def border(stack: Stack) -> Stack:
    """The service with small areas of data on both sides of a tile border."""
    for item, area in AREAS.items():
        for product in ("dtm", "dsm"):
            stack.publish_small(item, product, area)
    return stack


def grid(
    left: float, top: float, width: int, height: int, size: float = 1, crs: str = "EPSG:3979"
) -> dict[str, str]:
    """A request for exactly these pixels; all positions are pixel centres."""
    west, east = left + size / 2, left + (width - 0.5) * size
    north, south = top - size / 2, top - (height - 0.5) * size
    lower, upper = order_axes(crs, west, south), order_axes(crs, east, north)
    return {
        "SERVICE": "WCS",
        "VERSION": "1.1.1",
        "REQUEST": "GetCoverage",
        "IDENTIFIER": "dtm",
        "FORMAT": "image/geotiff",
        "BOUNDINGBOX": ",".join(map(str, (*lower, *upper, format_crs_urn(crs)))),
        "GRIDBASECRS": format_crs_urn(crs),
        "GRIDTYPE": "urn:ogc:def:method:WCS:1.1:2dSimpleGrid",
        "GRIDCS": "urn:ogc:def:cs:OGC:0.0:Grid2dSquareCS",
        "GRIDORIGIN": ",".join(map(str, order_axes(crs, west, north))),
        "GRIDOFFSETS": ",".join(map(str, order_axes(crs, size, -size))),
    }


# Takes seconds to compute before the response starts, though only 800 m have data.
LONG = grid(BORDER - 400, TOP, 8_192, 8_192, 0.1) | {"RANGESUBSET": "elevation:bilinear"}


def parts(answer: httpx.Response) -> Sequence[tuple[str, str, bytes]]:
    """Media type, Content-ID and bytes of each part of a response."""
    head = f"Content-Type: {answer.headers['Content-Type']}\r\n\r\n".encode()
    message = message_from_bytes(head + answer.content, policy=HTTP)
    return [
        (part.get_content_type(), part["Content-ID"], part.get_payload(decode=True))
        for part in message.iter_parts()
    ]


def raster(answer: httpx.Response) -> tuple[np.ndarray, dict]:
    """Pixels and profile of the coverage in a response."""
    with MemoryFile(parts(answer)[1][2]) as memory, memory.open() as dataset:
        return dataset.read(1), dataset.profile


def exception(answer: httpx.Response) -> tuple[str, str, str]:
    """Code, locator and text of the first exception in a response."""
    end = b"</ows:ExceptionReport>"
    report = ElementTree.fromstring(answer.content.partition(end)[0] + end)
    found = report.find("ows:Exception", NAMESPACES)
    text = found.findtext("ows:ExceptionText", namespaces=NAMESPACES)
    return found.get("exceptionCode"), found.get("locator"), text


@pytest.mark.parametrize("product", ["dtm", "dsm"])
@pytest.mark.parametrize("left", [BORDER - 500, BORDER - 120], ids=["within", "across"])
def test_grid_by_pixel_centres_is_exact(border: Stack, left: int, product: str) -> None:
    """Within one tile, and across a tile border."""
    asked = grid(left, TOP - 70, 300, 200) | {"IDENTIFIER": product}
    pixels, profile = raster(httpx.get(border.wcs, params=asked))
    assert profile["transform"] == Affine(1, 0, left, 0, -1, TOP - 70)
    assert profile["crs"].to_epsg() == 3979
    assert (profile["dtype"], profile["nodata"], profile["count"]) == ("float32", NODATA, 1)
    assert profile["compress"] == "lzw"
    np.testing.assert_array_equal(pixels, heights(left, TOP - 70, 1, 300, 200, product=product))


def test_unpublished_area_is_full_size_nodata(border: Stack) -> None:
    pixels, _ = raster(httpx.get(border.wcs, params=grid(BORDER, TOP + 100, 300, 200)))
    assert pixels.shape == (200, 300)
    assert (pixels[:100] == NODATA).all()
    np.testing.assert_array_equal(pixels[100:], heights(BORDER, TOP, 1, 300, 100))


def test_each_request_sees_the_latest_files(stack: Stack) -> None:
    """Also in a MapServer process that has read the previous file."""
    top = 250_000
    for left in (100_000, 101_000):
        stack.publish_small("6_3-mosaic-1m", "dtm", (left, top - 200, left + 200, top))
        for _ in range(8):
            pixels, _ = raster(httpx.get(stack.wcs, params=grid(left, top, 64, 64)))
            np.testing.assert_array_equal(pixels, heights(left, top, 1, 64, 64))


def test_coverage_is_the_second_part_named_by_the_first(border: Stack) -> None:
    answer = httpx.get(border.wcs, params=grid(BORDER, TOP, 30, 20))
    assert answer.headers["Content-Type"].startswith("multipart/mixed;")
    (first, _, document), (second, name, tiff) = parts(answer)
    assert (first, second) == ("text/xml", "image/geotiff")
    reference = ElementTree.fromstring(document).find(".//ows:Reference", NAMESPACES)
    assert reference.get(f"{{{NAMESPACES['xlink']}}}href") == f"cid:{name}"
    assert tiff.startswith(b"II*\0")


def test_urn_crs_has_latitude_first(border: Stack) -> None:
    (longitude,), (latitude,) = transform("EPSG:3979", "EPSG:4326", [BORDER], [TOP - 300])
    pixels, profile = raster(
        httpx.get(border.wcs, params=grid(longitude, latitude, 40, 30, 1e-5, "EPSG:4326"))
    )
    assert profile["transform"].almost_equals(Affine(1e-5, 0, longitude, 0, -1e-5, latitude), 1e-9)
    assert pixels.shape == (30, 40)
    assert abs(pixels[0, 0] - heights(BORDER, TOP - 300, 1, 1, 1)[0, 0]) < 1


def test_oversized_request_is_an_exception_under_200(border: Stack) -> None:
    answer = httpx.get(border.wcs, params=grid(BORDER, TOP, 8_193, 10))
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/xml")
    code, locator, text = exception(answer)
    assert (code, locator) == ("InvalidParameterValue", "width/height")
    assert "MAXSIZE=8192" in text


def test_exception_may_be_followed_by_another(border: Stack) -> None:
    """XML parsers reject the document; MapServer 8.0.0-3+deb12u2 sends only one."""
    answer = httpx.get(border.wcs, params=grid(BORDER, TOP, 10, 10) | {"BOUNDINGBOX": "1,2,3"})
    assert answer.status_code == 200
    assert exception(answer)[:2] == ("InvalidParameterValue", "boundingbox")
    refusal = read_refusal(answer.content)
    assert refusal is not None
    assert (refusal.code, refusal.locator) == ("InvalidParameterValue", "boundingbox")
    assert answer.content.count(b"</ows:ExceptionReport>") in (1, 2)


def test_redirect_keeps_the_whole_query(border: Stack) -> None:
    asked = grid(BORDER, TOP, 30, 20)
    moved = httpx.get(border.wcs_moved, params=asked)
    assert moved.status_code == 308
    followed = httpx.get(border.wcs_moved, params=asked, follow_redirects=True)
    assert str(followed.url).partition("?")[0] == border.wcs
    assert followed.content == httpx.get(border.wcs, params=asked).content


def test_log_records_the_requested_grid(border: Stack) -> None:
    asked = grid(BORDER, TOP, 30, 20)
    httpx.get(border.wcs, params=asked)
    last = border.requests()[-1]
    assert last["uri"] == "/ows/elevation"
    assert {name: value for name, [value] in parse_qs(last["args"]).items()} == asked


def test_gateway_timeout_is_html_504_and_blocks_no_one(border: Stack) -> None:
    with ThreadPoolExecutor(1) as pool:
        long = pool.submit(httpx.get, border.wcs_impatient, params=LONG)
        time.sleep(0.2)  # until it reaches MapServer
        short = httpx.get(border.wcs, params=grid(BORDER, TOP, 30, 20))
        assert not long.done()
    assert short.status_code == 200
    assert long.result().status_code == 504
    assert long.result().headers["Content-Type"] == "text/html"
    assert "504 Gateway Time-out" in long.result().text


def test_too_many_requests_get_retry_after(border: Stack) -> None:
    asked = [grid(BORDER, TOP, 30, 20)] * 6
    with httpx.Client() as client, ThreadPoolExecutor(len(asked)) as pool:
        answers = list(
            pool.map(lambda params: client.get(border.wcs_limited, params=params), asked)
        )
    statuses = {answer.status_code for answer in answers}
    assert statuses <= {200, 429}
    assert 429 in statuses
    for answer in answers:
        assert answer.headers.get("Retry-After") == ("1" if answer.status_code == 429 else None)
