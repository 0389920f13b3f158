"""Who may send a request: the host and origin of a page, the token, and the browser's cookie.

A page of another site can send requests to this server, also where it listens on 127.0.0.1 alone.
Names that lead here by DNS rebinding have another Host; forged requests have another Origin, or the
Sec-Fetch-Site that browsers set.
"""

from __future__ import annotations

import ipaddress
import re
import secrets
import socket
from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders, QueryParams
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hrdem.app.problems import RefusedError, respond_to_defect
from hrdem.app.settings import Settings

OWNER_COOKIE, TOKEN_COOKIE = "hrdem_owner", "hrdem_token"
OWNER_DAYS = 365
HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data: blob:; connect-src 'self'; worker-src 'self'; font-src 'self'; "
    "form-action 'none'; frame-ancestors 'none'; base-uri 'none'",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), payment=(), usb=()",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
_LOOPBACK_NAMES = ("127.0.0.1", "localhost", "::1")
_THIS_MACHINE = socket.gethostname().lower()
_SAFE_METHODS = ("GET", "HEAD")
_OWNER = re.compile(r"[A-Za-z0-9_-]{32}")


class Guard:
    """Refuses requests from elsewhere, and adds the headers of safety to every response.

    It leaves ``owner`` in the state of a request: the id that the browser's cookie holds, or None.

    Args:
        app: What handles the requests that pass.
        settings: Settings of the server.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        is_started = False

        async def send_safely(message: Message) -> None:
            nonlocal is_started
            if message["type"] == "http.response.start":
                is_started = True
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("cache-control", "no-store")
            await send(message)

        try:
            await (self._refuse(scope) or self._app)(scope, receive, send_safely)
        except Exception:
            if not is_started:  # here, where it gets its headers too
                await respond_to_defect()(scope, receive, send_safely)
            raise

    def _refuse(self, scope: Scope) -> Response | None:
        """Return the response to a request that may not pass; None if it may."""
        headers = Headers(scope=scope)
        cookies = read_cookies(headers)
        try:
            check_host(headers, self._settings)
            check_origin(headers, scope["method"], scope["path"])
        except RefusedError as exc:
            return exc.respond()
        owner = cookies.get(OWNER_COOKIE, "")
        scope.setdefault("state", {})["owner"] = owner if _OWNER.fullmatch(owner) else None
        return self._ask_for_token(scope, headers, cookies)

    def _ask_for_token(
        self, scope: Scope, headers: Headers, cookies: Mapping[str, str]
    ) -> Response | None:
        token = self._settings.token
        if token is None:
            return None
        query = QueryParams(scope["query_string"])
        if scope["path"] == "/" and "token" in query and _is_equal(query["token"], token):
            response = RedirectResponse("/", 303)  # an address without it, for history and sharing
            response.set_cookie(
                TOKEN_COOKIE, token, max_age=OWNER_DAYS * 86_400, httponly=True, samesite="lax"
            )
            return response
        scheme, _, bearer = headers.get("authorization", "").partition(" ")
        if _is_equal(cookies.get(TOKEN_COOKIE, ""), token):
            return None
        if scheme.lower() == "bearer" and _is_equal(bearer.strip(), token):
            return None
        text = "This page needs the token of its address. Open the address that hrdem app printed."
        if scope["path"] == "/":
            return PlainTextResponse(f"{text}\n", 403)
        return RefusedError(403, "TokenMissing", text).respond()


def read_cookies(headers: Headers) -> dict[str, str]:
    """Return the cookies of a request by name; none if they are no cookies."""
    cookies: SimpleCookie = SimpleCookie()
    try:
        cookies.load(headers.get("cookie", ""))
    except CookieError:
        return {}
    return {name: morsel.value for name, morsel in cookies.items()}


def make_owner() -> str:
    """Return a new id for a browser."""
    return secrets.token_urlsafe(24)


def set_owner(response: Response, owner: str) -> None:
    """Let a browser keep its id. Pages of other sites cannot send it along."""
    response.set_cookie(
        OWNER_COOKIE, owner, max_age=OWNER_DAYS * 86_400, httponly=True, samesite="strict"
    )


def check_host(headers: Headers, settings: Settings) -> None:
    """Check that a request was sent to an address of this server.

    Raises:
        RefusedError: 421, if it was sent to another name, which DNS rebinding does.
    """
    hosts = headers.getlist("host")
    host, port = _split_host(hosts[0]) if len(hosts) == 1 else ("", None)
    if host in settings.allowed_hosts:
        return
    if host and (port or 80) == settings.port:
        if host in _LOOPBACK_NAMES or host == settings.host.lower():
            return
        if not is_loopback(settings.host) and (_is_address(host) or host == _THIS_MACHINE):
            return
    raise RefusedError(
        421,
        "WrongHost",
        "The request names a host that this server does not have. Open the address that hrdem app "
        "printed, or start it with `--allow-host`.",
    )


def check_origin(headers: Headers, method: str, path: str) -> None:
    """Check that a request was not sent by the page of another site.

    Raises:
        RefusedError: 403, if it was.
    """
    origins = headers.getlist("origin")
    site = headers.get("sec-fetch-site", "same-origin")
    ours = {f"http://{headers['host']}", f"https://{headers['host']}"}
    is_ours = all(origin.lower() in {each.lower() for each in ours} for origin in origins)
    is_link = (
        path == "/" and method in _SAFE_METHODS and headers.get("sec-fetch-dest") == "document"
    )
    if not is_ours or not (site in ("same-origin", "none") or is_link):
        raise RefusedError(
            403, "WrongOrigin", "The request comes from the page of another site, and is refused."
        )


def is_loopback(host: str) -> bool:
    """Whether only this machine can connect to an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _split_host(host: str) -> tuple[str, int | None]:
    """Return name and port of a Host header; an empty name if it is none."""
    try:
        parts = urlsplit(f"//{host}")
        name, port = parts.hostname, parts.port
    except ValueError:
        return "", None
    is_plain = parts.netloc == host and "@" not in host
    return (name or "", port) if is_plain else ("", None)


def _is_address(host: str) -> bool:
    """Whether a host is an IP address, which no name server can lead elsewhere."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_equal(given: str, secret: str) -> bool:
    return secrets.compare_digest(given.encode(), secret.encode())
