import dataclasses

import numpy as np
import pytest

from twospeed.core.errors import DataError, ShapeError
from twospeed.evaluation.metrics.frechet import Cloud
from twospeed.evaluation.yardstick.features import features_of, load_clip_network
from twospeed.evaluation.yardstick.labels import (
    BANDS,
    RoomLabels,
    draw_clips,
    joined,
    moved_between,
)
from twospeed.evaluation.yardstick.network import clip_pixels
from twospeed.worlds.rooms.looks import COLOURS, SHAPES
from twospeed.worlds.rooms.raycast import Scene

SCENES = 24


@pytest.fixture(scope="module")
def network():
    return load_clip_network().requires_grad_(False)


@pytest.fixture(scope="module")
def true_clips():
    """Clips of two disjoint sets of scenes that the network was not trained on."""
    drawn = [draw_clips(610_000 + seed, clips=3, frames=3)[0] for seed in range(2 * SCENES)]
    return np.concatenate(drawn[:SCENES]), np.concatenate(drawn[SCENES:])


def test_labels_have_the_shapes_and_ranges_they_say():
    clips, labels = draw_clips(3, clips=6, frames=5, size=32)
    assert clips.shape == (6, 5, 32, 32, 3)
    assert labels.depth_BTW.shape == labels.colours_BTW.shape == (6, 5, BANDS)
    assert labels.walls_BTW3.min() >= 0
    assert labels.rooms_BT6.max() <= 1
    assert labels.colours_BTW.max() <= len(COLOURS)
    assert labels.shapes_BTW.max() <= len(SHAPES)
    assert ((labels.colours_BTW == len(COLOURS)) == (labels.shapes_BTW == len(SHAPES))).all()
    both = joined([labels, labels])
    assert all(len(getattr(both, it.name)) == 12 for it in dataclasses.fields(RoomLabels))


def test_the_same_seed_draws_the_same_clips():
    (one, labels), (other, _) = (draw_clips(5, clips=2, frames=3) for _ in range(2))
    assert (one == other).all()
    assert np.isfinite(labels.depth_BTW).all()


def test_motion_is_told_in_the_frame_of_the_camera():
    facing_north = np.array([[[1, 1, 90], [1, 1.25, 90], [0.75, 1.25, 90], [0.75, 1.25, 67.5]]])
    expected = [[1, 0, 0], [0, 1, 0], [0, 0, -1]]
    assert moved_between(facing_north)[0] == pytest.approx(np.array(expected), abs=1e-6)


def test_landmarks_are_told_where_they_are_seen():
    clips, labels = draw_clips(11, clips=18, frames=5)
    names = {it.name for it in Scene.of_seed(11).landmarks}
    told = zip(labels.colours_BTW.flat, labels.shapes_BTW.flat, strict=True)
    seen = {(c, s) for c, s in told if c < len(COLOURS)}
    assert seen
    assert {f"{list(COLOURS)[c]} {SHAPES[s]}" for c, s in seen} <= names
    assert clips.shape[0] == 18


def test_the_packaged_network_tells_what_it_was_trained_to_tell(network):
    drawn = [draw_clips(620_000 + seed, clips=4, frames=5) for seed in range(12)]
    clips, labels = np.concatenate([it[0] for it in drawn]), joined([it[1] for it in drawn])
    guesses, features = network(clip_pixels(clips))
    assert features.shape == (48, 4, 96)
    pairs = [
        (guesses.moved_BS3, labels.moved_BS3, 0.8),
        (guesses.depth_BTW, labels.depth_BTW, 0.9),
        (guesses.walls_BTW3, labels.walls_BTW3, 0.8),
    ]
    for guess, truth, least in pairs:
        error = np.square(guess.detach().numpy() - truth).mean()
        assert 1 - error / truth.var() > least


def blurred(clips, sigma):
    ndimage = pytest.importorskip("scipy.ndimage")
    soft = ndimage.gaussian_filter(clips.astype(np.float32), (0, 0, sigma, sigma, 0))
    return soft.astype(np.uint8)


def noisy(clips, deviation):
    noise = np.random.default_rng(0).normal(0, deviation, clips.shape)
    return (clips + noise).clip(0, 255).astype(np.uint8)


def with_strange_halves(clips, share):
    """Let a share of the clips have the right half of another clip."""
    count = round(share * len(clips))
    mixed = clips.copy()
    mixed[:count, :, :, 32:] = np.roll(clips, 7, axis=0)[:count, :, :, 32:]
    return mixed


def standing(clips, share):
    count = round(share * len(clips))
    still = clips.copy()
    still[:count] = clips[:count, :1]
    return still


@pytest.mark.parametrize(
    ("damage", "amounts"),
    [
        (blurred, (0.7, 1.5, 3.0)),
        (noisy, (5, 15, 40)),
        (with_strange_halves, (0.3, 0.6, 1.0)),
        (standing, (0.3, 0.6, 1.0)),
    ],
)
def test_the_distance_grows_with_damage(network, true_clips, damage, amounts):
    clips, others = true_clips

    def distance(some, to):
        return cloud_of(network, some).distance(to)

    own, apart = cloud_of(network, clips), cloud_of(network, others)
    found = [distance(damage(clips, amount), own) for amount in amounts]
    assert found == sorted(found)
    assert distance(damage(clips, amounts[-1]), apart) > 1.2 * distance(clips, apart)


def cloud_of(network, clips):
    return Cloud.of(features_of(network, clips).flatten(0, 1).numpy())


def test_frames_of_another_size_are_resized(network):
    clips, _ = draw_clips(7, clips=2, frames=3, size=32)
    assert features_of(network, clips).shape == (2, 2, 96)


def test_bad_input_gets_one_line(network, tmp_path):
    with pytest.raises(ShapeError, match="clips should be"):
        features_of(network, np.zeros((2, 1, 64, 64, 3), np.uint8))
    with pytest.raises(DataError, match="cannot read the clip network"):
        load_clip_network(tmp_path)
