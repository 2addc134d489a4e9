"""How alike two videos are and how much they move: frames in, one number a frame out.

Frames are uint8 (T, H, W, 3), sRGB, 0 to 255; nothing is resized. Holds not: intervals
(bootstrap.py), landmarks (landmarks.py).
"""

import numpy as np
from numpy.typing import NDArray
from skimage.metrics import structural_similarity

from twospeed.core.errors import ShapeError
from twospeed.core.video import Frames

Numbers = NDArray[np.float64]
"""(T,): one a frame, unless said otherwise."""

DATA_RANGE = 255
"""Greatest difference that two pixels can have."""

LEAST_ERROR = 1.0
"""Mean squared error below which frames count as equal: one grey level, 48.13 dB. It keeps means
finite where a frame is met exactly."""

SSIM_PARAMETERS = {
    "gaussian_weights": True,
    "sigma": 1.5,
    "use_sample_covariance": False,
    "data_range": DATA_RANGE,
    "channel_axis": -1,
}
"""Those of Wang et al. 2004, an 11x11 window; colour: the mean over the three channels."""


def psnr_db(frames_THWC: Frames, truth_THWC: Frames) -> Numbers:
    """Return the peak signal-to-noise ratio of every frame in dB, at most 48.13 (`LEAST_ERROR`).

    Raises:
        ShapeError: when the two do not have the same shape.
    """
    error_T = mean_squared_error(frames_THWC, truth_THWC)
    return np.asarray(10 * np.log10(DATA_RANGE**2 / np.maximum(error_T, LEAST_ERROR)))


def mean_squared_error(frames_THWC: Frames, truth_THWC: Frames) -> Numbers:
    """Return the mean squared error of every frame, 0 to 255**2.

    Raises:
        ShapeError: when the two do not have the same shape.
    """
    _check_pair(frames_THWC, truth_THWC)
    difference = frames_THWC.astype(np.float64) - truth_THWC
    return np.asarray(np.square(difference).mean((1, 2, 3)))


def video_errors(videos_ATHWC: Frames, truth_THWC: Frames) -> Numbers:
    """Return the mean squared error of each of A videos against one truth, (A,), 0 to 255**2.

    Raises:
        ShapeError: when one does not have the truth's shape.
    """
    errors = [mean_squared_error(video, truth_THWC).mean() for video in videos_ATHWC]
    return np.array(errors)


def ssim(frames_THWC: Frames, truth_THWC: Frames) -> Numbers:
    """Return the structural similarity of every frame, -1 to 1; sides are at least 11 pixels.

    Raises:
        ShapeError: when the two do not have the same shape.
    """
    _check_pair(frames_THWC, truth_THWC)
    pairs = zip(frames_THWC, truth_THWC, strict=True)
    return np.array([structural_similarity(one, other, **SSIM_PARAMETERS) for one, other in pairs])


def motion(frames_THWC: Frames) -> float:
    """Return the mean absolute difference of consecutive frames, 0 to 255; 0 for one frame."""
    if len(frames_THWC) < 2:
        return 0.0
    steps = np.abs(np.diff(frames_THWC.astype(np.int16), axis=0))
    return float(steps.mean())


def motion_kept(frames_THWC: Frames, truth_THWC: Frames) -> float:
    """Return the motion relative to the truth's: 1 moves as much, 0 stands still.

    NaN where the truth stands still.

    Raises:
        ShapeError: when the two do not have the same shape.
    """
    _check_pair(frames_THWC, truth_THWC)
    moved = motion(truth_THWC)
    return motion(frames_THWC) / moved if moved > 0 else float("nan")


def contrast(frames_THWC: Frames) -> Numbers:
    """Return the standard deviation of every frame's pixels about its mean colour, 0 to 127.5."""
    frames = frames_THWC.astype(np.float64)
    return np.asarray((frames - frames.mean((1, 2), keepdims=True)).std((1, 2, 3)))


def sharpness(frames_THWC: Frames) -> Numbers:
    """Return the mean absolute difference of neighbouring pixels in every frame, 0 to 255."""
    frames = frames_THWC.astype(np.int16)
    across, down = (np.abs(np.diff(frames, axis=axis)).mean((1, 2, 3)) for axis in (2, 1))
    return np.asarray((across + down) / 2)


def _check_pair(frames_THWC: Frames, truth_THWC: Frames) -> None:
    if frames_THWC.shape != truth_THWC.shape or frames_THWC.ndim != 4:
        raise ShapeError(
            "two videos to compare should both be (T, H, W, 3), got"
            f" {frames_THWC.shape} and {truth_THWC.shape}"
        )
