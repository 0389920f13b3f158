"""Addresses of the live services, and checks of user-supplied ones."""

from __future__ import annotations

from urllib.parse import urlsplit

from hrdem.errors import RequestError
from hrdem.runtime.redaction import has_userinfo, redact_secrets

LIVE_STAC_URL = "https://datacube.services.geo.ca/stac/api/"
LIVE_WCS_URL = "https://datacube.services.geo.ca/ows/elevation"
LIVE_WMS_URL = LIVE_WCS_URL  # one address for both; the parameter SERVICE selects the service


def default_wcs_url(stac_url: str) -> str | None:
    """Return the live WCS for the live catalogue; None for any other, whose pixels may differ."""
    return LIVE_WCS_URL if urlsplit(stac_url).hostname == urlsplit(LIVE_STAC_URL).hostname else None


def normalize_stac_url(url: str) -> str:
    """Return the root of a STAC API with exactly one trailing slash.

    Raises:
        RequestError: If it is not an http or https address, or contains credentials.
    """
    return check_url(url, "STAC API").rstrip("/") + "/"


def check_url(url: str, service: str) -> str:
    """Return the address of a service unchanged if it is usable.

    Args:
        url: User-supplied address.
        service: Name of the service, for the message.

    Raises:
        RequestError: If it is not an http or https address, or contains credentials.
    """
    try:
        parts = urlsplit(url)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        is_address = False
    if not is_address:
        example = LIVE_STAC_URL if service == "STAC API" else LIVE_WCS_URL
        raise RequestError(
            f"{redact_secrets(url)!r} is not an http or https address. Give the address of a "
            f"{service}, for example {example}."
        )
    if has_userinfo(url):
        raise RequestError(
            f"The address {redact_secrets(url)} contains a user name or password, which outputs "
            "would record as provenance. Give the address without them."
        )
    return url
