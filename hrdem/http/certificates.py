"""Trusted certificates: those that the environment names, else the operating system's.

Where the system has none, as in small containers, certifi's are used.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import os
import shutil
import ssl
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import certifi

from hrdem.errors import RequestError
from hrdem.runtime.forks import add_thread

# Debian, Fedora, SUSE, RHEL, Alpine; the OpenSSL of conda's Python and others looks elsewhere
SYSTEM_FILES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
_PROTOCOLS = ["http/1.1"]  # that are offered
HAS_STORE = sys.platform in ("win32", "darwin")  # of its own, which OpenSSL does not read


@dataclass(frozen=True, slots=True)
class Certificates:
    """Certificates to trust; without a file and a folder those in the store of Windows or macOS.

    Attributes:
        source: Where they come from, for people.
        file: PEM file.
        folder: Folder of PEM files that are named by their hashes, or several folders.
        variables: Names of the variables that name them.
    """

    source: str
    file: str | None = None
    folder: str | None = None
    variables: tuple[str, ...] = ()

    def gdal_options(self) -> dict[str, object]:
        """Return them as options of GDAL, whose libcurl otherwise trusts certifi's alone."""
        file = self.file
        if file is None and self.folder is None:
            file = export_store()
        elif file is None:  # one of those in the folder in place of certifi's
            file = next(map(str, _list_hashed(self.folder)), None)
        options: dict[str, object] = {}
        if file is not None:
            options["GDAL_CURL_CA_BUNDLE"] = file
        if self.folder is not None:
            options["GDAL_HTTP_CAPATH"] = self.folder
        return options


def find_certificates() -> Certificates:
    """Find the certificates to trust.

    The first that is set counts: SSL_CERT_FILE and SSL_CERT_DIR, which may be set together,
    REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE.
    """
    for names in (("SSL_CERT_FILE", "SSL_CERT_DIR"), ("REQUESTS_CA_BUNDLE",), ("CURL_CA_BUNDLE",)):
        named = {name: value for name in names if (value := os.environ.get(name))}
        if named:
            return _named_certificates(named)
    return _system_certificates() or Certificates("certifi", certifi.where())


class _Loaded:
    """The TLS settings that were loaded last, for all clients of the process."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.key: object = None
        self.context: ssl.SSLContext | None = None


_loaded = _Loaded()


def load_early() -> None:
    """Load the TLS settings of the clients to come in a thread: OpenSSL works beside Python.

    What fails is reported by the client that needs them.
    """

    def load() -> None:
        add_thread()
        with contextlib.suppress(RequestError, OSError):
            share_tls_context(find_certificates())

    threading.Thread(target=load, name="hrdem-certificates", daemon=True).start()


def share_tls_context(certificates: Certificates) -> ssl.SSLContext:
    """Return the TLS settings of clients that trust certificates: loading them takes 40 ms.

    Raises:
        RequestError: If they cannot be read.
    """
    with _loaded.lock:
        key = certificates, _stamp(certificates.file)
        if _loaded.context is None or _loaded.key != key:
            _loaded.key, _loaded.context = key, make_tls_context(certificates)
        return _loaded.context


def _stamp(file: str | None) -> tuple[int, int] | None:
    """Return what changes with a file; None if there is none."""
    try:
        stat = None if file is None else os.stat(file)  # noqa: PTH116
    except OSError:
        stat = None
    return stat and (stat.st_mtime_ns, stat.st_size)


def make_tls_context(certificates: Certificates) -> ssl.SSLContext:
    """Make TLS settings that trust certificates.

    Raises:
        RequestError: If they cannot be read.
    """
    if certificates.file is None and certificates.folder is None:
        from hrdem.http.certificate_store import SystemStoreContext  # noqa: PLC0415 (takes 20 ms)

        context: ssl.SSLContext = SystemStoreContext(ssl.PROTOCOL_TLS_CLIENT)
        context.set_alpn_protocols(_PROTOCOLS)
        return context
    try:
        if certificates.file is None and not any(_list_hashed(certificates.folder)):
            raise FileNotFoundError("no file has a name like 5ed36f99.0; openssl rehash makes them")
        if certificates.file is not None:
            Path(certificates.file).open("rb").close()  # errors of OpenSSL name no file
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        # as libcurl: an intermediate certificate may be trusted too. Python's default since 3.13
        # is also strict about extensions, which those of proxies that inspect TLS often lack.
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        context.set_alpn_protocols(_PROTOCOLS)
        context.load_verify_locations(certificates.file, certificates.folder)
        return context
    except OSError as exc:
        fix = f"Correct or unset {' and '.join(certificates.variables)}."
        if not certificates.variables:
            fix = "Set SSL_CERT_FILE to a file of certificates that can be read."
        raise RequestError(
            f"The certificates of {certificates.source} cannot be read ({exc}). {fix}"
        ) from exc


def _named_certificates(named: Mapping[str, str]) -> Certificates:
    source = " and ".join(f"{name} ({value})" for name, value in named.items())
    files = [value for name, value in named.items() if not _is_folder(name, value)]
    folders = [value for name, value in named.items() if _is_folder(name, value)]
    folder = os.pathsep.join(folders) if folders else None
    return Certificates(source, files[0] if files else None, folder, tuple(named))


def _is_folder(name: str, value: str) -> bool:
    return name == "SSL_CERT_DIR" or Path(value).is_dir()  # requests takes either


def _list_hashed(folders: str | None) -> Iterator[Path]:
    """List the certificates in folders, which OpenSSL finds by names like 5ed36f99.0."""
    for folder in filter(None, (folders or "").split(os.pathsep)):
        yield from Path(folder).glob("*.0")


def _system_certificates() -> Certificates | None:
    """Return the operating system's certificates; None if it has none."""
    if HAS_STORE:
        return Certificates("the operating system")
    defaults = ssl.get_default_verify_paths()
    file = next(filter(os.path.isfile, SYSTEM_FILES), defaults.cafile)
    folder = defaults.capath if any(_list_hashed(defaults.capath)) else None
    if file is None and folder is None:
        return None
    return Certificates(f"the operating system ({file or folder})", file, folder)


@functools.lru_cache(maxsize=1)
def export_store() -> str:
    """Write certifi's certificates and those of the system that Python can list to a file.

    Returns:
        Path of the file, which is removed when the process ends.
    """
    folder = tempfile.mkdtemp(prefix="hrdem-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    listed = ssl.create_default_context().get_ca_certs(binary_form=True)
    path = Path(folder) / "certificates.pem"
    path.write_text(
        Path(certifi.where()).read_text(encoding="utf-8")
        + "".join(map(ssl.DER_cert_to_PEM_cert, listed)),
        encoding="utf-8",
    )
    return str(path)
