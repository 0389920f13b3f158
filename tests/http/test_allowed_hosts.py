"""Network scopes of addresses in all notations, and which of them may be requested."""

from __future__ import annotations

import httpx
import pytest

from hrdem.errors import BlockedAddressError
from hrdem.http.allowed_hosts import HostPolicy, Scope, scope_of


@pytest.mark.parametrize(
    ("address", "scope"),
    [
        ("8.8.8.8", Scope.PUBLIC),
        ("2001:4860:4860::8888", Scope.PUBLIC),
        ("127.0.0.1", Scope.MACHINE),
        ("127.9.9.9", Scope.MACHINE),
        ("::1", Scope.MACHINE),
        ("0.0.0.0", Scope.MACHINE),
        ("::", Scope.MACHINE),
        ("10.1.2.3", Scope.PRIVATE),
        ("172.31.0.1", Scope.PRIVATE),
        ("192.168.0.1", Scope.PRIVATE),
        ("100.64.0.1", Scope.PRIVATE),
        ("198.18.0.1", Scope.PRIVATE),
        ("fd00:ec2::254", Scope.PRIVATE),
        ("fec0::1", Scope.PRIVATE),
        ("192.0.0.192", Scope.PRIVATE),  # metadata of a cloud
        ("168.63.129.16", Scope.PRIVATE),  # host of another's machines
        ("3fff::1", Scope.PRIVATE),
        ("2001:db8::5efe:127.0.0.1", Scope.MACHINE),  # ISATAP
        ("169.254.169.254", Scope.LINK),
        ("fe80::1%eth0", Scope.LINK),
        ("224.0.0.1", Scope.MULTICAST),
        ("ff02::1", Scope.MULTICAST),
        ("240.0.0.1", Scope.RESERVED),
        ("255.255.255.255", Scope.RESERVED),
        ("no address", Scope.RESERVED),
        # of IPv4 within IPv6: mapped, compatible, translated, NAT64, 6to4, Teredo
        ("::ffff:127.0.0.1", Scope.MACHINE),
        ("::ffff:8.8.8.8", Scope.PUBLIC),
        ("::127.0.0.1", Scope.MACHINE),
        ("::ffff:0:10.0.0.1", Scope.PRIVATE),
        ("64:ff9b::169.254.169.254", Scope.LINK),
        ("64:ff9b::8.8.8.8", Scope.PUBLIC),
        ("64:ff9b:1::8.8.8.8", Scope.PRIVATE),
        ("2002:7f00:1::1", Scope.MACHINE),
        ("2001:0:808:808::80ff:fffe", Scope.MACHINE),
    ],
)
def test_scope_of_address(address: str, scope: Scope) -> None:
    """An address that embeds an IPv4 address has the scope of that address."""
    assert scope_of(address) is scope


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://2130706433/",
        "http://0x7f.1/",
        "http://017700000001/",
        "http://127.1/",
        "http://0/",
        "http://127.0.0.1./",
        "http://%6c%6f%63alhost/",
        "http://localhost/",
        "http://LOCALHOST./",
        "http://a.localhost/",
        "http://[::1]/",
        "http://[::ffff:7f00:1]/",
        "http://[::ffff:127.0.0.1]:80/",
        "http://catalogue.example@127.0.0.1/",
        "https://catalogue.example:443@localhost:8080/",
        "http://169.254.169.254/latest/meta-data/",
        "http://[fe80::1%25eth0]/",
        "file:///etc/passwd",
        "file://localhost/etc/passwd",
        "ftp://catalogue.example/",
        "s3://bucket/key",
        "/vsicurl/http://catalogue.example/",
        "http:///nowhere",
        "javascript:alert(1)",
        "",
    ],
)
def test_blocked_before_connecting(url: str) -> None:
    """Behind a proxy, the text of the address is all that can be checked."""
    with pytest.raises((BlockedAddressError, httpx.InvalidURL)):
        HostPolicy().connection_check(httpx.URL(url))


@pytest.mark.parametrize(
    "url",
    ["https://catalogue.example/", "http://8.8.8.8:8080/", "http://face.example./", "http://beef/"],
)
def test_public_names_and_numbers_are_allowed(url: str) -> None:
    HostPolicy().connection_check(httpx.URL(url))


def test_trusted_host_allows_its_own_scope_only() -> None:
    policy = HostPolicy(["http://localhost:8080/stac"])
    policy.connection_check(httpx.URL("http://127.0.0.1:9090/store"))
    with pytest.raises(BlockedAddressError, match="in a private network .10.0.0.1."):
        policy.connection_check(httpx.URL("http://10.0.0.1/"))
    with pytest.raises(BlockedAddressError, match="on this machine"):
        HostPolicy().connection_check(httpx.URL("http://127.0.0.1:9090/store"))


def test_trusted_host_is_resolved_before_its_first_request(monkeypatch) -> None:
    """An estimate of a plan reads files without any request to the catalogue."""
    found = [(2, 1, 6, "", ("192.168.7.7", 0))]
    monkeypatch.setattr("hrdem.http.allowed_hosts.socket.getaddrinfo", lambda *_, **__: found)
    HostPolicy(["http://intranet.example/stac"]).connection_check(
        httpx.URL("http://192.168.1.1/file.tif")
    )
