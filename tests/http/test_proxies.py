"""Which requests go through a proxy, by the rules of curl."""

from __future__ import annotations

import logging

import pytest

from hrdem.errors import RequestError
from hrdem.http.proxies import ProxySettings, parse_exemptions, parse_proxy, read_proxies

NAMES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    parse_exemptions.cache_clear()


@pytest.fixture
def routes(monkeypatch: pytest.MonkeyPatch):
    def read(no_proxy: str, proxy: str = "http://proxy.example:3128") -> ProxySettings:
        monkeypatch.setenv("ALL_PROXY", proxy)
        monkeypatch.setenv("NO_PROXY", no_proxy)
        return read_proxies()

    return read


@pytest.mark.parametrize(
    ("no_proxy", "direct", "proxied"),
    [
        ("example.com", "http://example.com", "http://nonexample.com"),
        ("example.com", "http://www.EXAMPLE.com", "http://example.com.au"),
        (".example.com", "http://example.com", "http://nonexample.com"),
        ("*.Example.COM", "http://www.example.com", "http://nonexample.com"),
        ("example.com.", "http://example.com", "http://example.org"),
        ("example.com", "http://example.com.", "http://example.org"),
        ("intranet", "http://intranet/x", "http://intranet.example"),
        ("côté.ca", "http://www.côté.ca", "http://cote.ca"),
        (" ,, a.ca , b.ca ,", "http://b.ca", "http://c.ca"),
        ("a.ca b.ca", "http://b.ca", "http://c.ca"),
        ("a.ca:8080", "http://a.ca:8080", "http://a.ca"),
        ("a.ca:443", "https://a.ca", "http://a.ca"),
        ("https://a.ca/", "http://a.ca", "http://b.ca"),
        ("10.0.0.0/8", "http://10.1.2.3:99", "http://11.0.0.1"),
        ("10.1.2.3/8", "http://10.9.9.9", "http://11.0.0.1"),
        ("192.0.2.7", "http://192.0.2.7", "http://192.0.2.77"),
        ("192.0.2.7:80", "http://192.0.2.7", "https://192.0.2.7"),
        ("fd00::/8", "http://[fd12::1]:8080", "http://[2001:db8::1]"),
        ("2001:DB8::/32", "http://[2001:db8:5::1]", "http://[2001:db9::1]"),
        ("[2001:db8::]/32", "http://[2001:db8:5::1]", "http://[2001:db9::1]"),
        ("2001:db8::1", "http://[2001:db8:0::1]", "http://[2001:db8::2]"),
        ("[2001:db8::1]", "http://[2001:db8::1]:99", "http://[2001:db8::2]"),
        ("[2001:db8::1]:99", "http://[2001:db8::1]:99", "http://[2001:db8::1]"),
        ("10.0.0.0/8,fd00::/8,a.ca", "http://a.ca", "http://1.2.3.4"),
    ],
)
def test_no_proxy_names_hosts_and_networks(
    routes, caplog: pytest.LogCaptureFixture, no_proxy: str, direct: str, proxied: str
) -> None:
    found = routes(no_proxy)
    assert found.route(direct) is None
    assert found.route(proxied).url == "http://proxy.example:3128"
    assert not caplog.records


@pytest.mark.parametrize("no_proxy", ["*", " * ", "a.ca,*"])
def test_an_asterisk_switches_proxies_off(routes, no_proxy: str) -> None:
    assert routes(no_proxy).route("https://example.com") is None


@pytest.mark.parametrize(
    "entry",
    ["[::1", "fd00::/200", "10.0.0.0/33", "10.*", "1.2.3", "::g", "a.ca:99999", "[a.ca]", "a..ca",
     "http://[", "a_b!", "ü" * 70],
)  # fmt: skip
def test_unreadable_entry_is_ignored_with_one_warning(
    routes, caplog: pytest.LogCaptureFixture, entry: str
) -> None:
    with caplog.at_level(logging.WARNING):
        found = [routes(f"a.ca,{entry},b.ca") for _ in range(3)]
    (record,) = caplog.records
    assert repr(entry) in record.getMessage()
    assert found[0].route("http://b.ca") is None
    assert found[0].route("http://c.ca")


@pytest.mark.parametrize(
    "host", ["localhost", "demo.localhost", "127.0.0.1:80", "127.9.9.9", "[::1]:8080", "0x7f.1"]
)
def test_this_machine_is_reached_directly(routes, host: str) -> None:
    assert routes("").route(f"http://{host}/") is None
    assert routes("", "nonsense://[").route(f"http://{host}/") is None


def test_scheme_decides_and_small_letters_win(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "all.example:1")
    monkeypatch.setenv("HTTP_PROXY", "capital.example:1")
    monkeypatch.setenv("http_proxy", "small.example:1")
    found = read_proxies()
    assert (found.route("http://a.ca").url, found.route("http://a.ca").source) == (
        "http://small.example:1",
        "http_proxy",
    )
    assert found.route("https://a.ca").source == "ALL_PROXY"
    monkeypatch.setenv("http_proxy", "")  # as with curl: no proxy for http
    monkeypatch.delenv("ALL_PROXY")
    assert read_proxies().route("http://a.ca") is None


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("proxy.example", "http://proxy.example:80"),
        ("  http://proxy.example:3128/ ", "http://proxy.example:3128"),
        ("https://proxy.example", "https://proxy.example:443"),
        ("http://user:p%40ss@proxy.example:3128", "http://user:p%40ss@proxy.example:3128"),
        ("me:secret@proxy.example:3128", "http://me:secret@proxy.example:3128"),
        ("socks5h://proxy.example", "socks5h://proxy.example:1080"),
        ("http://[2001:db8::1]:3128", "http://[2001:db8::1]:3128"),
    ],
)
def test_odd_addresses_of_proxies_work(routes, text: str, url: str) -> None:
    proxy = routes("", text).route("http://a.ca")
    assert proxy.url == url
    assert "secret" not in proxy.display_url
    assert "p%40ss" not in proxy.display_url


@pytest.mark.parametrize("text", ["", "  "])
def test_empty_proxy_is_none(routes, text: str) -> None:
    assert routes("", text).route("http://a.ca") is None


@pytest.mark.parametrize(
    "text",
    ["foo://me:hush@h:1", "socks4://h:1", "http://me:hush#1@h:9", "http://me:1/hush@h:9",
     "http://me:hush?@h:9", "http://", "http://[::1", "http://h:99999", "http://h:port", "a b"],
)  # fmt: skip
def test_unusable_proxy_is_one_sentence_that_names_the_variable(text: str) -> None:
    with pytest.raises(
        RequestError, match=r"^The proxy of HTTPS_PROXY (is of an unknown|has no valid)"
    ) as caught:
        parse_proxy(text, "HTTPS_PROXY")
    assert "hush" not in str(caught.value)
    assert "hush" not in repr(caught.value.__cause__)


def test_system_proxy_has_the_exceptions_of_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows and macOS have settings of their own, which count if no variable is set."""
    monkeypatch.setattr(
        "urllib.request.getproxies", lambda: {"https": "http://system.example:8080"}
    )
    monkeypatch.setattr("urllib.request.proxy_bypass", lambda host: host.endswith(".corp.example"))
    found = read_proxies()
    assert found.route("https://a.ca").url == "http://system.example:8080"
    assert found.route("https://stac.corp.example") is None
    monkeypatch.setenv("HTTPS_PROXY", "http://own.example:1")
    assert read_proxies().route("https://stac.corp.example").url == "http://own.example:1"
