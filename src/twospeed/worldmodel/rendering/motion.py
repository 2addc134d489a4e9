"""How the camera moved from one frame to the next, or will move: read from latents.

Axes: B clips, C channels, H and W latent cells, N tokens of a text, N frames of a chunk in steps.
"""

import itertools
import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from twospeed.worldmodel.rendering.poses import walked

UNITS = (0.25, 0.25, math.radians(22.5))
"""Metres ahead, metres and radians to the left: what the network counts steps in."""

_WIDTH = 128


class MotionReader(nn.Module):
    """Steps between frames that were seen (see poses.py), and steps that a command will make.

    A text of no action stands for one that is not known. Where what moves `carries_on`, the step
    before tells of the next ones; none is rest.

    Args:
        channels: C.
        cells: H and W.
        text_width: features of a text token.
        frames: of a chunk.
        carries_on: whether it does.
    """

    units: Tensor

    def __init__(
        self, *, channels: int, cells: int, text_width: int, frames: int, carries_on: bool = False
    ) -> None:
        super().__init__()
        self.look_ahead = _look(channels, cells)
        self.look_between = _look(2 * channels, cells)
        self.text_in = nn.Linear(text_width, _WIDTH)
        self.was = _head(3)
        self.will_be = _head(3 * frames)
        self.carries_on = carries_on
        if carries_on:
            self.was_carried, self.will_be_carried = _head(3, more=3), _head(3 * frames, more=3)
        self.register_buffer("units", torch.tensor(UNITS))

    def between(
        self,
        before_BCHW: Tensor,
        after_BCHW: Tensor,
        text_BND: Tensor,
        earlier_B3: Tensor | None = None,
    ) -> Tensor:
        """Return the step from one frame to the next, (B, 3).

        Args:
            before_BCHW: the one.
            after_BCHW: the next.
            text_BND: command of the step.
            earlier_B3: the step that led to the one.
        """
        both = torch.cat([before_BCHW, after_BCHW - before_BCHW], 1)
        told = self._told(self.look_between(both), text_BND)
        steps: Tensor = self.was(told)
        if self.carries_on:
            steps = steps + self.was_carried(self._after(earlier_B3, told))
        return steps * self.units

    def ahead(
        self, last_BCHW: Tensor, text_BND: Tensor, earlier_B3: Tensor | None = None
    ) -> Tensor:
        """Return the steps of the chunk that follows a frame, (B, frames, 3).

        Args:
            last_BCHW: the frame.
            text_BND: command of the chunk.
            earlier_B3: the step that led to the frame.
        """
        told = self._told(self.look_ahead(last_BCHW), text_BND)
        flat: Tensor = self.will_be(told)
        if self.carries_on:
            flat = flat + self.will_be_carried(self._after(earlier_B3, told))
        steps: Tensor = flat.unflatten(1, (-1, 3)) * self.units
        return steps

    def followed(
        self,
        pose_B3: Tensor,
        frames_BCTHW: Tensor,
        texts: Iterable[Tensor],
        earlier_B3: Tensor | None = None,
    ) -> Tensor:
        """Return the poses of all frames, (B, T, 3), from that of the first on.

        Args:
            pose_B3: of the first frame.
            frames_BCTHW: clean latents.
            texts: tokens (B, N, D) of the command of each step, at least T - 1 of them.
            earlier_B3: the step that led to the first.
        """
        steps: list[Tensor] = []
        pairs = zip(itertools.pairwise(frames_BCTHW.unbind(2)), texts, strict=False)
        for pair, text_BND in pairs:
            earlier_B3 = self.between(*pair, text_BND, earlier_B3)
            steps.append(earlier_B3)
        return torch.stack([pose_B3, *walked(pose_B3, steps)], 1)

    def _after(self, earlier_B3: Tensor | None, told_BD: Tensor) -> Tensor:
        rest_B3 = torch.zeros_like(told_BD[:, :3])
        return torch.cat([told_BD, rest_B3 if earlier_B3 is None else earlier_B3 / self.units], 1)

    def _told(self, seen_BD: Tensor, text_BND: Tensor) -> Tensor:
        return torch.cat([seen_BD, self.text_in(text_BND.mean(1).to(seen_BD))], 1)


def _look(channels: int, cells: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, 64, 3, padding=1),
        nn.SiLU(),
        nn.Conv2d(64, 64, 3, padding=1),
        nn.SiLU(),
        nn.Conv2d(64, 32, 3, padding=1),
        nn.Flatten(),
        nn.Linear(32 * cells**2, _WIDTH),
    )


def _head(outputs: int, more: int = 0) -> nn.Sequential:
    last = nn.Linear(_WIDTH, outputs)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    return nn.Sequential(nn.SiLU(), nn.Linear(2 * _WIDTH + more, _WIDTH), nn.SiLU(), last)
