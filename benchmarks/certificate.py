"""A certificate for the servers of the benchmark, and an authority that the readers trust."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Certificate:
    """Files of a server's certificate.

    Attributes:
        server: PEM file with the key and the certificate.
        authority: PEM file of the authority that issued it.
    """

    server: Path
    authority: Path

    @property
    def environment(self) -> dict[str, str]:
        """Variables by which Python, curl, GDAL and rustls trust the authority."""
        # rasterio sets the last one to certifi's if nobody did
        names = "SSL_CERT_FILE", "CURL_CA_BUNDLE", "GDAL_CURL_CA_BUNDLE"
        return dict.fromkeys(names, str(self.authority))


def make_certificate(folder: Path, addresses: Iterable[str]) -> Certificate:
    """Make a certificate for IP addresses in a folder."""
    import trustme  # noqa: PLC0415 (only for runs with TLS)

    folder.mkdir(parents=True, exist_ok=True)
    authority = trustme.CA()
    made = Certificate(folder / "server.pem", folder / "authority.pem")
    authority.cert_pem.write_to_path(str(made.authority))
    issued = authority.issue_cert(*sorted(set(addresses)))
    issued.private_key_and_cert_chain_pem.write_to_path(str(made.server))
    return made
