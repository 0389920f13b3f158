"""Trusted certificates: the bundle that the environment names, otherwise certifi's."""

from __future__ import annotations

import os
import ssl

from hrdem.errors import RequestError


def certificate_bundle() -> str | None:
    """Return the path of the bundle that the environment names; None if it names none."""
    names = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
    return next((os.environ[name] for name in names if os.environ.get(name)), None)


def trusted_certificates() -> ssl.SSLContext | bool:
    """Return httpx's ``verify`` setting; True is its own bundle.

    Raises:
        RequestError: If the environment names a bundle that cannot be read.
    """
    bundle = certificate_bundle()
    if bundle is None:
        return True
    try:
        return ssl.create_default_context(cafile=bundle)
    except OSError as exc:
        raise RequestError(
            f"The environment names {bundle!r} as the bundle of certificates to trust, which "
            "cannot be read. Correct or unset SSL_CERT_FILE, REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE."
        ) from exc
