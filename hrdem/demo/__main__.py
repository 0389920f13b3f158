"""Serve the demonstration until standard input closes: ``python -m hrdem.demo PORT EDITION``."""

from __future__ import annotations

import signal
import sys
import threading

from hrdem.demo.server import DemoServer
from hrdem.runtime.gdal_env import pinned_gdal

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal's Ctrl-C is for the parent
    with pinned_gdal(), DemoServer(*map(int, sys.argv[1:])) as server:
        sys.stdout.write(f"{server.url}\n")
        sys.stdout.flush()
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        sys.stdin.read()
        server.shutdown()
