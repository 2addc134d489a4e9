import json
import re
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch

from twospeed.core.config import from_json, override, to_json
from twospeed.core.errors import ConfigError, DataError, TwospeedError
from twospeed.core.files import read_json
from twospeed.data.episode import Episode
from twospeed.data.index import write_index
from twospeed.data.shards import write_shard
from twospeed.generation.dream import Dream
from twospeed.memory.fast_weights import FastWeights
from twospeed.memory.presets import default, paper
from twospeed.recipes import RECIPES, rooms_tiny
from twospeed.training.pipeline import train_world_model
from twospeed.training.run import RunConfig
from twospeed.worldmodel.model import WorldModel


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_is_plain_json_and_can_be_changed_leaf_by_leaf(name):
    recipe = RECIPES[name]()
    assert from_json(RunConfig, to_json(recipe)) == recipe
    assert override(recipe, "slow.loop.steps=7").slow.loop.steps == 7
    assert override(recipe, "slow.past_lengths=[4, 2]").slow.past_lengths == (4, 2)
    with pytest.raises(ConfigError, match="must be equal"):
        override(recipe, "recording.frame_size=32")


def test_the_model_folder_dreams_and_remembers(trained):
    model = WorldModel.from_pretrained(trained.folder)
    frame = np.full((16, 16, 3), 100, np.uint8)
    dream = Dream(model, frame, memory=FastWeights(model, paper()))
    assert dream.step("turn left").shape == (4, 16, 16, 3)
    assert dream.memory.records[0][0].written


def test_the_card_holds_data_seed_steps_time_device_and_figures(trained):
    card = (trained.folder / "README.md").read_text()
    for part in (
        "8 episodes",
        "seeds 0 to 7",
        "20 steps",
        "seed 0",
        "minutes",
        "CPU",
        "dB PSNR",
    ):
        assert part in card, part
    assert read_json(trained.folder.parent / "figures.json") == asdict(trained.figures)


def test_the_loss_curve_of_the_tiny_recipe_is_the_one_we_had(trained, golden):
    run = trained.folder.parent
    lines = [
        json.loads((run / stage / "journal.jsonl").read_text().splitlines()[-1])["loss"]
        for stage in ("autoencoder", "text", "denoiser")
    ]
    figures = trained.figures
    golden(
        "rooms_tiny",
        [*lines, figures.denoiser_loss, figures.loss_with_memory, figures.autoencoder_psnr_db],
        rtol=2e-3,  # CPUs of other kinds add up in another order
    )


def test_a_run_stopped_at_once_goes_on_to_the_same_model(trained, tmp_path):
    out = tmp_path / "run"
    stopped = train_world_model(rooms_tiny(), None, out, minutes=0)
    assert stopped.figures.denoiser_steps == 0
    assert WorldModel.from_pretrained(stopped.folder).settings.frame_size == 16
    done = train_world_model(rooms_tiny(), None, out)
    hashes = [WorldModel.from_pretrained(it.folder).hash() for it in (done, trained)]
    assert hashes[0] == hashes[1]
    assert done.figures.denoiser_loss == trained.figures.denoiser_loss


def test_against_a_critic_the_slow_weights_change_and_nothing_else(trained, tmp_path):
    recipe = override(rooms_tiny(), "adversarial.loop.steps=4")
    done = train_world_model(recipe, None, tmp_path / "run")
    assert done.figures.adversarial_steps == 4
    assert "4 against a critic" in (done.folder / "README.md").read_text()
    one, other = (WorldModel.from_pretrained(it.folder) for it in (done, trained))
    weights, before = one.denoiser.state_dict(), other.denoiser.state_dict()
    different = {name for name, it in weights.items() if not torch.equal(it, before[name])}
    assert different
    assert not any(name.startswith("recall") for name in different)
    assert all(
        torch.equal(it, other.autoencoder.state_dict()[name])
        for name, it in one.autoencoder.state_dict().items()
    )
    assert train_world_model(recipe, None, tmp_path / "run").figures == done.figures


def test_recordings_of_ones_own_are_learned_in_their_own_words(random_frames, tmp_path):
    said = ["stir the soup", "open the fridge", "close the gripper"]
    episodes = [
        Episode(
            frames=random_frames(seed, 13),
            actions=(said[seed % 3], "stir the soup", "turn left"),
            world="kitchen",
            seed=seed,
            frames_per_second=4.0,
        )
        for seed in range(4)
    ]
    (tmp_path / "data").mkdir()
    write_shard(tmp_path / "data" / "kitchen-0.tar", episodes)
    write_index(tmp_path / "data")
    recipe = override(rooms_tiny(), "recalling.loop.steps=2")
    recipe = override(override(recipe, "recalling.least_written=1"), "slow_fast.loop.steps=0")
    done = train_world_model(recipe, tmp_path / "data", tmp_path / "run")
    assert "World model of the recording `data`" in (done.folder / "README.md").read_text()
    model = WorldModel.from_pretrained(done.folder)
    texts = model.text_encoder.encode(["stir the soup", "open the fridge", "go forward"])
    assert torch.pdist(texts[:, 0]).min() > 0.5
    dream = Dream(model, episodes[0].frames[0], memory=FastWeights(model, default(model)))
    assert dream.step("stir the soup").shape == (4, 16, 16, 3)


def test_training_goes_on_from_a_models_weights(trained, tmp_path):
    recipe = override(rooms_tiny(), "slow.loop.seed=5")
    recipe = override(recipe, "model.settings.guidance=0.25")
    done = train_world_model(recipe, None, tmp_path / "on", initial=trained.folder, minutes=0)
    first, second = (WorldModel.from_pretrained(it.folder) for it in (trained, done))
    assert first.hash() == second.hash()
    assert (first.settings.guidance, second.settings.guidance) == (0.0, 0.25)
    assert "began from the weights of" in (done.folder / "README.md").read_text()


@pytest.mark.parametrize("text_steps", [0, 2])
def test_trained_on_with_the_texts_as_they_are_recall_stays_what_it_is(
    trained, tmp_path, text_steps
):
    recipe = override(
        rooms_tiny(),
        *(f"{stage}.loop.steps=0" for stage in ("autoencoder", "recalling", "slow_fast")),
        f"text.loop.steps={text_steps}",
        "model.depth=2",
        "slow.loop.steps=2",
    )
    done = train_world_model(recipe, None, tmp_path / "on", initial=trained.folder)
    one, other = (
        WorldModel.from_pretrained(it).denoiser.state_dict() for it in (done.folder, trained.folder)
    )
    assert one.keys() > other.keys()
    different = {name for name, it in other.items() if not torch.equal(it, one[name])}
    held = {name for name in different if name.startswith(("recall", "text_in"))}
    assert different - held
    assert bool(held) == bool(text_steps)


def test_beside_a_model_that_cannot_recall_all_of_an_untrained_denoiser_learns(tmp_path):
    stages = ("autoencoder", "recalling", "slow_fast")
    without = override(rooms_tiny(), *(f"{stage}.loop.steps=0" for stage in stages))
    without = override(without, "text.loop.steps=0", "slow.loop.steps=0")
    unet = train_world_model(
        override(without, "model.denoiser=unet3d", "model.recall_keys=0"), None, tmp_path / "unet"
    )
    texts = [
        WorldModel.from_pretrained(
            train_world_model(
                override(without, f"slow.loop.steps={steps}"),
                None,
                tmp_path / f"{steps}",
                initial=unet.folder,
            ).folder
        ).denoiser.text_in.weight
        for steps in (0, 2)
    ]
    assert not torch.equal(*texts)


def test_folders_and_data_that_do_not_fit_are_refused(trained, tmp_path):
    run = trained.folder.parent
    with pytest.raises(DataError, match=r"another run \(config.slow.batch_size differ\)"):
        train_world_model(override(rooms_tiny(), "slow.batch_size=5"), None, run)
    other = override(rooms_tiny(), *(f"{it}.loop.seed=5" for it in ("text", "slow", "autoencoder")))
    other = override(other, "slow.batch_size=5", "recording.chunks=7")
    with pytest.raises(DataError, match=r"slow.batch_size and 2 more differ\)"):
        train_world_model(other, None, run)
    (tmp_path / "mine.txt").write_text("")
    with pytest.raises(DataError, match="other files"):
        train_world_model(rooms_tiny(), None, tmp_path)
    recipe = rooms_tiny()
    testing = replace(recipe, recording=replace(recipe.recording, first_seed=799_999))
    with pytest.raises(DataError, match="for testing"):
        train_world_model(testing, None, tmp_path / "out")
    with pytest.raises(DataError, match=r"index\.json"):
        train_world_model(recipe, tmp_path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_settings_that_depend_on_one_another_are_changed_together():
    sizes = ("recording.frame_size=32", "model.settings.frame_size=32")
    assert override(rooms_tiny(), *sizes).model.settings.frame_size == 32
    assert override(rooms_tiny()) == rooms_tiny()


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("slow.loop.learning_rate=NaN", "slow.loop.learning_rate must be a finite number, got nan"),
        ("slow.loop.learning_rate=-1", "slow.loop.learning_rate must be above 0, got -1"),
        ("slow.loop.learning_rate=true", "takes float, got True"),
        ("slow.loop.betas=[0.9, 2]", "slow.loop.betas is a share from 0 to 1, got 2"),
        ("slow.loop.seed=-1", "slow.loop.seed must be 0 or more, got -1"),
        ("slow.loop.steps=null", "slow.loop.steps takes a whole number, got None"),
        ("slow.loop=null", "slow.loop is a section"),
        ("slow.loop={}", "slow.loop is a section"),
        ("slow.batch_size=0", "slow.batch_size must be 1 or more, got 0"),
        ("slow.batch_size=-4", "slow.batch_size must be 1 or more, got -4"),
        ("slow.batch_size=1000000000", "slow.batch_size must be 8,192 or less, got 1000000000"),
        ("slow.batch_size=" + "9" * 5000, "slow.batch_size takes int, got '9999"),
        ("slow.batch_size=" + "[" * 5000, "slow.batch_size takes int, got "),
        ("slow.past_lengths=[]", "past_lengths needs at least one"),
        ("slow.past_lengths=[40]", "windows of 32 frames"),
        ("slow.joint_share=1.5", "slow.joint_share is a share from 0 to 1, got 1.5"),
        ("slow.batch_size.x=3", "batch_size has no settings of its own"),
        ("text.batch_size=0", "text.batch_size must be 1 or more"),
        ("text.slip_rate=NaN", "text.slip_rate must be a finite number"),
        ("model.heads=0", "model.heads must be 1 or more, got 0"),
        ("model.heads=3", "width must be a multiple of 3, got 32"),
        ("model.width=1000000", "model.width must be 16,384 or less, got 1000000"),
        ("model.width=30", "width must be a multiple of 4, got 30"),
        ("model.conv_channels=15", "conv_channels must be a multiple of 16, got 15"),
        ("model.text.heads=3", "width must be a multiple of heads=3, got 16"),
        ("model.text.layers=0", "model.text.layers must be 1 or more"),
        ("model.autoencoder.block=0", "model.autoencoder.block must be 4 or more, got 0"),
        ("model.autoencoder.block=8", "frame_size must be a multiple of 32"),
        ("model.autoencoder.width=7", "width even"),
        ("model.settings.frame_size=100000", "model.settings.frame_size must be 4,096 or less"),
        ("model.settings.sampling_steps=1001", "model.settings.sampling_steps must be 1,000"),
        ("model.settings.past_level=-1", "model.settings.past_level must be 0 or more"),
        ("model.settings.guidance=Infinity", "model.settings.guidance must be a finite number"),
        ("model.diffusion.num_steps=50", "model.diffusion.num_steps must be 100 or more"),
        ("model.diffusion.beta_schedule=quadratic", "no beta_schedule is called 'quadratic'"),
        ("autoencoder.frames=0", "autoencoder.frames must be 1 or more"),
        ("recording.episodes=1000000000000", "recording.episodes must be 10,000,000 or less"),
        ("recording.first_seed=-1", "recording.first_seed must be 0 or more, got -1"),
        ("recalling.episodes=0", "recalling.episodes must be 1 or more"),
        ("slow_fast.without_memory=2", "slow_fast.without_memory is a share"),
        ("precision=fp8", "precision is one of no, bf16, fp16, got 'fp8'"),
        ("x" * 3000 + "=1", "no setting in RunConfig (from 'xxx"),
        ("x" * 3000, "a setting is written path=value"),
    ],
)  # fmt: skip
def test_a_wrong_setting_is_one_short_line(setting, message):
    with pytest.raises(TwospeedError, match=re.escape(message)) as caught:
        override(rooms_tiny(), setting)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"minutes": float("nan")}, "minutes must be a finite number, got nan"),
        ({"minutes": float("inf")}, "minutes must be a finite number, got inf"),
        ({"minutes": -1.0}, "minutes must be 0 or more, got -1"),
        ({"workers": 0}, "workers must be 1 or more, got 0"),
        ({"workers": 10**9}, "workers must be 1,024 or less, got 1000000000"),
        ({"initial": "rooms-64"}, "settings.frame_size is 16 in the recipe, 64 in the initial"),
    ],
)
def test_what_cannot_be_trained_is_refused_before_a_folder_is_made(tmp_path, options, message):
    with pytest.raises(ConfigError, match=message):
        train_world_model(rooms_tiny(), None, tmp_path / "run", **options)
    assert not (tmp_path / "run").exists()
