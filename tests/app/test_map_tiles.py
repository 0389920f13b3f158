"""Tiles of the map: each pixel where GDAL has it, and nothing requested outside Canada."""

from __future__ import annotations

import math
import subprocess
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import numpy as np
import pytest
import rasterio
from affine import Affine
from pyproj import Transformer
from rasterio.errors import NotGeoreferencedWarning
from rasterio.io import MemoryFile
from rasterio.warp import Resampling, reproject

import hrdem
from hrdem.app.choices import LAYERS
from hrdem.app.map_tiles import draw, fetch_basemap, make_empty_tile
from hrdem.app.web_mercator import get_bounds
from hrdem.demo import Addresses
from hrdem.demo.terrain import heights_at
from hrdem.errors import RequestError
from tests.gdaldem import needs_gdaldem
from tests.misbehaving import Reply, misbehaving

OTTAWA = (17, 37974, 46943)


@dataclass(frozen=True)
class Services:
    stac: str
    wms: str
    drawing: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        found = {"stac_url": self.stac, "wms_url": self.wms, "no_cache": True}
        object.__setattr__(self, "drawing", found)


NOWHERE = Services("http://127.0.0.1:9/", "http://127.0.0.1:9/")


def pixels_of(png: bytes) -> np.ndarray:
    with (
        warnings.catch_warnings(action="ignore", category=NotGeoreferencedWarning),
        MemoryFile(png) as file,
        file.open() as image,
    ):
        assert (image.driver, image.width, image.height) == ("PNG", 256, 256)
        return image.read()


def measure_shift(picture: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """By how many pixels a picture lies right and below of another, whose contrast may differ."""
    down, right = np.gradient(wanted.astype(float))
    columns = [right, down, wanted, np.ones(wanted.shape)]
    matrix = np.column_stack([each.ravel() for each in columns])
    fit = np.linalg.lstsq(matrix, picture.astype(float).ravel(), rcond=None)[0]
    return -fit[:2] / fit[2]


@pytest.mark.slow
def test_tiles_of_the_wms_are_where_gdal_warps_the_published_hillshade(
    demo: Addresses, tmp_path: Path
) -> None:
    left, bottom, right, top = get_bounds(*OTTAWA)
    pixel = (right - left) / 256
    path = tmp_path / "hillshade.tif"
    hrdem.extract(
        bbox=(left - 50, bottom - 50, right + 50, top + 50), bbox_crs=3857, output=path,
        product="dtm-hillshade", stac_url=demo.stac, no_cache=True,
    )  # fmt: skip
    wanted = np.zeros((256, 256), np.float32)
    with rasterio.open(path) as source, warnings.catch_warnings(action="ignore"):
        reproject(
            source.read(1).astype(np.float32), wanted, src_transform=source.transform,
            src_crs=source.crs, src_nodata=0, dst_crs="EPSG:3857", dst_nodata=0,
            dst_transform=Affine(pixel, 0, left, 0, -pixel, top), resampling=Resampling.bilinear,
        )  # fmt: skip
    with hrdem.Session() as session:
        services = Services(demo.stac, demo.wms)
        light, opacity = pixels_of(draw("dtm-hillshade", *OTTAWA, session, services))
    assert np.abs(measure_shift(light, wanted)).max() < 0.25
    assert np.abs(light - wanted).mean() < 4
    assert (opacity == 255).all()


@needs_gdaldem
@pytest.mark.slow
def test_tiles_without_the_wms_are_where_gdaldem_shades_the_exact_heights(
    demo: Addresses, tmp_path: Path
) -> None:
    left, _, right, top = get_bounds(*OTTAWA)
    pixel = (right - left) / 256
    centres = np.arange(-1, 257) + 0.5
    x, y = np.meshgrid(left + centres * pixel, top - centres * pixel)
    # the spherical formulas, because WGS 84 counts as the datum of the data
    longitudes = np.degrees(x / 6_378_137)
    latitudes = np.degrees(np.arctan(np.sinh(y / 6_378_137)))
    native = Transformer.from_crs("EPSG:4617", "EPSG:3979", always_xy=True)
    wanted = heights_at(*native.transform(longitudes, latitudes), 1.0)
    profile = {"driver": "GTiff", "width": 258, "height": 258, "count": 1, "dtype": "float32"}
    place = {"crs": "EPSG:3857", "transform": Affine(pixel, 0, 0, 0, -pixel, 0)}
    with rasterio.open(tmp_path / "exact.tif", "w", **profile, **place) as file:
        file.write(wanted.reshape(258, 258), 1)
    scale = math.cos(math.radians(45.4))  # of the ground in the map
    command = ["gdaldem", "hillshade", "exact.tif", "shade.tif", "-z", f"{1 / scale}", "-q"]
    subprocess.run(command, check=True, cwd=tmp_path)
    with rasterio.open(tmp_path / "shade.tif") as file:
        shade = file.read(1)[1:-1, 1:-1]
    with hrdem.Session() as session:
        services = Services(demo.stac, f"{demo.url}/nothing")
        light, _ = pixels_of(draw("dtm-hillshade", *OTTAWA, session, services))
    assert np.abs(measure_shift(light, shade)).max() < 0.02
    assert np.abs(light.astype(float) - shade).mean() < 2.5


@pytest.mark.parametrize(
    "tile",
    [
        (0, 0, 0),  # the world
        (8, 127, 85),  # London
        (10, 301, 385),  # New York
        (12, 656, 1430),  # Seattle
        (7, 46, 32),  # Greenland
        (7, 10, 33),  # Alaska
    ],
)
def test_tiles_without_canada_are_empty_and_nothing_is_requested(
    tile: tuple[int, int, int],
) -> None:
    with hrdem.Session() as session:
        assert draw("dtm-hillshade", *tile, session, NOWHERE) == make_empty_tile()
    assert not pixels_of(make_empty_tile()).any()


@pytest.mark.parametrize(
    ("layer", "tile"),
    [
        ("../../etc", OTTAWA),
        ("chm", OTTAWA),
        (LAYERS[0], (21, 0, 0)),
        (LAYERS[0], (-1, 0, 0)),
        (LAYERS[0], (3, 8, 0)),
        (LAYERS[0], (3, 0, -1)),
    ],
)
def test_other_layers_and_tiles_are_refused(layer: str, tile: tuple[int, int, int]) -> None:
    with hrdem.Session() as session, pytest.raises(RequestError, match="There is no"):
        draw(layer, *tile, session, NOWHERE)


def test_the_base_map_is_drawn_by_its_wms_for_exactly_the_tile() -> None:
    png = make_empty_tile()
    with misbehaving(lambda request: Reply(200, png)) as server, hrdem.Session() as session:
        assert fetch_basemap(*OTTAWA, session, f"{server.url}/wms/CBMT") == png
        (request,) = server.requests
    query = dict(parse_qsl(urlsplit(request.path).query))
    west, south, east, north = map(float, query["bbox"].split(","))
    lon, lat = Transformer.from_crs(3857, 4326, always_xy=True).transform(west, north)
    assert (lon, lat) == pytest.approx(corner_of(*OTTAWA))
    assert east - west == north - south == pytest.approx(40075016.68557849 / 2**17)
    assert (query["layers"], query["crs"], query["width"]) == ("CBMT", "EPSG:3857", "256")


def corner_of(z: int, x: int, y: int) -> tuple[float, float]:
    """The north-western corner of a tile by the usual formula of web maps."""
    n = math.pi * (1 - 2 * y / 2**z)
    return x / 2**z * 360 - 180, math.degrees(math.atan(math.sinh(n)))


def test_a_base_map_that_is_no_picture_is_an_error() -> None:
    report = b"<ServiceExceptionReport/>"
    reply = Reply(200, report, {"Content-Type": "application/xml"})
    with (
        misbehaving(lambda request: reply) as server,
        hrdem.Session() as session,
        pytest.raises(hrdem.NetworkError, match="sent something else"),
    ):
        fetch_basemap(*OTTAWA, session, f"{server.url}/wms/CBMT")
