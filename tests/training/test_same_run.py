"""A run's folder goes on with the same data, weights and rate alone."""

import numpy as np
import pytest

from twospeed.cli.app import main
from twospeed.core.config import override
from twospeed.core.errors import ConfigError, DataError
from twospeed.core.video import write_video
from twospeed.data.episode import Episode
from twospeed.data.index import write_index
from twospeed.data.shards import write_shard
from twospeed.planning.inverse.learning import InverseConfig, train_inverse_dynamics
from twospeed.recipes import rooms_tiny
from twospeed.training.finetune.config import FinetuneConfig
from twospeed.training.finetune.pipeline import finetune
from twospeed.training.pipeline import train_world_model

QUICK = override(
    rooms_tiny(),
    *(f"{part}.loop.steps=2" for part in ("autoencoder", "text", "slow")),
    *("recalling.loop.steps=0", "slow_fast.loop.steps=0"),
)


@pytest.fixture
def shards(tmp_path, random_frames):
    """Return a function that writes episodes of its seed, rate and size into a new folder."""

    def make(first, rate=4.0, *, name=None, times=1):
        folder = tmp_path / (name or f"data-{first}-{rate:g}")
        folder.mkdir(parents=True)
        episodes = [
            Episode(
                frames=random_frames(first + seed, 13).repeat(times, 1).repeat(times, 2),
                actions=("turn left", "go forward", "turn left"),
                world="kitchen",
                seed=seed,
                frames_per_second=rate,
            )
            for seed in range(32)
        ]
        write_shard(folder / f"{folder.name}.tar", episodes)
        write_index(folder)
        return folder

    return make


def test_another_recording_in_the_same_run_is_refused(shards, trained, tmp_path):
    one, other = shards(0), shards(100)
    out = tmp_path / "run"
    train_world_model(QUICK, one, out)
    with pytest.raises(DataError, match=r"\(data.hash differ\): give the same .* another --out"):
        train_world_model(QUICK, other, out)
    train_world_model(QUICK, one.rename(tmp_path / "moved"), out)  # the same data elsewhere
    with pytest.raises(DataError, match="initial"):
        train_world_model(QUICK, tmp_path / "moved", out, initial=trained.folder)


def test_another_recording_in_the_same_fine_tuning_is_refused(shards, trained, tmp_path):
    config, out = override(FinetuneConfig(), "loop.steps=1"), tmp_path / "run"
    finetune(config, trained.folder, shards(0), out, device="cpu")
    with pytest.raises(DataError, match=r"data.hash differ"):
        finetune(config, trained.folder, shards(100), out, device="cpu")


def test_another_recording_for_the_same_inverse_dynamics_is_refused(shards, tmp_path):
    config = override(InverseConfig(), "loop.steps=1", 'networks=["convolution"]')
    out = tmp_path / "run"
    train_inverse_dynamics(config, shards(0), out)
    with pytest.raises(DataError, match=r"data.hash differ"):
        train_inverse_dynamics(config, shards(100), out)


def test_a_mistake_leaves_a_folder_in_which_the_corrected_run_begins(shards, tmp_path):
    data, out = shards(0), tmp_path / "run"
    wrong = override(QUICK, "recording.frame_size=32", "model.settings.frame_size=32")
    with pytest.raises(ConfigError, match="16x16 pixels in chunks of 4, the recipe takes 32x32"):
        train_world_model(wrong, data, out)
    assert not out.exists()
    train_world_model(QUICK, data, out)


def test_shards_of_two_sizes_are_refused_by_the_name_of_the_second(shards, tmp_path):
    shards(0, name="both/attic")
    shards(0, name="both/kitchen", times=2)
    with pytest.raises(ConfigError, match=r"kitchen.tar has frames of 32x32 .* takes 16x16"):
        train_world_model(QUICK, tmp_path / "both", tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_data_of_another_rate_are_refused_until_the_model_goes_over(shards, trained, tmp_path):
    data = shards(0, rate=10.0)
    with pytest.raises(ConfigError, match=r"have 10 frames a second, the model .* has 4"):
        train_world_model(QUICK, data, tmp_path / "run", initial=trained.folder)
    over = override(QUICK, "model.settings.frames_per_second=10")
    train_world_model(over, data, tmp_path / "run", initial=trained.folder)
    with pytest.raises(ConfigError, match="--set frames_per_second=10"):
        finetune(FinetuneConfig(), trained.folder, data, tmp_path / "tuned", device="cpu")


def test_a_video_is_learned_at_the_rate_of_the_model(trained, tmp_path, capsys):
    frames = np.random.default_rng(0).integers(0, 255, (60, 16, 16, 3)).astype(np.uint8)
    write_video(tmp_path / "a.mp4", frames, frames_per_second=20)
    command = ["memory", "write", str(trained.folder), str(tmp_path / "a.mp4")]
    assert main([*command, f"--out={tmp_path / 'memory'}"]) == 0
    said = capsys.readouterr()
    assert "a.mp4: 20 frames a second, taken at the model's 4" in said.err
    assert "learned 2 chunks" in said.out
