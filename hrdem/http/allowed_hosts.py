"""SSRF guard: public hosts, or the network scope of a user-supplied service.

Addresses in a catalogue, a redirect or a VRT are not trusted: they could make this machine send
requests to its own services or to those of its network. What counts is the IP address of the
connection, checked before anything is sent, since a name can resolve differently at any time.
"""

from __future__ import annotations

import contextlib
import ipaddress
import re
import socket
import threading
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from typing import Any
from urllib.parse import unquote

import httpx

from hrdem.errors import BlockedAddressError
from hrdem.runtime.redaction import redact_secrets

_CONNECTING, _CONNECTED = "connection.connect_tcp.started", "connection.connect_tcp.complete"
DEFAULT_PORTS = {"http": 80, "https": 443}
_NUMBERS = re.compile(r"[0-9a-fx.]+", re.IGNORECASE)  # an IPv4 address in some notation
_EMBEDS_IPV4 = tuple(
    map(ipaddress.IPv6Network, ("::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96", "::/96"))
)  # in the last 32 bits: RFC 4291, 2765, 6052
# `is_global` of some Python versions takes these for public; cloud metadata services
_NOT_PUBLIC = tuple(
    map(ipaddress.ip_network, ("192.0.0.0/24", "168.63.129.16/32", "3fff::/20", "5f00::/16"))
)
_ISATAP = (0x0000_5EFE, 0x0200_5EFE)  # RFC 5214, 6.1: an IPv4 address follows
_LOCAL_NAT64 = ipaddress.IPv6Network("64:ff9b:1::/48")  # RFC 8215

Trace = Callable[[str, Mapping[str, Any]], None]


class Scope(StrEnum):
    """The network that an IP address belongs to, as messages name it."""

    PUBLIC = "on the public internet"
    MACHINE = "on this machine"
    LINK = "on the local link"
    PRIVATE = "in a private network"
    MULTICAST = "among multicast addresses"
    RESERVED = "among reserved addresses"


def scope_of(address: str) -> Scope:
    """Return the scope of an IP address; an embedded IPv4 address decides, if there is one."""
    try:
        ip = _unwrap_ipv4(ipaddress.ip_address(address.partition("%")[0]))
    except ValueError:
        return Scope.RESERVED
    if ip.is_loopback or ip.is_unspecified:  # connecting to the latter reaches this machine
        return Scope.MACHINE
    if ip.is_link_local:
        return Scope.LINK
    if ip.is_multicast:
        return Scope.MULTICAST
    if ip.is_reserved:
        return Scope.RESERVED
    if any(ip in network for network in _NOT_PUBLIC if network.version == ip.version):
        return Scope.PRIVATE
    site_local = isinstance(ip, ipaddress.IPv6Address) and ip.is_site_local
    return Scope.PUBLIC if ip.is_global and not site_local else Scope.PRIVATE


class HostPolicy:
    """Where a client may send requests, for several threads at a time.

    A trusted host may be in any network; from then on other hosts may be in a network of the same
    scope. A trusted host keeps the scope in which it was first found: if its name later resolves to
    another scope, nothing is sent there.

    Args:
        trusted: Addresses that the user supplied.
    """

    def __init__(self, trusted: Iterable[str] = ()) -> None:
        self._trusted: dict[str, Scope | None] = {}  # None: not resolved yet
        self._lock = threading.Lock()
        self.trust(*trusted)

    def __reduce__(self) -> tuple[type[HostPolicy], tuple[list[str]]]:
        """Trust the same hosts in another process, which resolves them again."""
        hosts = (f"[{host}]" if ":" in host else host for host in self._trusted)
        return HostPolicy, ([f"http://{host}" for host in hosts],)

    def trust(self, *urls: str) -> None:
        """Trust the hosts of addresses that the user supplied."""
        with self._lock:
            for url in urls:
                self._trusted.setdefault(_host(httpx.URL(url)), None)

    def connection_check(self, url: httpx.URL, redirected_by: str = "") -> Trace:
        """Return a check to run while the connection for a request is made.

        It is httpcore's ``trace``: https://www.encode.io/httpcore/extensions/#trace.

        Args:
            url: Address of the request.
            redirected_by: How messages name the address that redirects there; empty for none.

        Raises:
            BlockedAddressError: If the address is blocked by its name; the check raises it as
                soon as it knows the IP address of the connection.
        """
        display_url = redact_secrets(str(url))
        if redirected_by:
            display_url = f"{redirected_by} redirects to another address: {display_url}"
        if url.scheme not in DEFAULT_PORTS or not url.host:
            raise BlockedAddressError(
                f"{display_url} is not an http or https address; nothing was sent."
            )
        host = _host(url)
        scope = _scope_of_name(host)
        if scope is not None:
            self._check(host, scope, display_url, host)
        target = url.raw_host.decode(), url.port or DEFAULT_PORTS[url.scheme]
        direct = False

        def trace(event: str, info: Mapping[str, Any]) -> None:
            nonlocal direct
            if event == _CONNECTING:
                direct = (info["host"], info["port"]) == target  # otherwise it is a proxy
            elif event == _CONNECTED and direct:
                stream = info["return_value"]
                try:
                    address = str((stream.get_extra_info("server_addr") or ("unknown",))[0])
                    self._check(host, scope_of(address), display_url, address)
                except OSError as exc:
                    stream.close()
                    if isinstance(exc, BlockedAddressError):
                        raise
                    raise httpx.ConnectError(f"the connection was closed: {exc}") from exc

        return trace

    def _check(self, host: str, scope: Scope, display_url: str, address: str) -> None:
        """Raise if a host may not be in a scope."""
        with self._lock:
            first = None
            if host in self._trusted:
                first = self._trusted[host] = self._trusted[host] or scope
            if scope == first or (first is None and self._allows(scope)):
                return
        found = f"{display_url} is {scope.value} ({address})"
        if first is not None:
            raise BlockedAddressError(
                f"{found}, but was {first.value} before: its DNS entry may have been changed to "
                "reach other services. Nothing was sent. If the address is right, run the command "
                "again."
            )
        raise BlockedAddressError(
            f"{found} and is blocked: an address in a catalogue, a redirect or a VRT has to be on "
            "the public internet, or in the same kind of network as a service that you name. "
            "Nothing was sent. To allow it, name a catalogue in that network with `stac_url`."
        )

    def _allows(self, scope: Scope) -> bool:
        """Whether a host that is not trusted may be in a scope; resolves the trusted ones."""
        if scope is Scope.PUBLIC:
            return True
        for host, known in self._trusted.items():
            self._trusted[host] = known or _scope_of_name(host) or _resolve_scope(host)
        return scope in self._trusted.values()


def is_this_machine(host: str) -> bool:
    """Whether a host is named as this machine: localhost, or an address in 127.0.0.0/8 or ::1."""
    return _scope_of_name(host) is Scope.MACHINE


def _host(url: httpx.URL) -> str:
    return unquote(url.raw_host.decode()).lower().rstrip(".")


def _scope_of_name(host: str) -> Scope | None:
    """Return the scope of a numeric host or of localhost; None for other names."""
    if host == "localhost" or host.endswith(".localhost"):
        return Scope.MACHINE
    try:
        if ":" in host:
            return scope_of(host)
        if _NUMBERS.fullmatch(host):  # also 2130706433 and 0x7f.1, which systems accept
            return scope_of(socket.inet_ntoa(socket.inet_aton(host)))
    except OSError:
        pass  # a name that looks like a number
    return None


def _resolve_scope(host: str) -> Scope | None:
    with contextlib.suppress(OSError, UnicodeError):
        return scope_of(str(socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)[0][4][0]))
    return None


def _unwrap_ipv4(
    ip: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """Return the IPv4 address that is embedded in an IPv6 address, if there is one."""
    if not isinstance(ip, ipaddress.IPv6Address) or ip.is_loopback or ip.is_unspecified:
        return ip
    if any(ip in network for network in _EMBEDS_IPV4):
        return ipaddress.IPv4Address(int(ip) & 0xFFFF_FFFF)
    if int(ip) >> 32 & 0xFFFF_FFFF in _ISATAP:
        return ipaddress.IPv4Address(int(ip) & 0xFFFF_FFFF)
    if ip in _LOCAL_NAT64:
        return ipaddress.IPv4Address("10.0.0.0")
    return ip.sixtofour or (ip.teredo or (ip,))[-1]
