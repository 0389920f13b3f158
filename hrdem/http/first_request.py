"""A request that is sent before httpx is imported, which takes as long as all that comes before.

A socket sends it, and `hrdem.http.direct` receives the response as that of any other request.
"""

from __future__ import annotations

import json
import re
import socket
import threading
import urllib.request

from hrdem._version import __version__
from hrdem.http.certificates import find_certificates, share_tls_context
from hrdem.http.timeouts import Timeouts
from hrdem.runtime.forks import add_thread

ACCEPT_ENCODING = "gzip, deflate"  # that `hrdem.http.body` decodes
PROJECT_URL = "https://github.com/hrdem/hrdem"
USER_AGENT = f"hrdem/{__version__} (+{PROJECT_URL})"

_PLAIN_ADDRESS = re.compile(
    r"(?P<scheme>https?)://(?P<host>[a-z0-9.-]+)(?P<port>:\d{1,5})?(?P<path>/[\w./~-]*)", re.ASCII
)


class FirstRequest:
    """A POST of JSON to an address that the user supplied, sent by a thread.

    Args:
        address: Where to send it, as `_PLAIN_ADDRESS` matches it.
        body: What is sent as JSON.
    """

    def __init__(self, address: re.Match[str], body: object) -> None:
        self._is_encrypted, self._host = address["scheme"] == "https", address["host"]
        port = address["port"] or ""
        self._port = int(port[1:] or (443 if self._is_encrypted else 80))
        content = json.dumps(body, separators=(",", ":")).encode()
        headers: dict[str, object] = {
            "Host": f"{self._host}{port}",
            "Accept": "*/*",
            "Connection": "keep-alive",
            "User-Agent": USER_AGENT,
            "Accept-Encoding": ACCEPT_ENCODING,
            "Content-Length": len(content),
            "Content-Type": "application/json",
        }
        lines = [f"POST {address['path']} HTTP/1.1", *(f"{k}: {v}" for k, v in headers.items())]
        self._message = "\r\n".join([*lines, "", ""]).encode("ascii") + content
        self._connection: socket.socket | None = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="hrdem-first", daemon=True)
        self._thread.start()

    def take(self) -> socket.socket | None:
        """Return the connection that the request was sent on; None after the first time.

        Raises:
            OSError: If the connection failed.
            RequestError: If the certificates cannot be read.
        """
        self._thread.join()
        error, self._error = self._error, None
        if error is not None:
            raise error
        connection, self._connection = self._connection, None
        return connection

    def _run(self) -> None:
        add_thread()
        try:
            self._connection = self._send()
        except BaseException as exc:  # noqa: BLE001 (raised where the response is needed)
            self._error = exc

    def _send(self) -> socket.socket:
        connection = socket.create_connection((self._host, self._port), Timeouts().connect)
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._is_encrypted:
                tls = share_tls_context(find_certificates())
                connection = tls.wrap_socket(connection, server_hostname=self._host)
            connection.sendall(self._message)
        except BaseException:
            connection.close()
            raise
        return connection


def send_first(url: str, body: object) -> FirstRequest | None:
    """Send a request, if that is simple: to a plain address, and not through a proxy.

    Args:
        url: Address that the user supplied, which may be in any network.
        body: What is sent as JSON.
    """
    address = _PLAIN_ADDRESS.fullmatch(url)
    if address is None or urllib.request.getproxies().keys() & {"http", "https", "all"}:
        return None
    try:
        return FirstRequest(address, body)
    except RuntimeError:  # the system allows no more threads
        return None
