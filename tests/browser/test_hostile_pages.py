"""Pages of other sites, which a browser lets send requests to this server."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from tests.browser.app_server import AppServer

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

JOB = '{"area": {"bbox": [-75.72, 45.4, -75.715, 45.405]}, "products": ["dtm"]}'


class Hostile(BaseHTTPRequestHandler):
    """A page of another origin."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>Another site</title><body></body>")

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture
def hostile(browser: Browser, server: AppServer) -> Iterator[Page]:
    """A page of another origin, in a browser that has used this server."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Hostile) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        context = browser.new_context()
        context.new_page().goto(server.url)
        page = context.new_page()
        page.goto(f"http://127.0.0.1:{other.server_port}/")
        yield page
        context.close()
        other.shutdown()


FETCH = """async ([address, options]) => {
    try {
        const answer = await fetch(address, { credentials: "include", ...options });
        return `${answer.type} ${answer.status} ${(await answer.text()).length}`;
    } catch (error) { return String(error.name); }
}"""


def test_another_site_reads_and_starts_nothing(hostile: Page, server: AppServer) -> None:
    """Neither with a preflight nor as a plain form would, with the browser's cookie or without."""
    for path in ("api/config", "api/jobs", "api/events"):
        assert hostile.evaluate(FETCH, [server.url + path, {}]) == "TypeError"
    posts = [
        {"method": "POST", "body": JOB, "headers": {"Content-Type": "application/json"}},
        {"method": "POST", "body": JOB, "headers": {"Content-Type": "text/plain"}},
        {"method": "POST", "body": JOB, "mode": "no-cors"},
    ]
    for options in posts:
        assert hostile.evaluate(FETCH, [server.url + "api/jobs", options]) in {
            "TypeError",
            "opaque 0 0",
        }
    own = hostile.context.pages[0]
    assert own.evaluate("async () => (await fetch('/api/jobs')).text()") in {"[]", '{"jobs":[]}'}


def test_another_site_cannot_frame_the_page(hostile: Page, server: AppServer) -> None:
    """Else it could have its buttons clicked."""
    hostile.evaluate(
        """address => new Promise(resolve => {
            const frame = document.createElement("iframe");
            frame.onload = resolve;
            frame.src = address;
            document.body.append(frame);
        })""",
        server.url,
    )
    assert hostile.frames[-1].locator("#get").count() == 0
