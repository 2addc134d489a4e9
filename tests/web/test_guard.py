import asyncio

import pytest
from starlette.responses import PlainTextResponse

from twospeed.web.guard import COOKIE, Guard, is_loopback

OURS = {"host": "127.0.0.1:8017"}


def ask(guard, headers, *, path="/", query="", kind="http"):
    """Return what the guard lets be answered: status or close code, headers."""
    sent = []

    async def send(message):
        sent.append(message)

    async def receive():
        return {"type": f"{kind}.request"}

    scope = {
        "type": kind,
        "method": "GET",
        "path": path,
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    asyncio.run(guard(scope, receive, send))
    first = sent[0]
    return first.get("status", first.get("code")), dict(first.get("headers", []))


def guard_of(host="127.0.0.1", token=None):
    return Guard(PlainTextResponse("yes"), host=host, token=token)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (OURS, 200),
        ({"host": "localhost:8017"}, 200),
        ({"host": "[::1]:8017"}, 200),
        (OURS | {"origin": "http://127.0.0.1:8017"}, 200),
        ({}, 403),
        ({"host": "evil.example"}, 403),
        ({"host": "127.0.0.1.evil.example:8017"}, 403),
        ({"host": "192.168.0.7:8017"}, 403),
        (OURS | {"origin": "http://evil.example"}, 403),
        (OURS | {"origin": "null"}, 403),
        (OURS | {"origin": "http://127.0.0.1:9999"}, 403),
    ],
)
def test_only_our_own_page_under_our_own_name_may_ask(headers, status):
    assert ask(guard_of(), headers)[0] == status


def test_a_stranger_begins_no_connection():
    guard = guard_of()
    assert ask(guard, OURS | {"origin": "http://evil.example"}, kind="websocket")[0] == 1008
    assert ask(guard, {"host": "evil.example"}, path="/ws", kind="websocket")[0] == 1008


def test_beyond_loopback_a_token_is_needed():
    guard, there = guard_of("0.0.0.0", "secret"), {"host": "192.168.0.7:8017"}
    assert ask(guard, there)[0] == 403
    assert ask(guard, there, query="token=wrong")[0] == 403
    assert ask(guard, there, path="/ws", kind="websocket")[0] == 1008
    assert ask(guard, there, path="/healthz")[0] == 200
    status, headers = ask(guard, there, query="token=secret")
    assert status == 200
    cookie = headers[b"set-cookie"].decode()
    assert cookie.startswith(f"{COOKIE}=secret; HttpOnly; SameSite=Strict")
    given = there | {"cookie": cookie.partition(";")[0]}
    assert ask(guard, given, path="/static/main.js")[0] == 200
    assert ask(guard, there | {"cookie": "\0=;;=\xff"})[0] == 403
    assert ask(guard, {"host": "evil.example"}, query="token=secret")[0] == 403


def test_every_answer_forbids_what_is_not_ours():
    _, headers = ask(guard_of(), OURS)
    assert b"default-src 'none'" in headers[b"content-security-policy"]
    assert headers[b"x-content-type-options"] == b"nosniff"


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", True), ("localhost", True), ("::1", True), ("0.0.0.0", False), ("a.b", False)],
)
def test_what_loopback_is(host, expected):
    assert is_loopback(host) is expected
