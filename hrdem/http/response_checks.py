"""Checks of responses, and messages for failed requests."""

from __future__ import annotations

import re
import ssl

import httpx

from hrdem.errors import ServerError, TransferError
from hrdem.http.body import TooSlow, list_codings
from hrdem.http.protocol import Response
from hrdem.http.retry import RETRIED_STATUSES, RetryableError, parse_retry_after
from hrdem.http.source_version import SourceVersion
from hrdem.runtime.redaction import redact_secrets
from hrdem.runtime.text import end_sentence, to_one_line

SNIFFED_BYTES = 1024  # of a body
_MAX_QUOTE_CHARACTERS = 200  # of server and library text
# units ignore case (RFC 9110, 14.1)
CONTENT_RANGE = re.compile(r"bytes (\d{1,19})-(\d{1,19})/(\d{1,19})", re.IGNORECASE)
_UNSATISFIED_RANGE = re.compile(r"bytes \*/(\d{1,19})", re.IGNORECASE)
_RANGE_START = re.compile(r"bytes=(\d{1,19})-")
_WEB_PAGE = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*"
    rb"<(?:!doctype\s+html|html|head|meta|script|body)\b",
    re.IGNORECASE | re.DOTALL,
)


def is_certificate_error(exc: BaseException | None) -> bool:
    """Whether an error was caused by a certificate."""
    while exc is not None:
        if isinstance(exc, ssl.SSLCertVerificationError):
            return True
        exc = exc.__cause__ or exc.__context__
    return False


def describe_transport_error(exc: httpx.TransportError) -> str:
    """Describe why no complete response was received; the text follows the address."""
    if is_certificate_error(exc):
        return (
            f"has a certificate that is not trusted here ({quote_error(exc)}). Behind a proxy that "
            "inspects traffic, set SSL_CERT_FILE to its certificate bundle; hrdem doctor shows "
            "which certificates are used."
        )
    match exc:
        case httpx.ConnectTimeout():
            return "did not accept a connection in time. Check the network and the address."
        case httpx.ConnectError():
            reason = quote_error(exc)
            return f"cannot be reached ({reason}). Check the network, the proxy and the address."
        case TooSlow():
            return f"responds too slowly ({exc})."
        case httpx.TimeoutException():
            return f"stopped responding ({quote_error(exc) or 'timed out'})."
        case httpx.ProxyError():
            return (
                f"cannot be reached through the proxy ({quote_error(exc)}). Check its address, "
                "user name and password; hrdem doctor shows which proxy is used."
            )
    return f"did not complete its response ({quote_error(exc)})."


def quote_error(exc: Exception) -> str:
    """Return the message of a library's error, redacted and on one line."""
    return to_one_line(redact_secrets(str(exc)), _MAX_QUOTE_CHARACTERS)


def encoding_error(display_url: str, status: int, coding: str) -> RetryableError:
    """Return the exception for a response in an unsupported encoding."""
    return RetryableError(
        f"{display_url} sends a response in the encoding "
        f"{to_one_line(coding, _MAX_QUOTE_CHARACTERS)!r}, which was not requested and is not "
        "supported. A proxy may be in the way.",
        status,
        kind=TransferError,
    )


def error_response(
    response: httpx.Response, display_url: str, body: bytes
) -> ServerError | RetryableError:
    """Return the exception for an error response.

    Args:
        response: The response; its status and headers are used.
        display_url: Address in messages.
        body: Beginning of its body.
    """
    message = _quote(body)
    text = f"{display_url} answers {response.status_code}" + (f": {message}" if message else ".")
    if _is_passing(response):
        return RetryableError(text, response.status_code, parse_retry_after(response.headers), body)
    return ServerError(text, response.status_code, body)


def check_range(
    response: httpx.Response, display_url: str, version: SourceVersion, start: int, stop: int
) -> int:
    """Check that a response is the requested range of the right version, or begins it.

    A server may send fewer bytes than requested (RFC 9110, 15.3.7).

    Args:
        response: The response, whose status is 206.
        display_url: Address in messages.
        version: Version that the file must have.
        start: First byte that was requested.
        stop: Byte after the last.

    Returns:
        Byte after the last that the response holds.

    Raises:
        ServerError: With the status 412 if the file may have another version, as if the server had
            compared the versions.
        RetryableError: If a proxy may have altered the response, or sent another.
    """
    _check_version(response, display_url, version)
    length = response.headers.get("content-length")
    held = CONTENT_RANGE.fullmatch(response.headers.get("content-range", ""))
    if held is None or int(held[1]) != start or not start <= int(held[2]) < stop:
        raise other_range_error(response, display_url, version, start, stop)
    if int(held[3]) != version.size:
        error = other_range_error(response, display_url, version, start, stop)
        if not version.pinned:  # the size may be all that tells versions apart
            raise ServerError(str(error), httpx.codes.PRECONDITION_FAILED)
        raise error
    check_part_is_plain(response, display_url)
    end = int(held[2]) + 1
    if length is not None and int(length) > end - start:
        raise RetryableError(f"{display_url} sends more bytes than requested.")
    return end


def check_part_is_plain(response: httpx.Response, display_url: str) -> None:
    """Raise if a part of a file is compressed: it would be a part of other bytes.

    Raises:
        RetryableError: If it is.
    """
    if list_codings(response):
        raise RetryableError(
            f"{display_url} sends parts of a file compressed, which cannot be used. A proxy may be "
            "in the way."
        )


def refused_etag_message(error: ServerError, version: SourceVersion) -> str:
    """Return the message for a file that is unchanged, though its server says otherwise twice.

    Args:
        error: What the server answered.
        version: The version that it reports.
    """
    name = f"ETag {version.etag}" if version.etag else f"date {version.last_modified}"
    if version.etag.rstrip('"').endswith("-gzip"):
        cause = "Apache adds -gzip to the ETags of files that it compresses, and then does not know"
        return f"{error} The file is unchanged: {cause} them. The operator has to turn that off."
    return (
        f"{error} The file is unchanged: its server reports the {name} and then refuses it, as "
        "several servers behind one address do, or a proxy that alters the file. Try again later, "
        "or from another network."
    )


def other_range_error(
    response: httpx.Response, display_url: str, version: SourceVersion, start: int, stop: int
) -> RetryableError:
    """Return the exception for a response that is not the requested range, or only begins it."""
    found = response.headers.get("content-range", "no Content-Range")
    return RetryableError(
        f"{display_url} sends {found!r} instead of the requested "
        f"'bytes {start}-{stop - 1}/{version.size}'. A proxy may be in the way, or the file is "
        "being published again: try again later."
    )


def _check_version(response: httpx.Response, display_url: str, version: SourceVersion) -> None:
    """Raise unless a response is from the expected version.

    Dates are compared if both are known: some servers have ETags that do not change.
    """
    etag, date = (response.headers.get(name, "") for name in ("etag", "last-modified"))
    if version.etag and not etag:
        raise RetryableError(
            f"{display_url} sends a part without the ETag of its file, {version.etag}. A proxy may "
            "be in the way."
        )
    if etag != version.etag or (date and version.last_modified not in ("", date)):
        raise ServerError(
            f"{display_url} has changed: it has another version now.",
            httpx.codes.PRECONDITION_FAILED,
        )


def is_web_page(beginning: bytes) -> bool:
    """Whether the beginning of a body is that of an HTML page, which is never requested.

    Login pages and error pages of proxies come with the status 200, too. Some servers send JSON as
    text/html, so the bytes decide.
    """
    return _WEB_PAGE.match(beginning[:SNIFFED_BYTES]) is not None


def _web_page_error(display_url: str, status: int, beginning: bytes) -> RetryableError:
    """Return the exception for a web page in place of data."""
    return RetryableError(
        f"{display_url} answers {status} with a web page instead of data: "
        f"{_quote(beginning[:SNIFFED_BYTES])} A login page or a proxy may be in the way.",
        status,
        body=beginning[:SNIFFED_BYTES],
    )


def check_no_web_page(response: Response) -> None:
    """Raise if a response is a web page.

    Raises:
        RetryableError: If it is.
    """
    if is_web_page(response.content):
        raise _web_page_error(redact_secrets(response.url), response.status, response.content)


def whole_file_error(
    display_url: str, status: int, beginning: bytes
) -> ServerError | RetryableError:
    """Return the exception for a response with a whole body in place of a range."""
    if is_web_page(beginning):
        return _web_page_error(display_url, status, beginning)
    return ServerError(no_ranges_message(display_url), status)


def no_ranges_message(display_url: str) -> str:
    """Return the message for a server that sends a whole file in place of a range."""
    return (
        f"{display_url} ignores the Range header and would send the whole file. "
        "The server or a proxy on the way cannot serve parts of files."
    )


def _is_passing(response: httpx.Response) -> bool:
    """Whether another attempt may get another status."""
    headers, sent = response.headers, response.request.headers
    match response.status_code:
        case httpx.codes.NOT_MODIFIED:  # an answer to another request than ours
            return "if-none-match" not in sent
        case httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:  # RFC 9110, 15.5.17
            size = _UNSATISFIED_RANGE.fullmatch(headers.get("content-range", ""))
            start = _RANGE_START.match(sent.get("range", ""))
            return start is not None and (size is None or int(size[1]) > int(start[1]))
    return response.status_code in RETRIED_STATUSES


def _quote(body: bytes) -> str:
    """Return the beginning of a body as a sentence; empty if it has no text."""
    text = redact_secrets(body.decode("utf-8", "replace"))
    line = to_one_line(text, _MAX_QUOTE_CHARACTERS)
    return end_sentence(line) if line else ""
