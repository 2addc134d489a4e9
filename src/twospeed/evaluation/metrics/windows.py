"""Drift inside a clip: colour, contrast, sharpness, motion and features, stretch by stretch.

Axes: T frames, K features of a frame. A clip of any length is cut from its start; a rest that is
shorter than a stretch is left out.
"""

import numpy as np
from numpy.typing import NDArray

from twospeed.core.video import Frames
from twospeed.evaluation.metrics import frames as metrics

STRETCH = 16
"""Frames of a stretch."""


def drift_of(
    frames_THWC: Frames, features_TK: NDArray[np.float64], *, stretch: int = STRETCH
) -> list[dict[str, float]]:
    """Return one record a stretch.

    Args:
        frames_THWC: the clip.
        features_TK: of its frames.
        stretch: frames of a stretch.

    Returns:
        "colour" (mean, 0 to 255), "contrast", "sharpness", "motion" as `metrics.frames` has them,
        and "features": distance of the mean features from those of the first stretch.
    """
    start_K = features_TK[:stretch].mean(0)
    records = []
    for first in range(0, len(frames_THWC) - stretch + 1, stretch):
        part = frames_THWC[first : first + stretch]
        away_K = features_TK[first : first + stretch].mean(0) - start_K
        records.append(
            {
                "colour": float(part.mean()),
                "contrast": float(metrics.contrast(part).mean()),
                "sharpness": float(metrics.sharpness(part).mean()),
                "motion": metrics.motion(part),
                "features": float(np.linalg.norm(away_K)),
            }
        )
    return records
