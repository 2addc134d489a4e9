"""Retrieval of kept frames, put into the context before the past: by feature, and by pose.

By feature: the frames whose coarse latents point the way of the last frame's. By pose: poses are
counted from the commands (a chunk turns by 90 degrees or moves by one metre; walls are not known),
and the frames nearest to where the command leads are taken, 90 degrees as far as a metre. Axes as
in base.py; N kept frames.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional

from twospeed.evaluation.matrix.base import Keeper, Shown
from twospeed.evaluation.yardstick.motion import MOTIONS
from twospeed.worldmodel.model import WorldModel
from twospeed.worldmodel.rendering.poses import moved, relative

RETRIEVED = 4
"""Frames that are put before the past."""

_COARSE = 4
_QUARTER = math.pi / 2


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
        self.pose = torch.zeros(3, dtype=torch.float64)
        self.poses: list[Tensor] = []

    def learn(self, shown: Shown) -> None:
        """Keep the chunk and where each of its frames was seen."""
        super().learn(shown)
        count = shown.new.shape[1]
        self.poses += [
            moved(self.pose, step_of(shown.action, (it + 1) / count)) for it in range(count)
        ]
        self.follow(shown)

    def follow(self, shown: Shown) -> None:
        """Go on to where the command leads."""
        self.pose = moved(self.pose, step_of(shown.action))

    def chosen(self, past_CPHW: Tensor, action: str) -> list[Tensor]:  # noqa: ARG002
        """Return the nearest frames in the order that they were seen."""
        if not self.kept:
            return []
        frames = torch.cat([it.new for it in self.kept], dim=1)
        away_N3 = relative(torch.stack(self.poses), moved(self.pose, step_of(action)))
        distance_N = away_N3[:, :2].norm(dim=1) + away_N3[:, 2].abs() / _QUARTER
        return [frames[:, _best(-distance_N)]]

    def num_bytes(self) -> int:
        """Return the bytes of latents and poses."""
        return super().num_bytes() + 24 * len(self.poses)


def step_of(action: str, share: float = 1.0) -> Tensor:
    """Return the step of a share of a command (rendering/poses.py); an unknown one stays."""
    ahead, left, turn = MOTIONS.get(action, (0.0, 0.0, 0.0))
    return share * torch.tensor([ahead, left, turn * _QUARTER], dtype=torch.float64)


def _features(frames_CTHW: Tensor) -> Tensor:
    """Return coarse latents, (T, K)."""
    return functional.adaptive_avg_pool2d(frames_CTHW.transpose(0, 1), _COARSE).flatten(1)


def _best(score_N: Tensor) -> Tensor:
    return score_N.topk(min(RETRIEVED, len(score_N))).indices.sort().values
