"""Weights come over HTTP whole and right, or not at all."""

import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from twospeed.core.errors import ConfigError, DataError
from twospeed.evaluation.yardstick.fetching import fetch_weights

CONTENT = bytes(range(256)) * 9000
RIGHT = hashlib.sha256(CONTENT).hexdigest()


class Shelf(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/weights")
            self.end_headers()
            return
        self.send_response(404 if self.path == "/none" else 200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(CONTENT[:1000] if self.path == "/torn" else CONTENT)
        self.server.asked.append(self.path)

    def log_message(self, *args):
        pass


@pytest.fixture
def shelf():
    with ThreadingHTTPServer(("127.0.0.1", 0), Shelf) as server:
        server.asked = []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        server.address = f"http://127.0.0.1:{server.server_port}"
        yield server
        server.shutdown()


@pytest.mark.parametrize("page", ["weights", "moved"])
def test_a_file_is_fetched_once(shelf, tmp_path, page):
    place = tmp_path / "new" / "i3d.pt"
    for _ in range(2):
        fetch_weights(f"{shelf.address}/{page}", place, sha256=RIGHT.upper())
    assert place.read_bytes() == CONTENT
    assert shelf.asked == ["/weights"]


@pytest.mark.parametrize(
    ("page", "sha256", "line"),
    [
        ("weights", "0" * 64, f"another file: its SHA-256 is {RIGHT}"),
        ("torn", RIGHT, "broke off after 1000 of 2304000 bytes"),
        ("none", RIGHT, "status 404"),
    ],
)
def test_what_is_not_right_leaves_nothing(shelf, tmp_path, page, sha256, line):
    with pytest.raises(DataError, match=line):
        fetch_weights(f"{shelf.address}/{page}", tmp_path / "i3d.pt", sha256=sha256)
    assert list(tmp_path.iterdir()) == []


def test_another_file_that_lies_there_stays(shelf, tmp_path):
    place = tmp_path / "i3d.pt"
    place.write_bytes(b"mine")
    with pytest.raises(DataError, match="is there and is another file"):
        fetch_weights(f"{shelf.address}/weights", place, sha256=RIGHT)
    assert place.read_bytes() == b"mine"
    assert shelf.asked == []


def test_who_does_not_answer_is_one_line(shelf, tmp_path):
    shelf.shutdown()
    shelf.server_close()
    with pytest.raises(DataError, match="cannot be fetched: ConnectionRefusedError"):
        fetch_weights(f"{shelf.address}/weights", tmp_path / "i3d.pt", sha256=RIGHT)


@pytest.mark.parametrize(
    ("address", "sha256", "line"),
    [
        ("file:///etc/hosts", RIGHT, "http:// or https://"),
        ("http://127.0.0.1/weights", "abc", "64 hexadecimal digits"),
    ],
)
def test_mistakes_are_named(tmp_path, address, sha256, line):
    with pytest.raises(ConfigError, match=line):
        fetch_weights(address, tmp_path / "i3d.pt", sha256=sha256)
