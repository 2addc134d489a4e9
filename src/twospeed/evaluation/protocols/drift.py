"""Drift: does a long dream fade, freeze or blow up, with memory and without?

A dream of 1,000 frames wanders through an unseen episode; statistics of every hundred frames
stand beside those of the true frames of the same actions. Nothing is compared frame by frame:
after a while the dream is elsewhere than the truth.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from twospeed.core.video import Frames
from twospeed.data.policy import explore
from twospeed.evaluation.metrics import frames as metrics
from twospeed.evaluation.protocols.base import ProtocolConfig
from twospeed.evaluation.protocols.coding import coded, decode_after, encode
from twospeed.evaluation.protocols.rollout import Advance, Job, fresh_memory, generate
from twospeed.evaluation.protocols.walks import Walk
from twospeed.worldmodel.model import WorldModel
from twospeed.worlds.language import MOVES

CHUNKS = 250
WINDOW_FRAMES = 100


def measure_drift(
    model: WorldModel,
    walks: Sequence[Walk],
    config: ProtocolConfig,
    *,
    advance: Advance,
    chunks: int = CHUNKS,
) -> dict[str, Any]:
    """Dream on from the episodes' first frames and return statistics of every hundred frames.

    Args:
        model: the slow weights.
        walks: episodes; their places, starts and first frames are used, not their actions.
        config: how the memory learns, seed.
        advance: is told of every chunk: twice `chunks` an episode.
        chunks: length of the dream.

    Returns:
        "frames", and "on", "off", "truth" -> one record of means over episodes a window.
    """
    actions = [_wander(one.route.seed, chunks) for one in walks]
    jobs = [
        Job(
            seed=one.route.seed + config.seed,
            past=encode(model, one.frames[:1]),
            actions=todo,
            first_chunk=0,
        )
        for one, todo in zip(walks, actions, strict=True)
    ]
    arms = {"truth": [_truth(model, one, todo) for one, todo in zip(walks, actions, strict=True)]}
    for arm in ("on", "off"):
        memory = fresh_memory(model, config.memory, jobs) if arm == "on" else None
        made, _ = generate(model, jobs, memory, writes=True, advance=advance)
        arms[arm] = [
            decode_after(model, job.past, latents) for job, latents in zip(jobs, made, strict=True)
        ]
    report: dict[str, Any] = {arm: _statistics(videos) for arm, videos in arms.items()}
    return report | {"frames": len(arms["truth"][0]), "window_frames": WINDOW_FRAMES}


def _wander(seed: int, chunks: int) -> tuple[str, ...]:
    return tuple(explore(list(MOVES), np.random.default_rng([seed, 4]), chunks))


def _truth(model: WorldModel, one: Walk, actions: tuple[str, ...]) -> Frames:
    """Draw the true frames and send them through the autoencoder."""
    film = one.place.film_on(one.route, 0, actions)
    frames = np.concatenate([one.frames[:1], film])
    return coded(model, frames, np.arange(1, len(frames)))


def _statistics(videos: Sequence[Frames]) -> list[dict[str, Any]]:
    starts = range(0, len(videos[0]), WINDOW_FRAMES)
    return [_window([v[start : start + WINDOW_FRAMES] for v in videos], start) for start in starts]


def _window(videos: Sequence[Frames], start: int) -> dict[str, Any]:
    colour = np.mean([video.mean((0, 1, 2)) for video in videos], axis=0)
    return {
        "first_frame": start + 1,
        "mean_colour": [round(float(part), 2) for part in colour],
        "contrast": round(float(np.mean([metrics.contrast(video) for video in videos])), 3),
        "sharpness": round(float(np.mean([metrics.sharpness(video) for video in videos])), 3),
        "motion": round(float(np.mean([metrics.motion(video) for video in videos])), 3),
    }
