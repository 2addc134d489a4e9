import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from twospeed.core.errors import ConfigError, DataError, ShapeError, UnknownNameError
from twospeed.core.files import read_json, write_json
from twospeed.generation.dream import Dream
from twospeed.memory.fast_weights import FastWeights
from twospeed.memory.memory_file import memory_of
from twospeed.web.edits import forget_share, merge_with, put_memory
from twospeed.web.frames import MEMORY, PLAIN, TRUTH
from twospeed.web.history import KEPT_EVERY, MOST_KEPT
from twospeed.web.saving import open_session, save_session

ROUTE = ["turn left", "walk ahead", "turn left", "go back"]


def dream(session, text):
    """Do one chunk and return its frames, and what was done."""
    before, imagined = session.moment(), session.imagine(text)
    shown = list(session.frames_of(imagined))
    return shown, session.learn(imagined, before)


def state_of(session):
    """Return all that decides what comes next, as arrays."""
    file = memory_of(session.memory)
    tensors = [session.past, *file.up.values(), *file.writer.values()]
    frames = [session.shown.frames[name] for name in sorted(session.shown.frames)]
    return [it.numpy().copy() for it in tensors] + frames


def same(first, second):
    return len(first) == len(second) and all(map(np.array_equal, first, second))


def test_a_chunk_has_frames_of_every_pane(make_session):
    session = make_session()
    shown, done = dream(session, "turn left")
    assert len(shown) == 4
    for one in shown:
        assert set(one.frames) == {MEMORY, PLAIN, TRUTH}
        assert {frame.shape for frame in one.frames.values()} == {(16, 16, 3)}
        assert set(one.psnr_db) == {MEMORY, PLAIN}
        assert one.pose is not None
    assert done.record.chunk == 0
    assert done.record.loss_after <= done.record.loss_before
    assert 0 <= done.recall.familiarity <= 1


@pytest.mark.parametrize("past", [None, 1, 8])
def test_panes_of_one_batch_are_what_dreams_of_their_own_are(make_session, model, past):
    model.configure(past_frames=past)
    session = make_session()
    first = session.start.frame
    alone = {
        MEMORY: Dream(model, first, memory=FastWeights(model, seeds=(3,)), seed=3),
        PLAIN: Dream(model, first, seed=3),
    }
    for text in ROUTE:
        shown, done = dream(session, text)
        for name, one in alone.items():
            ours = np.stack([it.frames[name] for it in shown]).astype(int)
            assert np.abs(ours - one.step(done.said.text)).max() <= 1


def test_the_true_world_does_the_same_commands(make_session):
    session, other = make_session(), make_session()
    shown, _ = dream(session, "look over to the left")  # words that no training saw
    seen, _ = other.look("turn left")
    assert np.array_equal(shown[-1].frames[TRUTH], seen[-1].frames[TRUTH])
    assert session.actions == [("look over to the left", False)]


@pytest.mark.parametrize("kind", ["model", "viewing_model"])
def test_undo_brings_back_frames_memory_and_world_bit_for_bit(make_session, kind):
    session = make_session(model=kind)
    dream(session, ROUTE[0])
    before = state_of(session)
    pose = session.shown.pose
    expected = [one.frames for one in dream(session, ROUTE[1])[0]]
    after = state_of(session)
    session.look(ROUTE[2])
    dream(session, ROUTE[3])
    session.undo(2)
    assert same(state_of(session), after)
    session.undo()
    assert same(state_of(session), before)
    assert session.shown.pose == pose
    again = [one.frames for one in dream(session, ROUTE[1])[0]]
    for first, second in zip(expected, again, strict=True):
        assert all(np.array_equal(first[name], second[name]) for name in first)


def test_undo_reaches_over_kept_memories_and_stays_bounded(make_session):
    session = make_session()
    states = []
    count = KEPT_EVERY * MOST_KEPT + 5
    for chunk in range(count):
        states.append(state_of(session))
        session.look(ROUTE[chunk % 4])
    kept = [act for act in session.history._acts if act.memory is not None]
    assert len(kept) <= MOST_KEPT
    reach = len(session.history)
    assert KEPT_EVERY * (MOST_KEPT - 1) <= reach <= KEPT_EVERY * MOST_KEPT
    session.undo(reach - 1)
    assert same(state_of(session), states[count - reach + 1])
    with pytest.raises(ConfigError, match="the last 1 acts can be undone, got 2"):
        session.undo(2)
    session.undo()
    with pytest.raises(ConfigError, match="nothing to undo"):
        session.undo()


@pytest.mark.parametrize("kind", ["model", "viewing_model"])
def test_the_microscope_says_what_is_recalled(make_session, kind):
    session = make_session(model=kind)
    for text in ROUTE:
        session.look(text)
    session.undo(4)
    assert session.microscope.count == 0
    session.look("turn left")
    session.look("go back")
    session.past = session.model.encode(session.start.frame[None, None]).expand(2, -1, -1, -1, -1)
    _, done = dream(session, "turn left")
    assert len(done.recall.alike) == 2
    if kind == "model":
        assert done.recall.alike[0] == pytest.approx(1, abs=1e-3)
        assert (done.recall.age, done.recall.is_reversed) == (2, False)
    session.undo()
    assert session.microscope.count == 2


@pytest.mark.parametrize("kind", ["model", "viewing_model"])
def test_a_saved_session_goes_on_bit_for_bit(make_session, words, tmp_path, request, kind):
    session = make_session(model=kind)
    session.look("turn left")
    dream(session, "go forward")
    save_session(session, tmp_path / "here")
    again = open_session(tmp_path / "here", request.getfixturevalue(kind), words)
    assert same(state_of(session), state_of(again))
    assert again.actions == session.actions
    first, second = (dream(one, "turn left") for one in (session, again))
    for one, other in zip(first[0], second[0], strict=True):
        assert all(np.array_equal(one.frames[name], other.frames[name]) for name in one.frames)
        assert one.pose == other.pose
    assert first[1].recall == second[1].recall
    again.close()


@pytest.mark.parametrize(
    "change",
    [
        {"format": "other"},
        {"model_hash": "0" * 16},
        {"actions": ["turn left"]},
        {"pose": [0, 0]},
        {"start": "nowhere:7"},
        {"num_acts": -1},
        {"more": 1},
    ],
)
def test_a_damaged_session_is_one_line(make_session, model, words, tmp_path, change):
    save_session(make_session(), tmp_path / "here")
    said = read_json(tmp_path / "here" / "session.json")
    write_json(tmp_path / "here" / "session.json", said | change)
    with pytest.raises(DataError) as caught:
        open_session(tmp_path / "here", model, words)
    assert "\n" not in str(caught.value)


def test_a_session_whose_tensors_are_cut_is_one_line(make_session, model, words, tmp_path):
    session = make_session()
    session.look("turn left")
    save_session(session, tmp_path / "here")
    path = tmp_path / "here" / "state.safetensors"
    tensors = {name: it.clone() for name, it in load_file(path).items()}
    for name, tensor in tensors.items():
        for cut in (tensor[..., :1].contiguous(), tensor.float() / 0):
            save_file(tensors | {name: cut}, path)
            with pytest.raises(DataError):
                open_session(tmp_path / "here", model, words)
    path.write_bytes(path.read_bytes()[:99])
    with pytest.raises(DataError, match="is damaged"):
        open_session(tmp_path / "here", model, words)


def test_edits_of_the_memory_are_undone_too(make_session):
    session, other = make_session(), make_session("rooms:8")
    for text in ROUTE:
        session.look(text)
        other.look(text)
    before = state_of(session)
    strange = memory_of(other.memory)
    for edit in (
        lambda: forget_share(session, 1.0),
        lambda: merge_with(session, strange, 0.5),
        lambda: put_memory(session, strange),
    ):
        edit()
        assert not same(state_of(session), before)
        dream(session, "turn left")
        session.undo(2)
        assert same(state_of(session), before)


def test_a_session_without_memory_has_one_dreaming_pane(make_session):
    session = make_session(remembers=False)
    shown, done = dream(session, "turn left")
    assert set(shown[0].frames) == {PLAIN, TRUTH}
    assert (done.record, done.recall) == (None, None)
    first = session.shown.frames
    dream(session, "go back")
    session.undo()
    assert np.array_equal(session.shown.frames[PLAIN], first[PLAIN])
    with pytest.raises(ConfigError, match="has no memory"):
        forget_share(session, 1.0)


def test_frames_of_ones_own_are_learned_and_leave_the_true_world(make_session, random_frames):
    session = make_session()
    shown, done = session.observe(random_frames(1, 4), "go forward")
    assert set(shown[0].frames) == {MEMORY, PLAIN}
    assert done.record.written
    assert set(dream(session, "turn left")[0][0].frames) == {MEMORY, PLAIN}
    with pytest.raises(ConfigError, match="no true world"):
        session.look("turn left")
    session.undo(2)
    assert TRUTH in dream(session, "turn left")[0][0].frames
    with pytest.raises(ShapeError, match="a chunk has 4 frames, got 3"):
        session.observe(random_frames(1, 3), "go forward")


def test_what_is_near_no_command_changes_nothing(make_session):
    session = make_session()
    before = state_of(session)
    with pytest.raises(UnknownNameError, match="near no command"):
        session.imagine("xyzzy plugh")
    with pytest.raises(UnknownNameError, match="at most 200 letters"):
        session.imagine("left " * 50)
    assert same(state_of(session), before)
    assert session.truth.steps == 0


def test_the_same_start_seed_and_actions_give_the_same_video(make_session):
    first, again, other = (make_session(seed=seed) for seed in (3, 3, 4))
    videos = [
        np.stack([one.frames[MEMORY] for text in ROUTE for one in dream(session, text)[0]])
        for session in (first, again, other)
    ]
    assert np.array_equal(videos[0], videos[1])
    assert not np.array_equal(videos[0], videos[2])
    assert torch.equal(first.past, again.past)
