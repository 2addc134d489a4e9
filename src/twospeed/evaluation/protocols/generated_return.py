"""Generated return: everything after the first frame is generated and held against itself.

The memory learns every chunk that it dreams, out and back. The return is compared with the
dream's own first visit, so a video that stands still would win: motion stands beside it.

    on       this dream's memory
    off      no adapters: another dream, from the same noise
    swap     the dream of "on", but from the turning point on with another dream's memory
    frozen   the first frame, repeated
"""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from twospeed.core.video import Frames
from twospeed.evaluation.metrics import frames as metrics
from twospeed.evaluation.protocols.base import (
    ProtocolConfig,
    check_chunks,
    episode_seed,
    in_batches,
    in_batches_alike,
    return_job,
)
from twospeed.evaluation.protocols.coding import decode, encode, past_of
from twospeed.evaluation.protocols.memories import rotated
from twospeed.evaluation.protocols.observed_return import donor_of
from twospeed.evaluation.protocols.rollout import Advance, Job, fresh_memory, generate, write_seed
from twospeed.evaluation.protocols.scores import EpisodeScores
from twospeed.evaluation.protocols.walks import Walk, by_writes
from twospeed.memory.fast_weights import FastWeights
from twospeed.memory.memory_file import MemoryFile, open_memories
from twospeed.worldmodel.model import WorldModel
from twospeed.worlds.routes.base import CHUNK_FRAMES

ARMS = ("on", "off", "swap", "frozen")


def run_generated_return(
    model: WorldModel, walks: Sequence[Walk], config: ProtocolConfig, *, advance: Advance
) -> Iterator[EpisodeScores]:
    """Run the protocol on episodes of one kind of route.

    Args:
        model: the slow weights.
        walks: the episodes; their first frames and actions are used, and their revisits.
        config: how to run it.
        advance: is told of every chunk that is done; `count_generated_chunks` says how many.

    Yields:
        Scores against the dream's own first visit, in dB and SSIM, with the longest way out first.

    Raises:
        DataError: when the model's chunks are not those of the routes.
    """
    check_chunks(model)
    walks = by_writes(walks)
    out: dict[str, list[Tensor]] = {"on": [], "off": []}
    written: list[MemoryFile] = []
    for batch in in_batches([*walks, *donor_of(walks)], config.batch_size):
        jobs = [_outward_job(model, walk, config) for walk in batch]
        memory = fresh_memory(model, config.memory, jobs)
        made, ends = generate(model, jobs, memory, writes=True, advance=advance)
        out["on"] += made
        written += ends
        out["off"] += generate(model, jobs, None, writes=False, advance=advance)[0]
    memories = {"on": written, "off": None, "swap": rotated(written)}
    pasts = [min(it.shape[1], model.past_latents) for it in out["on"]]
    for places in in_batches_alike(range(len(walks)), config.batch_size, pasts.__getitem__):
        chosen = [walks[i] for i in places]
        dreams: list[dict[str, Frames]] = [{"frozen": _frozen(model, walk)} for walk in chosen]
        for arm, kept in memories.items():
            before = [out["off" if arm == "off" else "on"][i] for i in places]
            jobs = [
                return_job(walk, _turning_point(model, walk, latents), config)
                for walk, latents in zip(chosen, before, strict=True)
            ]
            remembered = _resume(model, kept, places, jobs)
            back, _ = generate(model, jobs, remembered, writes=True, advance=advance)
            for place, walk in enumerate(chosen):
                dreams[place][arm] = _whole(model, walk, before[place], back[place])
        for walk, place, frames in zip(chosen, places, dreams, strict=True):
            yield _score(walk, frames, written[place].norm())


def count_generated_chunks(walks: Sequence[Walk]) -> int:
    """Return how many chunks `run_generated_return` generates."""
    outward = sum(walk.num_writes for walk in (*walks, *donor_of(walks)))
    return 2 * outward + 3 * sum(walk.num_generated for walk in walks)


def _outward_job(model: WorldModel, walk: Walk, config: ProtocolConfig) -> Job:
    return Job(
        seed=episode_seed(walk, config),
        past=encode(model, walk.frames[:1]),
        actions=walk.route.actions[: walk.num_writes],
        first_chunk=0,
    )


def _turning_point(model: WorldModel, walk: Walk, out_CTHW: Tensor) -> Tensor:
    """Return what the way back begins from: the last frames, or the first after a restart."""
    if walk.route.restart_at is None:
        return past_of(model, out_CTHW)
    return out_CTHW[:, : model.latents_in(CHUNK_FRAMES)]


def _resume(
    model: WorldModel, kept: list[MemoryFile] | None, places: list[int], jobs: list[Job]
) -> FastWeights | None:
    if kept is None:
        return None
    return open_memories(
        model, [kept[i] for i in places], seeds=[write_seed(job.seed) for job in jobs]
    )


def _whole(model: WorldModel, walk: Walk, out_CTHW: Tensor, back_CTHW: Tensor) -> Frames:
    """Put first frame, way out and way back together: (T, H, W, 3) like the truth."""
    again = [] if walk.route.restart_at is None else [_turning_point(model, walk, out_CTHW)]
    latents = torch.cat([encode(model, walk.frames[:1]), out_CTHW, *again, back_CTHW], dim=1)
    return decode(model, latents)


def _frozen(model: WorldModel, walk: Walk) -> Frames:
    return np.repeat(decode(model, encode(model, walk.frames[:1])), len(walk.frames), axis=0)


def _score(walk: Walk, dreams: dict[str, Frames], norm: float) -> EpisodeScores:
    revisits = walk.revisits
    there = revisits + walk.route.first_generated
    before = walk.route.first_visit[revisits]
    ages = walk.route.age[revisits]
    measures = {"psnr_db": metrics.psnr_db, "ssim": metrics.ssim}
    return EpisodeScores(
        walk=walk,
        values={
            name: {arm: measure(dreams[arm][there], dreams[arm][before]) for arm in ARMS}
            for name, measure in measures.items()
        },
        ages=dict.fromkeys(measures, ages),
        motion_kept={arm: metrics.motion_kept(dreams[arm], walk.frames) for arm in ARMS},
        first_visit_db={"on": np.nan, "off": np.nan},
        norm=norm,
    )
