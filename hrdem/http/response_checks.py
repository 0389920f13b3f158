"""What is wrong with an answer, or in the place of one, in words."""

from __future__ import annotations

import ssl

import httpx

from hrdem.errors import ServerError, TransferError
from hrdem.http.body import TooSlow
from hrdem.http.retry import RETRIED_STATUSES, RetryableError, retry_after
from hrdem.http.source_version import SourceVersion
from hrdem.runtime.redaction import redact_secrets
from hrdem.runtime.text import end_sentence, to_one_line

_CHANGED = 412  # Precondition Failed
_EXCERPT = 200  # characters of others' words that a message quotes


def is_tls(exc: BaseException | None) -> bool:
    """Whether an error comes of a certificate."""
    while exc is not None:
        if isinstance(exc, ssl.SSLCertVerificationError):
            return True
        exc = exc.__cause__ or exc.__context__
    return False


def reason(exc: httpx.TransportError) -> str:
    """Return why no answer came, or not all of it, in words that follow its address."""
    if is_tls(exc):
        return (
            f"has a certificate that is not trusted here ({words(exc)}). Behind a proxy that "
            "inspects traffic, set SSL_CERT_FILE to its certificate bundle."
        )
    match exc:
        case httpx.ConnectTimeout():
            return "did not accept a connection in time. Check the network and the address."
        case httpx.ConnectError():
            said = words(exc)
            return f"cannot be reached ({said}). Check the network, the proxy and the address."
        case TooSlow():
            return f"answers too slowly ({exc})."
        case httpx.TimeoutException():
            return f"stopped answering ({words(exc) or 'timed out'})."
        case httpx.ProxyError():
            return f"cannot be reached through the proxy ({words(exc)})."
    return f"broke off its answer ({words(exc)})."


def words(exc: Exception) -> str:
    """What a library says, which may hold addresses and words of a server."""
    return to_one_line(redact_secrets(str(exc)), _EXCERPT)


def coded(shown: str, coding: str) -> str:
    """Return what is said of an answer that is packed as nobody asked for."""
    return (
        f"{shown} sends an answer in the encoding {to_one_line(coding, _EXCERPT)!r}, which was not "
        "asked for and is not read. A proxy may be in the way."
    )


def refusal(answer: httpx.Response, shown: str, body: bytes) -> ServerError | RetryableError:
    """Return the error of an answer that says no.

    Args:
        answer: Its status and headers.
        shown: What to call the address.
        body: The beginning of what it says.
    """
    said = to_one_line(redact_secrets(body.decode("utf-8", "replace")), _EXCERPT)
    text = f"{shown} answers {answer.status_code}" + (f": {end_sentence(said)}" if said else ".")
    if answer.status_code in RETRIED_STATUSES:
        return RetryableError(text, answer.status_code, retry_after(answer.headers), body)
    return ServerError(text, answer.status_code, body)


def check_version(answer: httpx.Response, shown: str, version: SourceVersion) -> None:
    """Make sure that an answer is of the version that was expected.

    Dates are compared where both are there: a server whose ETag says little may give another.

    Raises:
        ServerError: If not, with the status of a server that compares by itself.
    """
    etag, date = (answer.headers.get(name, "") for name in ("etag", "last-modified"))
    if etag != version.etag or (date and version.last_modified not in ("", date)):
        raise ServerError(f"{shown} is another version by now.", _CHANGED)


def check_part(answer: httpx.Response, shown: str, expected: str) -> None:
    """Make sure that an answer is the part of the file that was asked for (RFC 9110, 14.4).

    Raises:
        ServerError: If it is the whole file.
        TransferError: If it is another part, or compressed.
    """
    if answer.status_code != httpx.codes.PARTIAL_CONTENT:
        raise ServerError(
            f"{shown} ignores the Range header and would send the whole file. The server or a "
            "proxy on the way cannot serve parts of files.",
            answer.status_code,
        )
    said = answer.headers.get("content-range", "no Content-Range")
    if said != expected:
        raise TransferError(
            f"{shown} was asked for {expected!r} and answers with {said!r}. A proxy may be in the "
            "way, or the file may be being published again: try again later."
        )
    if answer.headers.get("content-encoding", "identity") != "identity":
        raise TransferError(f"{shown} sends parts of a file compressed, which cannot be used.")
