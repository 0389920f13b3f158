"""Checks of responses, and messages for failed requests."""

from __future__ import annotations

import ssl

import httpx

from hrdem.errors import ServerError, TransferError
from hrdem.http.body import TooSlow
from hrdem.http.retry import RETRIED_STATUSES, RetryableError, parse_retry_after
from hrdem.http.source_version import SourceVersion
from hrdem.runtime.redaction import redact_secrets
from hrdem.runtime.text import end_sentence, to_one_line

_PRECONDITION_FAILED = 412
_MAX_QUOTE_CHARACTERS = 200  # of server and library text


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
            "inspects traffic, set SSL_CERT_FILE to its certificate bundle."
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


def encoding_message(display_url: str, coding: str) -> str:
    """Return the message for a response in an unsupported encoding."""
    return (
        f"{display_url} sends a response in the encoding "
        f"{to_one_line(coding, _MAX_QUOTE_CHARACTERS)!r}, which was not requested and is not "
        "supported. A proxy may be in the way."
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
    message = to_one_line(redact_secrets(body.decode("utf-8", "replace")), _MAX_QUOTE_CHARACTERS)
    text = f"{display_url} answers {response.status_code}" + (
        f": {end_sentence(message)}" if message else "."
    )
    if response.status_code in RETRIED_STATUSES:
        return RetryableError(text, response.status_code, parse_retry_after(response.headers), body)
    return ServerError(text, response.status_code, body)


def check_response_version(
    response: httpx.Response, display_url: str, version: SourceVersion
) -> None:
    """Raise unless a response is from the expected version.

    Dates are compared if both are known: some servers have ETags that do not change.

    Raises:
        ServerError: With the status 412, as if the server had compared the versions.
    """
    etag, date = (response.headers.get(name, "") for name in ("etag", "last-modified"))
    if etag != version.etag or (date and version.last_modified not in ("", date)):
        raise ServerError(
            f"{display_url} has changed: it has another version now.", _PRECONDITION_FAILED
        )


def check_content_range(response: httpx.Response, display_url: str, expected: str) -> None:
    """Raise unless a response is the requested range of the file (RFC 9110, 14.4).

    Raises:
        ServerError: If it is the complete file.
        TransferError: If it is another range, or compressed.
    """
    if response.status_code != httpx.codes.PARTIAL_CONTENT:
        raise ServerError(no_ranges_message(display_url), response.status_code)
    found = response.headers.get("content-range", "no Content-Range")
    if found != expected:
        raise TransferError(
            f"{display_url} sends {found!r} instead of the requested {expected!r}. A proxy may be "
            "in the way, or the file is being published again: try again later."
        )
    if response.headers.get("content-encoding", "identity") != "identity":
        raise TransferError(
            f"{display_url} sends parts of a file compressed, which cannot be used."
        )


def no_ranges_message(display_url: str) -> str:
    """Return the message for a server that sends a whole file in place of a range."""
    return (
        f"{display_url} ignores the Range header and would send the whole file. "
        "The server or a proxy on the way cannot serve parts of files."
    )
