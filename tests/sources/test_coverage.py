"""Test the coverage description of a WCS."""

from __future__ import annotations

import pytest

from hrdem.demo import wcs
from hrdem.errors import WcsError
from hrdem.http.protocol import Http, Response
from hrdem.request.products import get_collection, get_product
from hrdem.sources.wcs.coverage import WcsCoverage, probe_wcs

URL = "http://service.invalid/wcs"


class Service(Http):
    """The demonstration WCS, with a different nodata value."""

    def __init__(self, nodata: bytes) -> None:
        self.nodata = nodata

    def request(self, method, url, *, params, **_) -> Response:
        body = wcs.respond("http://demo.invalid", params).body
        said = b"<Definition><NullValue>%b</NullValue>" % self.nodata
        return Response(url, 200, {}, body.replace(b"<Definition>", said))


def met(nodata: bytes) -> WcsCoverage:
    product, collection = get_product("dtm"), get_collection("1m")
    return probe_wcs(URL, product, collection, "1", 300, Service(nodata))


@pytest.mark.parametrize("nodata", [b"1e300", b"-4e38"])
def test_unrepresentable_nodata_is_refused(nodata: bytes) -> None:
    with pytest.raises(WcsError, match="which no pixel can have"):
        met(nodata)


@pytest.mark.parametrize("nodata", [b"-9999", b"-3.4028234663852886e38", b"NaN"])
def test_other_values_are_taken(nodata: bytes) -> None:
    assert met(nodata).nodata == pytest.approx(float(nodata), nan_ok=True)
