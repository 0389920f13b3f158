"""What a WCS offers: GetCapabilities and DescribeCoverage of version 1.1.1 (OGC 07-067r2, 8 and 9).

Servers differ in namespaces, in the order of elements and of coordinates, and in what they leave
out. So elements are found by their local names, and only the names of the coverages must be there.
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
from hrdem.http.protocol import Http
from hrdem.http.retry import RetryableError
from hrdem.runtime.redaction import redact_secrets
from hrdem.runtime.text import to_one_line
from hrdem.sources.ogc_exceptions import read_refusal

_MOST_BYTES = 2 << 20  # of a document; takes 30 times as much memory if it is all elements
_MOST_LISTED = 500  # characters of a list in a message
_MOST_NAME = 200  # characters that are kept of a name
_GONE = (404, 410)
_ADVICE = (
    "Check the address given as --wcs-url. NRCan means to phase its WCS out; its COGs hold the "
    "same data: --via cog."
)


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a service says of itself.

    Attributes:
        title: In words, or empty.
        versions: Versions of WCS that it speaks, in the order given; may be empty.
        identifiers: Names of its coverages, in the order given; at least one.
    """

    title: str
    versions: tuple[str, ...]
    identifiers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CoverageDescription:
    """What a service says of a coverage; whatever it does not say is empty or None.

    Attributes:
        identifier: Name of the coverage, as the description has it.
        crss: CRSs that it can be had in, as ``EPSG:n`` where they have a number.
        formats: Media types that it can be had in.
        bounds: Left, bottom, right, top in EPSG:3979.
        resolution: Width and height of its pixels in metres of EPSG:3979.
        nodata: What its pixels hold where there is no data.
        interpolations: Names of the ways in which it can be resampled.
    """

    identifier: str
    crss: tuple[str, ...]
    formats: tuple[str, ...]
    bounds: Bounds | None
    resolution: tuple[float, float] | None
    nodata: float | None
    interpolations: tuple[str, ...]


def read_capabilities(url: str, http: Http) -> Capabilities:
    """Ask a service what it offers.

    Args:
        url: Its address, which may have a query.
        http: Client to ask with.

    Raises:
        WcsError: If the service is gone, or gives something else.
        NetworkError: If it cannot be asked.
    """
    asked = {"SERVICE": "WCS", "VERSION": "1.1.1", "REQUEST": "GetCapabilities"}
    root = _document(url, asked, "Capabilities", http)
    summaries = _found(root, "CoverageSummary")
    names = [name for summary in summaries for name in _names(summary)]
    if not names:
        raise WcsError(f"{redact_secrets(url)} lists no coverage of WCS 1.1.1. {_ADVICE}")
    services = list(_found(root, "ServiceIdentification"))
    titles = _texts(each for service in services for each in _own(service, "Title"))
    return Capabilities(
        title=titles[0] if titles else "",
        versions=_texts(_found(root, "ServiceTypeVersion")),
        identifiers=tuple(dict.fromkeys(names)),
    )


def describe_coverage(url: str, identifier: str, http: Http) -> CoverageDescription:
    """Ask a service about one coverage.

    Args:
        url: Address of the service, which may have a query.
        identifier: Name of the coverage, as the capabilities list it.
        http: Client to ask with.

    Raises:
        WcsError: If the service is gone, does not describe the coverage, or gives something else.
        NetworkError: If it cannot be asked.
    """
    asked = {
        "SERVICE": "WCS",
        "VERSION": "1.1.1",
        "REQUEST": "DescribeCoverage",
        "IDENTIFIERS": identifier,
    }
    root = _document(url, asked, "CoverageDescriptions", http)
    described = {
        name: each for each in _found(root, "CoverageDescription") for name in _names(each)
    }
    if identifier not in described and len(described) != 1:  # a gateway may rename the only one
        listed = to_one_line(", ".join(described), _MOST_LISTED) or "none"
        raise WcsError(
            f"{redact_secrets(url)} was asked for coverage {identifier!r} and describes "
            f"{listed}. {_ADVICE}"
        )
    name = identifier if identifier in described else next(iter(described))
    return _description(name, described[name])


def missing_service_error(url: str, exc: NetworkError) -> WcsError | None:
    """Return the error to raise if an error means that there is no service at an address.

    That is what a refused connection, a name that does not resolve, and the statuses 404 and 410
    mean.

    Args:
        url: The address.
        exc: What went wrong there.

    Returns:
        The error, with what to do instead; None if the service is there.
    """
    if isinstance(exc, ServerError) and exc.status in _GONE:
        return WcsError(f"{redact_secrets(url)} answers {exc.status}: no WCS there. {_ADVICE}")
    met = not isinstance(exc.__cause__, RetryableError) or exc.__cause__.met
    if isinstance(exc, TransferError) and not met:
        return WcsError(f"{exc} {_ADVICE}")
    return None


def _document(url: str, parameters: Mapping[str, str], kind: str, http: Http) -> Element:
    """Ask for a document; whatever else comes is told in its own words."""
    try:
        body = http.request(
            "GET", url, params=parameters, max_bytes=_MOST_BYTES, trusted=True
        ).content
    except NetworkError as exc:
        error = missing_service_error(url, exc)
        if error is None:
            raise
        raise error from exc
    cause: Exception | None = None
    try:
        root: Element = fromstring(body, forbid_dtd=True)
        if _local(root.tag) == kind:
            return root
        other = f"a document of another kind, {to_one_line(_local(root.tag), _MOST_NAME)!r}"
    except (ParseError, DefusedXmlException, LookupError, ValueError) as exc:
        other, cause = f"a document that cannot be read ({exc})", exc
    said = str(read_refusal(body) or other).rstrip(".")
    raise WcsError(
        f"{redact_secrets(url)} was asked for {parameters['REQUEST']} and answers: {said}. "
        f"{_ADVICE}"
    ) from cause


def _description(identifier: str, described: Element) -> CoverageDescription:
    methods = [*_found(described, "InterpolationMethod"), *_found(described, "Default")]
    return CoverageDescription(
        identifier=identifier,
        crss=tuple(dict.fromkeys(map(parse_crs_name, _texts(_found(described, "SupportedCRS"))))),
        formats=_texts(_found(described, "SupportedFormat")),
        bounds=_bounds(described),
        resolution=_resolution(described),
        nodata=_nodata(described),
        interpolations=_texts(methods),
    )


def _bounds(described: Element) -> Bounds | None:
    """The box in EPSG:3979, whose axes are x and y; that in degrees is in either order."""
    for box in _found(described, "BoundingBox"):
        if parse_crs_name(box.get("crs", "")) == NATIVE_CRS:
            corners = [_numbers(_found(box, name)) for name in ("LowerCorner", "UpperCorner")]
            match corners:
                case [[left, bottom], [right, top]] if left < right and bottom < top:
                    return left, bottom, right, top
    return None


def _resolution(described: Element) -> tuple[float, float] | None:
    """Of two offsets, or of the four that a rotated grid would have (07-067r2, 9.3.3.3)."""
    if [parse_crs_name(text) for text in _texts(_found(described, "GridBaseCRS"))] != [NATIVE_CRS]:
        return None
    match _numbers(_found(described, "GridOffsets")):
        case [dx, dy] | [dx, 0.0, 0.0, dy] if dx and dy:
            return abs(dx), abs(dy)
    return None


def _nodata(described: Element) -> float | None:
    for text in _texts(_found(described, "NullValue")):
        try:
            return float(text)
        except ValueError:
            continue
    return None


def _found(element: Element, name: str) -> Iterator[Element]:
    """All elements of a local name in an element, however deep."""
    return (each for each in element.iter() if _local(each.tag) == name)


def _own(element: Element, name: str) -> Iterator[Element]:
    """The children of that local name."""
    return (each for each in element if _local(each.tag) == name)


def _names(described: Element) -> tuple[str, ...]:
    return _texts(_own(described, "Identifier"))


def _texts(elements: Iterable[Element]) -> tuple[str, ...]:
    """What elements say, each text once; empty ones say nothing."""
    texts = (to_one_line("".join(element.itertext()), _MOST_NAME) for element in elements)
    return tuple(dict.fromkeys(text for text in texts if text))


def _numbers(elements: Iterable[Element]) -> list[float]:
    """The numbers in the first of the elements; none if it has anything else."""
    text = next(iter(_texts(elements)), "")
    try:
        numbers = [float(number) for number in text.replace(",", " ").split()]
    except ValueError:
        return []
    return numbers if all(map(math.isfinite, numbers)) else []


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]
