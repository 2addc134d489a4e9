"""How alike two videos are and how much they move: frames in, one number a frame out.

Frames are (T, H, W, 3), sRGB, uint8 or numbers with a point (`levels`); nothing is resized. They
are taken one by one, so that a long video of many pixels needs no more memory than its own. Holds
not: intervals (bootstrap.py), landmarks (landmarks.py).
"""

import itertools
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from skimage.metrics import structural_similarity

from twospeed.core.errors import ConfigError, KindError, ShapeError

AnyFrames: TypeAlias = NDArray[np.uint8] | NDArray[np.floating[Any]]
"""(T, H, W, 3): uint8 from 0 to 255, or numbers with a point from 0 to 1."""

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


def levels(frames_THWC: AnyFrames) -> NDArray[Any]:
    """Return frames in grey levels, 0 to 255: uint8 as they are, others scaled and not rounded.

    Raises:
        KindError: when they are neither uint8 nor numbers with a point.
        ConfigError: when numbers with a point are not from 0 to 1.
    """
    if frames_THWC.dtype == np.uint8:
        return frames_THWC
    if frames_THWC.dtype.kind != "f":
        raise KindError(f"frames are uint8, or numbers from 0 to 1, got {frames_THWC.dtype}")
    low, high = frames_THWC.min(initial=0), frames_THWC.max(initial=0)
    if not (low >= 0 and high <= 1):
        raise ConfigError(f"frames with a point are from 0 to 1, got {low:g} to {high:g}")
    return DATA_RANGE * frames_THWC.astype(np.float64)


def psnr_db(frames_THWC: AnyFrames, truth_THWC: AnyFrames) -> Numbers:
    """Return the peak signal-to-noise ratio of every frame in dB, at most 48.13 (`LEAST_ERROR`).

    Raises:
        ShapeError: when the two do not have the same shape.
    """
    error_T = mean_squared_error(frames_THWC, truth_THWC)
    return np.asarray(10 * np.log10(DATA_RANGE**2 / np.maximum(error_T, LEAST_ERROR)))


def mean_squared_error(frames_THWC: AnyFrames, truth_THWC: AnyFrames) -> Numbers:
    """Return the mean squared error of every frame, 0 to 255**2.

    Raises:
        ShapeError: when the two do not have the same shape.
    """
    _check_pair(frames_THWC, truth_THWC)
    pairs = zip(levels(frames_THWC), levels(truth_THWC), strict=True)
    return np.array([np.square(one.astype(np.float64) - other).mean() for one, other in pairs])


def video_errors(videos_ATHWC: AnyFrames, truth_THWC: AnyFrames) -> Numbers:
    """Return the mean squared error of each of A videos against one truth, (A,), 0 to 255**2.

    Raises:
        ShapeError: when one does not have the truth's shape.
    """
    errors = [mean_squared_error(video, truth_THWC).mean() for video in videos_ATHWC]
    return np.array(errors)


def ssim(frames_THWC: AnyFrames, truth_THWC: AnyFrames) -> Numbers:
    """Return the structural similarity of every frame, -1 to 1; sides are at least 11 pixels.

    Raises:
        ShapeError: when the two do not have the same shape.
    """
    _check_pair(frames_THWC, truth_THWC)
    pairs = zip(levels(frames_THWC), levels(truth_THWC), strict=True)
    return np.array([structural_similarity(one, other, **SSIM_PARAMETERS) for one, other in pairs])


def motion(frames_THWC: AnyFrames) -> float:
    """Return the mean absolute difference of consecutive frames, 0 to 255; 0 for one frame."""
    if len(frames_THWC) < 2:
        return 0.0
    pairs = itertools.pairwise(map(_signed, levels(frames_THWC)))
    return float(np.mean([np.abs(after - before).mean() for before, after in pairs]))


def motion_kept(frames_THWC: AnyFrames, truth_THWC: AnyFrames) -> float:
    """Return the motion relative to the truth's: 1 moves as much, 0 stands still.

    NaN where the truth stands still.

    Raises:
        ShapeError: when the two do not have the same shape.
    """
    _check_pair(frames_THWC, truth_THWC)
    moved = motion(truth_THWC)
    return motion(frames_THWC) / moved if moved > 0 else float("nan")


def contrast(frames_THWC: AnyFrames) -> Numbers:
    """Return the standard deviation of every frame's pixels about its mean colour, 0 to 127.5."""
    frames = (frame.astype(np.float64) for frame in levels(frames_THWC))
    return np.array([(frame - frame.mean((0, 1))).std() for frame in frames])


def sharpness(frames_THWC: AnyFrames) -> Numbers:
    """Return the mean absolute difference of neighbouring pixels in every frame, 0 to 255."""
    frames = map(_signed, levels(frames_THWC))
    return np.array(
        [sum(np.abs(np.diff(it, axis=axis)).mean() for axis in (1, 0)) / 2 for it in frames]
    )


def _signed(frame_HWC: NDArray[Any]) -> NDArray[Any]:
    """Return numbers that can be taken from each other."""
    return frame_HWC.astype(np.int16) if frame_HWC.dtype == np.uint8 else frame_HWC


def _check_pair(frames_THWC: AnyFrames, truth_THWC: AnyFrames) -> None:
    if frames_THWC.shape != truth_THWC.shape or frames_THWC.ndim != 4:
        raise ShapeError(
            "two videos to compare should both be (T, H, W, 3), got"
            f" {frames_THWC.shape} and {truth_THWC.shape}"
        )
