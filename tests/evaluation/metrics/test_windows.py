import numpy as np
import pytest

from twospeed.evaluation.metrics.windows import drift_of


def test_a_fading_clip_drifts_and_a_still_one_does_not():
    fading = np.repeat(np.arange(64, dtype=np.uint8), 4 * 4 * 3).reshape(64, 4, 4, 3)
    features = np.arange(64.0)[:, None]
    rows = drift_of(fading, features, stretch=16)
    assert [row["colour"] for row in rows] == pytest.approx([7.5, 23.5, 39.5, 55.5])
    assert [row["features"] for row in rows] == pytest.approx([0, 16, 32, 48])
    still = drift_of(np.zeros((32, 4, 4, 3), np.uint8), np.ones((32, 2)), stretch=16)
    assert still[0] == still[1] == dict.fromkeys(still[0], 0.0)


def test_a_rest_is_left_out_and_a_thousand_frames_are_taken():
    assert drift_of(np.zeros((15, 4, 4, 3), np.uint8), np.ones((15, 2)), stretch=16) == []
    assert len(drift_of(np.zeros((1009, 4, 4, 3), np.uint8), np.ones((1009, 2)))) == 63
