"""The version of a remote file: ETag, size and date, as its server reported them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

from hrdem.runtime.redaction import redact_secrets, url_fingerprint


@dataclass(frozen=True, slots=True)
class SourceVersion:
    """One version of a remote file; files are republished under the same address.

    Attributes:
        url: Address of the file, without credentials.
        etag: Entity tag as sent, with its quotes; empty if the server sends none.
        size: Size of the whole file in bytes.
        last_modified: Last-Modified as sent, or empty.
        address: Fingerprint of the address: two addresses can be equal without their credentials.
    """

    url: str
    etag: str
    size: int
    last_modified: str
    address: str

    @classmethod
    def of(cls, url: str, etag: str, size: int, last_modified: str = "") -> Self:
        """Return a version of the file at an address."""
        return cls(redact_secrets(url), etag, size, last_modified, url_fingerprint(url))

    @property
    def condition(self) -> dict[str, str]:
        """Request headers that make a server refuse if the file has changed."""
        if self.pinned:
            return {"If-Match": self.etag}
        if self.last_modified:
            return {"If-Unmodified-Since": self.last_modified}
        return {}

    @property
    def pinned(self) -> bool:
        """Whether a strong entity tag identifies exactly this version."""
        return bool(self.etag) and not self.etag.startswith("W/")

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready values."""
        return {
            "etag": self.etag,
            "size": self.size,
            "last_modified": self.last_modified,
            "pinned_by": next(iter(self.condition), None),
        }
