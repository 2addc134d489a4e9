"""A connection that breaks leaves its walk waiting, and another goes on with it."""

import numpy as np
from safetensors.numpy import load

from twospeed.web import walks


def memory_of(client):
    with client.get(f"/memory?key={client.hello['key']}") as answer:
        return {name: it.tobytes() for name, it in load(answer.read()).items()}


def resumed(join, client):
    return join(resume=client.hello["key"])


def test_a_walk_goes_on_where_its_connection_broke(join):
    client = join()
    frames, _ = client.do("turn left")
    memory = memory_of(client)
    client.socket.close(4000)
    again = resumed(join, client)
    assert again.hello["resumed"]
    assert again.hello["key"] == client.hello["key"]
    for name, picture in frames[-1]["frames"].items():
        assert np.array_equal(again.first["frames"][name], picture)
    assert memory_of(again) == memory
    _, done = again.do("go forward")
    assert done["chunk"] == 1
    assert again.act("undo", count=2)["undoable"] == 0


def test_a_walk_goes_over_from_a_connection_that_was_not_seen_to_break(join):
    client = join()
    client.do("turn left")
    again = resumed(join, client)
    assert again.hello["resumed"]
    client.socket.close(4000)
    _, done = again.do("turn left")
    assert done["chunk"] == 1
    with again.get("/healthz") as answer:
        assert b'"players":1' in answer.read()


def test_a_walk_that_was_left_or_waited_too_long_begins_anew(join, monkeypatch):
    client = join()
    client.do("turn left")
    client.socket.close()
    other = resumed(join, client)
    assert not other.hello["resumed"]
    assert other.hello["key"] != client.hello["key"]
    monkeypatch.setattr(walks, "KEPT_SECONDS", 0)
    other.socket.close(4000)
    assert not resumed(join, other).hello["resumed"]


def test_no_more_walks_wait_than_may(join, monkeypatch):
    monkeypatch.setattr(walks, "MOST_KEPT", 1)
    clients = [join(), join()]
    for client in clients:
        client.socket.close(4000)
    assert [resumed(join, it).hello["resumed"] for it in clients] == [False, True]
