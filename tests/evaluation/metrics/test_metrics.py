import math

import numpy as np
import pytest
from skimage.metrics import structural_similarity

from twospeed.core.errors import ConfigError, KindError, ShapeError
from twospeed.evaluation.metrics import frames as metrics


def grey(*values, size=16):
    return np.stack([np.full((size, size, 3), value, np.uint8) for value in values])


@pytest.fixture
def noise():
    return np.random.default_rng(0).integers(0, 256, (3, 24, 24, 3), dtype=np.uint8)


def test_psnr_of_a_known_difference():
    values = metrics.psnr_db(grey(100, 0, 10), grey(110, 255, 11))
    assert values == pytest.approx([10 * math.log10(255**2 / 100), 0, 10 * math.log10(255**2)])


def test_equal_frames_get_the_finite_ceiling(noise):
    assert metrics.psnr_db(noise, noise) == pytest.approx([48.1308] * 3, abs=1e-4)


def test_ssim_of_a_frame_with_itself_is_one_and_with_its_negative_below_zero(noise):
    assert metrics.ssim(noise, noise) == pytest.approx([1] * 3)
    assert (metrics.ssim(noise, 255 - noise) < 0).all()


def test_ssim_of_flat_frames_follows_the_formula():
    one, other = 100.0, 120.0
    c1 = (0.01 * 255) ** 2
    expected = (2 * one * other + c1) / (one**2 + other**2 + c1)
    assert metrics.ssim(grey(100), grey(120)) == pytest.approx([expected])


def test_ssim_is_the_mean_over_channels(noise):
    parameters = metrics.SSIM_PARAMETERS | {"channel_axis": None}
    single = [
        structural_similarity(noise[0, ..., c], noise[1, ..., c], **parameters) for c in range(3)
    ]
    assert metrics.ssim(noise[:1], noise[1:2]) == pytest.approx([np.mean(single)])


def test_motion_counts_steps_both_ways():
    assert metrics.motion(grey(0, 10, 4)) == pytest.approx(8)
    assert metrics.motion(grey(7)) == 0


def test_motion_kept_is_relative_to_the_truth():
    truth = grey(0, 20, 40)
    assert metrics.motion_kept(grey(5, 10, 15), truth) == pytest.approx(0.25)
    assert metrics.motion_kept(grey(5, 5, 5), truth) == 0
    assert math.isnan(metrics.motion_kept(truth, grey(5, 5, 5)))


def test_contrast_and_sharpness_of_stripes():
    frames = grey(0, size=16)
    frames[:, :, 1::2] = 100
    assert metrics.contrast(frames) == pytest.approx([50])
    assert metrics.sharpness(frames) == pytest.approx([50])  # 100 across, 0 down
    assert metrics.contrast(grey(30)) == metrics.sharpness(grey(30)) == pytest.approx([0])


@pytest.mark.parametrize("metric", [metrics.psnr_db, metrics.ssim, metrics.motion_kept])
def test_videos_of_different_shape_are_refused(metric):
    with pytest.raises(ShapeError, match=r"\(1, 16, 16, 3\) and \(2, 16, 16, 3\)"):
        metric(grey(0), grey(0, 1))


def test_numbers_with_a_point_are_the_same_video(noise):
    other = np.roll(noise, 3, axis=2)
    for metric in (metrics.psnr_db, metrics.ssim, metrics.motion_kept):
        assert metric(noise / 255, other / 255) == pytest.approx(metric(noise, other))
    for metric in (metrics.motion, metrics.contrast, metrics.sharpness):
        assert metric((noise / 255).astype(np.float32)) == pytest.approx(metric(noise), rel=1e-5)


def test_an_offset_of_ten_levels_is_28_dB_with_a_point_too():
    assert metrics.psnr_db(grey(100) / 255, grey(110) / 255) == pytest.approx([28.1308], abs=1e-4)


@pytest.mark.parametrize("frames", [grey(100).astype(float), grey(1) - 2.0, grey(0) * np.nan])
def test_numbers_of_an_unknown_range_are_refused(frames):
    with pytest.raises(ConfigError, match="from 0 to 1, got"):
        metrics.psnr_db(frames, frames)


def test_whole_numbers_of_another_kind_are_refused():
    with pytest.raises(KindError, match="got int64"):
        metrics.motion(grey(0, 1).astype(np.int64))
