"""Several calls that share a session."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import rasterio

from hrdem import extract
from hrdem.demo import Addresses
from hrdem.errors import SourceChangedError
from hrdem.http.session import Session
from tests.misbehaving import Misbehaving, Reply, ServerRequest, forward, misbehaving

WCS = "/wrapper/ogc/elevation-hrdem-mosaic"
LEFT, TOP, SIZE = 1_507_680, -166_400, 512  # a tile of the file


class Publisher:
    """The demonstration's service; its files get another ETag with each edition."""

    def __init__(self, demo: Addresses) -> None:
        self.demo = demo
        self.edition = 1
        self.meet = threading.Barrier(1)  # of those that ask for another edition

    def __call__(self, request: ServerRequest) -> Reply:
        if not request.path.endswith(".tif"):
            return forward(request, self.demo.url, f"http://{request.headers['host']}")
        etag = f'"{self.edition}"'
        if request.headers.pop("if-match", etag) != etag:
            self.meet.wait(60)
            return Reply(412)
        reply = forward(request, self.demo.url, "")
        reply.headers["etag"] = etag
        return reply


def extract_square(number: int, server: Misbehaving, folder: Path, session: Session) -> int:
    """Extract one of several squares side by side; return the number of requests."""
    before = len(server.requests)
    left = LEFT + number * SIZE
    result = extract(
        bbox=(left, TOP - SIZE, left + SIZE, TOP),
        bbox_crs="EPSG:3979",
        product="dtm",
        stac_url=f"{server.url}/stac/api",
        output=folder / f"{number}.tif",
        http=session,
    )
    assert result.complete
    with rasterio.open(folder / f"{number}.tif") as written:
        assert written.bounds.left == left
        assert (written.read(1) != written.nodata).all()
    return len(server.requests) - before


@pytest.mark.slow
def test_neighbours_cost_one_request_each(demo: Addresses, tmp_path: Path) -> None:
    with misbehaving(Publisher(demo)) as server, Session() as session:
        counts = [extract_square(number, server, tmp_path, session) for number in range(3)]
    assert counts[0] > 2
    assert counts[1:] == [1, 1]


def test_file_republished_between_calls_is_read_anew(demo: Addresses, tmp_path: Path) -> None:
    publisher = Publisher(demo)
    with misbehaving(publisher) as server, Session() as session:
        extract_square(0, server, tmp_path, session)
        publisher.edition = 2
        extract_square(1, server, tmp_path, session)
        assert extract_square(2, server, tmp_path, session) == 1
    assert server.requests[-1].headers["range"]


@pytest.mark.slow
def test_file_republished_between_calls_is_read_anew_by_two_threads(
    demo: Addresses, tmp_path: Path
) -> None:
    publisher = Publisher(demo)
    with misbehaving(publisher) as server, Session() as session, ThreadPoolExecutor(2) as pool:
        extract_square(0, server, tmp_path, session)
        publisher.edition, publisher.meet = 2, threading.Barrier(2)
        both = [pool.submit(extract_square, n, server, tmp_path, session) for n in (1, 2)]
        for each in both:
            each.result()


@pytest.mark.slow
def test_items_republished_during_a_read_through_the_wcs_are_noticed(
    demo: Addresses, republished: Addresses, tmp_path: Path
) -> None:
    """A session recalls what the catalogue listed, and asks again at the end of the read."""
    upstream = demo

    def script(request: ServerRequest) -> Reply:
        nonlocal upstream
        if "GetCoverage" in request.path:
            upstream = republished
        return forward(request, upstream.url, f"http://{request.headers['host']}")

    box = (LEFT, TOP - 32, LEFT + 32, TOP)
    with misbehaving(script) as server, Session() as session:
        services = {"stac_url": f"{server.url}/stac/api", "wcs_url": f"{server.url}{WCS}"}
        with pytest.raises(SourceChangedError, match="published again while it was being read"):
            extract(
                bbox=box, bbox_crs="EPSG:3979", product="dtm", via="wcs", http=session,
                output=tmp_path / "a.tif", no_cache=True, **services,
            )  # fmt: skip
