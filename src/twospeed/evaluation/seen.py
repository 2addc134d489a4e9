"""Protocol "seen": the way out is observed, the way back is generated and held against the truth.

Outward, true frames are encoded and the memory learns every chunk; the first is conditioned on
the one first frame. Back, each chunk is generated from the latents of the chunk before it and its
action alone. By default nothing is written on the way back. Every arm gets the same past, actions
and noise:

    on       this episode's memory
    off      no adapters
    swap     another episode's memory, of as many writes elsewhere
    random   random adapters that add as much to every layer
    frozen   the last seen frame, repeated
    copy     the last seen chunk, repeated
    truth    the true frames through the autoencoder
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from twospeed.core.errors import ConfigError, DataError
from twospeed.core.random import seed_of
from twospeed.core.video import Frames
from twospeed.evaluation.memories import Snapshot, random_like, resumed, rotated
from twospeed.evaluation.metrics import psnr_db
from twospeed.evaluation.rollout import Advance, Job, Observed, generate, observe, write_seed
from twospeed.evaluation.walks import Walk, by_writes, draw_walks
from twospeed.memory.config import FastLearningConfig, default
from twospeed.worldmodel.model import WorldModel
from twospeed.worlds.routes import CHUNK_FRAMES

ARMS = ("on", "off", "swap", "random", "frozen", "copy", "truth")
GENERATED = ("on", "off", "swap", "random")


@dataclass(frozen=True, kw_only=True, slots=True)
class ProtocolConfig:
    """How a protocol is run."""

    memory: FastLearningConfig = field(default_factory=default)
    """How the memory learns."""

    seed: int = 0
    """Mixed into all noise, beside the episode's own seed."""

    batch_size: int = 8
    """Episodes that run side by side; no result depends on it."""

    write_on_return: bool = False
    """Whether memories go on learning generated chunks on the way back of protocol "seen"."""

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            raise ConfigError(f"batch_size must be 1 or more, got {self.batch_size}")


@dataclass(frozen=True, kw_only=True, eq=False)
class Outcome:
    """What every arm made of one episode's way back."""

    walk: Walk

    frames: dict[str, Frames]
    """Arm -> (G, H, W, 3)."""

    first_visit_db: dict[str, float]
    """"on" and "off" -> PSNR of outward chunks predicted before they were learned, new frames
    only; NaN where there are none."""

    norm: float
    """L2 norm of all that the memory adds to the weights."""


def run_seen(
    model: WorldModel, walks: Sequence[Walk], config: ProtocolConfig, *, advance: Advance
) -> Iterator[Outcome]:
    """Run the protocol on episodes of one kind of route.

    Args:
        model: the slow weights.
        walks: the episodes; one that is alone borrows the memory of `donor_of`.
        config: how to run it.
        advance: is told of every chunk that is done; `count_chunks` says how many there are.

    Yields:
        Outcomes, with the longest way out first.

    Raises:
        DataError: when the model's chunks are not those of the routes.
    """
    check_chunks(model)
    walks = by_writes(walks)
    observed: list[Observed] = []
    for batch in in_batches([*walks, *donor_of(walks)], config.batch_size):
        jobs = [_outward_job(model, walk, config) for walk in batch]
        observed += observe(model, jobs, config.memory, advance=advance)
    snapshots = [one.snapshot for one in observed]
    strangers = rotated(snapshots)
    for batch in in_batches(range(len(walks)), config.batch_size):
        chosen = [walks[i] for i in batch]
        own, others = [snapshots[i] for i in batch], [strangers[i] for i in batch]
        arms = _generate_arms(model, chosen, own, others, config, advance)
        for place, i in enumerate(batch):
            yield Outcome(
                walk=walks[i],
                frames=arms[place] | _still_arms(model, walks[i]),
                first_visit_db=_first_visit_db(model, walks[i], observed[i]),
                norm=snapshots[i].file.norm(),
            )


def count_chunks(walks: Sequence[Walk]) -> int:
    """Return how many chunks `run_seen` observes and generates."""
    outward = sum(walk.num_writes for walk in (*walks, *donor_of(walks)))
    return outward + len(GENERATED) * sum(walk.num_generated for walk in walks)


def check_chunks(model: WorldModel) -> None:
    """Refuse a model whose chunks do not fit the routes.

    Raises:
        DataError: saying both lengths.
    """
    if model.settings.chunk_frames != CHUNK_FRAMES:
        raise DataError(
            f"routes have chunks of {CHUNK_FRAMES} frames, this model generates"
            f" {model.settings.chunk_frames}"
        )


def donor_of(walks: Sequence[Walk]) -> list[Walk]:
    """Return an episode that only lends its memory, where there is none to swap with."""
    if len(walks) > 1:
        return []
    route = walks[0].route
    return draw_walks(route.kind, [route.seed + 1], size=walks[0].frames.shape[1])


def in_batches(items: Sequence, size: int) -> Iterator[list]:
    """Cut a sequence into lists of at most `size`."""
    for start in range(0, len(items), size):
        yield list(items[start : start + size])


def episode_seed(walk: Walk, config: ProtocolConfig) -> int:
    """Return the seed of all noise of one episode."""
    return seed_of(config.seed, walk.route.kind, walk.route.seed)


def _outward_job(model: WorldModel, walk: Walk, config: ProtocolConfig) -> Job:
    latents = encode(model, walk.frames[: 1 + CHUNK_FRAMES * walk.num_writes])
    return Job(
        seed=episode_seed(walk, config),
        past_CTHW=latents[:, :1],
        actions=walk.route.actions[: walk.num_writes],
        first_chunk=0,
        truth_CTHW=latents[:, 1:],
    )


def return_job(walk: Walk, past_CTHW: Tensor, config: ProtocolConfig) -> Job:
    """Return the way back from the last chunk's latents on."""
    return Job(
        seed=episode_seed(walk, config),
        past_CTHW=past_CTHW,
        actions=walk.route.actions[walk.route.seen :],
        first_chunk=walk.route.seen,
    )


def encode(model: WorldModel, frames: Frames) -> Tensor:
    """Encode one episode's frames to latents (C, T, H, W)."""
    return model.encode(frames[None]).to(model.device)[0]


def decode(model: WorldModel, latents_CTHW: Tensor) -> Frames:
    """Decode one episode's latents to frames."""
    frames: Frames = model.decode(latents_CTHW[None])[0]
    return frames


def _generate_arms(
    model: WorldModel,
    walks: list[Walk],
    own: list[Snapshot],
    others: list[Snapshot],
    config: ProtocolConfig,
    advance: Advance,
) -> list[dict[str, Frames]]:
    jobs = []
    for walk in walks:
        last = slice(walk.route.first_generated - CHUNK_FRAMES, walk.route.first_generated)
        jobs.append(return_job(walk, encode(model, walk.frames[last]), config))
    seeds = [write_seed(job.seed) for job in jobs]
    drawn = [random_like(one, seed=job.seed) for one, job in zip(own, jobs, strict=True)]
    arms: list[dict[str, Frames]] = [{} for _ in walks]
    for arm, snapshots in (("on", own), ("off", None), ("swap", others), ("random", drawn)):
        memory = resumed(model, snapshots, seeds=seeds) if snapshots else None
        made, _ = generate(model, jobs, memory, writes=config.write_on_return, advance=advance)
        for frames, latents in zip(arms, made, strict=True):
            frames[arm] = decode(model, latents)
    return arms


def _still_arms(model: WorldModel, walk: Walk) -> dict[str, Frames]:
    first, truth = walk.route.first_generated, walk.truth_back
    chunk = walk.frames[first - CHUNK_FRAMES : first]
    return {
        "frozen": np.repeat(chunk[-1:], len(truth), axis=0),
        "copy": np.concatenate([chunk] * walk.num_generated),
        "truth": decode(model, encode(model, truth)),
    }


def _first_visit_db(model: WorldModel, walk: Walk, observed: Observed) -> dict[str, float]:
    scores: dict[str, list[float]] = {"on": [], "off": []}
    is_new = walk.new_frames
    for one, arm in itertools.product(observed.predictions, scores):
        place = slice(1 + CHUNK_FRAMES * one.chunk, 1 + CHUNK_FRAMES * (one.chunk + 1))
        frames = decode(model, one.on_CTHW if arm == "on" else one.off_CTHW)
        scores[arm] += psnr_db(frames, walk.frames[place])[is_new[place]].tolist()
    return {arm: float(np.mean(values)) if values else np.nan for arm, values in scores.items()}
