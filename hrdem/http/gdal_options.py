"""The client's settings, in the form of GDAL's HTTP options."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from hrdem.http.certificates import find_certificates
from hrdem.http.first_request import USER_AGENT
from hrdem.http.proxies import read_proxies
from hrdem.http.retry import Retries
from hrdem.http.source_version import SourceVersion
from hrdem.http.timeouts import Timeouts

_RETRIED_STATUSES = (408, 425, 429, 500, 502, 503, 504)  # GDAL takes a list, not a range
_MIN_SPEED_BYTES_PER_SECOND = 1_000


_RETRIES = Retries()
_TIMEOUTS = Timeouts()

# https://gdal.org/en/stable/user/configoptions.html#networking-options
OPTIONS: dict[str, object] = {
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",  # listing the bucket never ends
    "GDAL_HTTP_USERAGENT": USER_AGENT,
    "GDAL_HTTP_CONNECTTIMEOUT": int(_TIMEOUTS.connect),
    "GDAL_HTTP_TIMEOUT": int(_TIMEOUTS.total),
    "GDAL_HTTP_LOW_SPEED_TIME": int(_TIMEOUTS.slow),
    "GDAL_HTTP_LOW_SPEED_LIMIT": _MIN_SPEED_BYTES_PER_SECOND,
    "GDAL_HTTP_MAX_RETRY": _RETRIES.attempts,
    "GDAL_HTTP_RETRY_DELAY": _RETRIES.first_wait,
    "GDAL_HTTP_RETRY_CODES": ",".join(map(str, _RETRIED_STATUSES)),
}


def gdal_http_options(version: SourceVersion | None, urls: Iterable[str]) -> dict[str, object]:
    """Return GDAL's options for reading over HTTP.

    Args:
        version: Version that requests are conditional on; None for no condition.
        urls: Addresses that are read.

    Raises:
        RequestError: If the proxy for one of them cannot be used, or no certificates can be read.
    """
    options = {**OPTIONS, **_proxy_options(urls), **find_certificates().gdal_options()}
    if version is not None and version.condition:
        ((name, value),) = version.condition.items()
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        options["GDAL_HTTP_HEADERS"] = f'"{name}: {escaped}"'
    return options


def _proxy_options(urls: Iterable[str]) -> dict[str, object]:
    """Return the proxy of each scheme; an empty one makes libcurl connect directly.

    Where some addresses of a scheme have a proxy, libcurl itself compares the others with NO_PROXY.
    """
    proxies = read_proxies()
    options: dict[str, object] = {"GDAL_HTTP_PROXY": "", "GDAL_HTTPS_PROXY": ""}
    for url in urls:
        if proxy := proxies.route(url):
            options[f"GDAL_{urlsplit(url).scheme.upper()}_PROXY"] = proxy.url
    return options
