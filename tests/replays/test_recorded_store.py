"""What a store of files was recorded to answer, and what we make of it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

import hrdem
from hrdem.catalog.items import Asset, Item
from hrdem.demo.cog import DemoCog
from hrdem.demo.tiles import list_tiles
from hrdem.errors import ServerError, SourceChangedError
from hrdem.http.client import HttpClient
from hrdem.http.ranges import check_file_unchanged, read_version
from hrdem.jobs.save_vrt import save_vrt
from hrdem.request.products import PRODUCTS, AssetKind

pytestmark = [pytest.mark.vcr, pytest.mark.block_network]

CORNER = (1_999_000, -1_000, 2_001_000, 1_000)  # where tests/services/stack.py has data


@pytest.fixture
def cog(item_9_2: Item) -> str:
    """Address of a COG."""
    asset = item_9_2.get_asset(PRODUCTS["dtm"], AssetKind.COG)
    assert asset is not None
    return asset.href


@pytest.fixture
def vrt(item_9_2: Item) -> Asset:
    asset = item_9_2.get_asset(PRODUCTS["dtm"], AssetKind.VRT)
    assert asset is not None
    return asset


def test_later_reads_require_the_first_version(cog: str, http: HttpClient) -> None:
    version = read_version(cog, http)
    assert version.url == cog
    assert version.etag.startswith('"')
    assert version.condition == {"If-Match": version.etag}
    assert version.last_modified.endswith(" GMT")


@pytest.mark.usefixtures("stand_in")
def test_version_has_the_size_of_the_whole_file(cog: str, http: HttpClient) -> None:
    """The response has 16 bytes; nginx repeats the file size in its ETag."""
    version = read_version(cog, http)
    tile = next(tile for tile in list_tiles() if tile.item_id == "9_2-mosaic-2m")
    assert version.size == DemoCog(tile, "dtm", areas=(CORNER,)).size
    assert version.etag.endswith(f'-{version.size:x}"')


def test_republished_file_is_an_error(cog: str, http: HttpClient) -> None:
    version = read_version(cog, http)
    check_file_unchanged(cog, version, http)
    earlier = dataclasses.replace(version, etag='"5f3c1a2b-10"', size=16)
    with pytest.raises(SourceChangedError, match="it was 16 bytes.*now it is [0-9]{3,} bytes"):
        check_file_unchanged(cog, earlier, http)


def test_missing_cog_is_a_server_error(cog: str, http: HttpClient) -> None:
    with pytest.raises(ServerError) as caught:
        read_version(f"{cog}.none", http)
    assert caught.value.status in {403, 404}  # S3 tells 403 to those who may not list


def test_listed_but_missing_cog_is_named(stand_in: str, http: HttpClient) -> None:
    with pytest.raises(ServerError, match="lists dtm of item 5_4-mosaic-2m, but .* 404") as caught:
        hrdem.plan(
            bbox=(-250_500, 749_500, -249_500, 750_500),
            bbox_crs="EPSG:3979",
            product="dtm",
            collection="2m",
            stac_url=f"{stand_in}/stac/api/",
            http=http,
        )
    assert caught.value.status == 404


def test_downloaded_vrt_has_absolute_sources(
    vrt: Asset, cog: str, http: HttpClient, tmp_path: Path
) -> None:
    saved = save_vrt(vrt, tmp_path, http)
    assert saved.name == "9_2-mosaic-2m-dtm.vrt"
    text = saved.read_text("utf-8")
    assert f'<SourceFilename relativeToVRT="0">/vsicurl/{cog}</SourceFilename>' in text


@pytest.mark.usefixtures("stand_in")
def test_recorded_vrt_has_relative_sources(vrt: Asset, http: HttpClient) -> None:
    """Ensures that the test above cannot pass by keeping the store's document."""
    served = http.request("GET", vrt.href).content
    assert b'relativeToVRT="1">9_2-mosaic-2m-dtm.tif<' in served
