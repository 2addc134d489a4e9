"""Retrieval of kept frames, put into the context before the past: by feature, and by pose.

By feature: the frames whose coarse latents point the way of the last frame's. By pose: poses are
counted from the commands (a chunk turns by 90 degrees or moves by one metre; walls are not known),
and the frames nearest to where the command leads are taken, 90 degrees as far as a metre. Axes as
in base.py; N kept frames.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from twospeed.evaluation.matrix.base import Keeper, Shown
from twospeed.evaluation.yardstick.motion import MOTIONS
from twospeed.worldmodel.model import WorldModel

RETRIEVED = 4
"""Frames that are put before the past."""

_COARSE = 4

Pose = NDArray[np.float64]
"""(3,): metres ahead and to the left of the start, quarter turns to the left."""


class ByFeature(Keeper):
    """The frames that look most like the last one."""

    def __init__(self, model: WorldModel) -> None:
        super().__init__(model, most_frames=RETRIEVED + model.settings.chunk_frames)

    def chosen(self, past_CPHW: Tensor, action: str) -> list[Tensor]:  # noqa: ARG002
        """Return the nearest frames in the order that they were seen."""
        if not self.kept:
            return []
        frames = torch.cat([it.new for it in self.kept], dim=1)
        likeness_N = functional.cosine_similarity(
            _features(frames), _features(past_CPHW[:, -1:]), dim=1
        )
        return [frames[:, _best(likeness_N)]]


class ByPose(Keeper):
    """The frames seen nearest to where the command leads."""

    def __init__(self, model: WorldModel) -> None:
        super().__init__(model, most_frames=RETRIEVED + model.settings.chunk_frames)
        self.pose = np.zeros(3)
        self.poses: list[Pose] = []

    def learn(self, shown: Shown) -> None:
        """Keep the chunk and where each of its frames was seen."""
        super().learn(shown)
        count = shown.new.shape[1]
        self.poses += [moved(self.pose, shown.action, (it + 1) / count) for it in range(count)]
        self.follow(shown)

    def follow(self, shown: Shown) -> None:
        """Go on to where the command leads."""
        self.pose = moved(self.pose, shown.action, 1)

    def chosen(self, past_CPHW: Tensor, action: str) -> list[Tensor]:  # noqa: ARG002
        """Return the nearest frames in the order that they were seen."""
        if not self.kept:
            return []
        frames = torch.cat([it.new for it in self.kept], dim=1)
        away_N3 = np.abs(np.array(self.poses) - moved(self.pose, action, 1))
        turned_N = np.minimum(away_N3[:, 2] % 4, 4 - away_N3[:, 2] % 4)
        nearness_N = -(np.hypot(away_N3[:, 0], away_N3[:, 1]) + turned_N)
        return [frames[:, _best(torch.from_numpy(nearness_N))]]

    def num_bytes(self) -> int:
        """Return the bytes of latents and poses."""
        return super().num_bytes() + 24 * len(self.poses)


def moved(pose_3: Pose, action: str, share: float) -> Pose:
    """Return the pose after a share of a command; an unknown one stays."""
    ahead, left, turn = (share * it for it in MOTIONS.get(action, (0.0, 0.0, 0.0)))
    heading = np.pi / 2 * pose_3[2]
    cos, sin = np.cos(heading), np.sin(heading)
    step: Pose = np.array([ahead * cos - left * sin, ahead * sin + left * cos, turn])
    return pose_3 + step


def _features(frames_CTHW: Tensor) -> Tensor:
    """Return coarse latents, (T, K)."""
    return functional.adaptive_avg_pool2d(frames_CTHW.transpose(0, 1), _COARSE).flatten(1)


def _best(score_N: Tensor) -> Tensor:
    return score_N.topk(min(RETRIEVED, len(score_N))).indices.sort().values
