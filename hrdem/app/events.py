"""Events: the jobs of a browser, sent to its pages as they change."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any

from hrdem.app.problems import RefusedError
from hrdem.app.settings import MAX_STREAMS_OF_BROWSER

KEEP_ALIVE_SECONDS = 15.0


class _Stream:
    """What one page has not received yet: the last event of each job, so that it stays small."""

    def __init__(self) -> None:
        self.pending: dict[str, bytes] = {}
        self.wake = asyncio.Event()


class Hub:
    """Hands jobs on to the pages of their browsers. Use it in the thread of the event loop."""

    def __init__(self) -> None:
        self._streams: dict[str, list[_Stream]] = {}
        self._is_closed = False

    def publish(self, owner: str, job: dict[str, Any]) -> None:
        """Send a job to the pages of a browser."""
        self._send_later(owner, job["id"], format_event("job", job))

    def publish_removed(self, owner: str, id_: str) -> None:
        """Tell the pages of a browser that a job is gone."""
        self._send_later(owner, id_, format_event("removed", {"id": id_}))

    def _send_later(self, owner: str, id_: str, event: bytes) -> None:
        for stream in self._streams.get(owner, ()):
            stream.pending[id_] = event
            stream.wake.set()

    def has_pages(self, owner: str) -> bool:
        """Whether a page of a browser listens."""
        return owner in self._streams

    def close(self) -> None:
        """End all streams, for a server that stops."""
        self._is_closed = True
        for streams in self._streams.values():
            for stream in streams:
                stream.wake.set()

    def subscribe(
        self, owner: str, list_jobs: Callable[[], Iterable[dict[str, Any]]]
    ) -> AsyncIterator[bytes]:
        """Return the stream of a page, which begins with all jobs.

        Args:
            owner: Id of the browser.
            list_jobs: Lists its jobs, as they are when the stream begins.

        Raises:
            RefusedError: If the browser has too many streams.
        """
        if len(self._streams.get(owner, ())) >= MAX_STREAMS_OF_BROWSER:
            raise RefusedError(
                429, "TooManyPages", "Too many pages of this browser are open. Close some of them."
            )
        return self._send(owner, list_jobs)

    async def _send(
        self, owner: str, list_jobs: Callable[[], Iterable[dict[str, Any]]]
    ) -> AsyncIterator[bytes]:
        stream = _Stream()
        streams = self._streams.setdefault(owner, [])
        if len(streams) >= MAX_STREAMS_OF_BROWSER:  # several began since `subscribe`
            return
        streams.append(stream)
        try:
            yield b"retry: 2000\n\n" + format_event("jobs", [*list_jobs()])
            while not self._is_closed:
                try:
                    async with asyncio.timeout(KEEP_ALIVE_SECONDS):
                        await stream.wake.wait()
                except TimeoutError:
                    yield b": keep-alive\n\n"
                    continue
                stream.wake.clear()
                pending, stream.pending = stream.pending, {}
                for event in pending.values():
                    yield event
        finally:
            streams.remove(stream)
            if not streams:
                del self._streams[owner]


def format_event(name: str, content: Any) -> bytes:
    """Return a server-sent event; JSON has no line break."""
    return f"event: {name}\ndata: {json.dumps(content)}\n\n".encode()
