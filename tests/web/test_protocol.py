"""The server and the protocol as docs/protocol.md has them, over a true socket."""

import json
import time

import numpy as np
import pytest

from twospeed.core.errors import DataError, UnknownNameError
from twospeed.web.player import MOST_UNSEEN
from twospeed.web.protocol import MESSAGES, Say, read_message, unpack


def test_the_server_says_that_it_is_there_and_shows_the_page(join):
    client = join()
    with client.get("/healthz") as answer:
        assert json.load(answer) == {"status": "ok", "protocol": 1, "players": 1}
    with client.get("/") as answer:
        assert answer.headers["content-type"].startswith("text/html")
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert b"<title>" in answer.read()


def test_the_first_messages_say_what_there_is(join):
    client = join()
    hello = client.hello
    assert hello["protocol"] == 1
    assert hello["model"]["frame_size"] == 16
    assert "turn left" in hello["actions"]
    assert set(client.first["frames"]) == {"memory", "plain", "truth"}
    assert client.first["seen"]


def test_a_command_is_answered_by_frames_and_what_was_done(join):
    client = join()
    frames, done = client.do("turn left")
    assert [it["index"] for it in frames] == [0, 1, 2, 3]
    assert [it["frame"] for it in frames] == [2, 3, 4, 5]
    for frame in frames:
        assert (frame["v"], frame["at"], frame["encoding"]) == (1, 5.0, "png")
        assert frame["ms"].keys() == {"infer", "encode"}
        assert {it.shape for it in frame["frames"].values()} == {(16, 16, 3)}
        assert frame["psnr"].keys() == {"memory", "plain"}
        assert len(frame["pose"]) == 3
    assert done["text"] == done["command"] == "turn left"
    assert done["memory"]["writes"] == 1
    assert done["write"]["loss_after"] <= done["write"]["loss_before"]
    assert done["undoable"] == 1


def test_any_wording_goes_and_what_nobody_understands_is_one_line(join):
    client = join()
    _, done = client.do("look over to the left")
    assert (done["text"], done["command"]) == ("look over to the left", "turn left")
    client.send("say", text="xyzzy plugh", at=1.0)
    error = client.until("error")[-1]
    assert "near no command" in error["message"]
    assert client.until("state")[-1]["chunks"] == 1
    client.do("turn left")


def test_open_eyes_show_the_true_world_in_every_pane(join):
    client = join()
    frames, done = client.do("turn left", look=True)
    assert done["seen"]
    for frame in frames:
        assert np.array_equal(frame["frames"]["memory"], frame["frames"]["truth"])
        assert frame["psnr"] == {}


def test_a_held_key_goes_on_until_it_is_released(join):
    client = join()
    client.send("say", text="turn left", at=5.0, hold=True)
    ats = [client.until("done")[0]["at"] for _ in range(3)]
    assert ats == [5.0, 0.0, 0.0]  # the time stamp comes back once
    client.send("release")
    client.rest()
    assert not client.rest()


def test_the_newest_key_wins(join):
    client = join()
    for text in ("turn left", "turn right", "go back", "go forward"):
        client.send("say", text=text, at=5.0)
    time.sleep(0.5)
    client.send("say", text="step left", at=6.0)
    done = [client.until("done")[-1]["text"]]
    while done[-1] != "step left":
        done.append(client.until("done")[-1]["text"])
    assert len(done) <= 3


def test_without_acknowledgement_only_a_few_frames_are_sent(join):
    client, other = join(), join()
    client.send("say", text="turn left", at=5.0, hold=True)
    frames = [it["frame"] for it in client.rest() if it["type"] == "frame"]
    assert len(frames) <= MOST_UNSEEN + 4
    other.do("turn right")  # nobody else waits
    client.send("ack", frame=frames[-1])
    assert client.until("done")[-1]["chunks"] >= 2


def test_undo_brings_the_old_frame_back_bit_for_bit(join):
    client = join()
    shown = client.do("turn left")[0][-1]["frames"]
    first = client.do("go forward")[0]
    client.act("undo", count=1)
    again = client.until("frame")[-1]["frames"]
    assert all(np.array_equal(shown[name], again[name]) for name in shown)
    second = client.do("go forward")[0]
    for one, other in zip(first, second, strict=True):
        assert all(np.array_equal(one["frames"][it], other["frames"][it]) for it in shown)


def test_save_come_back_and_go_on_bit_for_bit(join):
    client = join()
    client.do("turn left", look=True)
    client.do("turn left")
    assert client.act("save", name="here")["saves"] == ["here"]
    expected, _ = client.do("go forward")
    client.close()
    other = join()
    assert other.hello["saves"] == ["here"]
    state = other.act("load", name="here")
    assert state["actions"] == [["turn left", True], ["turn left", False]]
    other.until("frame")
    found, done = other.do("go forward")
    for one, two in zip(expected, found, strict=True):
        assert all(np.array_equal(one["frames"][it], two["frames"][it]) for it in one["frames"])
    assert done["memory"]["writes"] == 3


def test_a_fork_goes_its_own_way_in_another_tab(join):
    client = join()
    client.do("turn left")
    client.send("fork")
    name = client.until("forked")[-1]["name"]
    other = join()
    other.act("load", name=name)
    other.until("frame")
    frames, _ = client.do("go back")
    twins, _ = other.do("go back")
    assert np.array_equal(frames[-1]["frames"]["memory"], twins[-1]["frames"]["memory"])
    client.do("turn left")
    _, done = other.do("turn right")
    assert done["memory"]["writes"] == 3


def test_two_tabs_do_not_mix(join):
    alone = join()
    expected = [alone.do(text)[0][-1]["frames"] for text in ("turn left", "go forward")]
    one, other = join(), join()
    for mine, theirs, frames in zip(
        ("turn left", "go forward"), ("step right", "go back"), expected, strict=True
    ):
        one.send("say", text=mine, at=1.0)
        other.send("say", text=theirs, at=1.0)
        found = one.until("done")
        other.until("done")
        last = [it for it in found if it["type"] == "frame"][-1]["frames"]
        assert all(np.array_equal(last[name], frames[name]) for name in frames)


def test_memories_are_forgotten_and_blended(join):
    client = join()
    client.do("turn left", look=True)
    client.act("save", name="one")
    assert client.act("forget", share=1.0)["memory"]["norm"] == 0
    assert client.act("merge", name="one", share=0.5)["memory"]["norm"] > 0
    client.act("undo", count=2)
    assert client.until("frame")
    client.send("merge", name="nowhere")
    assert "no session is saved as 'nowhere'; saved: one" in client.until("error")[-1]["message"]


def test_a_walk_is_recorded_listed_and_replayed(join):
    client = join()
    client.act("record", on=True)
    client.send("replay", actions="look: turn left*2, turn left")
    done = [client.until("done")[-1] for _ in range(3)]
    assert [it["seen"] for it in done] == [True, True, False]
    client.send("record", on=False)
    recorded = client.until("recorded")[-1]
    assert recorded["frames"] == 12
    with client.get(f"/recordings/{recorded['name']}") as answer:
        assert answer.headers["content-type"] == "video/mp4"
        assert answer.read()[4:8] == b"ftyp"
    with client.get(f"/actions?key={client.hello['key']}") as answer:
        assert answer.read().decode().splitlines() == ["look: turn left"] * 2 + ["turn left"]


def test_another_start_begins_anew(join):
    client = join()
    client.do("turn left")
    state = client.act("begin", first="rooms:8", seed=5, memory=False)
    assert (state["start"], state["seed"], state["chunks"]) == ("rooms:8", 5, 0)
    assert state["panes"] == ["plain"]
    client.send("begin", first="/etc/passwd")
    assert "write WORLD:SEED" in client.until("error")[-1]["message"]
    client.do("turn left")


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("", DataError, "cannot read the message"),
        ("[1]", DataError, "a JSON object with a type"),
        ('{"type": 3}', DataError, "a JSON object with a type"),
        ('{"type": "sya"}', UnknownNameError, "Did you mean 'say'"),
        ('{"type": "say"}', DataError, "text is not there"),
        ('{"type": "say", "text": 3}', DataError, "text takes a text"),
        ('{"type": "say", "text": "a", "at": NaN}', DataError, "finite"),
        ('{"type": "ack", "frame": -1}', DataError, "0 or more"),
        ('{"type": "undo", "count": 0}', DataError, "1 or more"),
        ('{"type": "merge", "name": "a", "share": 2}', DataError, "share"),
        ('{"type": "release", "more": 1}', UnknownNameError, "more"),
        ("[" * 5000, DataError, "nested"),
    ],
)
def test_a_message_that_is_none_is_one_line(text, error, message):
    with pytest.raises((error, DataError), match=message):
        read_message(text)


def test_messages_are_read_as_they_are_written_down():
    assert read_message('{"type": "say", "text": "go", "at": 1, "hold": true}') == Say(
        text="go", at=1.0, hold=True
    )
    assert len(MESSAGES) == 12


def test_a_binary_message_that_is_not_whole_is_refused():
    with pytest.raises(DataError):
        unpack(b"\0\0\0\2{}")
