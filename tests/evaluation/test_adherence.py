"""Adherence: exact laws of the judge, and a model that has learned to obey."""

import json
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from twospeed.cli.app import main
from twospeed.core.errors import ConfigError, DataError
from twospeed.data.episode import Episode
from twospeed.data.index import write_index
from twospeed.data.recorder import TEST_SEEDS_FROM
from twospeed.data.shards import write_shard
from twospeed.evaluation.adherence import AdherenceConfig, draw_trials, measure_adherence, obeyed
from twospeed.recipes import rooms_tiny
from twospeed.training.loop_config import LoopConfig
from twospeed.training.pipeline import train_world_model
from twospeed.worldmodel.model import WorldModel

COLOURS = {"paint it red": (200, 40, 40), "paint it green": (40, 200, 40), "go dark": (20, 20, 20)}


def painted(seed, *, size=16, chunks=6, chunk_frames=4):
    """An episode in which each action fills the frames with its colour, on a seed's own noise."""
    generator = np.random.default_rng(seed)
    actions = tuple(generator.choice(list(COLOURS), chunks).tolist())
    colours = [(90, 90, 90)] + [COLOURS[it] for it in actions for _ in range(chunk_frames)]
    noise = generator.integers(0, 20, (len(colours), size, size, 3))
    frames = (np.array(colours)[:, None, None] + noise).astype(np.uint8)
    return Episode(
        frames=frames,
        actions=actions,
        world="paint",
        seed=seed,
        frames_per_second=4.0,
        chunk_frames=chunk_frames,
    )


def write_shards(folder, seeds, **sizes):
    folder.mkdir(parents=True)
    for first in seeds[::4]:
        episodes = (painted(seed, **sizes) for seed in range(first, first + 4))
        write_shard(folder / f"paint-{first:09d}.tar", episodes)
    write_index(folder)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    place = tmp_path_factory.mktemp("painted")
    write_shards(place / "train", range(16))
    write_shards(place / "test", range(TEST_SEEDS_FROM, TEST_SEEDS_FROM + 4))
    return place


@pytest.mark.parametrize(
    ("errors", "share"),
    [([1.0, 2.0, 3.0], 1.0), ([2.0, 1.0, 3.0], 0.0), ([1.0, 1.0, 3.0], 0.5), ([0.0, 0.0], 0.5)],
)
def test_the_smallest_error_obeys_and_equal_ones_share(errors, share):
    assert obeyed(np.array(errors)) == share


def test_texts_are_tried_as_evenly_as_can_be_and_the_true_one_stands_first():
    episodes = [painted(seed, chunks=12) for seed in range(6)]
    trials = draw_trials(episodes, AdherenceConfig(clips=4, candidates=3))
    assert Counter(one.episode for one in trials) == dict.fromkeys(range(6), 4)
    counts = Counter(one.clip.action for one in trials)
    assert max(counts.values()) - min(counts.values()) <= 1
    for one in trials:
        assert one.texts[0] == one.clip.action
        assert sorted(one.texts) == sorted(COLOURS)
        assert len(one.clip.past) == len(one.clip.new) == 4
    assert len({one.seed for one in trials}) == len(trials)


def test_a_model_that_heeds_no_text_scores_chance_exactly(make_model, data):
    model = make_model()
    model.denoiser.text_in.weight.data.zero_()
    (domain,) = measure_adherence(model, data, AdherenceConfig(clips=3))["domains"].values()
    assert domain["candidates"] == 3
    accuracy = domain["accuracy"]
    assert accuracy["mean"] == accuracy["low"] == accuracy["high"] == domain["chance"]
    assert domain["mean_over_actions"] == domain["chance"]
    assert accuracy["n"] == 4
    assert domain["clips"] == sum(it["clips"] for it in domain["by_action"].values()) == 12


def test_companions_do_not_matter_and_the_same_seed_gives_the_same(make_model, data):
    config = AdherenceConfig(clips=2, candidates=2)
    one = measure_adherence(make_model(), data, config)["domains"]
    assert one == measure_adherence(make_model(), data, replace(config, batch_size=3))["domains"]


@pytest.mark.slow
def test_a_model_that_learned_colours_by_name_obeys(data, tmp_path, capsys):
    recipe = rooms_tiny()
    quick = LoopConfig(steps=300, learning_rate=3e-3, warmup_steps=20, ema_decay=0.95)
    config = replace(
        recipe,
        text=replace(recipe.text, loop=quick),
        slow=replace(recipe.slow, batch_size=8, loop=quick),
        recalling=replace(recipe.recalling, loop=replace(quick, steps=0)),
        slow_fast=replace(recipe.slow_fast, loop=replace(quick, steps=0)),
    )
    done = train_world_model(config, data / "train", tmp_path / "run")
    file = tmp_path / "report.json"
    words = ["adherence", str(done.folder), f"--data={data}", f"--json={file}", "--candidates=3"]
    assert main(words) == 0
    assert "paint" in capsys.readouterr().out
    report = json.loads(file.read_text())
    domain = report["domains"]["paint"]
    assert domain["of"] == "testing"
    assert domain["accuracy"]["low"] > 0.8 > domain["chance"]
    assert set(domain["by_action"]) == set(COLOURS)
    assert report["provenance"]["model"]["hash"] == WorldModel.from_pretrained(done.folder).hash()


def test_data_without_test_episodes_are_taken_whole_and_said_to_be(make_model, data):
    config = AdherenceConfig(episodes=2, clips=1)
    (domain,) = measure_adherence(make_model(), data / "train", config)["domains"].values()
    assert domain["of"] == "all"


def test_what_cannot_be_measured_is_refused_in_one_line(make_model, tmp_path):
    with pytest.raises(ConfigError, match="candidates must be 2 or more, got 1"):
        AdherenceConfig(candidates=1)
    write_shards(tmp_path / "two", range(4), chunk_frames=2)
    with pytest.raises(DataError, match="chunks of 2 frames, this model generates 4"):
        measure_adherence(make_model(), tmp_path / "two", AdherenceConfig())
    with pytest.raises(DataError, match="two actions or more"):
        draw_trials([painted(0, chunks=2)], AdherenceConfig())
