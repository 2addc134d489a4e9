"""Scene cuts: the rule of PySceneDetect's ContentDetector on arrays.

A frame begins a scene when hue, saturation and brightness changed by more than a threshold on
average over pixels and the three. Frames are (T, H, W, 3), sRGB, as frames.py has them; none is
shrunk.
The colours are OpenCV's of 8 bits: hue 0 to 179, the others 0 to 255. A video that stands still
has no cut, so that the count is read beside how much moves.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from twospeed.evaluation.metrics.frames import AnyFrames, levels

THRESHOLD = 27.0
"""PySceneDetect's default: mean change above which a scene begins, 0 to 255."""

DETECTOR = {"detector": "content", "threshold": THRESHOLD, "least_scene_frames": 1}
"""What a report says of the rule. Scenes may be one frame long, as clips are short."""


def scene_cuts(frames_THWC: AnyFrames, *, threshold: float = THRESHOLD) -> list[int]:
    """Return the numbers of the frames that begin a new scene, counted from 0.

    Args:
        frames_THWC: the video.
        threshold: mean change above which a scene begins.
    """
    return [int(frame) for frame in np.flatnonzero(content_change(frames_THWC) > threshold)]


def content_change(frames_THWC: AnyFrames) -> NDArray[np.float64]:
    """Return how much every frame differs from the one before, (T,), 0 to 255; the first is 0."""
    change = np.zeros(len(frames_THWC))
    frames = levels(frames_THWC)
    before = hue_saturation_value(frames[0])
    for index, frame in enumerate(frames[1:], start=1):
        now = hue_saturation_value(frame)
        change[index] = np.abs(now - before).mean()
        before = now
    return change


def hue_saturation_value(frame_HWC: NDArray[Any]) -> NDArray[np.float64]:
    """Return OpenCV's hue (0 to 179), saturation and value (0 to 255) of 8 bits, (H, W, 3)."""
    red, green, blue = frame_HWC.astype(np.float64).transpose(2, 0, 1)
    value = frame_HWC.max(-1).astype(np.float64)
    spread = value - frame_HWC.min(-1)
    share = np.where(spread > 0, spread, 1)
    sextant = np.select(
        [value == red, value == green],
        [(green - blue) / share, 2 + (blue - red) / share],
        4 + (red - green) / share,
    )
    hue = np.rint(30 * sextant % 180) % 180
    saturation = np.rint(255 * spread / np.where(value > 0, value, 1))
    return np.stack([hue, saturation, value], axis=-1)
