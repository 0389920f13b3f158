"""The connections of a client: through a proxy or directly, with one set of certificates."""

from __future__ import annotations

import ssl
import threading

import httpx

from hrdem.errors import RequestError
from hrdem.http.certificates import find_certificates, make_tls_context
from hrdem.http.proxies import Proxy, ProxySettings, read_proxies
from hrdem.http.response_checks import quote_error

_Origin = tuple[str, bytes, int | None]


class RoutedTransport(httpx.BaseTransport):
    """Send each request through the proxy of its address, or directly.

    Proxies and certificates are those of the environment when it is created. Certificates are
    loaded for the first https request: it takes 40 ms.

    Args:
        limits: Limits of the connections through each proxy, and of direct ones.

    Raises:
        RequestError: If the environment names certificates that cannot be read.
    """

    def __init__(self, limits: httpx.Limits) -> None:
        self._limits = limits
        self._proxies: ProxySettings = read_proxies()
        self._certificates = find_certificates()
        self._tls: ssl.SSLContext | None = None
        self._by_origin: dict[_Origin, httpx.BaseTransport] = {}
        self._by_route: dict[tuple[str, bool], httpx.HTTPTransport] = {}
        self._lock = threading.Lock()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request.

        Raises:
            RequestError: If the proxy for its address cannot be used.
        """
        url = request.url
        origin = url.scheme, url.raw_host, url.port
        transport = self._by_origin.get(origin)
        if transport is None:
            with self._lock:
                transport = self._by_origin[origin] = self._transport_for(url)
        return transport.handle_request(request)

    def close(self) -> None:
        """Close all connections."""
        for transport in list(self._by_route.values()):
            transport.close()

    def _transport_for(self, url: httpx.URL) -> httpx.HTTPTransport:
        proxy = self._proxies.route(url)
        address = proxy.url if proxy else ""
        encrypted = url.scheme == "https" or address.startswith("https:")
        route = address, encrypted
        if route not in self._by_route:
            self._by_route[route] = self._connect_by(proxy, self._context(encrypted=encrypted))
        return self._by_route[route]

    def _connect_by(self, proxy: Proxy | None, tls: ssl.SSLContext) -> httpx.HTTPTransport:
        try:
            return httpx.HTTPTransport(
                verify=tls,
                trust_env=False,
                limits=self._limits,
                proxy=_httpx_proxy(proxy, tls) if proxy else None,
            )
        except ImportError as exc:
            assert proxy is not None
            raise RequestError(
                f"{proxy.source} names a SOCKS proxy, {proxy.display_url}, which needs another "
                "package: pip install 'httpx[socks]'."
            ) from exc
        except ValueError as exc:  # socks5h, in older versions of httpx
            assert proxy is not None
            raise RequestError(
                f"{proxy.source} names a proxy, {proxy.display_url}, that cannot be used "
                f"({quote_error(exc)}). Correct or unset it."
            ) from exc

    def _context(self, *, encrypted: bool) -> ssl.SSLContext:
        if not encrypted:
            return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # trusts nothing, and is not used
        if self._tls is None:
            self._tls = make_tls_context(self._certificates)
        return self._tls


def _httpx_proxy(proxy: Proxy, tls: ssl.SSLContext) -> httpx.Proxy:
    """Return a proxy for httpx; the certificate of an https proxy is verified as any other."""
    return httpx.Proxy(proxy.url, ssl_context=tls if proxy.url.startswith("https:") else None)
