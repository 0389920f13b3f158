"""Test capabilities and coverage descriptions, from two servers and in fragments."""

from __future__ import annotations

import math
import tracemalloc

import pytest

from hrdem.demo import wcs
from hrdem.errors import WcsError
from hrdem.geo.axis_order import parse_crs_name
from hrdem.http.protocol import Http, Response
from hrdem.sources.wcs.capabilities import (
    Capabilities,
    CoverageDescription,
    describe_coverage,
    read_capabilities,
)

URL = "http://service.invalid/wcs"
URN = "urn:ogc:def:crs:EPSG::"


class Service(Http):
    """Return the same body for each request, and record the requests."""

    def __init__(self, body: str) -> None:
        self.body = body.encode()
        self.asked: list[tuple[str, dict[str, str]]] = []

    def request(self, method, url, *, params, max_bytes, **_) -> Response:
        self.asked.append((url, params))
        return Response(url, 200, {}, self.body)


def offered(*summaries: str, version: str = "1.1", more: str = "") -> str:
    return (
        f'<Capabilities xmlns="http://www.opengis.net/wcs/{version}" '
        f'xmlns:ows="http://www.opengis.net/ows/1.1" version="1.1.1">{more}'
        f"<Contents>{''.join(summaries)}</Contents></Capabilities>"
    )


def summary(name: str) -> str:
    return (
        "<CoverageSummary><ows:Title>t</ows:Title>"
        f"<SupportedCRS>{URN}3979</SupportedCRS><Identifier>{name}</Identifier></CoverageSummary>"
    )


def box(crs: str, lower: str, upper: str) -> str:
    return (
        f'<ows:BoundingBox crs="{crs}" dimensions="2"><ows:LowerCorner>{lower}</ows:LowerCorner>'
        f"<ows:UpperCorner>{upper}</ows:UpperCorner></ows:BoundingBox>"
    )


def grid(offsets: str, crs: str = f"{URN}3979") -> str:
    return (
        f"<GridCRS><GridBaseCRS>{crs}</GridBaseCRS><GridOrigin>0 0</GridOrigin>"
        f"<GridOffsets>{offsets}</GridOffsets></GridCRS>"
    )


def described(*parts: str, name: str = "dtm") -> str:
    return (
        '<CoverageDescriptions xmlns="http://www.opengis.net/wcs/1.1" '
        'xmlns:ows="http://www.opengis.net/ows/1.1">'
        f"<CoverageDescription><Identifier>{name}</Identifier>{''.join(parts)}"
        "</CoverageDescription></CoverageDescriptions>"
    )


def description(*parts: str) -> CoverageDescription:
    return describe_coverage(URL, "dtm", Service(described(*parts)))


@pytest.mark.parametrize("version", ["1.1", "1.1.1", "1.1.2"])
def test_coverages_in_any_namespace(version: str) -> None:
    more = (
        "<ows:ServiceIdentification><ows:Title> Two\n models </ows:Title>"
        "<ows:ServiceTypeVersion>2.0.1</ows:ServiceTypeVersion>"
        "<ows:ServiceTypeVersion>1.1.1</ows:ServiceTypeVersion></ows:ServiceIdentification>"
    )
    body = offered(summary("dsm"), summary("dtm"), summary("dsm"), version=version, more=more)
    expected = Capabilities("Two models", ("2.0.1", "1.1.1"), ("dsm", "dtm"))
    assert read_capabilities(URL, Service(body)) == expected


def test_a_service_need_not_say_more_than_the_names() -> None:
    assert read_capabilities(URL, Service(offered(summary("a")))) == Capabilities("", (), ("a",))
    bare = "<Capabilities><CoverageSummary><Identifier>a</Identifier></CoverageSummary>"
    assert read_capabilities(URL, Service(f"{bare}</Capabilities>")).identifiers == ("a",)


def test_nested_coverages() -> None:
    nested = summary("inner")
    outer = f"<CoverageSummary><ows:Title>group</ows:Title>{nested}</CoverageSummary>"
    assert read_capabilities(URL, Service(offered(outer))).identifiers == ("inner",)


def test_description_of_the_demonstration() -> None:
    asked = {"REQUEST": "GetCapabilities"}
    offers = Service(wcs.respond("http://demo.invalid", asked).body.decode())
    assert read_capabilities(URL, offers).identifiers == wcs.COVERAGES
    asked = {"REQUEST": "DescribeCoverage", "IDENTIFIERS": "dtm"}
    body = wcs.respond("http://demo.invalid", asked).body.decode()
    assert describe_coverage(URL, "dtm", Service(body)) == CoverageDescription(
        identifier="dtm",
        crss=(
            "urn:ogc:def:crs:OGC::imageCRS",
            *(f"EPSG:{number}" for number in (3979, 4326, 3857, 3978, 4617)),
        ),
        formats=("image/geotiff", "image/jpeg", "image/png"),
        bounds=(-2_500_000, -1_000_000, 3_000_000, 4_000_000),
        resolution=(1, 1),
        nodata=None,
        interpolations=("nearest neighbor", "bilinear", "bicubic"),
    )


def test_full_description() -> None:
    full = description(
        box("urn:ogc:def:crs:OGC::imageCRS", "0 0", "99 49"),
        box(f"{URN}3979", "1500000 -500000", "1500100.0 -499950"),
        grid("1 -1"),
        "<Range><Field><NullValue>-32767</NullValue><InterpolationMethods>"
        "<InterpolationMethod>bilinear</InterpolationMethod><Default>nearest neighbor</Default>"
        "</InterpolationMethods></Field></Range>",
        f"<SupportedCRS>{URN}3979</SupportedCRS><SupportedCRS>EPSG:3979</SupportedCRS>"
        "<SupportedFormat>image/geotiff</SupportedFormat>",
    )
    assert full == CoverageDescription(
        identifier="dtm",
        crss=("EPSG:3979",),
        formats=("image/geotiff",),
        bounds=(1_500_000, -500_000, 1_500_100, -499_950),
        resolution=(1, 1),
        nodata=-32767,
        interpolations=("bilinear", "nearest neighbor"),
    )


def test_what_is_not_said_is_not_made_up() -> None:
    assert description() == CoverageDescription("dtm", (), (), None, None, None, ())


@pytest.mark.parametrize(
    ("lower", "upper"),
    [
        ("2 2", "1 1"),
        ("1 1", "1 2"),
        ("1 1 1", "2 2 2"),
        ("", "2 2"),
        ("a b", "2 2"),
        ("nan 1", "2 2"),
        ("1 1", "inf 2"),
    ],
)
def test_invalid_box_is_none(lower: str, upper: str) -> None:
    assert description(box(f"{URN}3979", lower, upper)).bounds is None


def test_a_box_in_degrees_is_not_taken_for_metres() -> None:
    degrees = "<ows:WGS84BoundingBox><ows:LowerCorner>38 -150</ows:LowerCorner>"
    degrees += "<ows:UpperCorner>76 -50</ows:UpperCorner></ows:WGS84BoundingBox>"
    assert description(degrees, box(f"{URN}4326", "38 -150", "76 -50")).bounds is None


@pytest.mark.parametrize(
    ("offsets", "resolution"),
    [
        ("1 -1", (1, 1)),
        ("1.0 -1.0", (1, 1)),
        ("2,-2", (2, 2)),
        ("30 0 0 -30", (30, 30)),
        ("1 1 -1 1", None),
        ("0 -1", None),
        ("1", None),
        ("1e999 -1", None),
        ("", None),
    ],
)
def test_resolution_from_two_or_four_offsets(offsets: str, resolution: object) -> None:
    assert description(grid(offsets)).resolution == resolution
    assert description(grid(offsets, f"{URN}4326")).resolution is None


def test_nodata_is_the_first_number_that_is_given() -> None:
    values = "<NullValue>none</NullValue><NullValue>-9999.5</NullValue><NullValue>0</NullValue>"
    assert description(values).nodata == -9999.5
    nodata = description("<NullValue>NaN</NullValue>").nodata
    assert nodata is not None
    assert math.isnan(nodata)


def test_other_identifier_only_if_single() -> None:
    """A gateway may rename the only coverage; among several, another name is an error."""
    assert describe_coverage(URL, "dtm", Service(described(name="dtm-1m"))).identifier == "dtm-1m"
    one, other = described(name="dsm"), described(name="chm")
    both = (
        one.replace("</CoverageDescriptions>", "") + other[other.index("<CoverageDescription>") :]
    )
    assert describe_coverage(URL, "chm", Service(both)).identifier == "chm"
    with pytest.raises(WcsError, match="describes dsm, chm instead of coverage 'dtm'"):
        describe_coverage(URL, "dtm", Service(both))
    empty = '<CoverageDescriptions xmlns="http://www.opengis.net/wcs/1.1.1"/>'
    with pytest.raises(WcsError, match="describes none"):
        describe_coverage(URL, "dtm", Service(empty))


@pytest.mark.parametrize(
    ("name", "crs"),
    [
        ("urn:ogc:def:crs:EPSG::3979", "EPSG:3979"),
        ("urn:ogc:def:crs:EPSG:6.9:3979", "EPSG:3979"),
        ("urn:x-ogc:def:crs:epsg::4617", "EPSG:4617"),
        ("EPSG:3979", "EPSG:3979"),
        ("http://www.opengis.net/def/crs/EPSG/0/3979", "EPSG:3979"),
        ("urn:ogc:def:crs:OGC::imageCRS", "urn:ogc:def:crs:OGC::imageCRS"),
        ("urn:ogc:def:crs:OGC:1.3:CRS84", "urn:ogc:def:crs:OGC:1.3:CRS84"),
        ("NOTEPSG:3979", "NOTEPSG:3979"),
        ("", ""),
    ],
)
def test_crs_names(name: str, crs: str) -> None:
    assert parse_crs_name(name) == crs


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("", "with: an empty response"),
        ("null", "with: null"),
        ("layer does not exist", "with: layer does not exist"),
        ("<html><title>Sign in</title></html>", "with: Sign in"),
        (
            "<ExceptionReport><Exception exceptionCode='E'>Later.</Exception></ExceptionReport>",
            "with: E: Later. Check",
        ),
        ('<WMS_Capabilities xmlns="http://www.opengis.net/wms"/>', "kind, 'WMS_Capabilities'"),
        (offered(summary("a"))[:-9], "a document that cannot be read"),
        (f"<!DOCTYPE Capabilities>{offered(summary('a'))}", "a document that cannot be read"),
        ("\x00\x01", "a document that cannot be read"),
        ('<?xml version="1.0" encoding="UTF-9"?><Capabilities/>', 'UTF-9"?><Capabilities/>'),
        (offered(), "lists no coverage"),
        (offered("<CoverageSummary><Identifier> </Identifier></CoverageSummary>"), "no coverage"),
        (offered("<CoverageSummary><CoverageId>a</CoverageId></CoverageSummary>"), "no coverage"),
    ],
)
def test_other_documents_are_quoted(body: str, said: str) -> None:
    with pytest.raises(WcsError) as caught:
        read_capabilities(URL, Service(body))
    message = str(caught.value)
    assert said in message
    assert message.startswith(URL)
    assert message.endswith("`via=cog`.")
    assert message.isprintable()


def test_entities_in_a_description_are_refused() -> None:
    bomb = '<!DOCTYPE r [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]>'
    body = bomb + described("<SupportedFormat>&b;</SupportedFormat>")
    with pytest.raises(WcsError, match="with: .* &b;. Check"):
        describe_coverage(URL, "dtm", Service(body))


@pytest.mark.slow
@pytest.mark.long
def test_the_largest_document_takes_bounded_memory() -> None:
    body = offered("<a>" * 150_000, "</a>" * 150_000, "<b/>" * 250_000, summary("deep"))
    assert len(body) < 2 << 20 < len(body) * 1.1
    service = Service(body)
    tracemalloc.start()
    try:
        assert read_capabilities(URL, service).identifiers == ("deep",)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 80e6
