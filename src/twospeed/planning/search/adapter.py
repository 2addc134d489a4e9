"""What solvers of stable-worldmodel ask of a model: `encode`, `rollout` and `get_cost`.

Axes: B episodes, S candidates, T frames seen, P steps of a plan, A commands, O numbers of a frame's
latents.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from twospeed.core.errors import ShapeError
from twospeed.memory.fast_weights import FastWeights
from twospeed.planning.search.futures import next_chunks
from twospeed.worldmodel.model import WorldModel

Info = dict[str, Any]


class PlanningModel:
    """A world model and its fast weights as those solvers see a model.

    A step of a plan is a chunk; its action is one of the commands, as one number each (A), of which
    the largest counts. So the solver's action space is `Discrete(A)` with an action block of 1.

    Args:
        model: imagines.
        commands: A texts.
        memory: fast weights of one episode, or None.
        seed: decides all noise.
    """

    def __init__(
        self,
        model: WorldModel,
        commands: Sequence[str],
        *,
        memory: FastWeights | None = None,
        seed: int = 0,
    ) -> None:
        self.model, self.commands = model, tuple(commands)
        self.memory, self.seed = memory, seed

    @torch.no_grad()
    def encode(self, info: Info) -> Info:
        """Return `info` with "emb", (B, T, O), of its "pixels", uint8 (B, T, H, W, 3).

        Raises:
            KindError: when the pixels are no frames.
            ShapeError: when they are not of the model's size.
        """
        latents_BCTHW = self._latents(info["pixels"])
        return {**info, "emb": latents_BCTHW.transpose(1, 2).flatten(2)}

    @torch.no_grad()
    def rollout(self, info: Info, action_sequence: Tensor) -> Info:
        """Return `info` with "predicted_emb", (B, S, P + 1, O): the last frame, then steps' ends.

        Args:
            info: "pixels", uint8 (B, S, T, H, W, 3); all candidates of an episode see the same.
            action_sequence: (B, S, P, A).

        Raises:
            ShapeError: when the candidates have other axes.
        """
        if action_sequence.ndim != 4 or action_sequence.shape[-1] != len(self.commands):
            raise ShapeError(
                f"candidates are (B, S, P, {len(self.commands)}), got"
                f" {tuple(action_sequence.shape)}"
            )
        apart = action_sequence.shape[:2]
        past = self._latents(info["pixels"][:, 0]).repeat_interleave(apart[1], 0)
        told = [
            tuple(self.commands[step] for step in plan)
            for plan in action_sequence.argmax(-1).flatten(0, 1).tolist()
        ]
        ends = [past[:, :, -1].flatten(1)]
        for step in range(action_sequence.shape[2]):
            futures = [one[: step + 1] for one in told]
            past = next_chunks(self.model, self.memory, past, futures, self.seed)
            ends.append(past[:, :, -1].flatten(1))
        return {**info, "predicted_emb": torch.stack(ends, 1).unflatten(0, apart)}

    def get_cost(self, info_dict: Info, action_candidates: Tensor) -> Tensor:
        """Return the cost of every plan, (B, S): mean squared error of its end to the goal.

        Args:
            info_dict: as of `rollout`, with "goal", uint8 (B, S, T, H, W, 3), whose last frame
                counts.
            action_candidates: (B, S, P, A).
        """
        goal_B1O = self.encode({"pixels": info_dict["goal"][:, 0]})["emb"][:, -1:]
        ends_BSO: Tensor = self.rollout(info_dict, action_candidates)["predicted_emb"][:, :, -1]
        costs_BS: Tensor = (ends_BSO - goal_B1O).square().mean(-1)
        return costs_BS

    def _latents(self, frames_BTHWC: Any) -> Tensor:
        return self.model.encode(frames_BTHWC).to(self.model.device)
