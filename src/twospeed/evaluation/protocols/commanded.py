"""Are commands obeyed? Every command is tried from the same past and its outcome looked up.

From the last seen chunk of an episode, a chunk is generated for each of the world's commands,
without memory or with one of the episode so far. The world itself draws what each command would
really have shown; the command counts as obeyed when its own outcome is the nearest, in mean squared
error over the first `JUDGED_FRAMES` frames of the chunk: later frames of a turn show what no past
frame has shown. A command is skipped where another has the same outcome, because a wall is in the
way. The arm "warp" shows what a share is worth: no model, but the last frame moved as a picture
(warp.py).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from twospeed.core.random import seed_of
from twospeed.core.video import Frames
from twospeed.evaluation.metrics.bootstrap import bootstrap_mean
from twospeed.evaluation.metrics.frames import video_errors
from twospeed.evaluation.protocols.base import ProtocolConfig
from twospeed.evaluation.protocols.coding import before_return, decode_after, past_of
from twospeed.evaluation.protocols.observed_return import memories_after
from twospeed.evaluation.protocols.walks import Walk
from twospeed.evaluation.protocols.warp import warped
from twospeed.memory.fast_weights import FastWeights
from twospeed.worldmodel.model import WorldModel
from twospeed.worldmodel.rendering.camera import Camera
from twospeed.worlds.language import MOVES
from twospeed.worlds.registry import WORLDS

JUDGED_FRAMES = 2
COMMANDS = tuple(MOVES)
WORDINGS = ("canonical", "held_out")


@dataclass(frozen=True, kw_only=True, eq=False)
class Outcomes:
    """What every command would truly show from one pose."""

    before: NDArray[np.uint8]
    """(H, W, 3): the last seen frame."""

    frames: Frames
    """(commands, JUDGED_FRAMES, H, W, 3)."""

    def is_unique(self, command: int) -> bool:
        """Say whether no other command looks the same."""
        same = (self.frames == self.frames[command]).all((1, 2, 3, 4))
        return int(same.sum()) == 1

    def nearest(self, frames: Frames) -> int:
        """Return the command whose outcome is nearest to a generated chunk."""
        return int(video_errors(self.frames, frames[:JUDGED_FRAMES]).argmin())

    def obeyed(self, chunks: Iterable[Frames]) -> list[float]:
        """Return for the chunk of every command 1 or 0, NaN where the command is skipped."""
        return [
            float(self.nearest(frames) == command) if self.is_unique(command) else np.nan
            for command, frames in enumerate(chunks)
        ]


def action_accuracy(
    model: WorldModel, walks: Sequence[Walk], config: ProtocolConfig
) -> dict[str, dict[str, Any]]:
    """Return the share of obeyed commands, for canonical texts and for held-out paraphrases.

    Args:
        model: the slow weights.
        walks: episodes; the last seen chunk of each is the past.
        config: how memories learn; its seed decides the noise and the paraphrases.

    Returns:
        "canonical" and "held_out" -> interval over episodes, trials, and the share a command,
        without memory; "on" -> both with a memory of each walk's way out; "warp" -> the same of
        that control, where the angle of view is known.
    """
    outcomes = [outcomes_at(one) for one in walks]
    obeyed_EMWA = np.array(
        [_tried(model, one, it, config) for one, it in zip(walks, outcomes, strict=True)]
    )
    off, on = (
        {
            wording: _summary(obeyed_EWA[:, index], config.seed)
            for index, wording in enumerate(WORDINGS)
        }
        for obeyed_EWA in obeyed_EMWA.swapaxes(0, 1)
    )
    report: dict[str, dict[str, Any]] = {**off, "on": on}
    if reach := WORLDS[walks[0].place.world].about.reach:
        warps_EA = np.array([_warp(it, Camera(reach)) for it in outcomes])
        report["warp"] = _summary(warps_EA, config.seed)
    return report


def _tried(
    model: WorldModel, one: Walk, outcomes: Outcomes, config: ProtocolConfig
) -> list[list[list[float]]]:
    """Return `_obeyed` without memory and with one, for each of `WORDINGS`."""
    memory = memories_after(model, one, config, len(COMMANDS))
    return [
        [_obeyed(model, one, outcomes, arm, wording, config.seed) for wording in WORDINGS]
        for arm in (None, memory)
    ]


def _warp(outcomes: Outcomes, camera: Camera) -> list[float]:
    return outcomes.obeyed([warped(outcomes.before, it, camera) for it in COMMANDS])


def outcomes_at(one: Walk) -> Outcomes:
    """Draw what each command would show after the last seen frame."""
    here = one.route.first_generated - 1
    frames = [one.place.film_on(one.route, here, [command]) for command in COMMANDS]
    return Outcomes(before=one.frames[here], frames=np.stack(frames)[:, :JUDGED_FRAMES])


def _texts(wording: str, seed: int) -> list[str]:
    if wording == "canonical":
        return list(COMMANDS)
    generator = np.random.default_rng(seed)
    return [str(generator.choice(MOVES[command].held_out)) for command in COMMANDS]


def _obeyed(
    model: WorldModel,
    one: Walk,
    outcomes: Outcomes,
    memory: FastWeights | None,
    wording: str,
    seed: int,
) -> list[float]:
    """Return 1 or 0 for every command, NaN where it is skipped."""
    texts = _texts(wording, seed_of(seed, one.route.seed))
    before = before_return(model, one)
    past = past_of(model, before)
    seeds = [(seed, one.route.seed, "command", command) for command in COMMANDS]
    made = model.generate(torch.stack([past] * len(texts)), texts, seeds, fast_weights=memory)
    return outcomes.obeyed(decode_after(model, before, latents) for latents in made)


def _summary(obeyed_EA: np.ndarray, seed: int) -> dict[str, object]:
    tried_EA = ~np.isnan(obeyed_EA)
    shares = np.nansum(obeyed_EA, 1) / np.maximum(tried_EA.sum(1), 1)
    interval = bootstrap_mean(np.where(tried_EA.any(1), shares, np.nan), seed=seed)
    by_command = {
        command: bootstrap_mean(obeyed_EA[:, index], seed=seed).to_json()["mean"]
        for index, command in enumerate(COMMANDS)
    }
    return {**interval.to_json(), "trials": int(tried_EA.sum()), "by_command": by_command}
