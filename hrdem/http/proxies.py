"""Proxies: which requests go through one, by the variables that curl and most programs read.

HTTPS_PROXY, HTTP_PROXY and ALL_PROXY name proxies, NO_PROXY the hosts that are reached directly,
in capitals or small letters. Without them the settings of Windows or macOS apply. Services on this
machine are always reached directly.
"""

from __future__ import annotations

import functools
import ipaddress
import logging
import os
import re
import urllib.request
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import httpx

from hrdem.errors import RequestError
from hrdem.http.allowed_hosts import DEFAULT_PORTS, is_this_machine
from hrdem.runtime.redaction import redact_secrets
from hrdem.runtime.text import to_one_line

_PROXY_PORTS = {**DEFAULT_PORTS, "socks5": 1080, "socks5h": 1080}
_ENTRY = re.compile(r"(?:\*?\.)?(?P<name>[a-z0-9_-]+(?:\.[a-z0-9_-]+)*)\.?(?::(?P<port>\d+))?")
_BRACKETS = re.compile(r"\[(?P<ip>[0-9a-f:.]+)\](?P<bits>/\d+)?(?::(?P<port>\d+))?")
_HOST = re.compile(r"[a-z0-9._-]+|[0-9a-f:.]+", re.IGNORECASE)
_SCHEME = re.compile(r"[a-z]+://")
_MAX_PORT = 65_535
_MAX_QUOTE_CHARACTERS = 80

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy.

    Attributes:
        url: Its address with port, and perhaps credentials.
        source: Name of the variable that it comes from, or ``the operating system``.
    """

    url: str
    source: str

    @property
    def display_url(self) -> str:
        """Address without credentials."""
        return redact_secrets(self.url)


@dataclass(frozen=True, slots=True)
class _Exemption:
    """An entry of NO_PROXY: a network, or a name with all names below it; perhaps with a port."""

    name: str = ""
    network: ipaddress.IPv4Network | ipaddress.IPv6Network | None = None
    port: int | None = None

    def covers(self, host: str, port: int | None) -> bool:
        if self.port not in (None, port):
            return False
        if self.network is None:
            return host == self.name or host.endswith(f".{self.name}")
        try:
            ip = ipaddress.ip_address(host)
        except ValueError:
            return False
        return ip in self.network  # False for the other version of IP


@dataclass(frozen=True, slots=True)
class ProxySettings:
    """Proxies by scheme, and where none is used.

    Attributes:
        proxies: Text and source of the proxy of each scheme, ``all`` for any other.
        exempt: Whether no proxy is used for a host and a port.
    """

    proxies: Mapping[str, tuple[str, str]]
    exempt: Callable[[str, int | None], bool]

    def route(self, url: httpx.URL | str) -> Proxy | None:
        """Return the proxy for an address; None to connect directly.

        Raises:
            RequestError: If the proxy for it cannot be used.
        """
        url = httpx.URL(url)
        found = self.proxies.get(url.scheme) or self.proxies.get("all")
        if found is None or self._is_direct(url):
            return None
        return parse_proxy(*found)

    def _is_direct(self, url: httpx.URL) -> bool:
        host = url.raw_host.decode().lower().rstrip(".")
        return is_this_machine(host) or self.exempt(host, url.port or DEFAULT_PORTS.get(url.scheme))


def read_proxies() -> ProxySettings:
    """Read the proxies of the environment, or of the operating system if it names none.

    Entries of NO_PROXY that cannot be read are ignored, with a warning.
    """
    exempt: Callable[[str, int | None], bool] = _exempted_by_system
    found = urllib.request.getproxies_environment()
    exempted = found.pop("no", "")
    if any(found.get(scheme) for scheme in (*DEFAULT_PORTS, "all")):
        exempt = functools.partial(_covers, parse_exemptions(exempted))
        sources = {scheme: _variable(scheme) for scheme in found}
    else:  # the system's own exceptions belong to the system's proxies
        found = urllib.request.getproxies()
        sources = dict.fromkeys(found, "the operating system")
    proxies = {
        scheme: (found[scheme].strip(), sources[scheme])
        for scheme in (*DEFAULT_PORTS, "all")
        if found.get(scheme, "").strip()
    }
    return ProxySettings(proxies, exempt)


def _covers(exemptions: Iterable[_Exemption] | None, host: str, port: int | None) -> bool:
    return exemptions is None or any(each.covers(host, port) for each in exemptions)


def _exempted_by_system(host: str, port: int | None) -> bool:
    return bool(urllib.request.proxy_bypass(host))


def _variable(scheme: str) -> str:
    """Return the name of the variable that names the proxy of a scheme."""
    name = f"{scheme}_proxy"
    return name if os.environ.get(name) else name.upper()


@functools.lru_cache(maxsize=16)  # one warning for a value, however many clients read it
def parse_exemptions(text: str) -> tuple[_Exemption, ...] | None:
    """Parse NO_PROXY as curl does (https://curl.se/libcurl/c/CURLOPT_NOPROXY.html).

    A name covers all names below it, with or without a leading dot; networks are in CIDR notation;
    IPv6 addresses may be in brackets. Unlike with curl, entries may end in a port and begin with
    ``*.``, and spaces separate them too.

    Returns:
        The entries; None if one of them is ``*``, which covers everything.
    """
    entries = text.replace(",", " ").split()
    if "*" in entries:
        return None
    exemptions = []
    for entry in entries:
        try:
            exemptions.append(_parse_exemption(entry.lower()))
        except ValueError:
            log.warning(
                "%r in NO_PROXY is ignored: it is neither a host name nor an IP address or network "
                "like 10.0.0.0/8.",
                to_one_line(redact_secrets(entry), _MAX_QUOTE_CHARACTERS),
            )
    return tuple(exemptions)


def _parse_exemption(entry: str) -> _Exemption:
    bare = _SCHEME.sub("", entry, count=1)
    if bare != entry:
        bare = bare.partition("/")[0]
    if found := _BRACKETS.fullmatch(bare):
        network = ipaddress.ip_network(found["ip"] + (found["bits"] or ""), strict=False)
        return _Exemption(network=network, port=_port(found["port"]))
    address, between, port = bare.rpartition(":")
    with_port = between and ":" not in address and port.isdecimal()
    try:
        network = ipaddress.ip_network(address if with_port else bare, strict=False)
    except ValueError:
        found = _ENTRY.fullmatch(bare.encode("idna").decode() if not bare.isascii() else bare)
        if found is None or not re.search("[a-z]", found["name"]):
            raise
        return _Exemption(name=found["name"], port=_port(found["port"]))
    return _Exemption(network=network, port=_port(port if with_port else None))


def _port(text: str | None) -> int | None:
    if text is None:
        return None
    port = int(text)
    if not 0 < port <= _MAX_PORT:
        raise ValueError(text)
    return port


def parse_proxy(text: str, source: str) -> Proxy:
    """Parse the address of a proxy; without a scheme it is an HTTP proxy.

    Args:
        text: The address, for example ``proxy.example:3128``.
        source: Where it comes from, for messages.

    Raises:
        RequestError: If it is not the address of a proxy.
    """
    try:
        url = httpx.URL(text if "://" in text else f"http://{text}")
    except httpx.InvalidURL:
        raise _not_a_proxy(source) from None  # the cause quotes the password
    if url.scheme not in _PROXY_PORTS:
        raise RequestError(
            f"The proxy of {source} is of an unknown kind, {to_one_line(url.scheme, 20)}://. "
            f"Begin it with {', '.join(f'{scheme}://' for scheme in _PROXY_PORTS)}, or unset it."
        )
    host, port = url.raw_host.decode(), url.port or _PROXY_PORTS[url.scheme]
    beyond = f"{url.path}{url.query.decode()}{url.fragment}"  # the rest of a password with / # or ?
    if not _HOST.fullmatch(host) or "@" in beyond or port > _MAX_PORT:
        raise _not_a_proxy(source)
    user = url.userinfo.decode()
    at = f"{user}@" if user else ""
    host = f"[{host}]" if ":" in host else host
    return Proxy(f"{url.scheme}://{at}{host}:{port}", source)


def _not_a_proxy(source: str) -> RequestError:
    return RequestError(
        f"The proxy of {source} has no valid address. Give one like http://proxy.example:3128, in "
        "whose user name or password / # ? @ : and % are %2F %23 %3F %40 %3A and %25; or unset it."
    )
