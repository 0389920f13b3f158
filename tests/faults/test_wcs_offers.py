"""Services that are gone, or were never a WCS."""

from __future__ import annotations

import pytest

from hrdem.errors import NetworkError, ServerError, TransferError, WcsError
from hrdem.http.client import HttpClient
from hrdem.sources.wcs.capabilities import describe_coverage, read_capabilities
from tests.misbehaving import Reply, misbehaving


def told(url: str, http: HttpClient, kind: type[NetworkError]) -> str:
    """What a user is told, whichever document is asked for."""
    for ask in (read_capabilities, lambda at, by: describe_coverage(at, "dtm", by)):
        with pytest.raises(NetworkError) as caught:
            ask(url, http)
        assert type(caught.value) is kind
    return str(caught.value)


@pytest.mark.parametrize("status", [404, 410])
def test_missing_service_error_suggests_alternatives(http: HttpClient, status: int) -> None:
    with misbehaving(lambda _: Reply(status, b"<html><title>Gone</title></html>")) as server:
        message = told(f"{server.url}/ows", http, WcsError)
        assert f"/ows answers {status}" in message
        assert message.endswith("`via=cog`.")


def test_refused_connection_is_reported(http: HttpClient) -> None:
    with misbehaving(lambda _: Reply()) as server:
        url = server.url
        server.server_close()
        message = told(url, http, WcsError)
    assert "cannot be reached" in message
    assert message.endswith("`via=cog`.")


def test_unresolvable_host_is_reported(http: HttpClient) -> None:
    message = told("http://service.invalid/ows", http, WcsError)
    assert "service.invalid/ows cannot be reached" in message
    assert message.endswith("`via=cog`.")


def test_html_with_status_200_is_no_service(http: HttpClient) -> None:
    page = b"<!DOCTYPE html><html><head><title>Moved to the new catalogue</title></head></html>"
    with misbehaving(lambda _: Reply(body=page, headers={"Content-Type": "text/html"})) as server:
        message = told(server.url, http, WcsError)
    assert "with: Moved to the new catalogue. Check" in message
    assert message.endswith("`via=cog`. Tried 3 times.")  # a login page may go away


def test_failing_service_is_not_reported_as_missing(http: HttpClient) -> None:
    with misbehaving(lambda _: Reply(503, b"maintenance")) as server:
        assert "503: maintenance" in told(server.url, http, ServerError)
    with misbehaving(lambda _: Reply(400, b"Missing parameter 'x'")) as server:
        assert "400: Missing parameter 'x'" in told(server.url, http, ServerError)
    with misbehaving(lambda _: Reply(body=b"<Capabilities>", cut=5)) as server:
        assert "--via" not in told(server.url, http, TransferError)


def test_endless_document_is_not_read_whole(http: HttpClient) -> None:
    with misbehaving(lambda _: Reply(body=b"<Capabilities/>", length=1 << 40)) as server:
        assert "announces 1099511627776" in told(server.url, http, ServerError)


def test_user_password_is_redacted(http: HttpClient) -> None:
    with misbehaving(lambda _: Reply(404)) as server:
        url = server.url.replace("://", "://user:secret@")
        assert "secret" not in told(url, http, WcsError)
