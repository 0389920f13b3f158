"""Requests of other sites, names and browsers are refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from hrdem.app.settings import Settings
from tests.app.conftest import PORT, TestClient, serving

TOKEN = "t" * 43


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        f"evil.example:{PORT}",
        "127.0.0.1",  # another port
        "127.0.0.1:1",
        f"127.0.0.1.evil.example:{PORT}",
        f"evil.example@127.0.0.1:{PORT}",
        f"127.0.0.1:{PORT}@evil.example",
        f"192.0.2.1:{PORT}",
        f"127.0.0.1:{PORT}/",
        "127.0.0.1:port",
        "[::1",
        f":{PORT}",
        "",
    ],
)
def test_a_name_that_dns_rebinding_leads_here_is_refused(client: TestClient, host: str) -> None:
    response = client.get("/api/config", headers={"host": host})
    assert response.status_code == 421
    assert response.json()["error"]["class"] == "WrongHost"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST", "[::1]"])
def test_this_machine_has_its_usual_names(client: TestClient, host: str) -> None:
    response = client.get("/api/config", headers={"host": f"{host}:{PORT}"})
    assert response.status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": f"http://127.0.0.1:{PORT + 1}"},  # another program of this machine
        {"origin": f"http://127.0.0.1:{PORT}.evil.example"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "same-site", "origin": f"http://127.0.0.1:{PORT}", "x": "y"},
    ],
)
@pytest.mark.parametrize(("method", "path"), [("POST", "/api/jobs"), ("GET", "/api/jobs")])
def test_a_request_forged_by_another_site_is_refused(
    client: TestClient, headers: dict[str, str], method: str, path: str
) -> None:
    response = client.request(method, path, headers=headers)
    assert response.status_code == 403
    assert response.json()["error"]["class"] == "WrongOrigin"


def test_a_link_on_another_site_opens_the_page_and_nothing_else(client: TestClient) -> None:
    link = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    assert client.get("/", headers=link | {"sec-fetch-dest": "document"}).status_code != 403
    assert client.get("/", headers=link | {"sec-fetch-dest": "iframe"}).status_code == 403
    jobs = client.get("/api/jobs", headers=link | {"sec-fetch-dest": "document"})
    assert jobs.status_code == 403


def test_every_response_has_a_policy_without_inline_script(client: TestClient) -> None:
    for response in (client.get("/api/config"), client.get("/no"), client.post("/api/jobs")):
        policy = response.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["cache-control"] == "no-store"


def test_a_defect_is_a_response_with_the_same_policy(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hrdem.app.job_queue.JobQueue.list_of", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        client.get("/api/jobs")
    calm = TestClient(client.app, base_url=client.base_url, raise_server_exceptions=False)
    response = calm.get("/api/jobs")
    assert (response.status_code, response.json()["error"]["class"]) == (500, "Defect")
    assert response.headers["x-content-type-options"] == "nosniff"


def test_the_cookie_of_a_browser_is_kept_from_scripts_and_other_sites(client: TestClient) -> None:
    client.cookies.clear()
    cookie = client.get("/api/config").headers["set-cookie"]
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= {each.strip() for each in cookie.split(";")}
    assert "set-cookie" not in client.get("/api/config").headers
    client.cookies.set("hrdem_owner", "chosen")
    assert "set-cookie" in client.get("/api/config").headers


class TestElsewhere:
    """A server that other machines can connect to."""

    @pytest.fixture
    def client(self, settings: Settings) -> Iterator[TestClient]:
        allowed = ("maps.example",)
        elsewhere = replace(settings, host="0.0.0.0", token=TOKEN, allowed_hosts=allowed)
        with serving(elsewhere) as client:
            yield client

    def test_nothing_is_served_without_the_token(self, client: TestClient) -> None:
        for path in ("/", "/?token=", "/?token=wrong", "/api/config", "/static/app.js", "/no"):
            assert client.get(path).status_code == 403, path
        assert client.post(f"/api/jobs?token={TOKEN}").status_code == 403

    def test_the_token_leaves_the_address_and_becomes_a_cookie(self, client: TestClient) -> None:
        response = client.get("/", params={"token": TOKEN})
        assert (response.status_code, response.headers["location"]) == (303, "/")
        cookie = response.headers["set-cookie"]
        assert {"HttpOnly", "SameSite=lax"} <= {each.strip() for each in cookie.split(";")}
        assert client.get("/api/config").status_code == 200

    def test_a_program_sends_it_in_a_header(self, client: TestClient) -> None:
        for given, status in ((TOKEN, 200), (TOKEN[1:], 403), ("é", 403)):
            headers = {"authorization": f"Bearer {given}".encode()}
            assert client.get("/api/config", headers=headers).status_code == status

    @pytest.mark.parametrize(
        ("host", "status"),
        [
            (f"192.0.2.1:{PORT}", 200),  # an address, which no name server can lead elsewhere
            ("maps.example", 200),
            (f"evil.example:{PORT}", 421),
        ],
    )
    def test_it_has_its_addresses_and_the_names_that_were_allowed(
        self, client: TestClient, host: str, status: int
    ) -> None:
        headers = {"host": host, "authorization": f"Bearer {TOKEN}"}
        assert client.get("/api/config", headers=headers).status_code == status
