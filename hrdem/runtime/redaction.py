"""Redaction: addresses without user names, passwords, signatures and tokens, for any output."""

from __future__ import annotations

import hashlib
import re
from urllib.parse import unquote, urlsplit

_HIDDEN = "REDACTED"
_SECRET_PARTS = (
    "accesskey", "apikey", "authoriz", "credential", "jwt", "keypairid", "passphrase", "passwd",
    "password", "secret", "session", "signature", "token",
)  # fmt: skip
_SECRETS = {"auth", "key", "pass", "pwd", "sas", "sig"}
_NAME_SIGNS = re.compile(r"[^a-z0-9]")

# signed addresses of Amazon's, Google's and Azure's stores, and of their networks
_SIGNS = {"signature", "sig", "x-amz-signature", "x-goog-signature"}
_SIGNING = re.compile(
    r"signature|expires|policy|key-pair-id|awsaccesskeyid|googleaccessid|x-(?:amz|goog)-.+"
    r"|sig|s[evprt]|spr|srt|ss|sip|sdd|sk(?:oid|tid|t|e|s|v)"
)

_USER = re.compile(r"(?<=//)[^/?#\s\"<>\\]*@")
_VALUE = re.compile(r"(?<=[?&;#])([^=?&;#\s\"<>]{1,200})=([^&#\s\"<>]+)")
# the same in an address that is itself a value of another one's query
_QUOTED_USER = re.compile(r"(?<=%2f%2f)(?:(?!%2f|%3f|%23)[^&\s\"<>])*(?:%40|@)", re.IGNORECASE)
_QUOTED_VALUE = re.compile(
    r"(?<=%3f|%26|%23)((?:(?!%3d|%26)[^=&#\s\"<>]){1,200})%3d((?:(?!%26|%23)[^&#\s\"<>])+)",
    re.IGNORECASE,
)


def redact_secrets(text: str) -> str:
    """Return an address, or a text that contains addresses, without secrets.

    User names and passwords are removed; query values whose name suggests a signature, a token, a
    key or a password become ``REDACTED``.
    """
    text = _QUOTED_USER.sub("", _USER.sub("", text))
    text = _QUOTED_VALUE.sub(lambda found: _redact_value(found, "%3D"), text)
    return _VALUE.sub(lambda found: _redact_value(found, "="), text)


def url_fingerprint(url: str) -> str:
    """Return a hash that identifies an address without revealing it.

    User names, passwords and signatures do not count: signatures change each time that a service
    issues the same address.
    """
    parts = urlsplit(url)
    named = [(value.partition("=")[0].lower(), value) for value in parts.query.split("&")]
    signed = any(name in _SIGNS for name, _ in named)
    unsigned = [value for name, value in named if not (signed and _SIGNING.fullmatch(name))]
    host = parts.netloc.rpartition("@")[2]
    bare = parts._replace(netloc=host, query="&".join(unsigned), fragment="")
    return hashlib.sha256(bare.geturl().encode(errors="surrogatepass")).hexdigest()[:24]


def has_userinfo(url: str) -> bool:
    """Whether an address contains a user name or a password."""
    return "@" in urlsplit(url).netloc


def _redact_value(found: re.Match[str], sign: str) -> str:
    return f"{found[1]}{sign}{_HIDDEN}" if _is_secret(found[1]) else found[0]


def _is_secret(name: str) -> bool:
    bare = _NAME_SIGNS.sub("", unquote(name).lower())
    return bare in _SECRETS or bare.endswith("key") or any(part in bare for part in _SECRET_PARTS)
