"""Serve the demonstration until standard input closes: ``python -m hrdem.demo PORT EDITION``.

The address is printed before the service is imported, so that a command imports its own libraries
meanwhile. Its first requests wait until they are accepted.
"""

from __future__ import annotations

import sys
import threading

from hrdem.demo.listen import listen
from hrdem.runtime.signals import ignore_keyboard


def main(port: int, edition: int) -> None:
    """Serve on a port of 127.0.0.1."""
    ignore_keyboard()
    listening = listen(port)
    sys.stdout.write(f"http://127.0.0.1:{listening.getsockname()[1]}\n")
    sys.stdout.flush()
    from hrdem.demo.server import DemoServer  # noqa: PLC0415 (after the address is printed)
    from hrdem.runtime.gdal_env import pinned_gdal  # noqa: PLC0415

    with pinned_gdal(), DemoServer(listening, edition) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        sys.stdin.read()
        server.shutdown()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
