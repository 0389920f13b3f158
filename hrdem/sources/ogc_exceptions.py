"""Error messages of OGC services: exception reports, HTML pages, JSON and plain text.

Neither status nor media type identifies them: MapServer sends exceptions with status 200,
GeoTrellis sends text, gateways send pages. The beginning of the body alone decides.
"""

from __future__ import annotations

import codecs
import contextlib
import html
import json
import re
from dataclasses import dataclass
from xml.etree.ElementTree import ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import XMLParser

from hrdem.runtime.redaction import redact_secrets
from hrdem.runtime.text import to_one_line

_MAX_BYTES = 1 << 14  # of a body that are parsed
_MAX_TEXT_CHARACTERS = 1000
_MAX_MESSAGE_CHARACTERS = 200
_REPORTS = ("ExceptionReport", "ServiceExceptionReport")
_EXCEPTIONS = ("Exception", "ServiceException")
# endings of exception codes: OWS 1.1 (06-121r3, 8), WMS 1.3.0 (06-042, E.1) and 1.1.1
_CLIENT_ERROR_CODES = (
    "ParameterValue", "DimensionValue", "NotDefined", "NotSupported", "NotQueryable",
    "InvalidFormat", "InvalidCRS", "InvalidSRS", "InvalidPoint",
)  # fmt: skip
_BLANKS = b" \t\r\n"
_TEXT_BYTES = bytes({*b"\t\n\f\r", *range(0x20, 0x100)} - {0x7F})
_TITLE = re.compile(r"<title\b[^<>]*>([^<]+)", re.IGNORECASE)
_UNSEEN = re.compile(r"<(script|style)\b.*?</\1\b[^<>]*>", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"<[^<>]*>")
_STACK = re.compile(r"^\s+at [\w.$/<>]+\(", re.MULTILINE)
_LIMIT = re.compile(r"\bMAXSIZE\s*=\s*([1-9]\d{0,6})\b")
_TOO_LARGE = re.compile(
    r"\bMAXSIZE\b"
    r"|\bsize out of range\b"
    r"|\btoo much data\b"
    r"|\b(request|coverage|raster|image|output|result|area)( size| entity)? (is )?too (large|big)\b"
    r"|\b(request|size|width|height|pixels|cells|bytes|data|memory)\b[^.;]*\bexceed\w*"
    r" [^.;]*\b(maximum|limit|allowed)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Error message of a service.

    As a string it is one line of at most 200 characters.

    Attributes:
        code: Code of the exception, such as ``InvalidParameterValue``, or empty.
        locator: Subject of the exception, often a parameter, or empty.
        text: Text of the message in one line, or empty.
    """

    code: str
    locator: str
    text: str

    def __str__(self) -> str:
        about = f"{self.code} ({self.locator})" if self.locator else self.code
        message = ": ".join(part for part in (about.strip(), self.text) if part)
        return to_one_line(redact_secrets(message) or "an empty response", _MAX_MESSAGE_CHARACTERS)


def read_refusal(body: bytes) -> Refusal | None:
    """Parse the error message that a service sends in place of an image or a document.

    Exception reports of OWS 1.1 (06-121r3, 8) and 2.0 (06-121r9, 8), service exceptions of WMS
    1.3.0 (06-042) and WCS 1.0 (03-065r6), HTML pages, JSON and plain text are recognized by their
    content. Only the first of several documents counts: MapServer may append another. Entities
    are not expanded and nothing is loaded.

    Args:
        body: The response's body, or its beginning.

    Returns:
        The message; None for an image, a multipart body, or an XML document of another kind.
    """
    head = body[:_MAX_BYTES].removeprefix(codecs.BOM_UTF8).lstrip(_BLANKS)
    if head.startswith(b"<"):
        return _parse_markup(head)
    if head.startswith(b"--") or head.translate(None, _TEXT_BYTES):
        return None
    text = _decode(head)
    if text.startswith("{"):
        text = _parse_json(text)
    elif _STACK.search(text):
        text = text.splitlines()[0]
    return Refusal("", "", to_one_line(text, _MAX_TEXT_CHARACTERS))


def blames_request(refusal: Refusal) -> bool:
    """Whether the code of a message states that the request is wrong, and would stay so."""
    return refusal.code.endswith(_CLIENT_ERROR_CODES)


def is_too_large(refusal: Refusal) -> bool:
    """Whether a message states that the request is too large."""
    return _TOO_LARGE.search(refusal.text) is not None


def size_limit(refusal: Refusal) -> int | None:
    """Return the maximum width and height, pixels, that a message states; None if it does not.

    MapServer states it as ``MAXSIZE=…``.
    """
    match = _LIMIT.search(refusal.text)
    return int(match[1]) if match else None


class _ReportTarget:
    """Parser target that collects the exceptions of a report, as far as it can be parsed."""

    def __init__(self) -> None:
        self.root: str | None = None
        self.exceptions: list[tuple[str, str, list[str]]] = []

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self.root = self.root or tag
        if local_name(tag) in _EXCEPTIONS:
            code = attributes.get("exceptionCode") or attributes.get("code") or ""
            self.exceptions.append((code, attributes.get("locator", ""), []))

    def data(self, text: str) -> None:
        if self.exceptions:
            self.exceptions[-1][2].append(text)


def _parse_markup(head: bytes) -> Refusal | None:
    report = _ReportTarget()
    # the end may be missing, a second document may follow, HTML need not be XML
    with contextlib.suppress(ParseError, DefusedXmlException, LookupError, ValueError):
        XMLParser(target=report).feed(head)
    root = report.root or ""
    if local_name(root) in _REPORTS and report.exceptions:
        return _join_exceptions(report)
    if (
        root.startswith("{")
        and local_name(root).lower() != "html"
        and local_name(root) not in _REPORTS
    ):
        return None
    text = _decode(head)
    title = _TITLE.search(text)
    visible = title[1] if title else _TAG.sub(" ", _UNSEEN.sub(" ", text))
    words = to_one_line(html.unescape(visible), _MAX_TEXT_CHARACTERS)
    if not words and local_name(root) not in _REPORTS:
        words = to_one_line(text, _MAX_TEXT_CHARACTERS)
    return Refusal("", "", words)


def _join_exceptions(report: _ReportTarget) -> Refusal:
    """Join all exceptions of a report; code and locator are those of the first."""
    code, locator, _ = report.exceptions[0] if report.exceptions else ("", "", [])
    texts = (" ".join("".join(message).split()) for _, _, message in report.exceptions)
    joined = "; ".join(text for text in texts if text)
    return Refusal(
        to_one_line(code, _MAX_MESSAGE_CHARACTERS),
        to_one_line(locator, _MAX_MESSAGE_CHARACTERS),
        to_one_line(joined, _MAX_TEXT_CHARACTERS),
    )


def _parse_json(text: str) -> str:
    """Return the message in a JSON object, from the keys that services use."""
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        return text
    match message:
        case {"detail": str(words)} | {"message": str(words)} | {"description": str(words)}:
            return words
    return text


def _decode(head: bytes) -> str:
    try:
        return codecs.utf_8_decode(head, "strict", False)[0]  # the last character may be cut off
    except UnicodeDecodeError:
        return head.decode("cp1252", "replace")


def local_name(tag: str) -> str:
    """Return the name of an XML element without its namespace."""
    return tag.rpartition("}")[2]
