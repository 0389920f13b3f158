"""Fuzz target for text responses of a WCS, which are parsed or end in an error message."""

from __future__ import annotations

import random

from hrdem.demo import wcs
from hrdem.errors import WcsError
from hrdem.http.protocol import Http, Response
from hrdem.sources.ogc_exceptions import is_too_large, read_refusal, size_limit
from hrdem.sources.wcs.capabilities import describe_coverage, read_capabilities
from tests.fuzz.findings import FindingError, check_shown

URL = "http://service.invalid/wcs"
_NAME = "dtm"
_MOST_MESSAGE = 800  # characters

_REPORT = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n'
    b'<ows:ExceptionReport xmlns:ows="http://www.opengis.net/ows/1.1" version="1.1.0">'
    b'<ows:Exception exceptionCode="InvalidParameterValue" locator="width/height">'
    b"<ows:ExceptionText>no more than MAXSIZE=512</ows:ExceptionText></ows:Exception>"
    b"</ows:ExceptionReport>"
)
SEEDS = {
    "report": _REPORT,
    "twice": _REPORT + b"Status: 400 Bad Request\r\n\r\n" + _REPORT,
    "page": b"<!DOCTYPE html><html><head><title>502 &amp; more</title></head><body>x</body></html>",
    "stack": b"a.B: xmin must be less\n\tat a.B.<init>(B.scala)\n",
    "json": b'{"detail": "layer does not exist"}',
    "entities": b'<!DOCTYPE a [<!ENTITY b "c"><!ENTITY d SYSTEM "file:///">]><a>&b;&d;</a>',
    "capabilities": wcs.respond("http://demo.invalid", {"REQUEST": "GetCapabilities"}).body,
    "description": wcs.respond(
        "http://demo.invalid", {"REQUEST": "DescribeCoverage", "IDENTIFIERS": _NAME}
    ).body,
}


class _Service(Http):
    """An HTTP client that returns the same body for every request."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def request(self, method, url, **_) -> Response:
        return Response(url, 200, {}, self._body)


def attempt_answer(body: bytes) -> list[str]:
    """Parse a response with each reader.

    Returns:
        The outcome of each reader.

    Raises:
        FindingError: If a message or name cannot be displayed, or a size limit is invalid.
        Exception: Any other exception that a reader fails to handle.
    """
    ends = []
    refusal = read_refusal(body)
    if refusal is not None:
        for text, most in ((str(refusal), 200), (refusal.text, 1000), (refusal.code, 200)):
            check_shown(text, most)
        limit = size_limit(refusal)
        if limit is not None and not (is_too_large(refusal) and limit > 0):
            raise FindingError(f"a limit of {limit} in {refusal}")
    ends.append("refusal" if refusal else "none")
    service = _Service(body)
    for ask in (
        lambda: read_capabilities(URL, service).identifiers,
        lambda: [describe_coverage(URL, _NAME, service).identifier],
    ):
        try:
            for name in ask():
                check_shown(name, 200)
            ends.append("read")
        except WcsError as exc:
            check_shown(str(exc), _MOST_MESSAGE)
            ends.append("told")
    return ends


def mutated_answer(body: bytes, seed: int) -> bytes:
    """Delete, repeat or replace parts of a body, sometimes with parts of another seed."""
    chance = random.Random(seed)
    others = list(SEEDS.values())
    for _ in range(chance.randint(1, 6)):
        start, stop = sorted(chance.randrange(len(body) + 1) for _ in range(2))
        other = chance.choice(others)
        at = chance.randrange(len(other))
        piece = chance.choice(
            (
                b"",
                body[start:stop] * 2,
                other[at : at + 80],
                chance.randbytes(3),
                b"<",
                b"&",
                b"]]>",
            )
        )
        if chance.random() < 0.7:
            stop = min(stop, start + 8)
        body = body[:start] + piece + body[stop:]
    return body
