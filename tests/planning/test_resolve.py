"""Headers are read while connections for the pixels are opened."""

from __future__ import annotations

from pathlib import Path

import pytest

from hrdem.catalog.items import Asset, Item
from hrdem.planning.make_plan import make_plan
from hrdem.request.request import Request
from tests.cogs import TRANSFORM, URL, Bytes, write_cog


class Opening(Bytes):
    """Counts the connections that are open when the header is requested, or after."""

    connections = 1

    def open_connections(self, url: str, count: int) -> None:
        assert url == URL
        self.connections += count


@pytest.mark.parametrize(
    ("size", "resolution", "reads_pixels", "connections"),
    [
        (400, None, True, 4),  # tiles that 200 pixels may touch
        (20_000, None, True, 21 * 21),
        (20_000, 100, True, 4),  # from an overview
        (20_000, None, False, 1),
    ],
)
def test_as_many_connections_are_opened_as_tiles_are_read(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    size: int,
    resolution: float | None,
    reads_pixels: bool,
    connections: int,
) -> None:
    write_cog(tmp_path / "file.tif")
    item = Item("9_2-mosaic-2m", "hrdem-mosaic-2m", "", "", None, (Asset("dtm", URL, "", ""),))
    monkeypatch.setattr("hrdem.planning.resolve.search_items", lambda *_: [item])
    left, top = TRANSFORM.c, TRANSFORM.f
    request = Request.of(
        bbox=(left, top - size, left + size, top),
        bbox_crs="EPSG:3979",
        product="dtm",
        collection="2m",
        resolution=resolution,
    )
    http = Opening((tmp_path / "file.tif").read_bytes())
    make_plan(request, http, reads_pixels=reads_pixels)
    assert http.connections == connections
