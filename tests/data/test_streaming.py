"""Shards that lie elsewhere are read as if they lay here."""

import functools
import http.server
import json
import tempfile
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from twospeed.core.errors import DataError
from twospeed.data import streaming
from twospeed.data.index import write_index
from twospeed.data.shards import write_shard
from twospeed.data.streaming import index_at, shard_at, stream_episodes
from twospeed.training.data.sources import ShardSource

fsspec = pytest.importorskip("fsspec")


@pytest.fixture
def folder(tmp_path, make_episode):
    """Four shards of two episodes each."""
    for number in range(4):
        write_shard(tmp_path / f"{number}.tar", map(make_episode, (2 * number, 2 * number + 1)))
    write_index(tmp_path)
    return tmp_path


@pytest.fixture
def temporary(tmp_path_factory, monkeypatch):
    """A folder that shards are fetched into, and nothing else."""
    place = tmp_path_factory.mktemp("fetched")
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    return place


class Server(http.server.ThreadingHTTPServer):
    """Serves files; answers that are in `spoiled` are cut short so many times."""

    def __init__(self, folder):
        self.spoiled, self.moved, self.asked = {}, "", lambda: None
        super().__init__(("127.0.0.1", 0), functools.partial(Handler, directory=str(folder)))


class Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass

    def do_GET(self):
        name = self.path.rpartition("/")[2]
        self.server.asked()
        if self.server.moved:
            self.send_response(302)
            self.send_header("Location", self.server.moved)
            self.end_headers()
            return
        if self.server.spoiled.get(name, 0):
            self.server.spoiled[name] -= 1
            self.send_error(503)
        else:
            super().do_GET()


@pytest.fixture
def server(folder):
    pytest.importorskip("aiohttp")
    with Server(folder) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(params=["path", "file", "memory", "http"])
def place(request, folder):
    """The same shards as a folder and as URLs of three kinds."""
    if request.param == "path":
        return folder
    if request.param == "file":
        return f"file://{folder}"
    if request.param == "http":
        return f"http://127.0.0.1:{request.getfixturevalue('server').server_port}"
    memory = fsspec.filesystem("memory")
    root = f"/{folder.name}"
    for path in folder.iterdir():
        memory.pipe_file(f"{root}/{path.name}", path.read_bytes())
    return f"memory:/{root}"


@pytest.mark.parametrize("ahead", [0, 1, 2, 9])
def test_the_episodes_are_the_same_and_nothing_is_left(place, ahead, temporary, make_episode, same):
    found = list(stream_episodes(place, on_damage=pytest.fail, ahead=ahead))
    assert len(found) == 8
    assert all(map(same, found, map(make_episode, range(8))))
    assert not list(temporary.iterdir())


def test_a_stream_that_is_left_early_leaves_nothing(place, temporary):
    stream = stream_episodes(place)
    assert next(stream).seed == 0
    stream.close()
    assert not list(temporary.iterdir())


def test_training_reads_from_any_place(place, folder, same):
    source, local = ShardSource(folder=place), ShardSource(folder=folder)
    assert source.groups() == local.groups()
    assert replace(source.contents(), origin="") == replace(local.contents(), origin="")
    for group in source.groups():
        assert all(map(same, source.read(group), local.read(group)))


@pytest.mark.parametrize("damage", ["cut", "lost"])
def test_a_bad_shard_is_named_and_the_others_are_read(place, folder, damage, temporary):
    if str(place).startswith("memory"):
        memory, path = fsspec.filesystem("memory"), f"/{folder.name}/1.tar"
        memory.rm_file(path) if damage == "lost" else memory.pipe_file(path, b"x" * 99)
    elif damage == "lost":
        (folder / "1.tar").unlink()
    else:
        (folder / "1.tar").write_bytes(b"x" * 99)
    lines = []
    found = list(stream_episodes(place, on_damage=lines.append))
    assert [episode.seed for episode in found] == [0, 1, 4, 5, 6, 7]
    assert len(lines) == 1
    assert f"{place}/1.tar is skipped: it " in lines[0]
    assert not list(temporary.iterdir())


def test_a_server_that_stumbles_is_asked_again(server):
    server.spoiled = {"0.tar": 2, "2.tar": 3}
    lines = []
    url = f"http://127.0.0.1:{server.server_port}"
    found = list(stream_episodes(url, on_damage=lines.append))
    assert [episode.seed for episode in found] == [0, 1, 2, 3, 6, 7]
    assert len(lines) == 1
    assert "2.tar is skipped: cannot be fetched" in lines[0]


def test_shards_are_fetched_while_one_is_read(place, temporary):
    stream = stream_episodes(place, ahead=2)
    next(stream)
    found = (path.name for path in temporary.rglob("*.tar"))
    fetched = {name for name in found if not name.startswith(".")}  # others are on their way
    assert fetched <= {"0.tar", "1.tar", "2.tar"}
    assert "0.tar" in fetched or isinstance(place, Path)
    stream.close()


def test_places_without_data_are_refused(tmp_path, server):
    for place in (
        tmp_path / "no",
        "memory://nothing/here",
        f"http://127.0.0.1:{server.server_port}/no",
    ):
        with pytest.raises(DataError, match=r"index\.json"):
            index_at(place)
    with pytest.raises(DataError, match="cannot open"):
        index_at("nosuch://place")
    with pytest.raises(DataError, match="cannot read"):
        index_at("http://127.0.0.1:1/shards")


def test_an_index_that_is_none_is_refused(folder):
    memory = fsspec.filesystem("memory")
    for number, content in enumerate((b"no json", b"[]", b'{"format": "other"}')):
        memory.pipe_file(f"/{folder.name}-{number}/index.json", content)
        with pytest.raises(DataError, match=r"index\.json"):
            index_at(f"memory://{folder.name}-{number}")


def test_a_shard_of_a_folder_is_not_copied(folder):
    with shard_at(folder, index_at(folder)[0]) as path:
        assert path == folder / "0.tar"


def said(folder, **changes):
    """Let the index say something else of the first shard."""
    index = json.loads((folder / "index.json").read_text())
    index["shards"][0] |= changes
    (folder / "index.json").write_text(json.dumps(index))


NAMES = ["../0.tar", "/0.tar", "a/../0.tar", "..\\0.tar", ".0.tar", "\x1b[2J0.tar", "0.tar?x=.tar"]


@pytest.mark.parametrize("name", NAMES)
def test_an_index_that_names_a_place_elsewhere_is_refused(place, folder, name, temporary):
    said(folder, name=name)
    if str(place).startswith("memory"):
        content = (folder / "index.json").read_bytes()
        fsspec.filesystem("memory").pipe_file(f"/{folder.name}/index.json", content)
    before = sorted(folder.parent.rglob("*"))
    with pytest.raises(DataError, match=r"a shard is a \.tar in the folder of its index"):
        list(stream_episodes(place))
    assert sorted(folder.parent.rglob("*")) == before
    assert not list(temporary.iterdir())


def test_what_has_another_checksum_never_gets_the_name_of_a_shard(server, folder, temporary):
    seen = []
    said(folder, sha256="0" * 64)
    url = f"http://127.0.0.1:{server.server_port}"
    entry = index_at(url)[0]
    server.asked = lambda: seen.extend(path.name for path in temporary.rglob("*.tar"))
    with pytest.raises(DataError, match="checksum"), shard_at(url, entry):
        pass
    assert all(name.startswith(".") for name in seen)
    assert not list(temporary.iterdir())


def test_a_server_that_sends_more_than_the_index_says_is_left(server, folder, temporary):
    (folder / "0.tar").write_bytes(bytes(50 * 2**20))
    url = f"http://127.0.0.1:{server.server_port}"
    lines = []
    found = list(stream_episodes(url, on_damage=lines.append))
    assert len(found) == 6
    assert "0.tar is skipped: it goes on beyond" in lines[0]
    assert not list(temporary.iterdir())


def test_a_shard_that_no_disk_holds_is_not_fetched(server, folder):
    said(folder, num_bytes=2**61)
    lines = []
    url = f"http://127.0.0.1:{server.server_port}"
    assert len(list(stream_episodes(url, on_damage=lines.append))) == 6
    assert "do not fit on the disk" in lines[0]


def test_an_index_without_an_end_is_left(server, monkeypatch):
    monkeypatch.setattr(streaming, "MOST_INDEX_BYTES", 100)
    with pytest.raises(DataError, match="goes on beyond 100 bytes"):
        index_at(f"http://127.0.0.1:{server.server_port}")


def test_a_server_that_points_at_a_file_of_this_machine_gets_nothing(server, folder):
    server.moved = f"file://{folder}/index.json"
    with pytest.raises(DataError, match="cannot read"):
        index_at(f"http://127.0.0.1:{server.server_port}")


def test_a_shard_that_is_a_link_to_elsewhere_is_skipped(folder, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "x.tar"
    (folder / "0.tar").rename(elsewhere)
    (folder / "0.tar").symlink_to(elsewhere)
    lines = []
    assert len(list(stream_episodes(folder, on_damage=lines.append))) == 6
    assert "leads out of" in lines[0]
