import pytest

from twospeed.memory.config import RidgeConfig
from twospeed.memory.fast_weights import FastWeights
from twospeed.web.session import Session
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
def make_session(model, words):
    """Return a function that starts a session in the rooms on the tiny untrained model."""
    sessions = []

    def make(label="rooms:7", *, remembers=True, seed=3):
        start, truth = start_of(label, model.settings.frame_size)
        memory = FastWeights(model, seeds=(seed,)) if remembers else None
        session = Session(model, words, start, truth, memory=memory, seed=seed)
        sessions.append(session)
        return session

    yield make
    for session in sessions:
        session.close()
