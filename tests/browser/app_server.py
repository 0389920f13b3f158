"""`hrdem app --demo` as a process of its own, which tests start, kill and start again."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path


def find_free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(slots=True)
class AppServer:
    """A server of the page, with a folder of data and a port that stay the same.

    Attributes:
        folder: Folder of its data, cache and log.
        port: Its port.
        options: Further options of the command line.
    """

    folder: Path
    port: int = field(default_factory=find_free_port)
    options: tuple[str, ...] = ()
    _process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        """Address of the page."""
        return f"http://127.0.0.1:{self.port}/"

    def start(self) -> None:
        """Start it, and wait until the page can be opened."""
        data, cache = self.folder / "data", self.folder / "cache"
        command = [sys.executable, "-m", "hrdem", "app", "--demo", "--no-browser", "--json"]
        places = ["--port", str(self.port), "--data", str(data), "--cache-dir", str(cache)]
        with (self.folder / "app.log").open("a", encoding="utf-8") as log:
            self._process = subprocess.Popen(
                [*command, *places, *self.options],
                stdout=subprocess.PIPE,
                stderr=log,
                encoding="utf-8",
            )
        assert self._process.stdout is not None
        document = ""
        while not document.strip().endswith("}"):
            line = self._process.stdout.readline()
            if not line:
                self.kill()
                raise AssertionError((self.folder / "app.log").read_text("utf-8"))
            document += line
        assert json.loads(document)["url"] == self.url

    def kill(self) -> None:
        """End it at once, as a crash or a power cut does."""
        assert self._process is not None
        self._process.kill()
        self._process.communicate()

    def stop(self) -> None:
        """End it as Ctrl-C does."""
        assert self._process is not None
        self._process.terminate()
        self._process.communicate(timeout=60)
