"""Test VRT checks: GDAL only gets plain mosaics of files at HTTP URLs."""

from __future__ import annotations

import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import rasterio
import rasterio.shutil
from affine import Affine

from hrdem.errors import SourceError
from hrdem.sources.vrt import sanitize_vrt

HREF = "https://store.invalid/a/tile.vrt"
SIZE = 'xOff="0" yOff="0" xSize="20" ySize="10"'
SOURCE = f"""<SimpleSource>
  <SourceFilename relativeToVRT="1">tile.tif</SourceFilename><SourceBand>1</SourceBand>
  <SrcRect {SIZE}/><DstRect {SIZE}/></SimpleSource>"""


def vrt(source: str = SOURCE, before: str = "", band: str = "", root: str = "") -> bytes:
    return f"""<VRTDataset rasterXSize="20" rasterYSize="10"{root}>
  <SRS dataAxisToSRSAxisMapping="1,2">EPSG:3979</SRS>
  <GeoTransform>  1.0000000000000000e+05,  1.0,  0.0,  5.0e+04,  0.0, -1.0</GeoTransform>{before}
  <VRTRasterBand dataType="Float32" band="1"{band}>
    <NoDataValue>-32767</NoDataValue>{source}</VRTRasterBand></VRTDataset>""".encode()


def kind(name: str, more: str = "") -> str:
    """A source of a different kind, optionally with an extra element."""
    return SOURCE.replace("SimpleSource", name).replace("<SrcRect", f"{more}<SrcRect")


def metadata(domain: str, key: str, value: str) -> str:
    return f'<Metadata domain="{domain}"><MDI key="{key}">{value}</MDI></Metadata>'


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"<VRTDataset>",
        b"<html/>",
        b'<!DOCTYPE a [<!ENTITY b "c">]><VRTDataset/>',
        b'<!DOCTYPE VRTDataset SYSTEM "http://127.0.0.1/x.dtd"><VRTDataset/>',
        b'<?xml version="1.0" encoding="UTF-9"?><VRTDataset/>',
        vrt() + vrt(),
    ],
)
def test_other_documents_are_refused(document: bytes) -> None:
    with pytest.raises(
        SourceError, match=r"^https://store\.invalid/a/tile\.vrt is not a VRT: .*\.$"
    ):
        sanitize_vrt(document, HREF)


@pytest.mark.parametrize(
    ("said", "relative", "address"),
    [
        ("tile.tif", 1, "https://store.invalid/a/tile.tif"),
        ("../b/tile.tif", 1, "https://store.invalid/b/tile.tif"),
        ("/vsicurl/http://other.invalid/t.tif", 0, "http://other.invalid/t.tif"),
        ("https://other.invalid/t.tif?sig=a&amp;b=c", 0, "https://other.invalid/t.tif?sig=a&b=c"),
        (
            "/vsicurl?max_retry=3&amp;url=http%3A%2F%2Fo.invalid%2Ft.tif",
            0,
            "http://o.invalid/t.tif",
        ),
    ],
)
def test_sources_become_absolute(said: str, relative: int, address: str) -> None:
    source = SOURCE.replace('"1">tile.tif', f'"{relative}">{said}')
    vrt_ = sanitize_vrt(vrt(source), HREF)
    assert vrt_.files == (address,)
    escaped = address.replace("&", "&amp;")
    assert f'relativeToVRT="0">/vsicurl/{escaped}</SourceFilename>' in vrt_.text


@pytest.mark.parametrize(
    "said",
    [
        "/etc/passwd", "tile.tif", "file:///etc/passwd", "/vsis3/bucket/key", "s3://bucket/key",
        "/vsizip//vsicurl/http://o.invalid/a.zip", "/vsicurl/file:///etc/passwd", "/vsistdin/",
        "/vsicurl?url=file%3A%2F%2F%2Fetc%2Fpasswd", "/vsicurl?header.Host=x", "",
        "&lt;VRTDataset/&gt;", "GTIFF_DIR:1:/etc/passwd", "ftp://o.invalid/t.tif",
        "http://o.invalid/a b", "/vsicurl/http://[/t.tif", "/vsisubfile/0_9,/etc/passwd",
        'http://o.invalid/"', "http://o.invalid/\u202efdp.exe",
    ],
)  # fmt: skip
def test_other_addresses_are_refused(said: str) -> None:
    source = SOURCE.replace('"1">tile.tif', f'"0">{said}')
    with pytest.raises(SourceError, match="not an http or https address"):
        sanitize_vrt(vrt(source), HREF)


@pytest.mark.parametrize(
    "document",
    [
        vrt(root=' subClass="VRTWarpedDataset"'),
        vrt(root=' subClass="VRTProcessedDataset"'),
        vrt(band=' subClass="VRTDerivedRasterBand"'),
        vrt(band=' subClass="VRTRawRasterBand"'),
        vrt("<PixelFunctionType>add</PixelFunctionType>" + SOURCE),
        vrt("<PixelFunctionLanguage>Python</PixelFunctionLanguage>" + SOURCE),
        vrt("<PixelFunctionCode>import os</PixelFunctionCode>" + SOURCE),
        vrt("<SourceFilename>/etc/passwd</SourceFilename>" + SOURCE),
        vrt(kind("KernelFilteredSource")),
        vrt(kind("AveragedSource")),
        vrt(kind("ArraySource")),
        vrt(kind("SimpleSource", "<OpenOptions><OOI key='A'>b</OOI></OpenOptions>")),
        vrt(kind("SimpleSource", "<VRTDataset/>")),
        vrt(kind("ComplexSource", "<LUT>0:1</LUT>")),
        vrt(kind("ComplexSource", "<ScaleRatio>2</ScaleRatio>")),
        vrt(kind("ComplexSource", "<ScaleOffset>1</ScaleOffset>")),
        vrt(kind("ComplexSource", "<Exponent>2</Exponent>")),
        vrt(SOURCE.replace("<SourceBand>1", "<SourceBand>mask,1")),
        vrt(SOURCE.replace("<SourceBand>1", "<SourceBand>2")),
        vrt(SOURCE.replace(f"<DstRect {SIZE}", f"<DstRect {SIZE.replace('20', '10')}")),
        vrt(SOURCE.replace('xSize="20"', 'xSize="nan"')),
        vrt("<Scale>0.3048</Scale>" + SOURCE),
        vrt("<Offset>100</Offset>" + SOURCE),
        vrt("<HideNoDataValue>1</HideNoDataValue>" + SOURCE),
        vrt(before=metadata("IMAGE_STRUCTURE", "PIXELTYPE", "SIGNEDBYTE")),
        vrt(before=metadata("GEOLOCATION", "X_DATASET", "/etc/passwd")),
        vrt(before=metadata("RPC", "LINE_OFF", "1")),
        vrt(before='<Metadata domain="xml:VRT" format="xml"><VRTDataset/></Metadata>'),
        vrt(before="<MaskBand><VRTRasterBand/></MaskBand>"),
        vrt(before="<GDALWarpOptions><SourceDataset>/etc/passwd</SourceDataset></GDALWarpOptions>"),
        vrt(before="<GCPList/>"),
        vrt(before='<Group name="/"/>'),
        vrt(before="<DerivedOptions/>"),
        vrt(before='<x:SRS xmlns:x="http://a.invalid/"/>'),
        vrt().replace(b"EPSG:3979", b"http://127.0.0.1/a.prj"),
        vrt().replace(b"EPSG:3979", b"/etc/passwd"),
        vrt().replace(b"EPSG:3979", b"+init=/tmp/file:1"),
        vrt().replace(b"EPSG:3979", b"ESRI::/etc/passwd"),
        vrt().replace(b"0.0, -1.0", b"0.0, nan"),
        vrt().replace(b"-32767", b"/etc/passwd"),
        vrt().replace(b"Float32", b"Float&#10;32"),
        vrt(SOURCE * 1001),
    ],
)  # fmt: skip
def test_anything_but_a_mosaic_is_refused(document: bytes) -> None:
    """A VRT that does more than place files side by side is refused."""
    with pytest.raises(SourceError, match=r"tile\.vrt .* Only plain mosaics of files are read"):
        sanitize_vrt(document, HREF)


def test_vrt_by_gdal_keeps_its_pixels(tmp_path: Path) -> None:
    """Statistics, histograms, descriptions and virtual overviews do not change pixels."""
    heights = np.arange(200, dtype="float32").reshape(10, 20)
    with rasterio.open(
        tmp_path / "tile.tif", "w", "GTiff", width=20, height=10, count=1, dtype="float32",
        crs="EPSG:3979", transform=Affine(1, 0, 100_000, 0, -1, 50_000), nodata=-32767,
    ) as dataset:  # fmt: skip
        dataset.write(heights, 1)
        dataset.set_band_description(1, "elevation")
        dataset.update_tags(1, STATISTICS_MEAN="99.5")
    rasterio.shutil.copy(tmp_path / "tile.tif", tmp_path / "tile.vrt", driver="VRT")
    more = b"""<OverviewList resampling="average">2 4</OverviewList></VRTDataset>"""
    served = (tmp_path / "tile.vrt").read_bytes().replace(b"</VRTDataset>", more)
    found = sanitize_vrt(served, HREF)
    assert found.files == ("https://store.invalid/a/tile.tif",)
    local = found.text.replace("/vsicurl/https://store.invalid/a", str(tmp_path))
    with rasterio.open(local) as dataset:
        np.testing.assert_array_equal(dataset.read(1), heights)
        assert dataset.descriptions == ("elevation",)
        assert (dataset.crs.to_epsg(), dataset.nodata) == (3979, -32767)
        assert dataset.overviews(1) == [2, 4]
        assert dataset.tags(1)["STATISTICS_MEAN"] == "99.5"


def test_what_gdalbuildvrt_writes_is_read() -> None:
    properties = 'RasterXSize="20" RasterYSize="10" DataType="Float32" BlockXSize="512"'
    source = kind("ComplexSource", f"<SourceProperties {properties}/>")
    source = source.replace("</ComplexSource>", "<NODATA>-32767</NODATA></ComplexSource>")
    wkt = b'PROJCS["NAD83(CSRS) / Canada Atlas Lambert",AUTHORITY["EPSG","3979"]]'
    document = vrt(source + "<ColorInterp>Gray</ColorInterp>").replace(b"EPSG:3979", wkt)
    assert sanitize_vrt(document, HREF).files == ("https://store.invalid/a/tile.tif",)


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize(
    "document",
    [
        b"<VRTDataset>" + b"<SRS>EPSG:3979</SRS>" * 800_000 + b"</VRTDataset>",
        b"<VRTDataset>" + b"<VRTDataset>" * 1_300_000,
        b"<VRTDataset><Metadata>" + b"<MDI/>" * 2_600_000,
        b"<VRTDataset " + b'rasterXSize="1" ' * 1_000_000 + b"/>",
        b"<VRTDataset><SRS>" + b"a" * 16_000_000 + b"</SRS></VRTDataset>",
    ],
    ids=["elements", "depth", "metadata", "attributes", "text"],
)
def test_large_documents_take_little_memory(document: bytes) -> None:
    started = time.monotonic()
    tracemalloc.start()
    try:
        with pytest.raises(SourceError) as told:
            sanitize_vrt(document, HREF)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(str(told.value)) < 500
    assert peak < 64 << 20
    assert time.monotonic() - started < 20


@pytest.mark.parametrize("offset", ["0.5", "9.7", "1e-3"])
@pytest.mark.parametrize("name", ["SrcRect", "DstRect"])
def test_files_between_pixels_are_refused(name: str, offset: str) -> None:
    """GDAL takes the nearest pixel, up to half a pixel away, and one of them twice."""
    source = SOURCE.replace(f'<{name} xOff="0"', f'<{name} xOff="{offset}"')
    with pytest.raises(SourceError, match="resamples the pixels of its files"):
        sanitize_vrt(vrt(source), HREF)
    noisy = SOURCE.replace(f'<{name} xOff="0"', f'<{name} xOff="4999.99999999"')
    assert "4999.99999999" in sanitize_vrt(vrt(noisy), HREF).text


@pytest.mark.parametrize("name", ["SrcRect", "DstRect"])
def test_single_rectangle_is_refused(name: str) -> None:
    """GDAL reads nodata, without an error."""
    with pytest.raises(SourceError, match="has a SrcRect without a DstRect, or the reverse"):
        sanitize_vrt(vrt(SOURCE.replace(f"<{name} {SIZE}/>", "")), HREF)
