"""Pictures lie on the map where they belong."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import numpy as np
import pytest
import rasterio
from PIL import Image
from pyproj import Transformer

import hrdem
from hrdem.app.pictures import describe_raster, draw_area
from hrdem.app.settings import Services
from tests.misbehaving import Reply, ServerRequest, misbehaving

NOWHERE = "http://127.0.0.1:9"
BOX = (-135.5, 60.1, -134.2, 61.3)


def test_statistics_are_those_of_all_pixels(tmp_path: Path) -> None:
    """Also of a file that is decimated to the size of a picture."""
    path, side = tmp_path / "dtm.tif", 1_500
    counted = {"pixels": side**2, "valid_pixels": side**2, "minimum": -9, "maximum": 9, "mean": 0}
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        width=side,
        height=side,
        count=1,
        dtype="float32",
        crs="EPSG:3979",
        transform=rasterio.Affine(1, 0, 5, 0, -1, 7),
    ) as raster:
        raster.write(np.arange(side**2, dtype="float32").reshape(1, side, side))
    found = describe_raster(path, counted)
    assert found["statistics"] == {
        "pixels": side**2,
        "valid": side**2,
        "minimum": -9,
        "maximum": 9,
        "mean": 0,
    }
    assert 0 < sum(found["histogram"]["counts"]) < side**2


def query_of(request: ServerRequest) -> dict[str, str]:
    return {name.lower(): value for name, value in parse_qsl(urlsplit(request.path).query)}


def draw_map(request: ServerRequest) -> Reply:
    """Answer as a WMS does."""
    query = query_of(request)
    picture = io.BytesIO()
    size = int(query["width"]), int(query["height"])
    Image.new("RGB", size).save(picture, "PNG")
    return Reply(200, picture.getvalue(), {"Content-Type": "image/png"})


@pytest.mark.parametrize(
    "area", [{"bbox": BOX}, {"point": (-135.05, 60.72), "radius": 5_000.0}], ids=["box", "circle"]
)
def test_a_preview_is_in_the_projection_of_the_map(area: dict[str, object]) -> None:
    """The map stretches it between the corners of its box, which is right in no other one."""
    chosen = {"area": area, "products": ["dtm"], "collection": "1m"}
    with misbehaving(draw_map) as server, hrdem.Session() as session:
        services = replace(Services(NOWHERE, None, f"{server.url}/wms"), no_cache=True)
        png = draw_area(chosen, None, session, services)
        (request,) = server.requests
    query = query_of(request)
    assert query["crs"] == "EPSG:3857"
    west, south, east, north = hrdem.outline(**area).bbox  # type: ignore[arg-type]
    project = Transformer.from_crs("EPSG:4326", "EPSG:3857", always_xy=True)
    corners = *project.transform(west, south), *project.transform(east, north)
    assert [*map(float, query["bbox"].split(","))] == pytest.approx(corners, abs=1e-3)
    with Image.open(io.BytesIO(png)) as picture:
        assert max(picture.size) == 512
