"""The connections of a client: through a proxy or directly, with one set of certificates."""

from __future__ import annotations

import ssl
import threading

import httpx

from hrdem.errors import RequestError
from hrdem.http.certificates import find_certificates, share_tls_context
from hrdem.http.connections import Origin, PooledTransport, get_origin
from hrdem.http.direct import DirectTransport
from hrdem.http.proxies import Proxy, ProxySettings, read_proxies
from hrdem.http.response_checks import is_certificate_error, quote_error

_ONE_CONNECTION = httpx.Limits(max_connections=1, max_keepalive_connections=1)
_UNUSED_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # of plain http; trusts nothing


class Routes:
    """Proxies and certificates, those of the environment when this is created; for all threads.

    Certificates are loaded for the first https request: it takes 40 ms.
    """

    def __init__(self) -> None:
        self._proxies: ProxySettings = read_proxies()
        self._certificates = find_certificates()
        self._tls: ssl.SSLContext | None = None
        self._lock = threading.Lock()

    def proxy_for(self, url: httpx.URL) -> Proxy | None:
        """Return the proxy for an address; None to connect directly.

        Raises:
            RequestError: If the proxy for it cannot be used.
        """
        return self._proxies.route(url)

    def tls_context(self) -> ssl.SSLContext:
        """Return the TLS settings of all connections.

        Raises:
            RequestError: If the certificates cannot be read.
        """
        with self._lock:
            if self._tls is None:
                self._tls = share_tls_context(self._certificates)
            return self._tls


class RoutedTransport(PooledTransport):
    """Send each request through the proxy of its address, or directly; for one thread at a time.

    Args:
        routes: Proxies and certificates.
    """

    def __init__(self, routes: Routes) -> None:
        self._routes = routes
        self._by_origin: dict[Origin, httpx.BaseTransport] = {}
        self._by_route: dict[tuple[str, bool], httpx.BaseTransport] = {}

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request.

        Raises:
            RequestError: If the proxy for its address cannot be used.
        """
        return self._transport_for(request.url).handle_request(request)

    def is_connected(self, request: httpx.Request) -> bool:
        """Whether a connection is open; one through a proxy is taken to be."""
        transport = self._transport_for(request.url)
        return not isinstance(transport, DirectTransport) or transport.is_connected(request)

    def connect(self, request: httpx.Request) -> None:
        """Open a connection to the server of a request, unless there is a proxy on the way."""
        transport = self._transport_for(request.url)
        if isinstance(transport, DirectTransport):
            transport.connect(request)

    def close(self) -> None:
        """Close all connections."""
        for transport in self._by_route.values():
            transport.close()

    def _transport_for(self, url: httpx.URL) -> httpx.BaseTransport:
        origin = get_origin(url)
        if origin not in self._by_origin:
            self._by_origin[origin] = self._find_route(url)
        return self._by_origin[origin]

    def _find_route(self, url: httpx.URL) -> httpx.BaseTransport:
        proxy = self._routes.proxy_for(url)
        address = proxy.url if proxy else ""
        encrypted = url.scheme == "https" or address.startswith("https:")
        route = address, encrypted
        if route not in self._by_route:
            tls = self._routes.tls_context() if encrypted else _UNUSED_TLS
            self._by_route[route] = _connect_by(proxy, tls)
        return self._by_route[route]


class _ProxiedTransport(httpx.BaseTransport):
    """Send requests through a proxy; errors of the connection to it name it."""

    def __init__(self, proxy: Proxy, transport: httpx.BaseTransport) -> None:
        self._proxy = proxy
        self._transport = transport

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        try:
            return self._transport.handle_request(request)
        except (httpx.ConnectError, httpx.ConnectTimeout) as exc:
            if is_certificate_error(exc):  # of the server as well
                raise
            through = f"through the proxy {self._proxy.display_url} of {self._proxy.source}"
            raise httpx.ConnectError(f"{through}: {exc}") from exc

    def close(self) -> None:
        self._transport.close()


def _connect_by(proxy: Proxy | None, tls: ssl.SSLContext) -> httpx.BaseTransport:
    if proxy is None:
        return DirectTransport(tls)
    try:
        transport = httpx.HTTPTransport(
            verify=tls,
            trust_env=False,
            limits=_ONE_CONNECTION,
            proxy=_httpx_proxy(proxy, tls),
        )
    except ImportError as exc:
        raise RequestError(
            f"The proxy of {proxy.source}, {proxy.display_url}, needs another package: "
            "pip install 'httpx[socks]'."
        ) from exc
    except ValueError as exc:  # socks5h, in older versions of httpx
        raise RequestError(
            f"The proxy of {proxy.source}, {proxy.display_url}, cannot be used "
            f"({quote_error(exc)}). Correct or unset it."
        ) from exc
    return _ProxiedTransport(proxy, transport)


def _httpx_proxy(proxy: Proxy, tls: ssl.SSLContext) -> httpx.Proxy:
    """Return a proxy for httpx; the certificate of an https proxy is verified as any other."""
    return httpx.Proxy(proxy.url, ssl_context=tls if proxy.url.startswith("https:") else None)
