"""Read the bodies of responses: in bounded time, up to a size, as long as the client is open."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import httpx

from hrdem.errors import ServerError
from hrdem.http.body import Pace, decode_body, unsupported_encoding
from hrdem.http.outgoing import OutgoingRequest
from hrdem.http.range_buffer import RangeBuffer
from hrdem.http.receive import receive_body
from hrdem.http.response_checks import SNIFFED_BYTES, check_part_is_plain, is_web_page
from hrdem.http.timeouts import Timeouts
from hrdem.runtime.redaction import redact_secrets

_MAX_ERROR_BODY_BYTES = 4096


class BodyReader:
    """Reads the bodies of a client's responses.

    Args:
        timeouts: How long to wait.
        is_closed: Whether the client was closed.
    """

    def __init__(self, timeouts: Timeouts, is_closed: Callable[[], bool]) -> None:
        self._timeouts = timeouts
        self._is_closed = is_closed

    def read(
        self, response: httpx.Response, request: OutgoingRequest, max_bytes: int
    ) -> Iterator[bytes]:
        """Yield a decoded body in chunks; of a web page only the beginning.

        Args:
            response: A successful response.
            request: What it responds to.
            max_bytes: Maximum size of the body.

        Raises:
            ServerError: If the body is too long.
            httpx.TransportError: If it does not arrive in time, or the client was closed.
        """
        display_url = redact_secrets(request.url)
        is_part = response.status_code == httpx.codes.PARTIAL_CONTENT  # of a file, whatever it is
        if is_part:
            check_part_is_plain(response, display_url)
        too_long = f"{display_url} answers {response.status_code} with more than {max_bytes} bytes."
        announced = int(response.headers.get("content-length") or 0)
        if announced > max_bytes and "html" not in response.headers.get("content-type", ""):
            raise ServerError(f"{too_long} It announces {announced}.", response.status_code)
        received, beginning = 0, b""
        for chunk in self._limit(response, request.timeouts or self._timeouts):
            if len(beginning) < SNIFFED_BYTES and not is_part:
                beginning += chunk[:SNIFFED_BYTES]
                if is_web_page(beginning):
                    yield chunk
                    return
            received += len(chunk)
            if received > max_bytes:
                raise ServerError(too_long, response.status_code)
            yield chunk

    def read_beginning(self, response: httpx.Response) -> bytes:
        """Read what a message may quote; nothing if the encoding is not supported."""
        if unsupported_encoding(response):
            return b""
        body = bytearray()
        with contextlib.suppress(httpx.DecodingError):
            for chunk in self._limit(response, self._timeouts):
                body += chunk
                if len(body) >= _MAX_ERROR_BODY_BYTES or (
                    response.is_success and is_web_page(bytes(body))
                ):
                    break
        return bytes(body[:_MAX_ERROR_BODY_BYTES])

    def read_into(
        self, response: httpx.Response, received: RangeBuffer, end: int, display_url: str
    ) -> None:
        """Append a body that is not encoded to a buffer, until it ends.

        Args:
            response: The response.
            received: The buffer.
            end: Position in the file that the body ends at.
            display_url: Address in messages.
        """
        pace = Pace(response, self._timeouts)
        for count in receive_body(response, received, end, display_url):
            self._check_open(response)
            pace.check(count)

    def _limit(self, response: httpx.Response, timeouts: Timeouts) -> Iterator[bytes]:
        """Yield the chunks of a body as long as they arrive in time and the client is open."""
        pace = Pace(response, timeouts)
        for chunk in decode_body(response):
            self._check_open(response)
            yield chunk
            pace.check(len(chunk))

    def _check_open(self, response: httpx.Response) -> None:
        if self._is_closed():
            raise httpx.ReadError("the client was closed", request=response.request)
