"""Clients that send rubbish, go away, hand in too much; a model that throws: the others go on."""

import json
import pickle
import socket
import time
from contextlib import suppress
from urllib.error import HTTPError, URLError

import numpy as np
import pytest

from twospeed.core.pictures import write_picture
from twospeed.core.video import write_video
from twospeed.memory.fast_weights import FastWeights
from twospeed.memory.files import WEIGHTS, save_memory
from twospeed.web.connection import MOST_RUBBISH
from twospeed.web.edits import put_memory
from twospeed.web.server import MOST_PLAYERS
from twospeed.web.uploads import MOST_BYTES, memory_in


def refusal(client, path, **options):
    """Return the status and the line of a request that is refused."""
    with pytest.raises(HTTPError) as caught:
        client.get(path, **options)
    with caught.value as error:
        return error.code, json.loads(error.read())["error"]


def players(client):
    with client.get("/healthz") as answer:
        return json.load(answer)["players"]


def until_players(client, count):
    for _ in range(200):
        if players(client) == count:
            return
        time.sleep(0.05)
    raise AssertionError(f"there are {players(client)} players, not {count}")


def test_rubbish_is_one_line_and_too_much_of_it_ends_the_connection(join):
    client, other = join(), join()
    for rubbish in ("", "x", "{}", '{"type": "ack"}', '{"type": "say", "text": 1}', "[" * 999):
        client.socket.send(rubbish)
        client.until("error")
    client.socket.send(b"\0\1\2")
    assert "not bytes" in client.until("error")[-1]["message"]
    client.do("turn left")
    for _ in range(MOST_RUBBISH):
        with suppress(Exception):
            client.socket.send("rubbish")
    until_players(other, 1)
    other.do("turn left")


def test_a_message_that_is_too_long_ends_the_connection(join):
    client, other = join(), join()
    client.send("say", text="left " * 2**18)
    until_players(other, 1)
    other.do("turn left")


def test_bytes_that_are_no_http_disturb_nobody(join, port):
    client = join()
    for rubbish in (b"\0" * 100, b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 20_000, b"\x16\x03\x01"):
        with socket.create_connection(("127.0.0.1", port)) as raw, suppress(OSError):
            raw.sendall(rubbish)
            raw.settimeout(0.5)
            raw.recv(1000)
    client.do("turn left")


def test_a_tab_killed_in_mid_frame_is_let_go(join):
    client, other = join(), join()
    client.send("say", text="turn left", at=1.0, hold=True)
    client.until("frame")
    client.socket.socket.shutdown(socket.SHUT_RDWR)  # no goodbye
    until_players(other, 1)
    other.do("turn left")


def test_too_many_are_told_to_come_back_later(join):
    clients = [join(begun=False) for _ in range(MOST_PLAYERS)]
    late = join(begun=False)
    assert "walks are under way" in late.hello["message"]
    assert players(clients[0]) == MOST_PLAYERS
    clients[0].begun()
    clients[0].do("turn left")


def test_a_model_that_throws_is_one_message_and_the_others_go_on(join, model):
    client, other = join(), join()
    before = client.do("turn left")[0][-1]["frames"]
    is_broken = [True]

    def throw(*_):
        if is_broken[0]:
            raise RuntimeError("no more numbers\nsecond line")

    hook = model.denoiser.register_forward_pre_hook(throw)
    client.send("say", text="go back", at=1.0, hold=True)
    error = client.until("error")[-1]["message"]
    assert error == "the model failed (RuntimeError: no more numbers)"
    assert client.until("state")[-1]["chunks"] == 1
    shown = client.until("frame")[-1]["frames"]
    assert all(np.array_equal(shown[name], before[name]) for name in before)
    is_broken[0] = False
    hook.remove()
    client.do("go back")
    other.do("turn left")


@pytest.mark.parametrize("call", range(1, 7))
def test_wherever_a_chunk_throws_the_memory_is_as_it_was(join, model, call):
    client, twin = join(), join()
    for one in (client, twin):
        one.do("turn left")
    hook = model.denoiser.recall.look.register_forward_pre_hook(Nth(call))
    client.send("say", text="go back", at=1.0)
    client.until("error")
    hook.remove()
    client.until("state")
    client.until("frame")
    found, expected = (one.do("go back")[0][-1]["frames"] for one in (client, twin))
    assert all(np.array_equal(found[name], expected[name]) for name in found)


class Nth:
    """Throws when it is called the nth time."""

    def __init__(self, n):
        self.left = n

    def __call__(self, *_):
        self.left -= 1
        if self.left == 0:
            raise RuntimeError("in the middle of a chunk")


def test_100_megabytes_are_refused_before_they_are_read(join, port):
    client = join()
    head = (
        f"POST /observe?key={client.hello['key']} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n"
        f"content-length: {100 * 2**20}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", port)) as raw:
        raw.sendall(head.encode())  # and not one byte of the body
        raw.settimeout(60)
        answer = b""
        while not answer.endswith(b"}"):  # head and body may come apart
            answer += raw.recv(10_000)
    answer = answer.decode()
    assert answer.startswith("HTTP/1.1 413")
    assert "more than 32 megabytes" in answer
    client.do("turn left")


def test_an_upload_that_does_not_say_its_length_is_cut_off(join):
    client = join()
    blocks = (b"\0" * 2**20 for _ in range(MOST_BYTES // 2**20 + 8))
    with pytest.raises((HTTPError, URLError)) as caught:
        client.get(f"/observe?key={client.hello['key']}", data=blocks, method="POST")
    if isinstance(caught.value, HTTPError):
        assert caught.value.code == 413
        caught.value.close()
    client.do("turn left")


@pytest.mark.parametrize("size", [(40, 30), (16, 16)])
def test_a_picture_is_learned_and_the_dream_goes_on_from_it(join, tmp_path, size):
    client = join()
    picture = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    write_picture(tmp_path / "own.png", picture)
    content = (tmp_path / "own.png").read_bytes()
    key = client.hello["key"]
    with client.get(f"/observe?key={key}&text=go%20back", data=content, method="POST") as answer:
        assert json.load(answer) == {"chunks": 1}
    found = client.until("done")
    assert set(found[0]["frames"]) == {"memory", "plain"}
    assert (found[-1]["text"], found[-1]["truth"], found[-1]["seen"]) == ("go back", False, True)
    if size == (16, 16):
        assert np.array_equal(found[0]["frames"]["memory"], picture)
    client.do("turn left")
    client.act("undo", count=2)
    assert "truth" in client.until("frame")[-1]["frames"]


def test_a_video_is_learned_chunk_by_chunk(join, tmp_path, random_frames):
    client = join()
    write_video(tmp_path / "own.mp4", random_frames(0, 21), frames_per_second=8)
    content = (tmp_path / "own.mp4").read_bytes()
    with client.get(f"/observe?key={client.hello['key']}", data=content, method="POST") as answer:
        assert json.load(answer) == {"chunks": 2}  # 2.6 seconds at 4 frames a second
    client.until("done")
    assert client.until("done")[-1]["memory"]["writes"] == 2


def test_what_is_no_picture_is_one_line(join, stage):
    client = join()
    key = client.hello["key"]
    for content in (b"rubbish", b"\x89PNG\r\n\x1a\nrubbish", b"\0\0\0\x18ftypmp42" + b"\0" * 99):
        code, line = refusal(client, f"/observe?key={key}", data=content, method="POST")
        assert code == 400
        assert "no picture or video" in line
        assert str(stage.folder) not in line
    assert refusal(client, f"/observe?key={key}", data=b"", method="POST")[0] == 400
    code, line = refusal(client, f"/observe?key={key}&text=xyzzy", data=b"a", method="POST")
    assert "near no command" in line
    assert refusal(client, "/observe?key=wrong", data=b"a", method="POST")[1].startswith(
        "this walk"
    )
    assert not list((stage.folder / "uploads").iterdir())


def test_a_memory_is_downloaded_and_handed_in_again(join):
    client, other = join(), join()
    client.do("turn left", look=True)
    with client.get(f"/memory?key={client.hello['key']}") as answer:
        content = answer.read()
    address = f"/memory?key={other.hello['key']}"
    with other.get(address, data=content, method="POST") as answer:
        assert json.load(answer) == {"writes": 1}
    state = other.until("state")[-1]
    assert state["memory"]["writes"] == 1
    assert state["memory"]["norm"] > 0
    assert other.act("undo", count=1)["memory"]["norm"] == 0


def test_a_memory_of_views_is_handed_in_too(make_session, viewing_model, tmp_path):
    first, second = (make_session(model="viewing_model") for _ in range(2))
    first.look("turn left")
    save_memory(first.memory, tmp_path / "views")
    content = (tmp_path / "views" / WEIGHTS).read_bytes()
    put_memory(second, memory_in(content, viewing_model, tmp_path / "play"))
    assert len(second.memory.records[0]) == 1
    second.look("turn left")
    second.undo(2)
    assert len(second.memory.records[0]) == 0


def test_a_memory_is_checked_before_it_is_used(join, make_model, tmp_path):
    client = join()
    save_memory(FastWeights(make_model(1)), tmp_path / "strange")
    strange = (tmp_path / "strange" / WEIGHTS).read_bytes()
    wrong = {
        pickle.dumps({"a": 1}): "no memory of ours",
        b"rubbish": "no memory of ours",
        strange[:100]: "no memory of ours",
        strange: "belongs to slow weights",
    }
    for content, message in wrong.items():
        code, line = refusal(
            client, f"/memory?key={client.hello['key']}", data=content, method="POST"
        )
        assert code == 400
        assert message in line
        assert str(tmp_path) not in line
    client.do("turn left")


@pytest.mark.parametrize("name", ["../out", "/etc/x", "a/b", "", ".", "a" * 41, "a\0b", "é"])
def test_nothing_is_written_outside_the_run_folder(join, stage, tmp_path, name):
    client = join()
    before = sorted(tmp_path.iterdir())
    client.send("save", name=name)
    assert "a name has up to 40" in client.until("error")[-1]["message"]
    client.send("load", name=name)
    assert "no session is saved as" in client.until("error")[-1]["message"]
    assert sorted(tmp_path.iterdir()) == before
    assert not stage.folder.exists()


def test_files_beside_the_page_are_not_given(join):
    client = join()
    for path in ("/static/../server.py", "/static/%2e%2e/server.py", "/recordings/..%2fplay.json"):
        with pytest.raises(HTTPError) as caught:
            client.get(path)
        caught.value.close()
        assert caught.value.code == 404
