"""What one clip scores: frame by frame where it can be, and features for distances of sets.

Axes: T frames, S steps (T - 1), K features.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from twospeed.core.errors import DataError
from twospeed.core.video import Frames
from twospeed.evaluation.metrics import frames as metrics
from twospeed.evaluation.metrics.cuts import scene_cuts
from twospeed.evaluation.metrics.revisits import Pair as Visits
from twospeed.evaluation.metrics.revisits import consistency
from twospeed.evaluation.metrics.windows import drift_of
from twospeed.evaluation.videos.judges import Judges

SSIM_SIDE = 11
"""Pixels of a side below which there is no SSIM."""

NO_TRUTH = "no truth: give the folder of true clips before this one"
NO_REVISIT = "no frame shows again a place that was left (true clips tell which; or --out-and-back)"


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class ClipScores:
    """Scores of one clip."""

    values: dict[str, float]
    """Metric -> value of the clip; NaN where it has none."""

    frames: dict[str, list[float]]
    """Metric -> one value a frame."""

    missing: dict[str, str]
    """Metric -> why it is not computed."""

    features: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    """Network -> features for distances of sets."""

    drift: list[dict[str, float]] = field(default_factory=list)


def score_clip(
    judges: Judges, frames_THWC: Frames, truth_THWC: Frames | None, visits: Sequence[Visits]
) -> ClipScores:
    """Score a clip.

    Args:
        judges: what judges.
        frames_THWC: the clip.
        truth_THWC: its truth, of the same shape; None where nobody knows.
        visits: which of its frames show a place again.
    """
    scores = ClipScores(values={}, frames={}, missing={})
    for name, measure in _paired(judges, min(frames_THWC.shape[1:3])).items():
        if truth_THWC is None or isinstance(measure, str):
            scores.missing[name] = NO_TRUTH if truth_THWC is None else str(measure)
            continue
        found = measure(frames_THWC, truth_THWC)
        scores.frames[name], scores.values[name] = found.tolist(), float(found.mean())
    cuts = scene_cuts(frames_THWC)
    scores.values["scene_cuts"] = float(len(cuts))
    scores.frames["scene_cuts"] = [float(frame in cuts) for frame in range(len(frames_THWC))]
    scores.values["motion"] = metrics.motion(frames_THWC)
    _look(judges, frames_THWC, visits, scores)
    return scores


def _paired(
    judges: Judges, side: int
) -> dict[str, Callable[[Frames, Frames], metrics.Numbers] | str]:
    small = f"SSIM needs sides of {SSIM_SIDE} pixels or more, got {side}"
    return {
        "psnr_db": metrics.psnr_db,
        "ssim": metrics.ssim if side >= SSIM_SIDE else small,
        "lpips": judges.lpips,
    }


def _look(
    judges: Judges, frames_THWC: Frames, visits: Sequence[Visits], scores: ClipScores
) -> None:
    """Add features, consistency at revisits and drift."""
    seen_SK = judges.look(frames_THWC)
    seen_TK = np.concatenate([seen_SK[:1], seen_SK])
    scores.features["twospeed"] = seen_SK
    scores.drift.extend(drift_of(frames_THWC, seen_TK))
    _consistency("src_twospeed", lambda _: seen_TK, frames_THWC, visits, scores)
    _consistency("src", judges.resnet18, frames_THWC, visits, scores)
    for name, look in (("i3d", judges.i3d), ("videomae", judges.videomae)):
        try:
            if isinstance(look, str):
                raise DataError(look)
            scores.features[name] = look(frames_THWC)
        except DataError as error:
            scores.missing[f"fvd_{name}"] = str(error)


def _consistency(
    name: str,
    look: Callable[[Frames], NDArray[np.float64]] | str,
    frames_THWC: Frames,
    visits: Sequence[Visits],
    scores: ClipScores,
) -> None:
    if isinstance(look, str) or not visits:
        scores.missing[name] = look if isinstance(look, str) else NO_REVISIT
        return
    scores.values[name] = consistency(look(frames_THWC), visits)
