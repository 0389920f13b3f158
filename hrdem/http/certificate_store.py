"""TLS that trusts the certificate store of Windows or macOS."""

from __future__ import annotations

import ssl
from typing import Any

import truststore


class SystemStoreContext(truststore.SSLContext):
    """Let the operating system verify certificates, for several connections at a time.

    A context of truststore serves one handshake at a time, so that a server that does not respond
    would hold up all others: each connection gets a context of its own.
    """

    def __init__(self, protocol: int) -> None:
        super().__init__(protocol)
        self._protocols: list[str] = []

    def set_alpn_protocols(self, alpn_protocols: Any) -> None:
        """Set the protocols to offer."""
        self._protocols = list(alpn_protocols)

    def wrap_socket(self, *args: Any, **options: Any) -> ssl.SSLSocket:
        """Make the TLS connection of a socket."""
        return self._fresh().wrap_socket(*args, **options)

    def wrap_bio(self, *args: Any, **options: Any) -> ssl.SSLObject:
        """Make a TLS connection within another, to an https proxy."""
        return self._fresh().wrap_bio(*args, **options)

    def _fresh(self) -> truststore.SSLContext:
        context = truststore.SSLContext(self.protocol)
        context.set_alpn_protocols(self._protocols)
        return context
