"""Fine-tuning of weights that are there: full or by an adapter, killed and resumed, merged."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from twospeed.cli.app import main
from twospeed.core.config import override
from twospeed.core.errors import ConfigError
from twospeed.core.video import write_video
from twospeed.evaluation.protocols.base import check_world
from twospeed.generation.dream import Dream
from twospeed.training.finetune.config import FinetuneConfig
from twospeed.training.finetune.pipeline import finetune
from twospeed.worldmodel.model import WorldModel

sys.path.insert(0, str(Path(__file__).parents[2] / "worldmodel" / "backbones"))
pytestmark = pytest.mark.filterwarnings("ignore:.*deprecated.*")


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    out = tmp_path_factory.mktemp("data") / "shards"
    arguments = ["record", "rooms", "--episodes", "4", "--chunks", "3", "--size", "32"]
    assert main([*arguments, "--out", str(out)]) == 0
    return out


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory):
    import pipelines

    root = tmp_path_factory.mktemp("pipelines")
    pipelines.make("wan_21", root).save_pretrained(root / "wan")
    return root / "wan"


def settings(*more):
    return override(
        FinetuneConfig(), "loop.steps=4", "loop.warmup_steps=1", "loop.learning_rate=0.01",
        "loop.ema_decay=0.5", *more,
    )  # fmt: skip


@pytest.mark.parametrize(
    "more",
    [
        ["lora=4"],
        ["lora=4", "dtype=bfloat16", "checkpointing=true", "loop.accumulate=2"],
        ["checkpointing=true"],
    ],
    ids=["adapter", "half", "full"],
)
def test_what_learned_is_in_a_pipeline_that_opens_again(pipeline, shards, tmp_path, more):
    done = finetune(settings(*more), pipeline, shards, tmp_path / "r", device="cpu")
    assert done.steps == 4
    assert np.isfinite(done.loss)
    before, after = (WorldModel.from_pretrained(it) for it in (pipeline, done.folder))
    assert after.hash() != before.hash()
    assert after.settings.frame_size == 32
    assert after.settings.world == "rooms"
    assert "turn left" in after.vocabulary.actions
    assert (tmp_path / "r" / "lora").exists() == ("lora=4" in more)


def test_a_resumed_training_ends_where_an_unbroken_one_does(pipeline, shards, tmp_path):
    whole = finetune(settings("lora=4"), pipeline, shards, tmp_path / "a", device="cpu")
    finetune(settings("lora=4"), pipeline, shards, tmp_path / "b", minutes=0.0, device="cpu")
    rest = finetune(settings("lora=4"), pipeline, shards, tmp_path / "b", device="cpu")
    ends = [WorldModel.from_pretrained(it.folder).denoiser.state_dict() for it in (whole, rest)]
    assert all(torch.equal(ends[0][name], ends[1][name]) for name in ends[0])


def test_accumulated_batches_are_one_step(pipeline, shards, tmp_path):
    one = settings("lora=4", "loop.accumulate=3")
    assert finetune(one, pipeline, shards, tmp_path / "r", device="cpu").steps == 4


def test_frames_that_a_model_cannot_take_are_refused_before_anything_is_written(pipeline, tmp_path):
    out = tmp_path / "shards"
    arguments = ["record", "rooms", "--episodes", "2", "--chunks", "2", "--size", "24"]
    assert main([*arguments, "--out", str(out)]) == 0
    with pytest.raises(ConfigError, match="take 16 or 32"):
        finetune(settings(), pipeline, out, tmp_path / "r", device="cpu")
    assert not (tmp_path / "r").exists()


def test_the_commands_from_a_pipeline_to_a_dream(pipeline, shards, tmp_path, capsys):
    run = tmp_path / "r"
    arguments = ["train", "--init", str(pipeline), "--data", str(shards), "--lora", "4"]
    quick = ["--set", "loop.steps=2", "--minutes", "1", "--device", "cpu"]
    assert main([*arguments, *quick, "--out", str(run)]) == 0
    assert "fine-tuned 2 steps" in capsys.readouterr().out
    video = tmp_path / "x.mp4"
    arguments = ["dream", str(run / "model"), "--first-frame", "rooms:700001", "--steps", "2"]
    assert main([*arguments, "--actions", "turn left*2", "--out", str(video)]) == 0
    assert "9 frames" in capsys.readouterr().out
    memory = ["memory", "write", str(run / "model"), str(video), "--preset", "paper"]
    assert main([*memory, "--out", str(tmp_path / "m")]) == 0
    assert "learned 2 chunks" in capsys.readouterr().out


@pytest.fixture
def wide(tmp_path):
    """Return shards of one video of 48 x 32 pixels."""
    (tmp_path / "own").mkdir()
    light = np.linspace(0, 255, 37).astype(np.uint8)
    frames = np.ascontiguousarray(np.broadcast_to(light[:, None, None, None], (37, 36, 64, 3)))
    write_video(tmp_path / "own" / "a.mp4", frames, frames_per_second=4)
    (tmp_path / "own" / "t.csv").write_text("video,start,end,action\na.mp4,0,9,it gets light\n")
    told = ["import", "videos", str(tmp_path / "own"), "--name=own", "--size=48x32"]
    assert main([*told, f"--out={tmp_path / 'wide'}"]) == 0
    return tmp_path / "wide"


def test_frames_that_are_no_squares_are_learned_and_dreamed_in(pipeline, wide, tmp_path):
    done = finetune(settings("lora=4"), pipeline, wide, tmp_path / "r", device="cpu")
    model = WorldModel.from_pretrained(done.folder)
    assert model.settings.size == (32, 48)
    memory = ["memory", "write", str(done.folder), str(wide.parent / "own" / "a.mp4")]
    assert main([*memory, "--preset=paper", f"--out={tmp_path / 'm'}"]) == 0
    dream = Dream(model, np.zeros((32, 48, 3), np.uint8))
    assert dream.step("it gets light").shape == (4, 32, 48, 3)
    with pytest.raises(ConfigError, match="worlds draw square frames alone, asked for 48x32"):
        check_world(model, "rooms")


def test_weights_of_ours_are_not_trained_on_in_frames_of_another_size(trained, wide, tmp_path):
    with pytest.raises(ConfigError, match="are of 16x16 pixels, got 48x32"):
        finetune(settings(), trained.folder, wide, tmp_path / "r", device="cpu")
    assert not (tmp_path / "r").exists()


def test_a_model_to_start_from_is_asked_for(tmp_path, capsys):
    assert main(["train", "--out", str(tmp_path / "r")]) == 2
    assert "--init" in capsys.readouterr().err
