"""What a service says when it gives no coverage: exception reports, pages and plain words.

Neither the status nor the media type tells: MapServer sends its exceptions with status 200,
GeoTrellis sends text, gateways send pages. The body alone decides, and of it only the beginning.
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

_MOST_BYTES = 1 << 14  # that are looked at
_MOST_TEXT = 1000  # characters that are kept
_MOST_SHOWN = 200  # characters in a message
_REPORTS = ("ExceptionReport", "ServiceExceptionReport")
_EXCEPTIONS = ("Exception", "ServiceException")
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
    """What a service says instead of giving what was asked for.

    As a string it is one line of at most 200 characters, for messages.

    Attributes:
        code: Code of the exception, such as ``InvalidParameterValue``, or empty.
        locator: What the exception is about, often a parameter, or empty.
        text: The service's words in one line, or empty.
    """

    code: str
    locator: str
    text: str

    def __str__(self) -> str:
        about = f"{self.code} ({self.locator})" if self.locator else self.code
        said = ": ".join(part for part in (about.strip(), self.text) if part)
        return to_one_line(redact_secrets(said) or "an empty answer", _MOST_SHOWN)


def read_refusal(body: bytes) -> Refusal | None:
    """Read what a service says in place of a coverage or a description of one.

    Exception reports of OWS 1.1 (06-121r3, 8) and 2.0 (06-121r9, 8), service exceptions of WMS
    1.3.0 (06-042) and WCS 1.0 (03-065r6), HTML pages, JSON and plain text are told apart by their
    content. Only the first of several documents counts: MapServer may append another. Entities
    are not expanded and nothing is loaded.

    Args:
        body: The whole answer, or its beginning.

    Returns:
        The refusal; None for an image, a multipart answer, or an XML document of another kind.
    """
    head = body[:_MOST_BYTES].removeprefix(codecs.BOM_UTF8).lstrip(_BLANKS)
    if head.startswith(b"<"):
        return _marked_up(head)
    if head.startswith(b"--") or head.translate(None, _TEXT_BYTES):
        return None
    text = _decoded(head)
    if text.startswith("{"):
        text = _detail(text)
    elif _STACK.search(text):
        text = text.splitlines()[0]
    return Refusal("", "", to_one_line(text, _MOST_TEXT))


def is_too_large(refusal: Refusal) -> bool:
    """Whether a service says that more was asked for than it gives at once."""
    return _TOO_LARGE.search(refusal.text) is not None


def size_limit(refusal: Refusal) -> int | None:
    """Return the most pixels in a row or column that a service says to allow; None if it does not.

    MapServer names its limit, as ``MAXSIZE=…``.
    """
    found = _LIMIT.search(refusal.text)
    return int(found[1]) if found else None


class _Reading:
    """Takes the exceptions of a report from a parser, as far as that gets."""

    def __init__(self) -> None:
        self.root: str | None = None
        self.found: list[tuple[str, str, list[str]]] = []

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self.root = self.root or tag
        if _local(tag) in _EXCEPTIONS:
            code = attributes.get("exceptionCode") or attributes.get("code") or ""
            self.found.append((code, attributes.get("locator", ""), []))

    def data(self, text: str) -> None:
        if self.found:
            self.found[-1][2].append(text)


def _marked_up(head: bytes) -> Refusal | None:
    reading = _Reading()
    # the end may be missing, a second document may follow, HTML need not be XML
    with contextlib.suppress(ParseError, DefusedXmlException, LookupError, ValueError):
        XMLParser(target=reading).feed(head)
    root = reading.root or ""
    if _local(root) in _REPORTS and reading.found:
        return _reported(reading)
    if root.startswith("{") and _local(root).lower() != "html" and _local(root) not in _REPORTS:
        return None
    text = _decoded(head)
    title = _TITLE.search(text)
    shown = title[1] if title else _TAG.sub(" ", _UNSEEN.sub(" ", text))
    words = to_one_line(html.unescape(shown), _MOST_TEXT)
    if not words and _local(root) not in _REPORTS:
        words = to_one_line(text, _MOST_TEXT)
    return Refusal("", "", words)


def _reported(reading: _Reading) -> Refusal:
    """One refusal of all exceptions; what it is about comes from the first."""
    code, locator, _ = reading.found[0] if reading.found else ("", "", [])
    texts = (" ".join("".join(said).split()) for _, _, said in reading.found)
    joined = "; ".join(text for text in texts if text)
    return Refusal(
        to_one_line(code, _MOST_SHOWN),
        to_one_line(locator, _MOST_SHOWN),
        to_one_line(joined, _MOST_TEXT),
    )


def _detail(text: str) -> str:
    """The words in a JSON object, where services put them."""
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        return text
    match said:
        case {"detail": str(words)} | {"message": str(words)} | {"description": str(words)}:
            return words
    return text


def _decoded(head: bytes) -> str:
    try:
        return codecs.utf_8_decode(head, "strict", False)[0]  # the last letter may be cut
    except UnicodeDecodeError:
        return head.decode("cp1252", "replace")


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]
