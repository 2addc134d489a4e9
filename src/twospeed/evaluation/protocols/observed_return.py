"""Observed return: the way out is observed, the way back is generated and held against the truth.

Outward, true frames are encoded and the memory learns every chunk; the first is conditioned on
the one first frame. Back, each chunk is generated from the latents of the frames before it and its
action alone. By default nothing is written on the way back. Every arm gets the same past, actions
and noise:

    on       this episode's memory
    off      no adapters
    swap     another episode's memory, of as many writes elsewhere
    random   random adapters that add as much to every layer
    lookup   a table of the seen chunks, and no network (lookup.py)
    frozen   the last seen frame, repeated
    copy     the last seen chunk, repeated
    truth    the true frames

The last three go through the autoencoder as all others do, so that no arm is favoured by pixels
that latents cannot hold; "truth" is what a perfect memory would score.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from twospeed.core.video import Frames
from twospeed.evaluation.metrics.frames import psnr_db
from twospeed.evaluation.protocols.base import (
    ProtocolConfig,
    check_chunks,
    episode_seed,
    in_batches,
    in_batches_alike,
    return_job,
)
from twospeed.evaluation.protocols.coding import (
    before_return,
    coded,
    decode_after,
    encode,
    last_chunk,
    past_of,
)
from twospeed.evaluation.protocols.lookup import LookUp
from twospeed.evaluation.protocols.memories import random_like, rotated
from twospeed.evaluation.protocols.rollout import (
    Advance,
    Job,
    Observed,
    generate,
    observe,
    write_seed,
)
from twospeed.evaluation.protocols.walks import Walk, by_writes, draw_walks
from twospeed.memory.config import ViewConfig
from twospeed.memory.fast_weights import FastWeights
from twospeed.memory.memory_file import MemoryFile, open_memories
from twospeed.worldmodel.model import WorldModel
from twospeed.worlds.routes.base import CHUNK_FRAMES

ARMS = ("on", "off", "swap", "random", "lookup", "frozen", "copy", "truth")
GENERATED = ("on", "off", "swap", "random")


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


def run_observed_return(
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
    shown = [(walk, _outward_latents(model, walk)) for walk in (*walks, *donor_of(walks))]
    observed: list[Observed] = []
    for batch in in_batches(shown, config.batch_size):
        jobs = [_outward_job(walk, latents, config) for walk, latents in batch]
        observed += observe(model, jobs, config.memory, advance=advance)
    written = [one.memory for one in observed]
    others = rotated(written)
    pasts = [min(1 + model.latents_in(it.num_shown - 1), model.past_latents) for it in walks]
    for places in in_batches_alike(range(len(walks)), config.batch_size, pasts.__getitem__):
        chosen = [walks[i] for i in places]
        own, swapped = [written[i] for i in places], [others[i] for i in places]
        arms = _generate_arms(model, chosen, own, swapped, config, advance)
        for i, frames in zip(places, arms, strict=True):
            yield Outcome(
                walk=walks[i],
                frames=frames | _arms_without_network(model, *shown[i]),
                first_visit_db=_first_visit_db(model, *shown[i], observed[i]),
                norm=written[i].norm(),
            )


def count_chunks(walks: Sequence[Walk]) -> int:
    """Return how many chunks `run_observed_return` observes and generates."""
    outward = sum(walk.num_writes for walk in (*walks, *donor_of(walks)))
    return outward + len(GENERATED) * sum(walk.num_generated for walk in walks)


def donor_of(walks: Sequence[Walk]) -> list[Walk]:
    """Return an episode that only lends its memory, where there is none to swap with."""
    if len(walks) > 1:
        return []
    route, place = walks[0].route, walks[0].place
    return draw_walks(route.kind, [route.seed + 1], size=place.size, world=place.world)


def _outward_latents(model: WorldModel, walk: Walk) -> Tensor:
    return encode(model, walk.frames[: 1 + CHUNK_FRAMES * walk.num_writes])


def _outward_job(walk: Walk, latents_CTHW: Tensor, config: ProtocolConfig) -> Job:
    return Job(
        seed=episode_seed(walk, config),
        past=latents_CTHW[:, :1],
        actions=walk.route.actions[: walk.num_writes],
        first_chunk=0,
        truth=latents_CTHW[:, 1:],
    )


def _generate_arms(
    model: WorldModel,
    walks: list[Walk],
    own: list[MemoryFile],
    others: list[MemoryFile],
    config: ProtocolConfig,
    advance: Advance,
) -> list[dict[str, Frames]]:
    seen: list[Tensor] = []
    jobs = []
    for walk in walks:
        seen.append(before_return(model, walk))
        jobs.append(return_job(walk, past_of(model, seen[-1]), config))
    seeds = [write_seed(job.seed) for job in jobs]
    drawn = [random_like(one, seed=job.seed) for one, job in zip(own, jobs, strict=True)]
    arms: list[dict[str, Frames]] = [{} for _ in walks]
    for arm, written in (("on", own), ("off", None), ("swap", others), ("random", drawn)):
        memory = open_memories(model, written, seeds=seeds) if written else None
        if memory:
            _lead(memory, walks)
        made, _ = generate(model, jobs, memory, writes=config.write_on_return, advance=advance)
        for frames, before, latents in zip(arms, seen, made, strict=True):
            frames[arm] = decode_after(model, before, latents)
    return arms


def memories_after(
    model: WorldModel, walk: Walk, config: ProtocolConfig, copies: int
) -> FastWeights:
    """Return copies of a memory of one walk's way out, standing where the way back begins."""
    job = _outward_job(walk, _outward_latents(model, walk), config)
    (one,) = observe(model, [job], config.memory, advance=lambda _: None, predicts=False)
    seeds = [write_seed(job.seed)] * copies
    memory = open_memories(model, [one.memory] * copies, seeds=seeds)
    _lead(memory, [walk] * copies)
    return memory


def _lead(memory: FastWeights, walks: Sequence[Walk]) -> None:
    """Let a memory that keeps a place go along with what is shown and not written."""
    if not isinstance(memory.config, ViewConfig):
        return
    for episode, walk in enumerate(walks):
        first, steps = walk.route.first_generated, walk.route.lead
        shown = encode(memory.model, walk.frames[first - len(steps) - 1 : first])
        memory.follow(shown, steps, episode=episode)


def _arms_without_network(model: WorldModel, walk: Walk, seen_CTHW: Tensor) -> dict[str, Frames]:
    route, first = walk.route, walk.route.first_generated
    before = before_return(model, walk)
    past = last_chunk(model, before)
    context = decode_after(model, before[:, : -past.shape[1]], past)
    table = LookUp(seen_CTHW, route.actions[: walk.num_writes], both_ways=model.rules.frames == 1)
    shown = table.replay(past, route.actions[route.seen :])
    return {
        "lookup": decode_after(model, before, shown),
        "frozen": np.repeat(context[-1:], len(walk.truth_back), axis=0),
        "copy": np.concatenate([context] * walk.num_generated),
        "truth": coded(model, walk.frames, np.arange(first, len(walk.frames))),
    }


def _first_visit_db(
    model: WorldModel, walk: Walk, seen_CTHW: Tensor, observed: Observed
) -> dict[str, float]:
    scores: dict[str, list[float]] = {"on": [], "off": []}
    is_new = walk.new_frames
    for one, arm in itertools.product(observed.predictions, scores):
        place = slice(1 + CHUNK_FRAMES * one.chunk, 1 + CHUNK_FRAMES * (one.chunk + 1))
        before = seen_CTHW[:, : 1 + model.latents_in(place.start - 1)]
        frames = decode_after(model, before, one.on if arm == "on" else one.off)
        scores[arm] += psnr_db(frames, walk.frames[place])[is_new[place]].tolist()
    return {arm: float(np.mean(values)) if values else np.nan for arm, values in scores.items()}
