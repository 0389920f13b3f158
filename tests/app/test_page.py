"""The page and its files."""

from __future__ import annotations

import pytest

from hrdem.app.routes.page import STATIC, choose_language
from tests.app.conftest import TestClient


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("", "en"),
        ("fr-CA,fr;q=0.9,en;q=0.8", "fr"),
        ("en-CA,fr;q=0.9", "en"),
        ("de,fr;q=0.5,en;q=0.4", "fr"),
        ("fr;q=x,en;q=0.1", "en"),
    ],
)
def test_the_page_has_the_language_of_the_browser(accepted: str, language: str) -> None:
    assert choose_language(accepted) == language


def test_the_page_is_served_in_both_languages(client: TestClient) -> None:
    french = client.get("/", headers={"accept-language": "fr-CA"})
    assert '<html lang="fr">' in french.text
    assert french.headers["vary"] == "accept-language"
    assert '<html lang="en">' in client.get("/?lang=en", headers={"accept-language": "fr"}).text


def test_files_are_validated_by_their_content(client: TestClient) -> None:
    script = next(STATIC.glob("page-*.js")).name
    first = client.get(f"/static/{script}")
    assert first.headers["content-type"] == "text/javascript; charset=utf-8"
    assert "immutable" in first.headers["cache-control"]
    again = client.get(f"/static/{script}", headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert client.get("/").headers["cache-control"] == "no-cache"
