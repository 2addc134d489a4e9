import numpy as np
import pytest

from twospeed.evaluation.metrics import revisits
from twospeed.evaluation.metrics.frames import mean_squared_error
from twospeed.evaluation.metrics.revisits import (
    consistency,
    errors_between,
    mirrored,
    revisits_in,
)


def frames(*levels):
    return np.stack([np.full((4, 4, 3), level, np.uint8) for level in levels])


def test_a_frame_is_a_revisit_when_its_place_was_left_between():
    assert revisits_in(frames(0, 50, 100, 50, 0)) == [(1, 3), (0, 4)]
    assert revisits_in(frames(7, 7, 7, 7)) == []
    assert revisits_in(frames(0, 50, 100)) == []


def test_errors_between_frames_are_those_of_pairs_to_the_last_bit(monkeypatch):
    video = np.random.default_rng(0).integers(0, 256, (5, 8, 6, 3), dtype=np.uint8)
    monkeypatch.setattr(revisits, "_AT_ONCE", 100)  # seven whole parts and a rest
    found = errors_between(video)
    for shift in range(5):
        pairs = found[np.arange(5), np.roll(np.arange(5), shift)]
        assert (pairs == mean_squared_error(video, np.roll(video, shift, axis=0))).all()


def test_out_and_back_mirrors_the_clip():
    assert mirrored(5) == [(0, 4), (1, 3)]
    assert mirrored(4) == [(0, 3), (1, 2)]
    assert mirrored(1) == []


def test_consistency_is_a_mean_cosine():
    features = np.array([[1.0, 0], [0, 2], [0, 5], [3, 0]])
    assert consistency(features, [(0, 3), (1, 2)]) == pytest.approx(1)
    assert consistency(features, [(0, 1), (0, 3)]) == pytest.approx(0.5)
    assert np.isnan(consistency(features, []))
