"""Places that may be asked: public ones, and those where a service lies that the user gave.

What a catalogue lists, where a server redirects, what a VRT refers to: such an address is a
stranger's, and could make this machine ask its own services, or those of the network around it.
What counts is the address that was connected to, before anything is sent, as a name may lead
elsewhere from one moment to the next.
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
_PORTS = {"http": 80, "https": 443}
_NUMBERS = re.compile(r"[0-9a-fx.]+", re.IGNORECASE)  # an IPv4 address in some notation
_HIDES_IPV4 = tuple(
    map(ipaddress.IPv6Network, ("::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96", "::/96"))
)  # in the last 32 bits: RFC 4291, 2765, 6052
# what `is_global` of some Pythons takes for public, and services of clouds for their own machines
_NOT_PUBLIC = tuple(
    map(ipaddress.ip_network, ("192.0.0.0/24", "168.63.129.16/32", "3fff::/20", "5f00::/16"))
)
_ISATAP = (0x0000_5EFE, 0x0200_5EFE)  # RFC 5214, 6.1: behind them comes an IPv4 address
_LOCAL_NAT64 = ipaddress.IPv6Network("64:ff9b:1::/48")  # RFC 8215

Trace = Callable[[str, Mapping[str, Any]], None]


class Scope(StrEnum):
    """From where an address can be reached; in words that follow those of a place."""

    PUBLIC = "on the public internet"
    MACHINE = "on this machine"
    LINK = "on the local link"
    PRIVATE = "in a private network"
    MULTICAST = "among multicast addresses"
    RESERVED = "among reserved addresses"


def scope_of(address: str) -> Scope:
    """Return from where an IP address can be reached; one that hides another counts as that."""
    try:
        ip = _unwrapped(ipaddress.ip_address(address.partition("%")[0]))
    except ValueError:
        return Scope.RESERVED
    if ip.is_loopback or ip.is_unspecified:  # to connect to the latter reaches this machine
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

    A host that was given may lie anywhere; from then on other hosts may lie in places of that kind
    too. It stays in the kind of place where it was met first: if its name leads elsewhere, nothing
    is sent there.

    Args:
        given: Addresses that the user gave.
    """

    def __init__(self, given: Iterable[str] = ()) -> None:
        self._given: dict[str, None] = {}
        for url in given:
            self.give(httpx.URL(url))

    def give(self, url: httpx.URL) -> None:
        """Take an address for one that the user gave."""
        self._given[_host(url)] = None

    def watched(self, url: httpx.URL, redirected_by: str = "") -> Trace:
        """Return what has to see how a connection for a request is made.

        It is httpcore's ``trace``: https://www.encode.io/httpcore/extensions/#trace.

        Args:
            url: Where the request goes.
            redirected_by: What to call the address that redirects there; empty for none.

        Raises:
            BlockedAddressError: If it is already known to be blocked; what is returned
                raises it as soon as it sees where the connection leads.
        """
        shown = redact_secrets(str(url))
        if redirected_by:
            shown = f"{redirected_by} redirects to another place: {shown}"
        if url.scheme not in _PORTS or not url.host:
            raise BlockedAddressError(f"{shown} is not an http or https address, and is not asked.")
        host = _host(url)
        scope = _scope_by_name(host)
        if scope is not None:
            self._check(host, scope, shown, host)
        target = url.raw_host.decode(), url.port or _PORTS[url.scheme]
        direct = False

        def trace(event: str, about: Mapping[str, Any]) -> None:
            nonlocal direct
            if event == _CONNECTING:
                direct = (about["host"], about["port"]) == target  # else a proxy is met there
            elif event == _CONNECTED and direct:
                stream = about["return_value"]
                try:
                    address = str((stream.get_extra_info("server_addr") or ("unknown",))[0])
                    self._check(host, scope_of(address), shown, address)
                except OSError as exc:
                    stream.close()
                    if isinstance(exc, BlockedAddressError):
                        raise
                    raise httpx.ConnectError(f"the connection was closed: {exc}") from exc

        return trace

    def _check(self, host: str, scope: Scope, shown: str, address: str) -> None:
        """Make sure that a host may lie where it lies."""
        with _lock:
            first = _met_first.setdefault(host, scope) if host in self._given else None
            if scope == first or (first is None and self._may_lie(scope)):
                return
        where = f"{shown} lies {scope.value} ({address})"
        if first is not None:
            raise BlockedAddressError(
                f"{where}, but was met {first.value} before: whoever answers for the name may have "
                "changed it to reach other services. Nothing was sent. If the place is right, run "
                "it again."
            )
        raise BlockedAddressError(
            f"{where} and is not asked: what a catalogue, a redirect or a VRT names has to lie "
            "on the public internet, or in the same kind of place as a service that you give. "
            "Nothing was sent. If it is meant, give the address of a catalogue there: --stac-url."
        )

    def _may_lie(self, scope: Scope) -> bool:
        """Whether a host that was not given may lie there."""
        return scope is Scope.PUBLIC or scope in self._allowed()

    def _allowed(self) -> set[Scope]:
        """Where hosts lie that were given; one that was not met is looked up."""
        for host in self._given:
            if host not in _met_first and (scope := _scope_by_name(host) or _looked_up(host)):
                _met_first[host] = scope
        return {_met_first[host] for host in self._given if host in _met_first}


# of all clients of the process, so that a name that was given cannot change between two of them
_met_first: dict[str, Scope] = {}
_lock = threading.Lock()


def _host(url: httpx.URL) -> str:
    return unquote(url.raw_host.decode()).lower().rstrip(".")


def _scope_by_name(host: str) -> Scope | None:
    """The scope of a host whose name alone tells: a number, or this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return Scope.MACHINE
    try:
        if ":" in host:
            return scope_of(host)
        if _NUMBERS.fullmatch(host):  # also 2130706433 and 0x7f.1, which the system takes
            return scope_of(socket.inet_ntoa(socket.inet_aton(host)))
    except OSError:
        pass  # a name after all
    return None


def _looked_up(host: str) -> Scope | None:
    with contextlib.suppress(OSError, UnicodeError):
        return scope_of(str(socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)[0][4][0]))
    return None


def _unwrapped(
    ip: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """The IPv4 address that an IPv6 address stands for, if it does."""
    if not isinstance(ip, ipaddress.IPv6Address) or ip.is_loopback or ip.is_unspecified:
        return ip
    if any(ip in network for network in _HIDES_IPV4):
        return ipaddress.IPv4Address(int(ip) & 0xFFFF_FFFF)
    if int(ip) >> 32 & 0xFFFF_FFFF in _ISATAP:
        return ipaddress.IPv4Address(int(ip) & 0xFFFF_FFFF)
    if ip in _LOCAL_NAT64:
        return ipaddress.IPv4Address("10.0.0.0")
    return ip.sixtofour or (ip.teredo or (ip,))[-1]
