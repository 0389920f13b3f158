"""The demonstration service with a faulty WCS, and an extraction from it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import rasterio
from affine import Affine
from rasterio.io import MemoryFile

import hrdem
from hrdem.demo import Addresses
from hrdem.demo.terrain import heights
from hrdem.http.client import HttpClient
from tests.misbehaving import Misbehaving, Reply, Script, ServerRequest, forward

WCS = "/wrapper/ogc/elevation-hrdem-mosaic"
LEFT, TOP = 1_499_800, -170_500  # on both sides of the border between 8_2 and 9_2
WIDTH, HEIGHT = 400, 300
BOX = (LEFT, TOP - HEIGHT, LEFT + WIDTH, TOP)
EDGE = 100  # of the chunks: 4 x 3 of them
GATEWAY = b"<html><head><title>504 Gateway Time-out</title></head><body>nginx</body></html>"

Fault = Callable[[ServerRequest, Reply], Reply]


def is_coverage(request: ServerRequest) -> bool:
    return request.path.startswith(WCS) and "GetCoverage" in request.path


def box_of(request: ServerRequest) -> tuple[float, ...]:
    """Return left, bottom, right, top of the pixels in a GetCoverage request."""
    query = parse_qs(urlsplit(request.path).query)
    x0, y0, x1, y1 = map(float, query["BOUNDINGBOX"][0].split(",")[:4])
    return x0 - 0.5, y0 - 0.5, x1 + 0.5, y1 + 0.5


def service(
    demo: Addresses,
    coverage: Fault = lambda request, right: right,
    other: Callable[[ServerRequest], Reply | None] = lambda request: None,
) -> Script:
    """Serve the demonstration with faults in its coverages and other responses."""

    def script(request: ServerRequest) -> Reply:
        base = f"http://{request.headers['host']}"
        if is_coverage(request):
            return coverage(request, forward(request, demo.url, base))
        return other(request) or forward(request, demo.url, base)

    return script


def extract(server: Misbehaving, folder: Path, http: HttpClient, **more: Any) -> hrdem.Result:
    settings = {"via": "wcs", "product": "dtm", "cache_dir": folder / "cache", **more}
    return hrdem.extract(
        bbox=BOX,
        bbox_crs="EPSG:3979",
        output=folder / "out.tif",
        stac_url=f"{server.url}/stac/api/",
        wcs_url=f"{server.url}{WCS}",
        http=http,
        **settings,
    )


def assert_right(path: Path) -> None:
    with rasterio.open(path) as dataset:
        np.testing.assert_array_equal(dataset.read(1), heights(LEFT, TOP, 1, WIDTH, HEIGHT))


def assert_nothing_left(folder: Path) -> None:
    assert {path.name for path in folder.iterdir()} <= {"cache"}
    assert not list(folder.rglob("*.partial"))


def tiff(pixels: np.ndarray, left: float, top: float, size: float = 1, **options: Any) -> Reply:
    settings = {
        "driver": "GTiff", "width": pixels.shape[1], "height": pixels.shape[0], "count": 1,
        "dtype": pixels.dtype.name, "crs": "EPSG:3979", "nodata": -32767,
        "transform": Affine(size, 0, left, 0, -size, top), **options,
    }  # fmt: skip
    with MemoryFile() as memory:
        with memory.open(**settings) as dataset:
            dataset.write(pixels, 1)
        return Reply(body=bytes(memory.read()), headers={"Content-Type": "image/tiff"})


def answer(body: bytes, status: int = 200, **headers: str) -> Fault:
    return lambda request, right: Reply(status, body, dict(headers))


def report(code: str, text: str) -> bytes:
    return (
        '<?xml version="1.0"?><ows:ExceptionReport xmlns:ows="http://www.opengis.net/ows/1.1">'
        f'<ows:Exception exceptionCode="{code}"><ows:ExceptionText>{text}</ows:ExceptionText>'
        "</ows:Exception></ows:ExceptionReport>"
    ).encode()


def counting(counts: list[int]) -> Fault:
    """Return a fault that only records how many requests are in flight."""
    active = [0]
    lock = threading.Lock()

    def coverage(request: ServerRequest, right: Reply) -> Reply:
        with lock:
            active[0] += 1
            counts.append(active[0])
        time.sleep(0.05)
        with lock:
            active[0] -= 1
        return right

    return coverage
