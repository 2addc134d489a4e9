"""Logs of play: Minari files, .npz logs, keyboard and mouse."""

import json

import numpy as np
import pytest

from twospeed.core.errors import DataError
from twospeed.data.importers.config import ImportConfig
from twospeed.data.importers.logs.inputs import Event, event_of, inputs_between, words_of
from twospeed.data.importers.run import import_recordings
from twospeed.data.index import read_episodes

h5py = pytest.importorskip("h5py")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("W 0.4 s, mouse \u221230 px", "go forward, turn left"),
        ("w 1.0s, D 0.5s", "go forward, step right"),
        ("mouse 40 -25 px, space 0.2 s", "jump, turn right, look up"),
        ("left 0.5 s, mouse -30 px", "turn left"),
        ("W 0.4 s, S 0.4 s", "stand still"),
        ("W 0.6 s, S 0.1 s", "go forward"),
        ("W 0.05 s, mouse 4 px", "stand still"),
        ("none", "stand still"),
    ],
)
def test_keys_and_mouse_become_words(text, words):
    assert words_of(text) == words


@pytest.mark.parametrize("text", ["W", "W 0.4", "mouse left", "jump high", "q 0.5 s", "mouse 5 s"])
def test_what_cannot_be_read_is_said(text):
    with pytest.raises(DataError, match=r"cannot read|no meaning"):
        words_of(text)


def test_a_key_that_is_held_counts_in_every_stretch():
    log = [(0.5, "press W"), (0.6, "move -30 2"), (2.25, "release W"), (2.5, "press A")]
    events = [event_of("x", time, text) for time, text in log]
    found = list(inputs_between(events, [0, 1, 2, 3]))
    assert [it.held for it in found] == [
        {"w": 0.5},
        {"w": 1.0},
        {"w": pytest.approx(0.25), "a": 0.5},
    ]
    assert [it.right for it in found] == [-30, 0, 0]
    assert event_of("x", 1, "release left button") == Event(
        where="x", time=1, release="left button"
    )
    with pytest.raises(DataError, match="write press KEY"):
        event_of("x", 1, "hold W")


def levels(count, *, size=20):
    """Return frames, each one grey level brighter than the one before."""
    frames = np.zeros((count, size, size, 3), np.uint8)
    return frames + np.arange(count, dtype=np.uint8)[:, None, None, None]


@pytest.fixture
def bring(tmp_path):
    def run(source, **settings):
        settings = {"format": "gymnasium", "name": "play", "frame_size": 16} | settings
        done = import_recordings(ImportConfig(**settings), source, tmp_path / "out")
        return list(read_episodes(tmp_path / "out", on_damage=pytest.fail)), done.lines

    return run


@pytest.fixture
def minari(tmp_path):
    """A dataset as Minari writes it: pictures inside a dictionary of observations."""
    path = tmp_path / "env" / "human-v0" / "data" / "main_data.hdf5"
    path.parent.mkdir(parents=True)
    with h5py.File(path, "w") as file:
        for episode, steps in enumerate((9, 4, 2)):
            group = file.create_group(f"episode_{episode}")
            group.attrs["total_steps"] = steps
            frames = levels(steps + 1) + np.uint8(100 * episode)
            group.create_dataset("observations/direction", data=np.zeros(steps + 1))
            group.create_dataset("observations/image", data=frames)
            group.create_dataset("actions", data=np.array([0, 0, 1, 1, 2, 2, 2, 2, 0])[:steps])
            for name in ("rewards", "terminations", "truncations"):
                group.create_dataset(name, data=np.zeros(steps))
    return tmp_path / "env" / "human-v0"


def test_a_minari_dataset_with_names_for_its_actions(minari, bring):
    names = {"0": "go forward", "1": "turn left", "2": "turn right"}
    (minari / "actions.json").write_text(json.dumps(names))
    episodes, lines = bring(minari)
    assert [episode.actions for episode in episodes] == [
        ("go forward, then turn left", "turn right"),
        ("go forward, then turn left",),
    ]
    assert np.array_equal(episodes[0].frames[:, 0, 0, 0], np.arange(9))
    assert np.array_equal(episodes[1].frames[:, 0, 0, 0], 100 + np.arange(5))
    assert lines == (
        "data/main_data.hdf5 episode_2: 2 steps are too few for a chunk of 4; skipped",
    )


def test_actions_without_names_are_numbered_and_said(minari, bring):
    episodes, lines = bring(minari)
    assert episodes[0].actions == ("action 0, then action 1", "action 2")
    assert "data/main_data.hdf5 episode_0: actions 0, 1, 2 have no words" in lines[0]


@pytest.mark.parametrize(
    ("observations", "actions", "line"),
    [
        (np.zeros((5, 7)), np.zeros(4, int), "there are no pictures"),
        (levels(5), None, "there are no 'actions'"),
        (levels(5), np.zeros((4, 2)), "need words: write actions.json"),
    ],
)
def test_a_bad_episode_is_one_line(minari, bring, observations, actions, line):
    with h5py.File(minari / "data" / "main_data.hdf5", "a") as file:
        del file["episode_0"]["observations"], file["episode_0"]["actions"]
        file["episode_0"]["observations"] = observations
        if actions is not None:
            file["episode_0"]["actions"] = actions
    episodes, lines = bring(minari)
    assert [episode.scene for episode in episodes] == ["data/main_data.hdf5 episode_1"]
    assert lines[0].startswith("data/main_data.hdf5 episode_0: ")
    assert line in lines[0]


def test_npz_logs_with_texts_and_with_vectors(tmp_path, bring):
    source = tmp_path / "logs"
    source.mkdir()
    texts = np.array(["walk"] * 8)
    grey = levels(18)[..., 0]
    np.savez(source / "a.npz", frames=grey[:17], actions=np.repeat(texts, 2), fps=8.0)
    vectors = np.array([[-1.0, 0.0]] * 4 + [[0.1, 0.5]] * 4 + [[0.0, 0.0]] * 4)
    np.savez(source / "b.npz", obs=levels(13).transpose(0, 3, 1, 2), actions=vectors)
    (source / "c.npz").write_bytes(b"no archive")
    axes = {"axes": [["turn left", "turn right"], [None, "go forward"]]}
    (source / "actions.json").write_text(json.dumps(axes))
    episodes, lines = bring(source)
    assert [episode.actions for episode in episodes] == [
        ("walk", "walk"),
        ("turn left", "go forward", "stand still"),
    ]
    assert np.array_equal(episodes[0].frames[:, 0, 0, 0], np.arange(9) * 2)
    assert np.array_equal(episodes[1].frames[:, 0, 0, 0], np.arange(13))
    assert len(lines) == 1
    assert lines[0].startswith("c.npz: cannot be read")


def test_videos_with_a_log_of_keys(tmp_path, bring, clip, bright, seconds_of):
    source = tmp_path / "play"
    clip(source / "a.mp4", bright(4))
    clip(source / "b.mp4", bright(4))
    rows = ['a.mp4,1,2,"W 0.4 s, mouse -30 px"', "a.mp4,2,3,Q 1 s", "a.mp4,3,4,none"]
    (source / "stretches.csv").write_text("video,start,end,input\n" + "\n".join(rows) + "\n")
    log = [(0.0, "press W"), (1.5, "release W"), (1.6, "move 50 0"), (2.5, "press Q"), (3, "x")]
    lines = [json.dumps({"video": "b", "time": time, "event": event}) for time, event in log]
    (source / "events.jsonl").write_text("\n".join(lines))
    episodes, said = bring(source)
    assert [(episode.scene, episode.actions) for episode in episodes] == [
        ("b", ("go forward", "go forward, turn right")),
        ("a", ("go forward, turn left",)),
        ("a", ("stand still",)),
    ]
    assert seconds_of(episodes[1].frames)[0] == pytest.approx(1.0, abs=0.1)
    assert sorted(line.partition(":")[0] for line in said) == [
        "events.jsonl row 4",
        "events.jsonl row 5",
        "stretches.csv row 3",
    ]


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 no archive", b"no archive"])
@pytest.mark.parametrize("ending", ["npz", "hdf5"])
def test_a_damaged_log_is_one_line_and_the_rest_is_imported(tmp_path, bring, content, ending):
    source = tmp_path / "src"
    source.mkdir()
    frames = np.zeros((9, 16, 16, 3), np.uint8)
    np.savez(source / "good.npz", frames=frames, actions=np.array(["go"] * 8))
    (source / f"bad.{ending}").write_bytes(content)
    episodes, lines = bring(source)
    assert len(episodes) == 1
    assert len(lines) == 1
    assert lines[0].startswith(f"bad.{ending}: cannot be read (")


def test_a_log_of_keys_with_a_wrong_column_is_one_line(tmp_path, bring, clip, bright):
    source = tmp_path / "src"
    clip(source / "a.mp4", bright(3, rate=10), rate=10)
    (source / "good.csv").write_text("video,start,end,input\na.mp4,0,2,W 1 s\n")
    (source / "wrong.csv").write_text("video,start,end,pressed\na.mp4,0,2,W 1 s\n")
    episodes, lines = bring(source)
    assert len(episodes) == 1
    assert lines == ("wrong.csv row 1: there is no column 'input' and none 'event'; skipped",)


def test_a_folder_without_logs_is_refused(tmp_path, bring):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"no \.hdf5, no \.npz"):
        bring(tmp_path / "empty")
