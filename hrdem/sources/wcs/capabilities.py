"""GetCapabilities and DescribeCoverage of WCS 1.1.1 (OGC 07-067r2, 8 and 9).

Servers differ in namespaces, in the order of elements and coordinates, and in what they omit. So
elements are found by their local names, and only the identifiers of coverages are required.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from hrdem.errors import NetworkError, ServerError, TransferError, WcsError
from hrdem.geo.axis_order import parse_crs_name
from hrdem.geo.crs import NATIVE_CRS
from hrdem.geo.grid import Bounds
from hrdem.http.parsed import request_parsed
from hrdem.http.protocol import Http, Response
from hrdem.http.retry import RetryableError
from hrdem.runtime.redaction import redact_secrets
from hrdem.runtime.text import to_one_line
from hrdem.sources.ogc_exceptions import blames_request, local_name, read_refusal

_MAX_DOCUMENT_BYTES = 2 << 20  # takes 30 times as much memory if it consists of elements only
_MAX_LIST_CHARACTERS = 500  # of a list in a message
_MAX_NAME_CHARACTERS = 200  # longer names are truncated
_NO_SERVICE_STATUSES = (404, 410)
_ADVICE = (
    "Check `wcs_url`. NRCan plans to phase out its WCS; its COGs hold the same data: `via=cog`."
)


@dataclass(frozen=True, slots=True)
class Capabilities:
    """Capabilities of a service.

    Attributes:
        title: Title, or empty.
        versions: Supported versions of WCS, in document order; may be empty.
        identifiers: Identifiers of its coverages, in document order; at least one.
    """

    title: str
    versions: tuple[str, ...]
    identifiers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CoverageDescription:
    """Description of a coverage; what the service omits is empty or None.

    Attributes:
        identifier: Identifier of the coverage in the description.
        crss: Supported CRSs, as ``EPSG:n`` where they have a number.
        formats: Supported media types.
        bounds: Left, bottom, right, top in EPSG:3979.
        resolution: Width and height of its pixels in metres of EPSG:3979.
        nodata: Nodata value.
        interpolations: Names of the supported interpolation methods.
    """

    identifier: str
    crss: tuple[str, ...]
    formats: tuple[str, ...]
    bounds: Bounds | None
    resolution: tuple[float, float] | None
    nodata: float | None
    interpolations: tuple[str, ...]


def read_capabilities(url: str, http: Http) -> Capabilities:
    """Read the capabilities of a service.

    Args:
        url: Address of the service, which may have a query.
        http: HTTP client.

    Raises:
        WcsError: If there is no service at the address, or it returns another document.
        NetworkError: If it does not respond.
    """
    params = {"SERVICE": "WCS", "VERSION": "1.1.1", "REQUEST": "GetCapabilities"}
    root = _request_document(url, params, "Capabilities", http)
    summaries = _descendants(root, "CoverageSummary")
    names = [name for summary in summaries for name in _identifiers(summary)]
    if not names:
        raise WcsError(f"{redact_secrets(url)} lists no coverage of WCS 1.1.1. {_ADVICE}")
    services = list(_descendants(root, "ServiceIdentification"))
    titles = _texts(each for service in services for each in _children(service, "Title"))
    return Capabilities(
        title=titles[0] if titles else "",
        versions=_texts(_descendants(root, "ServiceTypeVersion")),
        identifiers=tuple(dict.fromkeys(names)),
    )


def describe_coverage(url: str, identifier: str, http: Http) -> CoverageDescription:
    """Read the description of one coverage.

    Args:
        url: Address of the service, which may have a query.
        identifier: Identifier of the coverage in the capabilities.
        http: HTTP client.

    Raises:
        WcsError: If there is no service at the address, it does not describe the coverage, or it
            returns another document.
        NetworkError: If it does not respond.
    """
    params = {
        "SERVICE": "WCS",
        "VERSION": "1.1.1",
        "REQUEST": "DescribeCoverage",
        "IDENTIFIERS": identifier,
    }
    root = _request_document(url, params, "CoverageDescriptions", http)
    described = {
        name: each
        for each in _descendants(root, "CoverageDescription")
        for name in _identifiers(each)
    }
    if identifier not in described and len(described) != 1:  # a gateway may rename the only one
        listed = to_one_line(", ".join(described), _MAX_LIST_CHARACTERS) or "none"
        raise WcsError(
            f"{redact_secrets(url)} describes {listed} instead of coverage {identifier!r}. "
            f"{_ADVICE}"
        )
    name = identifier if identifier in described else next(iter(described))
    return _parse_description(name, described[name])


def missing_service_error(url: str, exc: NetworkError) -> WcsError | None:
    """Return the error to raise if a failed request shows that there is no service at an address.

    A refused connection, a name that does not resolve, and the statuses 404 and 410 show that.

    Args:
        url: The address.
        exc: Error of the request.

    Returns:
        The error, with advice; None if there is a service.
    """
    if isinstance(exc, ServerError) and exc.status in _NO_SERVICE_STATUSES:
        return WcsError(f"{redact_secrets(url)} answers {exc.status}: no WCS there. {_ADVICE}")
    connected = not isinstance(exc.__cause__, RetryableError) or exc.__cause__.connected
    if isinstance(exc, TransferError) and not connected:
        return WcsError(f"{exc} {_ADVICE}")
    return None


def _request_document(url: str, params: Mapping[str, str], kind: str, http: Http) -> Element:
    """Request a document; raise with the server's own message if it sends another."""

    def parse(response: Response) -> Element:
        return _parse_document(response.content, kind, f"{display_url} responds to {name}")

    display_url, name = redact_secrets(url), params["REQUEST"]
    try:
        return request_parsed(
            http,
            "GET",
            url,
            parse,
            params=params,
            max_bytes=_MAX_DOCUMENT_BYTES,
            trusted=True,
        )
    except NetworkError as exc:
        error = missing_service_error(url, exc)
        if error is None:
            raise
        raise error from exc


def _parse_document(body: bytes, kind: str, subject: str) -> Element:
    """Parse a document; retry half a document, and error messages that may pass."""
    cause: Exception | None = None
    try:
        root: Element = fromstring(body, forbid_dtd=True)
        if local_name(root.tag) == kind:
            return root
        name = to_one_line(local_name(root.tag), _MAX_NAME_CHARACTERS)
        other = f"a document of another kind, {name!r}"
    except (ParseError, DefusedXmlException, LookupError, ValueError) as exc:
        other, cause = f"a document that cannot be read ({exc})", exc
    refusal = read_refusal(body)
    message = f"{subject} with: {str(refusal or other).rstrip('.')}. {_ADVICE}"
    lasts = blames_request(refusal) if refusal else not isinstance(cause, ParseError)
    if lasts:
        raise WcsError(message) from cause
    raise RetryableError(message, kind=WcsError) from cause


def _parse_description(identifier: str, described: Element) -> CoverageDescription:
    methods = [*_descendants(described, "InterpolationMethod"), *_descendants(described, "Default")]
    return CoverageDescription(
        identifier=identifier,
        crss=tuple(
            dict.fromkeys(map(parse_crs_name, _texts(_descendants(described, "SupportedCRS"))))
        ),
        formats=_texts(_descendants(described, "SupportedFormat")),
        bounds=_parse_bounds(described),
        resolution=_parse_resolution(described),
        nodata=_parse_null_value(described),
        interpolations=_texts(methods),
    )


def _parse_bounds(described: Element) -> Bounds | None:
    """Return the box in EPSG:3979; boxes in degrees have either axis order and are not used."""
    for box in _descendants(described, "BoundingBox"):
        if parse_crs_name(box.get("crs", "")) == NATIVE_CRS:
            corners = [
                _parse_floats(_descendants(box, name)) for name in ("LowerCorner", "UpperCorner")
            ]
            match corners:
                case [[left, bottom], [right, top]] if left < right and bottom < top:
                    return left, bottom, right, top
    return None


def _parse_resolution(described: Element) -> tuple[float, float] | None:
    """Return the pixel size from two offsets, or from the four of a matrix (07-067r2, 9.3.3.3)."""
    if [parse_crs_name(text) for text in _texts(_descendants(described, "GridBaseCRS"))] != [
        NATIVE_CRS
    ]:
        return None
    match _parse_floats(_descendants(described, "GridOffsets")):
        case [dx, dy] | [dx, 0.0, 0.0, dy] if dx and dy:
            return abs(dx), abs(dy)
    return None


def _parse_null_value(described: Element) -> float | None:
    for text in _texts(_descendants(described, "NullValue")):
        try:
            return float(text)
        except ValueError:
            continue
    return None


def _descendants(element: Element, name: str) -> Iterator[Element]:
    """Yield the descendants with a local name."""
    return (each for each in element.iter() if local_name(each.tag) == name)


def _children(element: Element, name: str) -> Iterator[Element]:
    """Yield the children with a local name."""
    return (each for each in element if local_name(each.tag) == name)


def _identifiers(described: Element) -> tuple[str, ...]:
    return _texts(_children(described, "Identifier"))


def _texts(elements: Iterable[Element]) -> tuple[str, ...]:
    """Return the texts of elements without duplicates and empty ones."""
    texts = (to_one_line("".join(element.itertext()), _MAX_NAME_CHARACTERS) for element in elements)
    return tuple(dict.fromkeys(text for text in texts if text))


def _parse_floats(elements: Iterable[Element]) -> list[float]:
    """Return the numbers in the first element; none if it has other text."""
    text = next(iter(_texts(elements)), "")
    try:
        numbers = [float(number) for number in text.replace(",", " ").split()]
    except ValueError:
        return []
    return numbers if all(map(math.isfinite, numbers)) else []
