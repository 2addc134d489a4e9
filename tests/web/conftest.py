import io
import json
import os
import shutil
import sys
from contextlib import ExitStack, suppress
from pathlib import Path
from urllib.request import Request, urlopen

import numpy as np
import pytest
from PIL import Image
from websockets.sync.client import connect

from twospeed.memory.fast_weights import FastWeights
from twospeed.web.protocol import unpack
from twospeed.web.serving import served
from twospeed.web.session import Session
from twospeed.web.stage import Stage
from twospeed.web.truth import start_of
from twospeed.web.words import Words
from twospeed.worldmodel.model import WorldModel
from twospeed.worldmodel.vocabulary import KnownAction, Vocabulary
from twospeed.worlds.language import MOVES

sys.path.insert(0, str(Path(__file__).parent))
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium")
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update",
]  # fmt: skip


@pytest.fixture
def vocabulary():
    known = {text: KnownAction(paraphrases=it.paraphrases) for text, it in MOVES.items()}
    return Vocabulary(known)


@pytest.fixture
def words(model, vocabulary):
    return Words(vocabulary, model.text_encoder)


@pytest.fixture
def make_session(request, words):
    """Return a function that starts a session in the rooms on a tiny untrained model."""
    sessions = []

    def make(label="rooms:7", *, remembers=True, seed=3, model="model"):
        model = request.getfixturevalue(model)
        start, truth = start_of(label, model.settings.size)
        memory = FastWeights(model, seeds=(seed,)) if remembers else None
        session = Session(model, words, start, truth, memory=memory, seed=seed)
        sessions.append(session)
        return session

    yield make
    for session in sessions:
        session.close()


class Client:
    """Plays over the protocol as the page does."""

    def __init__(self, port, resume=""):
        self.port, self._open = port, ExitStack()
        place = f"ws://127.0.0.1:{port}/ws?resume={resume}"
        self.socket = self._open.enter_context(connect(place, max_size=None, proxy=None))
        self.hello = self.next()

    def send(self, kind, **values):
        self.socket.send(json.dumps({"type": kind, **values}))

    def next(self, timeout=60):
        """Return the next message as a dictionary; frames have their pictures decoded."""
        message = self.socket.recv(timeout=timeout)
        if isinstance(message, str):
            return json.loads(message)
        header, pictures = unpack(message)
        parts = zip(header["pictures"], pictures, strict=True)
        return header | {
            "frames": {it["pane"]: np.asarray(Image.open(io.BytesIO(one))) for it, one in parts}
        }

    def until(self, kind, *, ack=True):
        """Return all messages up to the first of a kind."""
        found = []
        while not found or found[-1]["type"] != kind:
            found.append(self.next())
            if ack and found[-1]["type"] == "frame":
                self.send("ack", frame=found[-1]["frame"])
            assert found[-1]["type"] != "error" or kind == "error", found[-1]
        return found

    def begun(self):
        """Wait for the first picture."""
        self.until("state")
        return self.until("frame")[-1]

    def do(self, text, **values):
        """Say something and return its frames and what was done."""
        self.send("say", text=text, at=5.0, **values)
        found = self.until("done")
        return [it for it in found if it["type"] == "frame"], found[-1]

    def act(self, kind, **values):
        """Do another act and return the state and the picture that follow, if one does."""
        self.send(kind, **values)
        return self.until("state")[-1]

    def rest(self):
        """Take what still comes until nothing came for a while, without acknowledging it."""
        found = []
        with suppress(TimeoutError):
            while True:
                found.append(self.next(timeout=1.5))
        return found

    def get(self, path, **options):
        address = f"http://127.0.0.1:{self.port}{path}"
        return urlopen(Request(address, **options), timeout=60)

    def close(self):
        self._open.close()


@pytest.fixture
def stage(model, words, tmp_path):
    return Stage(
        model=model,
        words=words,
        folder=tmp_path / "play",
        first="rooms:7",
        make_memory=lambda seed: FastWeights(model, seeds=(seed,)),
    )


@pytest.fixture
def port(stage):
    with served(stage) as port:
        yield port


@pytest.fixture
def join(port):
    """Return a function that connects a client and waits for its first picture."""
    clients = []

    def connected(*, begun=True, resume=""):
        client = Client(port, resume)
        clients.append(client)
        if begun:
            client.first = client.begun()
        return client

    yield connected
    for client in clients:
        client.close()


@pytest.fixture(scope="module")
def chromium():
    playwright = pytest.importorskip("playwright.sync_api", reason="pip install playwright")
    if CHROMIUM is None:
        pytest.skip("no Chromium: apt-get install chromium, or name one in $CHROMIUM")
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def rooms():
    return WorldModel.from_pretrained("rooms-64")


@pytest.fixture
def address(rooms, tmp_path):
    stage = Stage(
        model=rooms,
        words=Words(rooms.vocabulary, rooms.text_encoder),
        folder=tmp_path / "play",
        first="rooms:7",
        make_memory=lambda seed: FastWeights(rooms, seeds=(seed,)),
    )
    with served(stage) as port:
        yield f"http://127.0.0.1:{port}/"


@pytest.fixture
def open_page(chromium, address):
    """Return a function that opens a tab and waits for its first picture."""
    from pages import PIXELS, until

    pages, complaints = [], []

    def opened(fragment="", init="", **options):
        page = chromium.new_page(**options)
        page.add_init_script(init)
        pages.append(page)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda it: complaints.append(it.text) if it.type == "error" else None)
        page.on("request", lambda it: is_ours(it.url))
        page.goto(address + fragment)
        until(lambda: "rooms:7" in page.text_content("#place"))
        until(lambda: any(page.evaluate(PIXELS, "plain")[::4]))
        return page

    def is_ours(url):
        if not url.startswith((address, "blob:", "data:")):
            complaints.append(f"asked elsewhere: {url}")

    yield opened
    for page in pages:
        page.close()
    assert complaints == []
