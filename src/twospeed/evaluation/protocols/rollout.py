"""Many episodes side by side: observe true chunks, or generate chunk by chunk.

Episodes of different length run together; whoever has finished steps out. Noise depends on an
episode's seed and the chunk's number alone, never on its companions or on the memory, so that
arms are paired. Axes: C channels, T frames, H and W latent cells.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from twospeed.core.random import seed_of
from twospeed.evaluation.protocols.memories import narrowed
from twospeed.memory.config import FastLearningConfig
from twospeed.memory.fast_weights import FastWeights
from twospeed.memory.memory_file import MemoryFile, memory_of
from twospeed.worldmodel.model import WorldModel

Advance = Callable[[int], None]
"""Is told how many more chunks are done."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Job:
    """What one episode has to do: a stretch of chunks, from some past on."""

    seed: int
    """Decides all noise of the episode."""

    past: Tensor
    """(C, T, H, W), clean latents to start from; all jobs of a batch have as many frames."""

    actions: tuple[str, ...]
    """One a chunk."""

    first_chunk: int
    """Number of the first one in the episode."""

    truth: Tensor | None = None
    """(C, T, H, W), latents of the true frames of these chunks, for observing."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Predicted:
    """A true chunk as it was predicted before the memory learned it."""

    chunk: int
    on: Tensor
    """(C, T, H, W), with the memory as it was then."""

    off: Tensor
    """(C, T, H, W), without memory."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Observed:
    """What observing left of one episode."""

    memory: MemoryFile
    predictions: tuple[Predicted, ...]


def fresh_memory(model: WorldModel, config: FastLearningConfig, jobs: Sequence[Job]) -> FastWeights:
    """Return an empty memory for these jobs, detached."""
    return FastWeights(model, config, seeds=[write_seed(job.seed) for job in jobs])


def write_seed(seed: int) -> int:
    """Return the seed that decides the noise of an episode's writes."""
    return seed_of(seed, "writes")


def observe(
    model: WorldModel,
    jobs: Sequence[Job],
    config: FastLearningConfig,
    *,
    advance: Advance,
    predicts: bool = True,
) -> list[Observed]:
    """Let empty memories learn the jobs' true chunks; predict each one before it is learned.

    Args:
        model: the slow weights.
        jobs: one an episode.
        config: how memories learn.
        advance: see `Advance`.
        predicts: whether chunks are predicted at all.

    Returns:
        One a job, in order. The first chunk is not predicted: nothing is remembered then.
    """
    memory = fresh_memory(model, config, jobs)
    active = list(range(len(jobs)))
    predictions: list[list[Predicted]] = [[] for _ in jobs]
    done: dict[int, MemoryFile] = {}
    pasts = [job.past for job in jobs]
    for chunk in range(_longest(jobs)):
        memory, active = _step_out(memory, jobs, active, chunk, done)
        now = [jobs[index] for index in active]
        new = torch.stack([_new(job, chunk) for job in now])
        past = torch.stack([pasts[index] for index in active])
        if chunk and predicts:
            for index, one in zip(active, _predict(model, now, past, memory, chunk), strict=True):
                predictions[index].append(one)
        _write(memory, now, chunk, past, new, generated=False)
        for index, seen in zip(active, model.past_after(past, new), strict=True):
            pasts[index] = seen
        advance(len(now))
    _step_out(memory, jobs, active, _longest(jobs), done)
    return [
        Observed(memory=done[index], predictions=tuple(predictions[index]))
        for index in range(len(jobs))
    ]


def generate(
    model: WorldModel,
    jobs: Sequence[Job],
    memory: FastWeights | None,
    *,
    writes: bool,
    advance: Advance,
) -> tuple[list[Tensor], list[MemoryFile]]:
    """Generate every job's chunks, each from the latents that the model looks at before it.

    Args:
        model: the slow weights.
        jobs: one an episode.
        memory: their fast weights side by side, or None.
        writes: whether the memory learns each generated chunk.
        advance: see `Advance`.

    Returns:
        Latents (C, T, H, W) of all chunks of each job, and the memories after them.
    """
    active = list(range(len(jobs)))
    pasts = [job.past for job in jobs]
    made: list[list[Tensor]] = [[] for _ in jobs]
    done: dict[int, MemoryFile] = {}
    for chunk in range(_longest(jobs)):
        if memory is None:
            active = [index for index in active if chunk < len(jobs[index].actions)]
        else:
            memory, active = _step_out(memory, jobs, active, chunk, done)
        now = [jobs[index] for index in active]
        past = torch.stack([pasts[index] for index in active])
        new = generate_chunk(model, now, past, memory, chunk)
        if memory is not None and writes:
            _write(memory, now, chunk, past, new, generated=True)
        elif memory is not None:
            _follow(memory, now, chunk, past, new)
        for index, latents, seen in zip(active, new, model.past_after(past, new), strict=True):
            made[index].append(latents)
            pasts[index] = seen
        advance(len(now))
    if memory is not None:
        _step_out(memory, jobs, active, _longest(jobs), done)
    return [torch.cat(parts, 1) for parts in made], [done[index] for index in sorted(done)]


def generate_chunk(
    model: WorldModel,
    jobs: Sequence[Job],
    past_ECTHW: Tensor,
    memory: FastWeights | None,
    chunk: int,
) -> Tensor:
    """Generate the jobs' chunk of this number (counted from their first), with or without memory.

    Returns:
        Latents (E, C, T, H, W).
    """
    return model.generate(
        past_ECTHW,
        [job.actions[chunk] for job in jobs],
        [(job.seed, "chunk", job.first_chunk + chunk) for job in jobs],
        fast_weights=memory,
    )


def _longest(jobs: Sequence[Job]) -> int:
    return max(len(job.actions) for job in jobs)


def _new(job: Job, chunk: int) -> Tensor:
    if job.truth is None:
        raise AssertionError("a job to observe has true latents")
    frames = job.truth.shape[1] // len(job.actions)
    return job.truth[:, frames * chunk : frames * (chunk + 1)]


def _write(
    memory: FastWeights,
    jobs: Sequence[Job],
    chunk: int,
    past: Tensor,
    new: Tensor,
    *,
    generated: bool,
) -> None:
    """Let the memory learn one chunk of every job."""
    actions = [job.actions[chunk] for job in jobs]
    window = torch.cat([past, new], 2)
    memory.observe(window, actions, past_frames=past.shape[2], generated=generated)


def _follow(
    memory: FastWeights, jobs: Sequence[Job], chunk: int, past: Tensor, new: Tensor
) -> None:
    """Let the memory go along with one chunk of every job that it does not learn."""
    frames = torch.cat([past[:, :, -1:], new], 2)
    for episode, job in enumerate(jobs):
        memory.follow(frames[episode], [job.actions[chunk]] * new.shape[2], episode=episode)


def _predict(
    model: WorldModel, jobs: Sequence[Job], past: Tensor, memory: FastWeights, chunk: int
) -> list[Predicted]:
    on, off = (generate_chunk(model, jobs, past, arm, chunk) for arm in (memory, None))
    pairs = zip(on, off, strict=True)
    return [Predicted(chunk=chunk, on=one, off=other) for one, other in pairs]


def _step_out(
    memory: FastWeights,
    jobs: Sequence[Job],
    active: list[int],
    chunk: int,
    done: dict[int, MemoryFile],
) -> tuple[FastWeights, list[int]]:
    """Let jobs that have no chunk of this number step out; put their memories into `done`."""
    stay = [p for p, index in enumerate(active) if chunk < len(jobs[index].actions)]
    if len(stay) == len(active):
        return memory, active
    for place, index in enumerate(active):
        if place not in stay:
            done[index] = memory_of(memory, place)
    return narrowed(memory, stay) if stay else memory, [active[place] for place in stay]
