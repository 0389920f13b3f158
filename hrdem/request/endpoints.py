"""Addresses of services: the live ones, and what a user may give in their place."""

from __future__ import annotations

from urllib.parse import urlsplit

from hrdem.errors import RequestError
from hrdem.runtime.redaction import has_user, without_secrets

LIVE_STAC_URL = "https://datacube.services.geo.ca/stac/api/"
LIVE_WCS_URL = "https://datacube.services.geo.ca/ows/elevation"
LIVE_WMS_URL = LIVE_WCS_URL  # one address for both; the parameter SERVICE tells them apart


def default_wcs_url(stac_url: str) -> str | None:
    """Return the live WCS beside the live catalogue; its pixels are not those of another one."""
    return LIVE_WCS_URL if urlsplit(stac_url).hostname == urlsplit(LIVE_STAC_URL).hostname else None


def normalize_stac_url(url: str) -> str:
    """Return the root of a STAC API with one slash at its end.

    Raises:
        RequestError: If it is not an http or https address, or holds credentials.
    """
    return check_url(url, "STAC API").rstrip("/") + "/"


def check_url(url: str, of: str) -> str:
    """Return the address of a service, as it is.

    Args:
        url: As the user gave it.
        of: Which service, for the message.

    Raises:
        RequestError: If it is not an http or https address, or holds credentials.
    """
    try:
        parts = urlsplit(url)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        is_address = False
    if not is_address:
        raise RequestError(
            f"{without_secrets(url)!r} is not an http or https address; give that of a {of}, for "
            f"example {LIVE_STAC_URL if of == 'STAC API' else LIVE_WCS_URL}."
        )
    if has_user(url):
        raise RequestError(
            f"The address {without_secrets(url)} was given with a user name or password, which "
            "would be written into outputs as provenance; give it without."
        )
    return url
