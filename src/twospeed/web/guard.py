"""Who may ask the server: its own page, under its own name, with the token where there is one.

A page of a stranger cannot ask (the Origin must be ours), nor a name of a stranger that was made to
lead here (the Host must be ours). On addresses that others reach a token is needed as well.
"""

import hmac
import ipaddress
from http.cookies import SimpleCookie
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

COOKIE = "twospeed_play"
"""Carries the token once the page was opened with it."""

OPEN_PATHS = frozenset({"/healthz"})
"""What is told without a token."""

HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:;"
        " media-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none';"
        " frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-cache",
}
"""On every answer: nothing is loaded from elsewhere, nothing of ours is shown elsewhere."""


class Guard:
    """Refuses who may not ask, before anything is read or begun.

    Args:
        app: what is guarded.
        host: the address that is listened on.
        token: None on loopback alone.
    """

    def __init__(self, app: ASGIApp, *, host: str, token: str | None) -> None:
        self._app, self._host, self._token = app, host, token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or refuse with one line."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if refusal is not None and scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": refusal})
        elif refusal is not None:
            await PlainTextResponse(refusal + "\n", status_code=403)(scope, receive, send)
        else:
            await self._app(scope, receive, self._with_headers(scope, send))

    def _refusal(self, scope: Scope) -> str | None:
        headers = Headers(scope=scope)
        host, origin = headers.get("host", ""), headers.get("origin")
        if not self._is_our_name(host):
            return f"this server is not called {host[:80]!r}"
        if origin is not None and origin not in {f"http://{host}", f"https://{host}"}:
            return f"pages of {origin[:80]!r} may not ask here"
        if self._token and scope["path"] not in OPEN_PATHS and not self._has_token(scope, headers):
            return "the token is missing or wrong: open the address as it was printed"
        return None

    def _is_our_name(self, host: str) -> bool:
        name = _name_of(host)
        if name in {"localhost", self._host}:
            return True
        address = _address_of(name)
        if address is None:
            return False
        mine = _address_of(self._host)
        everywhere = self._token is not None and mine is not None and mine.is_unspecified
        return address.is_loopback or address == mine or everywhere

    def _has_token(self, scope: Scope, headers: Headers) -> bool:
        given = _given_token(scope, headers)
        return hmac.compare_digest(given.encode(), (self._token or "").encode())

    def _with_headers(self, scope: Scope, send: Send) -> Send:
        is_opening = scope["type"] == "http" and scope["path"] == "/" and self._token

        async def add(message: Message) -> None:
            if message["type"] == "http.response.start":
                more = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
                if is_opening:
                    said = f"{COOKIE}={self._token}; HttpOnly; SameSite=Strict; Path=/"
                    more.append((b"set-cookie", said.encode()))
                message = {**message, "headers": [*message.get("headers", ()), *more]}
            await send(message)

        return add


def is_loopback(host: str) -> bool:
    """Say whether an address is reached from this machine alone."""
    address = _address_of(host)
    return host == "localhost" or (address is not None and address.is_loopback)


def _name_of(host: str) -> str:
    """Return a Host header without its port."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0].lower()


def _address_of(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None


def _given_token(scope: Scope, headers: Headers) -> str:
    query = parse_qs(scope["query_string"].decode("latin-1"))
    if "token" in query:
        return str(query["token"][0])
    try:
        cookie = SimpleCookie(headers.get("cookie", ""))
    except Exception:  # rubbish of a stranger
        return ""
    return str(cookie[COOKIE].value) if COOKIE in cookie else ""
