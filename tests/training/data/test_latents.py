import itertools
import json
import logging
import shutil
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch

from twospeed.core.errors import ConfigError, DataError
from twospeed.data.recorder import record
from twospeed.data.recording import RecordingConfig
from twospeed.training.data.latents import encoder_hash, fill_cache
from twospeed.training.data.sources import ShardSource, WorldSource, take_frames
from twospeed.training.data.windows import LatentWindows
from twospeed.worlds.language import MOVES

RECORDING = RecordingConfig(
    world="rooms", episodes=6, chunks=3, frame_size=16, episodes_per_shard=3
)
SAYINGS = {text: (text, *action.paraphrases) for text, action in MOVES.items()}


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recorded") / "data"
    record(RECORDING, folder)
    return folder


@pytest.fixture
def source():
    return WorldSource(config=RECORDING)


def draw(windows, model, seed=0, **changes):
    options = {"batch": 3, "past_lengths": (4, 1), "new_frames": 4} | changes
    generator = torch.Generator().manual_seed(seed)
    return windows.draw(generator, text_encoder=model.text_encoder, **options)


def test_a_world_walked_on_the_spot_is_its_recording(shards, source):
    recorded = ShardSource(folder=shards)
    assert replace(recorded.contents(), origin="") == replace(source.contents(), origin="")
    assert list(recorded.groups()) == list(source.groups())
    for name in source.groups():
        for one, other in zip(source.read(name), recorded.read(name), strict=True):
            assert np.array_equal(one.frames, other.frames)
            assert one.actions == other.actions


def test_frames_are_taken_evenly_and_held_out_ones_are_other_episodes(source):
    train, held_out = take_frames(source, 40)
    assert len(train) == 40
    assert len(held_out) == 4
    last = [list(source.read(name))[-1] for name in source.groups()]
    theirs = {frame.tobytes() for episode in last for frame in episode.frames}
    assert all(frame.tobytes() in theirs for frame in held_out)
    assert not any(frame.tobytes() in theirs for frame in train)


def test_the_cache_holds_what_the_encoder_gives_and_is_filled_once(model, source, tmp_path):
    place = fill_cache(source, model.autoencoder, tmp_path)
    assert place.name == encoder_hash(model.autoencoder)
    name = next(iter(source.groups()))
    frames = np.concatenate([episode.frames for episode in source.read(name)])
    cached = np.load(place / name.replace(".tar", ".npy"))
    expected = model.encode(frames[None])[0].transpose(0, 1)
    torch.testing.assert_close(torch.from_numpy(cached).float(), expected, rtol=1e-3, atol=1e-3)
    dates = {path: path.stat().st_mtime_ns for path in place.iterdir()}
    next(place.glob("*.json")).unlink()  # as if a kill had come before it
    fill_cache(source, model.autoencoder, tmp_path)
    changed = [path.suffix for path in place.iterdir() if path.stat().st_mtime_ns != dates[path]]
    assert sorted(changed) == [".json", ".npy"]


def test_the_decoder_does_not_decide_the_cache_but_the_encoder_does(make_model):
    model = make_model()
    before = encoder_hash(model.autoencoder)
    with torch.no_grad():
        model.autoencoder.leave.weight += 1
        assert encoder_hash(model.autoencoder) == before
        model.autoencoder.analysis += 1
    assert encoder_hash(model.autoencoder) != before


@pytest.mark.slow
def test_processes_encode_the_same(model, tmp_path):
    source = WorldSource(config=replace(RECORDING, episodes=16, episodes_per_shard=2))
    one, two = (
        fill_cache(source, model.autoencoder, tmp_path / str(workers), workers=workers)
        for workers in (1, 2)
    )
    for path in one.iterdir():
        assert path.read_bytes() == (two / path.name).read_bytes()


def test_a_window_is_a_past_a_chunk_and_a_saying_of_its_action(model, source, tmp_path):
    place = fill_cache(source, model.autoencoder, tmp_path)
    windows = LatentWindows(place, SAYINGS)
    assert len(windows.train) == 4
    assert len(windows.held_out) == 2
    features = {text: model.text_encoder.encode([text])[0] for a in SAYINGS.values() for text in a}
    for seed in range(20):
        found = draw(windows, model, seed)
        assert found.latents_BCTHW.shape == (3, 8, found.past_frames + 4, 4, 4)
        assert found.past_frames in (1, 4)
        for latents, text in zip(found.latents_BCTHW, found.text_BND, strict=True):
            action = action_of(windows.train, latents, found.past_frames)
            assert any(torch.equal(text, features[saying]) for saying in SAYINGS[action])


def action_of(episodes, latents, past):
    window = latents.transpose(0, 1).numpy()
    for episode in episodes:
        for index, action in enumerate(episode.actions):
            start = 1 + 4 * index - past
            if start >= 0 and np.array_equal(
                episode.latents_TCHW[start : start + past + 4].astype(np.float32), window
            ):
                return action
    raise AssertionError("this window is in no episode")


def test_the_generator_decides_all_and_held_out_episodes_are_apart(model, source, tmp_path):
    windows = LatentWindows(fill_cache(source, model.autoencoder, tmp_path), SAYINGS)
    first, again, other = (draw(windows, model, seed) for seed in (1, 1, 2))
    assert torch.equal(first.latents_BCTHW, again.latents_BCTHW)
    assert first.latents_BCTHW.shape != other.latents_BCTHW.shape or not torch.equal(
        first.latents_BCTHW, other.latents_BCTHW
    )
    held_out = draw(windows, model, past_lengths=(4,), held_out=True)
    assert action_of(windows.held_out, held_out.latents_BCTHW[0], 4)


def test_every_command_of_the_data_is_drawn_as_often_when_that_is_wanted(model, tmp_path):
    source = WorldSource(config=replace(RECORDING, episodes=12, chunks=8))
    windows = LatentWindows(fill_cache(source, model.autoencoder, tmp_path))
    everything = [text for it in windows.train for text in it.actions[1:]]
    generator = torch.Generator().manual_seed(0)
    drawn = [windows._of_any_action(1, generator) for _ in range(1200)]
    assert all(index >= 1 for _, index in drawn)
    counts = Counter(episode.actions[index] for episode, index in drawn)
    assert counts.keys() == set(everything)
    even = 1200 / len(counts)
    assert max(Counter(everything).values()) > 2 * min(Counter(everything).values())
    assert all(abs(count - even) < 5 * even**0.5 for count in counts.values())
    found = draw(windows, model, even_share=1.0, past_lengths=(4,))
    assert found.latents_BCTHW.shape == (3, 8, 8, 4, 4)


def test_a_damaged_shard_is_named_and_left_out(model, shards, tmp_path, caplog):
    names = sorted(path.name for path in shards.glob("*.tar"))
    for path in shards.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / names[0]).write_bytes((tmp_path / names[0]).read_bytes()[:5000])
    with caplog.at_level(logging.WARNING):
        place = fill_cache(ShardSource(folder=tmp_path), model.autoencoder, tmp_path / "latents")
    assert names[0] in caplog.text
    assert len(LatentWindows(place, SAYINGS).train) == 2


def test_a_folder_of_recordings_is_one_source(tmp_path):
    for name, seed in (("one", 40), ("two", 50)):
        record(replace(RECORDING, episodes=2, first_seed=seed), tmp_path / "all" / name)
    source = ShardSource(folder=tmp_path / "all")
    assert source.contents().num_episodes == 4
    found = [episode.seed for group in source.groups() for episode in source.read(group)]
    assert found == [40, 41, 50, 51]
    shutil.copytree(tmp_path / "all" / "one", tmp_path / "all" / "three")
    with pytest.raises(DataError, match="two shards called rooms-000000040"):
        source.groups()
    (tmp_path / "none").mkdir()
    with pytest.raises(DataError, match="no recording has been finished"):
        ShardSource(folder=tmp_path / "none").groups()


def test_mistakes_are_named(model, source, tmp_path):
    with pytest.raises(DataError, match="no latents"):
        LatentWindows(tmp_path, SAYINGS)
    windows = LatentWindows(fill_cache(source, model.autoencoder, tmp_path), SAYINGS)
    for wrong in ({"new_frames": 5}, {"past_lengths": (40,)}):
        with pytest.raises(ConfigError, match="cannot be cut"):
            draw(windows, model, **wrong)
    alone = WorldSource(config=replace(RECORDING, episodes_per_shard=1))
    with pytest.raises(DataError, match="at least two episodes"):
        take_frames(alone, 10)


def with_notes(place, note_of):
    """Return the windows of a cache whose notes on each episode are changed by a function."""
    numbers = itertools.count()
    for path in sorted(place.glob("*.json")):
        values = json.loads(path.read_text())
        values["episodes"] = [note_of(next(numbers), note) for note in values["episodes"]]
        path.write_text(json.dumps(values))
    return LatentWindows(place)


def test_the_cache_tells_where_what_was_said_and_how_fast_it_was_shown(model, source, tmp_path):
    place = fill_cache(source, model.autoencoder, tmp_path)
    windows = LatentWindows(place)
    assert set(windows.said_in()) <= set(MOVES)
    assert all(worlds == {"rooms"} for worlds in windows.said_in().values())
    recipe = replace(model.settings, world="doom", frames_per_second=30.0)
    found = windows.recorded_as(recipe)
    assert (found.world, found.frames_per_second) == ("rooms", 4.0)
    kept = ("num_frames", "actions")  # what older caches hold
    old = with_notes(place, lambda _, note: {name: note[name] for name in kept})
    assert old.recorded_as(recipe) == recipe
    assert old.said_in() == {text: set() for text in windows.said_in()}


def test_of_several_worlds_the_recipes_own_or_the_most_frequent_counts(model, source, tmp_path):
    recorded = [("tea", 5.0), ("arm", 12.5), ("tea", 5.0), ("rooms", 4.0), ("arm", 12.5)]
    recorded.append(("tea", 5.0))

    def note_of(number, note):
        world, rate = recorded[number]
        return note | {"world": world, "frames_per_second": rate, "actions": ["go"] * 3}

    windows = with_notes(fill_cache(source, model.autoencoder, tmp_path), note_of)
    assert windows.recorded_as(model.settings) == model.settings
    other = windows.recorded_as(replace(model.settings, world="doom"))
    assert (other.world, other.frames_per_second) == ("tea", 5.0)
    assert windows.said_in() == {"go": {"tea", "arm", "rooms"}}
