"""The chat splitter against a real HTTP server on loopback."""

import json
import logging
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from twospeed.core.errors import ConfigError, UnknownNameError
from twospeed.planning.splitting.base import COMMAND, WAY_BACK
from twospeed.planning.splitting.chat import ChatSplitter
from twospeed.planning.splitting.table import splitter_of
from twospeed.worlds.language import MOVES

KEY = "sk-a-key-that-nobody-may-see"
GOOD = {
    "sub_goals": [
        {"kind": "command", "text": "turn left", "thing": None, "times": 2},
        {"kind": "way_back", "text": "go back the way you came", "thing": None, "times": 1},
    ]
}


class Endpoint(ThreadingHTTPServer):
    """Gives prepared answers, one a request, the last one again and again; keeps what was asked."""

    daemon_threads = True

    def __init__(self, *answers):
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers, self.asked = list(answers), []
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/v1"


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append((self.path, dict(self.headers), json.loads(body)))
        answers = self.server.answers
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        answer(self)

    def log_message(self, *args):
        pass


def says(content, status=200):
    def answer(handler):
        body = json.dumps({"choices": [{"message": {"content": content}}]}).encode()
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def raw(body):
    def answer(handler):
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def drip(handler, drop, times):
    for _ in range(times):
        time.sleep(0.05)
        try:
            handler.wfile.write(drop)
        except OSError:
            return


def drips(handler):
    handler.send_response(200)
    handler.end_headers()
    drip(handler, b" ", 100)


def drips_headers(handler):
    handler.wfile.write(b"HTTP/1.0 200 OK\r\n")
    drip(handler, b"X-More: yes\r\n", 60)


@pytest.fixture
def served():
    started = []

    def start(*answers, seconds=5.0):
        endpoint = Endpoint(*answers)
        started.append(endpoint)
        environment = {"TWOSPEED_CHAT_URL": endpoint.url, "TWOSPEED_CHAT_KEY": KEY}
        return endpoint, ChatSplitter("some-model", environment=environment, seconds=seconds)

    yield start
    for endpoint in started:
        endpoint.shutdown()
        endpoint.server_close()


def kinds(goals):
    return [goal.kind for goal in goals]


def test_an_answer_as_asked_gives_the_sub_goals(served):
    endpoint, splitter = served(says(json.dumps(GOOD)))
    goals = splitter.split("turn round and walk back", MOVES)
    assert kinds(goals) == [COMMAND, COMMAND, WAY_BACK]
    path, headers, body = endpoint.asked[0]
    assert path == "/v1/chat/completions"
    assert headers["Authorization"] == f"Bearer {KEY}"
    assert body["model"] == "some-model"
    assert body["response_format"]["json_schema"]["schema"]["required"] == ["sub_goals"]
    assert body["messages"][-1] == {"role": "user", "content": "turn round and walk back"}


def test_one_bad_answer_is_asked_for_again(served):
    endpoint, splitter = served(says("I would rather not."), says(json.dumps(GOOD)))
    assert len(splitter.split("walk back", MOVES)) == 3
    assert len(endpoint.asked) == 2


@pytest.mark.parametrize(
    "answer",
    [
        says("nonsense"),
        says('{"sub_goals": []}'),
        says('{"sub_goals": [{"kind": "fly", "text": "up", "thing": null, "times": 1}]}'),
        says('{"sub_goals": [{"kind": "command", "text": "jump", "thing": null, "times": 1}]}'),
        says('{"sub_goals": [{"kind": "home", "text": "", "thing": null, "times": 1000}]}'),
        says(None),
        says(["a"]),
        says("{}", status=500),
        says("{}", status=401),
        raw(b"\xff\xfe"),
        raw(b"[" * 5000),
        raw(b""),
        raw(b"x" * 2_000_000),
    ],
)
def test_after_two_bad_answers_the_grammar_splits_with_a_warning(served, answer, caplog):
    endpoint, splitter = served(answer)
    with caplog.at_level(logging.WARNING):
        assert kinds(splitter.split("go back the way you came", MOVES)) == [WAY_BACK]
    assert len(endpoint.asked) == 2
    assert "the grammar splits the task" in caplog.text
    assert KEY not in caplog.text


@pytest.mark.parametrize("slow", [drips, drips_headers])
def test_an_endpoint_that_is_slow_or_down_is_given_up(served, slow, caplog):
    endpoint, splitter = served(slow, seconds=0.2)
    began = time.monotonic()
    assert kinds(splitter.split("go home", MOVES)) == ["home"]
    assert time.monotonic() - began < 2
    endpoint.shutdown()
    endpoint.server_close()
    assert kinds(splitter.split("go home", MOVES)) == ["home"]
    assert "too slow" in caplog.text
    assert "cannot be reached" in caplog.text
    assert KEY not in caplog.text


def test_a_task_is_asked_once(served, monkeypatch):
    endpoint, _ = served(says(json.dumps(GOOD)))
    monkeypatch.setenv("TWOSPEED_CHAT_URL", endpoint.url)
    splitter = splitter_of("chat:model")
    assert splitter.split("walk back", MOVES) == splitter.split("walk back", MOVES)
    assert len(endpoint.asked) == 1


def test_a_redirection_is_not_followed_with_the_key(served):
    other, _ = served(says(json.dumps(GOOD)))

    def away(handler):
        handler.send_response(302)
        handler.send_header("Location", other.url)
        handler.end_headers()

    _, splitter = served(away)
    assert kinds(splitter.split("go home", MOVES)) == ["home"]
    assert other.asked == []


def test_where_nobody_understands_the_task_it_is_one_line(served):
    _, splitter = served(says("nonsense"))
    with pytest.raises(UnknownNameError, match="make me a sandwich") as caught:
        splitter.split("make me a sandwich", MOVES)
    assert KEY not in str(caught.value)


def test_an_endpoint_has_to_be_named(monkeypatch):
    for name in ("TWOSPEED_CHAT_URL", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ConfigError, match="TWOSPEED_CHAT_URL"):
        splitter_of("chat:model")
    for url in ("file:///etc/passwd", "http://[bad", "http://"):
        monkeypatch.setenv("TWOSPEED_CHAT_URL", url)
        with pytest.raises(ConfigError, match="http or https"):
            splitter_of("chat:model")


@pytest.mark.parametrize("key", ["one\ntwo", "schlüssel"])
def test_a_key_that_no_header_can_hold_is_one_line_without_it(key):
    environment = {"TWOSPEED_CHAT_URL": "http://127.0.0.1:1", "TWOSPEED_CHAT_KEY": key}
    with pytest.raises(ConfigError, match="one line of ASCII") as caught:
        ChatSplitter("model", environment=environment)
    assert key not in str(caught.value)


def test_the_key_is_in_no_text_of_the_splitter(served):
    _, splitter = served(says("x"))
    assert KEY not in repr(splitter) + str(splitter)
