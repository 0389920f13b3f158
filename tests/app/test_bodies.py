"""Bodies are bounded while they are read, and have known keys alone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hrdem.app.settings import MAX_JSON_BYTES
from tests.app.conftest import TestClient

JSON = {"content-type": "application/json"}


def test_a_body_is_not_read_beyond_its_limit(client: TestClient) -> None:
    sent = 0

    def body() -> Iterator[bytes]:
        nonlocal sent
        for _ in range(1000):
            sent += MAX_JSON_BYTES // 4
            yield b" " * (MAX_JSON_BYTES // 4)

    response = client.post("/api/estimate", content=body(), headers=JSON)
    assert response.status_code == 413
    assert "64,000 bytes" in response.json()["error"]["message"]


def test_an_announced_length_is_refused_before_the_body(client: TestClient) -> None:
    for length in ("64001", "1e9", "-1", "٣"):
        headers = {**JSON, "content-length": length.encode()}
        response = client.post("/api/estimate", content=b"{}", headers=headers)
        assert response.status_code == 413


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "NotJson"),
        (b"[]", "NotJson"),
        (b"{", "NotJson"),
        (b"\xff", "NotJson"),
        (b'{"area": NaN}', "NotJson"),
        (rb'{"\ud800": 1}', "NotJson"),
        (rb'{"area": {"nts": "\udc00"}}', "NotJson"),
        (b"[" * 60_000, "NotJson"),
        (b'{"area": {}, "output": "/etc/passwd"}', "UnknownKey"),
    ],
)
def test_what_is_no_request_is_refused(client: TestClient, body: bytes, kind: str) -> None:
    response = client.post("/api/estimate", content=body, headers=JSON)
    assert (response.status_code, response.json()["error"]["class"]) == (400, kind)


def test_a_form_of_another_site_cannot_pass_for_json(client: TestClient) -> None:
    headers = {"content-type": "text/plain"}
    response = client.post("/api/estimate", content=b"{}", headers=headers)
    assert response.status_code == 415
