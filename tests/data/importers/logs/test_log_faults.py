"""Logs of play as they go wrong: episodes in a row, odd rates, noise, codes and gaps."""

import json

import numpy as np
import pytest

from twospeed.core.errors import DataError
from twospeed.data.importers.config import ImportConfig
from twospeed.data.importers.logs.stored import open_arrays
from twospeed.data.importers.run import import_recordings
from twospeed.data.index import read_episodes

h5py = pytest.importorskip("h5py")

LENGTHS = (20, 17, 23)
WORDS = {"0": "stop", "1": "left", "2": "right"}
AXES = {"axes": [["turn left", "turn right"], ["go back", "go forward"]]}


def pictures(levels):
    """Return frames (T, 16, 16, 3), each of one grey level but for a white corner."""
    frames = np.zeros((len(levels), 16, 16, 3), np.uint8)
    frames += np.asarray(levels, np.uint8)[:, None, None, None]
    frames[:, :2, :2] = 255
    return frames


def in_a_row(extra=0):
    """Return the levels of three episodes, `extra` frames more for each, and their marks."""
    levels = np.concatenate([80 * e + np.arange(n + extra) for e, n in enumerate(LENGTHS)])
    marks = np.zeros(sum(LENGTHS), bool)
    marks[np.cumsum(LENGTHS) - 1] = True
    return levels, marks


@pytest.fixture
def bring(tmp_path):
    """Return a function that imports arrays of an .npz or HDF5 file: (episodes, lines)."""

    def run(arrays, *, names=None, ending="npz", **settings):
        source = tmp_path / "src"
        source.mkdir(exist_ok=True)
        if ending == "npz":
            np.savez(source / "log.npz", **arrays)
        else:
            with h5py.File(source / "log.hdf5", "w") as file:
                for name, array in arrays.items():
                    file[name] = array
        if names is not None:
            (source / "actions.json").write_text(json.dumps(names))
        settings = {"format": "gymnasium", "name": "play", "frame_size": 16} | settings
        done = import_recordings(ImportConfig(**settings), source, tmp_path / "out")
        return list(read_episodes(tmp_path / "out", on_damage=pytest.fail)), done.lines

    return run


def levels_of(episode):
    return episode.frames[:, 8, 8, 0].tolist()


@pytest.mark.parametrize("ending", ["npz", "hdf5"])
@pytest.mark.parametrize("extra", [0, 1])
@pytest.mark.parametrize(
    "marks", [{"terminals": 1}, {"dones": 1}, {"terminations": 0, "truncations": 1}, {"done": 2}]
)
def test_episodes_in_a_row_are_never_mixed(bring, ending, extra, marks):
    levels, ends = in_a_row(extra)
    forms = [np.zeros_like(ends), ends, ends.astype(np.float32)[:, None]]
    arrays = {name: forms[form] for name, form in marks.items()}
    arrays |= {"observations": pictures(levels), "actions": np.repeat([0, 1, 2], LENGTHS)}
    episodes, lines = bring(arrays, names=WORDS, ending=ending)
    assert not lines
    assert [it.scene for it in episodes] == [
        f"log.{ending} episode {number}" for number in range(3)
    ]
    for number, (episode, length) in enumerate(zip(episodes, LENGTHS, strict=True)):
        chunks = (length - 1 + extra) // 4
        assert episode.actions == (WORDS[str(number)],) * chunks
        assert levels_of(episode) == list(range(80 * number, 80 * number + 1 + 4 * chunks))


def test_a_flat_log_may_end_amid_an_episode_or_with_one_frame_more(bring):
    levels, ends = in_a_row()
    arrays = {"frames": pictures([*levels, 250]), "actions": np.zeros(60, int), "terminals": ends}
    arrays["terminals"][-1] = False
    episodes, _ = bring(arrays, names=WORDS)
    assert [levels_of(it)[0] for it in episodes] == [0, 80, 160]
    assert len(episodes[2].frames) == 21


def test_what_comes_after_the_action_is_not_taken_for_what_is_seen_before(bring):
    now, later = pictures(np.arange(9)), pictures(100 + np.arange(9))
    arrays = {"actions": np.zeros(8, int), "next_observations": later, "observations": now}
    episodes, _ = bring(arrays, names=WORDS, ending="hdf5")
    assert levels_of(episodes[0]) == list(range(9))


@pytest.mark.parametrize("rate", [20, np.array([20]), np.array([[20.0]]), np.float32(20)])
def test_a_rate_is_one_number_in_any_form(bring, rate):
    episodes, lines = bring(
        {"frames": pictures(np.arange(60)), "actions": np.array(["go"] * 60), "fps": rate}
    )
    assert not lines
    assert levels_of(episodes[0]) == list(range(0, 45, 5))


@pytest.mark.parametrize("rate", [0, -4, np.nan, np.inf, "20", 1j, [], [20, 30], 1e9])
def test_a_rate_that_cannot_be_is_one_line(bring, tmp_path, rate):
    said = refused(
        bring,
        {"frames": pictures(range(9)), "actions": np.array(["go"] * 8), "fps": rate},
        tmp_path,
    )
    assert said.startswith("log.npz: 'fps' should be one number above 0, up to 1000, is ")


def refused(bring, arrays, tmp_path, **settings):
    """Return the one line about arrays of which nothing can be imported, beside good ones."""
    source = tmp_path / "src"
    source.mkdir()
    np.savez(source / "good.npz", frames=pictures(range(5)), actions=np.array(["go"] * 4))
    episodes, lines = bring(arrays, **settings)
    assert [it.scene for it in episodes] == ["good.npz"]
    assert len(lines) == 1
    assert "\n" not in lines[0]
    return lines[0]


@pytest.mark.parametrize("kind", [int, float, np.uint8])
def test_numbers_in_a_column_are_discrete_actions(bring, kind):
    actions = np.repeat([0, 1, 2], 4)[:, None].astype(kind)
    episodes, lines = bring({"frames": pictures(range(13)), "actions": actions}, names=WORDS)
    assert not lines
    assert episodes[0].actions == ("stop", "left", "right")


CODES = np.random.default_rng(0).integers(0, 11, (9, 19, 19, 3), np.uint8)


@pytest.mark.parametrize(
    ("frames", "line"),
    [
        (CODES[:, :7, :7], "there are no pictures (uint8, height, width, 3, sides of 8 and more)"),
        (CODES, "the small numbers in 'frames' look like codes; name it by --camera"),
        (np.zeros((9, 4, 84, 84), np.uint8), "it holds actions <U2 (8,), frames uint8 (9, 4, 84,"),
        (np.zeros((9, 16, 16, 3), np.float32), "it holds actions <U2 (8,), frames float32 (9, 16,"),
        (
            np.zeros((9, 16, 16, 4), np.uint8),
            "it holds actions <U2 (8,), frames uint8 (9, 16, 16, 4",
        ),
    ],
)
def test_what_is_no_picture_is_one_line_that_says_what_it_is(bring, tmp_path, frames, line):
    arrays = {"actions": np.array(["go"] * 8), "frames": frames}
    said = refused(bring, arrays, tmp_path)
    assert said.startswith("log.npz: there are no pictures")
    assert line in said


def test_the_camera_says_which_array_is_the_pictures(bring):
    arrays = {"frames": CODES, "view/left": pictures(range(9)), "actions": np.array([b"go"] * 8)}
    episodes, lines = bring(arrays, ending="hdf5", camera="frames")
    assert not lines
    assert np.array_equal(episodes[0].frames.shape, (9, 16, 16, 3))


def test_another_camera_is_one_line(tmp_path):
    arrays = {"frames": pictures(range(9)), "actions": np.array(["go"] * 8)}
    said = []
    np.savez(tmp_path / "log.npz", **arrays)
    config = ImportConfig(format="gymnasium", name="play", camera="left")
    with pytest.raises(DataError, match="nothing in"):
        import_recordings(config, tmp_path / "log.npz", tmp_path / "out", say=said.append)
    assert said == [
        "log.npz: there is no array 'left' (arrays: frames, actions); skipped",
    ]


def test_steps_without_an_action_cost_their_own_chunks_alone(bring):
    actions = np.zeros((60, 2), np.float32)
    actions[:, 1] = 1
    actions[10:19, 0] = np.nan
    actions[40, 1] = np.inf
    episodes, lines = bring({"frames": pictures(range(60)), "actions": actions}, names=AXES)
    assert [it.actions for it in episodes] == [("go forward",) * count for count in (2, 5, 3)]
    assert [levels_of(it)[0] for it in episodes] == [0, 20, 44]
    assert lines == (
        "log.npz: 10 of 59 steps have no action that is a text or a number (step 10 first); their"
        " chunks are left out",
    )


def test_an_axis_that_only_trembles_is_idle_and_said(bring):
    actions = np.zeros((60, 2), np.float32)
    actions[:, 1] = 1
    actions[:, 0] = np.random.default_rng(0).normal(0, 1e-3, 60)
    episodes, lines = bring({"frames": pictures(range(60)), "actions": actions}, names=AXES)
    assert episodes[0].actions == ("go forward",) * 14
    assert len(lines) == 1
    assert lines[0].startswith("log.npz: axis 0 of the actions never gets beyond 0.00")


def test_how_large_an_axis_gets_can_be_said(bring):
    actions = np.zeros((8, 2))
    actions[:, 0], actions[4:, 1] = 0.5, 180
    names = AXES | {"full": [1, 180]}
    episodes, lines = bring({"frames": pictures(range(9)), "actions": actions}, names=names)
    assert not lines
    assert episodes[0].actions == ("turn right", "turn right, go forward")


def test_an_axis_that_moves_in_one_episode_is_measured_by_it_in_all(bring):
    arrays = {}
    for number in range(2):
        actions = np.zeros((8, 2))
        actions[:, 1] = 1
        actions[:, 0] = 1 if number else 0.004
        arrays[f"episode_{number}/observations"] = pictures(range(9))
        arrays[f"episode_{number}/actions"] = actions
    episodes, lines = bring(arrays, names=AXES, ending="hdf5")
    assert not lines
    assert [it.actions[0] for it in episodes] == ["go forward", "turn right, go forward"]


@pytest.mark.parametrize(
    ("arrays", "line"),
    [
        ({"actions": np.array(["go"] * 3)}, "9 frames do not fit 3 actions"),
        ({"actions": np.array(["go"] * 20)}, "9 frames do not fit 20 actions"),
        ({"actions": np.zeros(0, int)}, "there is no action"),
        ({"actions": np.array("go")}, "'actions' is a single number"),
        ({"dones": np.array([3, 7])}, "'dones' should be one 0 or 1 for each of 8 actions"),
        ({"dones": np.arange(8)}, "'dones' should be 0 or 1 for every action, but holds others"),
        ({"dones": np.full(8, np.nan)}, "'dones' should be 0 or 1 for every action"),
        ({"dones": np.array(["no"] * 8)}, "'dones' should be one 0 or 1 for each of 8 actions"),
        ({"actions": np.array([b"\xff"] * 8)}, "the action of step 0 is not UTF-8"),
        ({"actions": np.zeros(8, complex)}, "need words: write actions.json"),
        ({"actions": np.array(["x" * 300] * 4), "frames": pictures(range(5))},
         "step 0: its action has 300 bytes, more than 255"),
        ({"actions": np.array(["\ud800"] * 4), "frames": pictures(range(5))},
         "step 0: its action holds half a letter"),
    ],
)  # fmt: skip
def test_arrays_that_do_not_fit_are_one_line(bring, tmp_path, arrays, line):
    arrays = {"frames": pictures(range(9)), "actions": np.array(["go"] * 8)} | arrays
    assert line in refused(bring, arrays, tmp_path)


def test_a_key_without_a_meaning_is_one_line_however_long_it_is_held(tmp_path, clip, bright):
    clip(tmp_path / "src" / "v.mp4", bright(9))
    events = ["v,0,press W", "v,2,press Q", "v,7,release Q", "v,8,release W"]
    (tmp_path / "src" / "log.csv").write_text("video,time,event\n" + "\n".join(events) + "\n")
    config = ImportConfig(format="gymnasium", name="play", frame_size=16)
    done = import_recordings(config, tmp_path / "src", tmp_path / "out")
    assert [it.actions for it in read_episodes(tmp_path / "out")] == [
        ("go forward", "go forward"),
        ("go forward",),
    ]
    assert len(done.lines) == 1
    assert done.lines[0].startswith("log.csv row 3: the key 'q' has no meaning")


def test_few_frames_a_second_are_shown_for_long(bring):
    arrays = {"frames": pictures(range(5)), "actions": np.array(["a", "b", "c", "d"]), "fps": 0.5}
    episodes, lines = bring(arrays)
    assert not lines
    assert episodes[0].actions == ("a", "a", "b", "b", "c", "c", "d", "d")
    assert levels_of(episodes[0]) == [index // 8 for index in range(33)]


@pytest.mark.parametrize("kind", ["external", "virtual"])
def test_arrays_that_lie_in_other_files_are_not_read(tmp_path, kind):
    secret = tmp_path / "secret"
    secret.write_bytes(bytes(range(100)))
    with h5py.File(tmp_path / "log.hdf5", "w") as file:
        if kind == "external":
            file.create_dataset("x", (100,), "u1", external=[(str(secret), 0, 100)])
        else:
            layout = h5py.VirtualLayout((100,), "u1")
            layout[:] = h5py.VirtualSource(str(tmp_path / "other.hdf5"), "x", (100,), "u1")
            file.create_virtual_dataset("x", layout)
    with pytest.raises(DataError, match="lies in other files"), open_arrays(tmp_path / "log.hdf5"):
        pass
