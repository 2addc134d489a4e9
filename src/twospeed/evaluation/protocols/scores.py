"""What an episode's generated frames score against the truth, arm by arm, frame by frame.

Axes: G frames of the way back, R revisited frames among them, S sightings of landmarks in those.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from twospeed.core.video import Frames
from twospeed.evaluation.metrics import frames as metrics
from twospeed.evaluation.metrics.landmarks import Sighting, find_sightings, recalled
from twospeed.evaluation.protocols.observed_return import Outcome
from twospeed.evaluation.protocols.walks import Walk

Numbers = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class EpisodeScores:
    """Values of one episode at revisits."""

    walk: Walk

    values: dict[str, dict[str, Numbers]]
    """Metric -> arm -> one value a revisited frame (R,), or a sighting (S,)."""

    ages: dict[str, NDArray[np.int64]]
    """Metric -> frames since the pose was seen, for each of these values."""

    motion_kept: dict[str, float]
    """Arm -> motion of the whole way back, relative to the truth's."""

    first_visit_db: dict[str, float]
    """"on" and "off", see `Outcome`."""

    norm: float
    """L2 norm of all that the memory adds to the weights."""

    def mean(self, metric: str, arm: str, *, older_than: int = -1, up_to: int = 10**9) -> float:
        """Return the mean over revisits of an age, in frames; NaN where there are none."""
        ages = self.ages[metric]
        values = self.values[metric][arm][(ages > older_than) & (ages <= up_to)]
        return float(values.mean()) if len(values) else float("nan")

    def has_age(self, older_than: int, up_to: int) -> bool:
        """Say whether any revisited frame is of such an age, in frames."""
        ages = self.ages["psnr_db"]
        return bool(((ages > older_than) & (ages <= up_to)).any())


def score(outcome: Outcome) -> EpisodeScores:
    """Score every arm of one episode."""
    walk = outcome.walk
    values = _likeness(outcome.frames, walk.truth_back, walk.revisits)
    ages = dict.fromkeys(values, walk.route.age[walk.revisits])
    values["landmark_recall"], ages["landmark_recall"] = _landmark_recall(outcome)
    return EpisodeScores(
        walk=walk,
        values=values,
        ages=ages,
        motion_kept={
            arm: metrics.motion_kept(frames, walk.truth_back)
            for arm, frames in outcome.frames.items()
        },
        first_visit_db=outcome.first_visit_db,
        norm=outcome.norm,
    )


def _landmark_recall(outcome: Outcome) -> tuple[dict[str, Numbers], NDArray[np.int64]]:
    """Return, arm by arm, whether each landmark that is sighted again is right, and their ages."""
    walk = outcome.walk
    first = walk.route.first_generated
    sightings = _sightings(walk)
    judged = {
        arm: recalled(sightings, frames, first=first) for arm, frames in outcome.frames.items()
    }
    age_G = walk.route.age
    return judged, np.array([age_G[it.frame - first] for it in sightings], np.int64)


def _sightings(walk: Walk) -> list[Sighting]:
    """Return the landmarks at revisits; none where a world does not tell its own."""
    scene = walk.place.scene_of(walk.route.seed)
    if scene is None:
        return []
    return find_sightings(
        scene,
        walk.route.poses,
        (walk.revisits + walk.route.first_generated).tolist(),
        size=walk.place.size,
        seed=walk.route.seed,
    )


def _likeness(
    frames: Mapping[str, Frames], truth: Frames, revisits: NDArray[np.int64]
) -> dict[str, dict[str, Numbers]]:
    measures = {"psnr_db": metrics.psnr_db, "ssim": metrics.ssim}
    return {
        name: {arm: measure(made[revisits], truth[revisits]) for arm, made in frames.items()}
        for name, measure in measures.items()
    }
