"""Requests that are sent before their responses are needed."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable

from hrdem.http.outgoing import OutgoingRequest
from hrdem.http.protocol import Response
from hrdem.runtime.forks import add_thread

_CTRL_C_SECONDS = 0.25  # after which a wait notices Ctrl-C at the latest, on Windows


class EarlyRequests:
    """Requests on their way, each for one that is the same."""

    def __init__(self) -> None:
        self._requests: list[EarlyRequest] = []
        self._lock = threading.Lock()

    def send(
        self,
        request: OutgoingRequest,
        send: Callable[[OutgoingRequest], Response],
        then: Callable[[Response], None] | None,
    ) -> None:
        """Send a request in a thread (see `EarlyRequest`)."""
        early = EarlyRequest(request, send, then)
        with self._lock:
            self._requests.append(early)

    def take(self, request: OutgoingRequest) -> EarlyRequest | None:
        """Return, once, what was sent for a request; None if nothing was."""
        with self._lock:
            early = next((each for each in self._requests if each.is_for(request)), None)
            if early is not None:
                self._requests.remove(early)
            return early


class EarlyRequest:
    """A request on its way, in a thread that does not keep the process from ending.

    Args:
        request: The request.
        send: Sends it once.
        then: Called with the response, in the thread, before others get it; None for nothing.
    """

    def __init__(
        self,
        request: OutgoingRequest,
        send: Callable[[OutgoingRequest], Response],
        then: Callable[[Response], None] | None,
    ) -> None:
        self._request = request
        self._send = send
        self._then = then
        self._response: Response | None = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="hrdem-early", daemon=True)
        self._thread.start()

    def is_for(self, request: OutgoingRequest) -> bool:
        """Whether a request is the same one, whatever sequences its JSON is made of."""
        return _identify(self._request) == _identify(request)

    def result(self) -> Response:
        """Wait for the response; raise what sending the request raised."""
        while self._thread.is_alive():
            self._thread.join(_CTRL_C_SECONDS)
        if self._response is None:
            assert self._error is not None
            raise self._error
        return self._response

    def _run(self) -> None:
        add_thread()
        try:
            response = self._send(self._request)
            if self._then is not None:
                self._then(response)
            self._response = response
        except BaseException as exc:  # noqa: BLE001 (raised where the response is needed)
            self._error = exc


def _identify(request: OutgoingRequest) -> str:
    return json.dumps(
        [request.method, request.url, dict(request.headers), request.params, request.json]
    )
