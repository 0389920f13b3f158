"""The client's settings as GDAL's own HTTP client takes them."""

from __future__ import annotations

from hrdem.http.certificates import certificate_bundle
from hrdem.http.client import USER_AGENT
from hrdem.http.source_version import SourceVersion

_OPTIONS = {
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",  # listing the bucket never ends
    "GDAL_HTTP_USERAGENT": USER_AGENT,
    "GDAL_HTTP_CONNECTTIMEOUT": 10,
    "GDAL_HTTP_TIMEOUT": 300,
    "GDAL_HTTP_LOW_SPEED_TIME": 30,
    "GDAL_HTTP_LOW_SPEED_LIMIT": 1000,
    "GDAL_HTTP_MAX_RETRY": 5,
    "GDAL_HTTP_RETRY_DELAY": 0.5,
    "GDAL_HTTP_RETRY_CODES": "408,425,429,500,502,503,504",
    "GDAL_VRT_ENABLE_PYTHON": "NO",
}


def gdal_http_options(version: SourceVersion | None) -> dict[str, object]:
    """Return GDAL's settings for reading over http: patience, certificates, the version to hold to.

    Args:
        version: The version that requests are to be held to; None for no condition.
    """
    options: dict[str, object] = dict(_OPTIONS)
    if bundle := certificate_bundle():
        options["GDAL_CURL_CA_BUNDLE"] = bundle
    if version is not None and version.condition:
        ((name, value),) = version.condition.items()
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        options["GDAL_HTTP_HEADERS"] = f'"{name}: {escaped}"'
    return options
