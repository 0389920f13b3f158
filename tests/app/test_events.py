"""Pages hear of the jobs of their browser, the last state of each, until the server stops."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import anyio
import pytest

from hrdem.app import events
from hrdem.app.events import Hub
from hrdem.app.problems import RefusedError


async def take(stream: AsyncIterator[bytes], count: int) -> list[bytes]:
    with anyio.fail_after(5):
        return [await anext(stream) for _ in range(count)]


def test_a_page_hears_of_its_own_jobs() -> None:
    async def listen() -> None:
        hub = Hub()
        jobs = [{"id": "1", "state": "queued"}]
        stream = hub.subscribe("a", lambda: jobs)
        jobs[0]["state"] = "running"  # before the stream is read
        first = (await take(stream, 1))[0]
        assert first.startswith(b"retry:")
        assert first.endswith(b'event: jobs\ndata: [{"id": "1", "state": "running"}]\n\n')
        hub.publish("b", {"id": "2"})
        for fraction in (0.1, 0.2, 0.3):
            hub.publish("a", {"id": "1", "fraction": fraction})
        hub.publish("a", {"id": "3", "label": "a\nevent: job"})
        last, other = await take(stream, 2)
        assert json.loads(last.partition(b"data: ")[2]) == {"id": "1", "fraction": 0.3}
        assert other.count(b"\n") == 3
        hub.publish("a", {"id": "3"})
        hub.publish_removed("a", "3")
        assert await take(stream, 1) == [b'event: removed\ndata: {"id": "3"}\n\n']
        hub.close()
        assert [part async for part in stream] == []
        assert not hub.has_pages("a")

    anyio.run(listen)


def test_a_silent_stream_is_kept_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "KEEP_ALIVE_SECONDS", 0.01)

    async def listen() -> None:
        stream = Hub().subscribe("a", list)
        assert (await take(stream, 2))[1] == b": keep-alive\n\n"

    anyio.run(listen)


def test_a_browser_has_a_number_of_streams() -> None:
    async def listen() -> None:
        hub = Hub()
        streams = [hub.subscribe("a", list) for _ in range(events.MAX_STREAMS_OF_BROWSER)]
        for stream in streams:
            await take(stream, 1)
        with pytest.raises(RefusedError):
            hub.subscribe("a", list)
        hub.subscribe("b", list)
        late = [hub.subscribe("c", list) for _ in range(events.MAX_STREAMS_OF_BROWSER + 2)]
        for stream in late[:-2]:
            await take(stream, 1)
        for stream in late[-2:]:  # they began to be sent after the others
            assert [part async for part in stream] == []
        await streams[0].aclose()
        hub.subscribe("a", list)

    anyio.run(listen)
