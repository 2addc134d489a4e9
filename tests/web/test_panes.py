"""A session on a model that packs time: its panes are what dreams of their own are."""

import sys
from contextlib import closing
from copy import copy
from pathlib import Path

import numpy as np
import pytest

from twospeed.core.errors import DataError
from twospeed.generation.dream import Dream
from twospeed.memory.fast_weights import FastWeights
from twospeed.memory.presets import preset_of
from twospeed.web.frames import MEMORY, PLAIN
from twospeed.web.panes import PaneStream
from twospeed.web.saving import open_session, save_session
from twospeed.web.session import Session
from twospeed.web.truth import Start, start_of
from twospeed.web.words import Words
from twospeed.worlds.registry import WORLDS
from twospeed.worlds.starts import episode_of

sys.path.insert(0, str(Path(__file__).parents[1] / "worldmodel" / "backbones"))
pytestmark = pytest.mark.filterwarnings("ignore:.*deprecated.*")


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    import pipelines

    return pipelines.small_wan(tmp_path_factory.mktemp("wan"))


@pytest.fixture
def begin(packed, vocabulary):
    sessions = []

    def make():
        start, truth = start_of("rooms:7", packed.settings.size)
        memory = FastWeights(packed, preset_of(packed, "paper"), seeds=(3,))
        words = Words(vocabulary, packed.text_encoder)
        sessions.append(Session(packed, words, start, truth, memory=memory, seed=3))
        return sessions[-1]

    yield make
    for session in sessions:
        session.close()


def dream(session, text):
    before, imagined = session.moment(), session.imagine(text)
    shown = list(session.frames_of(imagined))
    session.learn(imagined, before)
    return shown


def frames(shown, pane):
    return np.stack([one.frames[pane] for one in shown])


def test_each_pane_shows_what_a_dream_of_its_own_does(begin, packed):
    session = begin()
    memory = FastWeights(packed, preset_of(packed, "paper"), seeds=(3,))
    alone = {
        MEMORY: Dream(packed, session.start.frame, memory=memory, seed=3),
        PLAIN: Dream(packed, session.start.frame, seed=3),
    }
    for text in ("turn left", "walk ahead"):
        shown = dream(session, text)
        assert len(shown) == 4
        for pane, one in alone.items():
            away = frames(shown, pane).astype(int) - one.step(session.actions[-1][0])
            assert np.abs(away).max() <= 1


def test_an_undone_chunk_comes_again_and_a_saved_session_goes_on(begin, packed, tmp_path):
    session = begin()
    dream(session, "turn left")
    _, done = session.look("walk ahead")
    assert done.is_seen
    save_session(session, tmp_path / "s")
    first = dream(session, "turn left")
    session.undo()
    again = dream(session, "turn left")
    opened = open_session(tmp_path / "s", packed, session.words)
    later = dream(opened, "turn left")
    for pane in (MEMORY, PLAIN):
        np.testing.assert_array_equal(frames(first, pane), frames(again, pane))
        np.testing.assert_array_equal(frames(first, pane), frames(later, pane))
    opened.close()


def test_a_saved_state_of_other_frames_is_refused(packed):
    stream = PaneStream(packed, 2, np.zeros((32, 32, 3), np.uint8))
    state = dict(stream.state)
    name = next(it for it in state if it.startswith("stream.kept"))
    with pytest.raises(DataError, match="does not fit"):
        stream.open_({**state, name: state[name][:, :1]})


def test_a_walk_from_a_wide_picture_is_dreamed_and_saved(packed, vocabulary, tmp_path):
    model = copy(packed).configure(frame_width=48)
    start = Start(label="garden.png", frame=np.zeros((32, 48, 3), np.uint8))
    words = Words(vocabulary, model.text_encoder)
    with closing(Session(model, words, start, None, memory=None, seed=3)) as session:
        assert frames(dream(session, "turn left"), PLAIN).shape[1:] == (32, 48, 3)
        save_session(session, tmp_path / "s")
        again = dream(session, "turn left")
    with closing(open_session(tmp_path / "s", model, words)) as opened:
        assert np.array_equal(frames(dream(opened, "turn left"), PLAIN), frames(again, PLAIN))


def test_every_world_can_be_begun_by_name():
    assert all(episode_of(f"{world}:7") == (world, 7) for world in WORLDS)
