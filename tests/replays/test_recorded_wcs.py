"""What two kinds of WCS were recorded to answer, and what we make of it.

MapServer keeps to the standard; the demonstration answers as GeoTrellis Server does, which the live
service runs.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio

import hrdem
from hrdem.demo.terrain import NODATA, heights
from hrdem.errors import ServerError, WcsError
from hrdem.geo.grid import Grid, snap_grid
from hrdem.http.client import HttpClient
from hrdem.http.retry import RetryableError
from hrdem.http.timeouts import Timeouts
from hrdem.sources.ogc_exceptions import read_refusal
from hrdem.sources.wcs.capabilities import describe_coverage, read_capabilities
from hrdem.sources.wcs.get_coverage import GEOTIFF, get_coverage_params
from hrdem.sources.wcs.response import (
    ChunkTooLargeError,
    check_coverage,
    extract_tiff,
    is_placeholder,
)

pytestmark = [pytest.mark.vcr, pytest.mark.block_network]

MOSAIC = (-2_500_000, -1_000_000, 3_000_000, 4_000_000)
# over the border of 8_2 and 9_2, where tests/services/stack.py has small files
SMALL = snap_grid("EPSG:3979", 1, (1_499_985, -170_430, 1_500_025, -170_400))
EMPTY = snap_grid("EPSG:3979", 1, (2_999_960, 1_499_970, 3_000_000, 1_500_000))


@pytest.fixture
def mapserver(stand_in: str) -> str:
    """Address of MapServer, among the servers of tests/services."""
    return f"{stand_in}/ows/elevation"


@pytest.fixture
def geotrellis(demonstration: str) -> str:
    """Address of the demonstration's WCS, which redirects."""
    return f"{demonstration}/ows/elevation"


@pytest.fixture(params=["mapserver", "geotrellis"])
def wcs(request: pytest.FixtureRequest) -> str:
    """Address of each of the two."""
    return str(request.getfixturevalue(request.param))


def saved(url: str, grid: Grid, http: HttpClient, folder: Path, **changes: str) -> Path:
    """The whole answer to a GetCoverage, or to one with other parameters."""
    answer = folder / "answer"
    http.download(
        url,
        answer,
        params={**get_coverage_params("dtm", GEOTIFF, grid), **changes},
        timeouts=Timeouts(),
        max_bytes=1 << 20,
    )
    return answer


def taken(url: str, grid: Grid, http: HttpClient, folder: Path, **changes: str) -> Path:
    """The TIFF in that answer."""
    tiff = folder / "coverage.tif"
    extract_tiff(saved(url, grid, http, folder, **changes), tiff)
    return tiff


def test_redirect_keeps_the_whole_query(
    demonstration: str, geotrellis: str, http: HttpClient
) -> None:
    asked = {"SERVICE": "WCS", "VERSION": "1.1.1", "REQUEST": "GetCapabilities"}
    answer = http.request("GET", geotrellis, params=asked)
    query = "SERVICE=WCS&VERSION=1.1.1&REQUEST=GetCapabilities"
    assert answer.url == f"{demonstration}/wrapper/ogc/elevation-hrdem-mosaic?{query}"
    assert b"<Capabilities " in answer.content


def test_each_service_lists_two_products(wcs: str, http: HttpClient) -> None:
    offered = read_capabilities(wcs, http)
    assert sorted(offered.identifiers) == ["dsm", "dtm"]
    assert "1.1.1" in offered.versions
    assert offered.title


def test_each_service_describes_the_mosaic(wcs: str, http: HttpClient) -> None:
    told = describe_coverage(wcs, "dtm", http)
    assert told.identifier == "dtm"
    assert told.bounds == MOSAIC
    assert told.resolution == (1, 1)
    assert {"EPSG:3979", "EPSG:4326", "EPSG:3857"} <= set(told.crss)
    assert GEOTIFF in told.formats
    assert told.interpolations


def test_only_mapserver_describes_nodata(mapserver: str, geotrellis: str, http: HttpClient) -> None:
    assert describe_coverage(mapserver, "dtm", http).nodata == NODATA
    assert describe_coverage(geotrellis, "dtm", http).nodata is None


@pytest.mark.parametrize(
    ("wcs", "beginning"),
    [("mapserver", b"\r\n--wcs\r\n"), ("geotrellis", b"MM\0*")],
    indirect=["wcs"],
    ids=["mapserver", "geotrellis"],
)
def test_coverage_matches_the_terrain(
    wcs: str, beginning: bytes, http: HttpClient, tmp_path: Path
) -> None:
    """In a multipart response, and as a bare big-endian file."""
    answer, tiff = saved(wcs, SMALL, http, tmp_path), tmp_path / "coverage.tif"
    assert answer.read_bytes().startswith(beginning)
    extract_tiff(answer, tiff)
    check_coverage(tiff, SMALL, "float32", NODATA, "metre")
    with rasterio.open(tiff) as dataset:
        assert (dataset.width, dataset.height) == (40, 30)
        assert dataset.transform == SMALL.transform
        left, _, _, top = SMALL.bounds
        np.testing.assert_array_equal(dataset.read(1), heights(left, top, 1, 40, 30))


def test_one_pixel_means_an_empty_box(geotrellis: str, http: HttpClient, tmp_path: Path) -> None:
    tiff = taken(geotrellis, EMPTY, http, tmp_path)
    check_coverage(tiff, EMPTY, "float32", NODATA, "metre")
    with rasterio.open(tiff) as dataset:
        assert (dataset.width, dataset.height) == (1, 1)
        assert is_placeholder(dataset, EMPTY)


def test_oversized_request_error_names_the_limit(
    mapserver: str, http: HttpClient, tmp_path: Path
) -> None:
    """The report has status 200."""
    left, _, _, top = SMALL.bounds
    wide = snap_grid("EPSG:3979", 1, (left, top - 10, left + 9_000, top))
    with pytest.raises(
        ChunkTooLargeError, match=r"^InvalidParameterValue \(width/height\): "
    ) as caught:
        taken(mapserver, wide, http, tmp_path)
    assert caught.value.max_edge == 8_192


def test_unknown_coverage_error_quotes_the_server(
    mapserver: str, geotrellis: str, http: HttpClient, tmp_path: Path
) -> None:
    with pytest.raises(WcsError, match="COVERAGE=dtm-slope not found"):
        taken(mapserver, SMALL, http, tmp_path, IDENTIFIER="dtm-slope")
    with pytest.raises(WcsError, match="with: CoverageNotDefined .* dtm-slope .*`via=cog`"):
        describe_coverage(mapserver, "dtm-slope", http)
    with pytest.raises(ServerError, match="400: layer does not exist") as caught:
        taken(geotrellis, SMALL, http, tmp_path, IDENTIFIER="dtm-slope")
    assert str(read_refusal(caught.value.body)) == "layer does not exist"
    with pytest.raises(ServerError, match="400: layer does not exist"):
        describe_coverage(geotrellis, "dtm-slope", http)


def test_doubled_exception_is_reported_once(
    mapserver: str, http: HttpClient, tmp_path: Path
) -> None:
    answer = saved(mapserver, SMALL, http, tmp_path, BOUNDINGBOX="1,2,3")
    body = answer.read_bytes()
    assert body.count(b"<?xml ") == 2
    refusal = read_refusal(body)
    assert refusal is not None
    assert (refusal.code, refusal.locator) == ("InvalidParameterValue", "boundingbox")
    with pytest.raises(WcsError) as caught:
        extract_tiff(answer, tmp_path / "coverage.tif")
    assert str(caught.value) == str(refusal)
    assert "boundingbox" not in refusal.text
    assert "<" not in refusal.text


def test_unknown_format_is_rejected_in_plain_text(
    geotrellis: str, http: HttpClient, tmp_path: Path
) -> None:
    """Most servers call GeoTIFF image/tiff."""
    with pytest.raises(ServerError) as caught:
        taken(geotrellis, SMALL, http, tmp_path, FORMAT="image/tiff")
    assert caught.value.status == 400
    assert str(read_refusal(caught.value.body)) == "Unsupported format: 'image/tiff'"


def test_stack_trace_is_cut_to_its_first_line(
    geotrellis: str, http: HttpClient, tmp_path: Path
) -> None:
    """The server sent one for corners in the wrong order."""
    with pytest.raises(RetryableError) as caught:
        taken(
            geotrellis,
            SMALL,
            http,
            tmp_path,
            BOUNDINGBOX="1500024.5,-170400.5,1499985.5,-170429.5,urn:ogc:def:crs:EPSG::3979",
        )
    assert caught.value.status == 500
    assert b"\tat geotrellis." in caught.value.body
    assert str(read_refusal(caught.value.body)) == (
        "geotrellis.vector.ExtentRangeError: Invalid Extent: xmin must be less than xmax"
    )


def test_box_over_a_border_is_extracted_through_the_wcs(
    stac: str, mapserver: str, http: HttpClient, tmp_path: Path
) -> None:
    """Catalogue, capabilities, description, coverage, and the catalogue once more."""
    result = hrdem.extract(
        bbox=SMALL.bounds,
        bbox_crs="EPSG:3979",
        product="dtm",
        via="wcs",
        output=tmp_path / "out.tif",
        stac_url=stac,
        wcs_url=mapserver,
        cache_dir=tmp_path / "cache",
        http=http,
    )
    assert result.pixels_by_source == {"WCS dtm": 1_200}
    (source,) = result.plan.sources
    assert [item.id for item in source.items] == ["8_2-mosaic-1m", "9_2-mosaic-1m"]
    assert source.url == mapserver
    with rasterio.open(tmp_path / "out.tif") as dataset:
        assert dataset.bounds == SMALL.bounds
        left, _, _, top = SMALL.bounds
        np.testing.assert_array_equal(dataset.read(1), heights(left, top, 1, 40, 30))
