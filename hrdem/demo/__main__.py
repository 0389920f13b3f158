"""Serve the demonstration until standard input closes: ``python -m hrdem.demo PORT EDITION``."""

from __future__ import annotations

import sys
import threading

from hrdem.demo.server import DemoServer
from hrdem.runtime.gdal_env import pinned_gdal
from hrdem.runtime.signals import ignore_keyboard

if __name__ == "__main__":
    ignore_keyboard()
    with pinned_gdal(), DemoServer(*map(int, sys.argv[1:])) as server:
        sys.stdout.write(f"{server.url}\n")
        sys.stdout.flush()
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        sys.stdin.read()
        server.shutdown()
