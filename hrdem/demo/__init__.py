"""The demonstration: a local copy of the service over synthetic terrain, without a network."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Addresses:
    """Addresses of a running demonstration service.

    Attributes:
        url: Scheme and host.
    """

    url: str

    @property
    def stac(self) -> str:
        """Root of the STAC API."""
        return f"{self.url}/stac/api/"

    @property
    def wcs(self) -> str:
        """Documented address of the WCS; it redirects like the live one."""
        return f"{self.url}/ows/elevation"

    @property
    def wms(self) -> str:
        """Documented address of the WMS, equal to that of the WCS."""
        return self.wcs

    @property
    def by_option(self) -> dict[str, str]:
        """The addresses by option name."""
        return {"stac_url": self.stac, "wcs_url": self.wcs, "wms_url": self.wms}


@contextmanager
def running(port: int = 0, edition: int = 1) -> Iterator[Addresses]:
    """Run the demonstration service in a separate process while the context is open.

    A process, because GDAL may hold Python's lock while it waits for a response. The service ends
    when its standard input closes, and so with this process, however that ends.

    Args:
        port: Port of 127.0.0.1 to listen on; 0 takes a free one.
        edition: Edition of the files to serve; each has other heights and other versions.

    Raises:
        OSError: If the port is taken.
    """
    command = [sys.executable, "-m", "hrdem.demo", str(port), str(edition)]
    with subprocess.Popen(  # noqa: S603 (our own interpreter and module)
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        if not url:
            raise OSError(f"the demonstration service could not listen on port {port}")
        try:
            yield Addresses(url)
        finally:
            process.stdin.close()
