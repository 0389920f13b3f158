"""Messages and fingerprints of addresses hold no secrets."""

from __future__ import annotations

import pytest

from hrdem.runtime.redaction import has_userinfo, redact_secrets, url_fingerprint


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("http://me:secret@host:1/a?b=c", "http://host:1/a?b=c"),
        ("http://me@host/", "http://host/"),
        ("https://me:se@cret@host/a@b", "https://host/a@b"),
        ("//me:secret@host/x", "//host/x"),
        ("/vsicurl/http://me:secret@host/x", "/vsicurl/http://host/x"),
        ("http://h/t.tif?X-Amz-Signature=0a&X-Amz-Date=2", "http://h/t.tif?X-Amz-Signature=REDACTED&X-Amz-Date=2"),
        ("http://h/?X-Amz-Credential=a%2Fb&X-Amz-Security-Token=c", "http://h/?X-Amz-Credential=REDACTED&X-Amz-Security-Token=REDACTED"),
        ("http://h/?sv=1&sig=a%2Bb%3D", "http://h/?sv=1&sig=REDACTED"),
        ("http://h/?api_key=x#access_token=y", "http://h/?api_key=REDACTED#access_token=REDACTED"),
        ("http://h/?X%2DAmz%2DSignature=0a", "http://h/?X%2DAmz%2DSignature=REDACTED"),
        ("http://h/?sig=a%26b'c;d", "http://h/?sig=REDACTED"),
        ("http://h/?SIG=a&amp;Token=b&amp;size=3", "http://h/?SIG=REDACTED&amp;Token=REDACTED&amp;size=3"),
        ("http://h/?map=a&subscription-key=b", "http://h/?map=a&subscription-key=REDACTED"),
        ("http://h/?url=http%3A%2F%2Fme%3Apw%40o%2Fx%3Fsig%3Dabc%26b%3D1", "http://h/?url=http%3A%2F%2Fo%2Fx%3Fsig%3DREDACTED%26b%3D1"),
        ("GET http://me:pw@h/a?key=b failed: http://h/a?c=d", "GET http://h/a?key=REDACTED failed: http://h/a?c=d"),
        ("Mail me@example.org about tiles=9_2", "Mail me@example.org about tiles=9_2"),
        ("http://h/ows?SERVICE=WCS&FORMAT=image/tiff", "http://h/ows?SERVICE=WCS&FORMAT=image/tiff"),
        ("http://[", "http://["),
        ("", ""),
    ],
)  # fmt: skip
def test_secrets_are_redacted(text: str, redacted: str) -> None:
    assert redact_secrets(text) == redacted


def test_long_text_is_redacted_quickly() -> None:
    redact_secrets("//" + "?a" * 100_000 + "=" + "%2f%2f" * 100_000 + "&x" * 100_000)


def test_has_userinfo() -> None:
    assert has_userinfo("http://me@host/")
    assert not has_userinfo("http://host/a//b@c")


@pytest.mark.parametrize(
    "query",
    [
        "X-Amz-Date=20260101T000000Z&X-Amz-Expires=900&X-Amz-Signature={}",
        "x-goog-date=20260101&X-Goog-Signature={}",
        "Expires=1767225600&Key-Pair-Id=K2&Signature={}",
        "sv=2024-11-04&se=2026-01-01&sr=b&sp=r&sig={}",
    ],
)
def test_fingerprint_ignores_signatures(query: str) -> None:
    signed = [f"https://me:{n}@store.example/a.tif?v=7&{query.format(n)}" for n in ("abc", "def")]
    assert url_fingerprint(signed[0]) == url_fingerprint(signed[1])
    assert url_fingerprint(signed[0]) == url_fingerprint("https://store.example/a.tif?v=7")
    assert url_fingerprint(signed[0]) != url_fingerprint(signed[0].replace("v=7", "v=8"))


@pytest.mark.parametrize("name", ["key", "token", "session", "se", "expires"])
def test_fingerprint_distinguishes_redacted_values(name: str) -> None:
    """Redacted parameters that are no signatures still belong to the address."""
    one, other = (f"https://store.example/get?{name}={value}" for value in ("dtm", "dsm"))
    assert url_fingerprint(one) != url_fingerprint(other)
