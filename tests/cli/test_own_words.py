"""A new user's way: videos and a table in their own words, import, training, a dream."""

import json

import av
import numpy as np
import pytest
from PIL import Image

from twospeed.cli.app import main
from twospeed.core.video import read_video
from twospeed.worldmodel.model import WorldModel

POUR, STIR = "pour the tea, slowly", "umrühren"


@pytest.fixture(scope="module")
def kitchen(tmp_path_factory):
    """Write videos at 5 frames a second whose picture gets redder, then bluer; import and train."""
    root = tmp_path_factory.mktemp("kitchen")
    (root / "tea").mkdir()
    rows = ["video,start,end,action"]
    for number in range(4):
        with av.open(str(root / "tea" / f"v{number}.mp4"), "w") as container:
            stream = container.add_stream("libx264", rate=5, options={"crf": "8"})
            stream.height = stream.width = 32
            for index in range(41):
                frame = np.full((32, 32, 3), 40 + 10 * number, np.uint8)
                frame[..., 0 if index < 20 else 2] = 40 + 4 * index
                container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
            container.mux(stream.encode())
        rows += [f'v{number}.mp4,0,4,"{POUR}"', f"v{number}.mp4,4,8,{STIR}"]
    (root / "tea" / "labels.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    data, run = str(root / "data"), str(root / "run")
    options = ["--name", "tea", "--size", "16", "--fps", "5"]
    assert main(["import", "videos", str(root / "tea"), "--out", data, *options]) == 0
    assert main(["train", "rooms-tiny", "--data", data, "--out", run, "--minutes", "1"]) == 0
    Image.fromarray(np.full((20, 20, 3), 60, np.uint8)).save(root / "first.png")
    return root


@pytest.fixture
def dream(kitchen, tmp_path):
    def run(actions):
        out = str(tmp_path / "dream.mkv")
        frame = str(kitchen / "first.png")
        model = str(kitchen / "run" / "model")
        return main(["dream", model, "--first-frame", frame, "--actions", actions, "--out", out])

    return run


def test_the_vocabulary_is_that_of_the_recording(kitchen):
    model = WorldModel.from_pretrained(kitchen / "run" / "model")
    assert set(model.vocabulary.actions) == {POUR, STIR}
    assert model.vocabulary.worlds == ("tea",)
    assert model.settings.world == "tea"
    assert model.settings.frames_per_second == 5


@pytest.mark.parametrize(
    ("actions", "frames"),
    [(f"'{POUR}'*2, {STIR}", 13), (f"{POUR}, {STIR.upper()}*2", 13), ("stir it umruhren", 5)],
)
def test_a_dream_takes_the_words_of_the_table(dream, tmp_path, actions, frames):
    assert dream(actions) == 0
    assert read_video(tmp_path / "dream.mkv").shape == (frames, 16, 16, 3)


def test_a_dream_takes_a_file_of_actions(dream, tmp_path):
    (tmp_path / "plan.txt").write_text(f"{POUR}\n{STIR}\n", encoding="utf-8")
    assert dream(f"@{tmp_path / 'plan.txt'}") == 0
    assert len(read_video(tmp_path / "dream.mkv")) == 9


def test_other_words_get_the_nearest_of_this_model(dream, tmp_path, capsys):
    assert dream("turn left") == 2
    error = capsys.readouterr().err
    assert "'turn left' is near no command of this model" in error
    assert f"'{POUR}'" in error
    assert error.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("command", [["recall"], ["demo", "--out", "x", "--model"]])
def test_routes_are_not_walked_by_a_model_without_moves(kitchen, monkeypatch, capsys, command):
    monkeypatch.chdir(kitchen)
    assert main([*command, "run/model"]) == 2
    assert "trained on tea, which has none of them" in capsys.readouterr().err


def test_training_on_keeps_the_words_from_before(kitchen, tmp_path):
    run, first = str(tmp_path / "run"), str(kitchen / "run" / "model")
    steps = [it for name in ("autoencoder", "text", "slow", "recalling", "slow_fast")
             for it in ("--set", f"{name}.loop.steps=0")]  # fmt: skip
    assert main(["train", "rooms-tiny", "--out", run, "--init", first, *steps]) == 0
    model = WorldModel.from_pretrained(tmp_path / "run" / "model")
    assert {POUR, "turn left"} <= set(model.vocabulary.actions)
    assert model.vocabulary.worlds == ("rooms", "tea")
    assert model.settings.world == "rooms"


def test_a_folder_without_vocabulary_falls_back_to_the_table_of_its_world(
    trained, tmp_path, capsys
):
    model = WorldModel.from_pretrained(trained.folder)
    model.vocabulary = None
    model.save_pretrained(tmp_path / "old")
    assert not (tmp_path / "old" / "vocabulary.json").exists()
    arguments = ["dream", str(tmp_path / "old"), "--first-frame", "rooms:3", "--out"]
    out = str(tmp_path / "x.mkv")
    assert main([*arguments, out, "--actions", "rotate left, go back"]) == 0
    assert main([*arguments, out, "--actions", STIR]) == 2
    assert "Nearest of its 6: " in capsys.readouterr().err


def test_a_model_of_many_worlds_takes_the_words_of_each(trained, tmp_path):
    folder = tmp_path / "m"
    WorldModel.from_pretrained(trained.folder).save_pretrained(folder)
    actions = {"close the gripper": {"worlds": ["fetch"]}, "steer left": {"worlds": ["car"]}}
    (folder / "vocabulary.json").write_text(json.dumps({"actions": actions}), encoding="utf-8")
    arguments = ["dream", str(folder), "--first-frame", "rooms:3", "--out", str(tmp_path / "x.mkv")]
    assert main([*arguments, "--actions", "close the gripper, steer left*2"]) == 0
