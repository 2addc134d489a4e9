import io
import json
from contextlib import ExitStack, suppress
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
from twospeed.worldmodel.vocabulary import KnownAction, Vocabulary
from twospeed.worlds.language import MOVES


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
        start, truth = start_of(label, model.settings.frame_size)
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
