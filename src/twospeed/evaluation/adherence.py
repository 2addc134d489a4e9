"""Are actions obeyed, in any recorded domain? No simulator is asked: the recording is the truth.

From the chunk before a clip, a chunk is generated under each of several action texts of its
domain: the one that was really done, and others, with the same past and the same noise. The clip
counts as obeyed when the chunk of the true text is the nearest to the true new frames, in mean
squared error; equal ones share the point. Clips are chosen so that all texts are tried as often
as the episodes allow, and the other texts are drawn evenly. So a model that heeds no text scores
1 / texts, and one that only favours some texts does so in the mean over actions.
Holds not: obedience in the built-in rooms, where every command's outcome can be drawn
(protocols/commanded.py).
"""

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from twospeed.core.arguments import check_kind
from twospeed.core.config import to_json
from twospeed.core.errors import DataError
from twospeed.core.fields import check_fields
from twospeed.core.files import StrPath, as_path
from twospeed.core.progress import progress
from twospeed.core.random import seed_of
from twospeed.core.ranges import Batch, Seed, Within, is_same_rate
from twospeed.core.video import Frames
from twospeed.data.clip import Clip, clip_of
from twospeed.data.episode import Episode
from twospeed.data.sheets import chosen_episodes
from twospeed.data.survey import Sample, survey
from twospeed.evaluation.metrics.bootstrap import bootstrap_mean, plain
from twospeed.evaluation.metrics.frames import video_errors
from twospeed.evaluation.protocols.base import in_batches
from twospeed.evaluation.protocols.coding import (
    decode_after,
    encode_before,
    generate_after,
    past_of,
)
from twospeed.evaluation.protocols.understanding import understanding_of
from twospeed.evaluation.reports.provenance import provenance_of
from twospeed.worldmodel.model import WorldModel
from twospeed.worlds.registry import WORLDS

_log = logging.getLogger(__name__)

CLOSENESS = 1e-6
"""Errors that differ by less than this part count as equal."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AdherenceConfig:
    """What is measured."""

    episodes: Annotated[int, Within(1, 1_000_000)] = 16
    """Episodes of each domain, spread evenly over those for testing."""

    clips: Annotated[int, Within(1, 1_000_000)] = 8
    """Clips of each episode."""

    candidates: Annotated[int, Within(2, 1000)] = 4
    """Texts tried for a clip, the true one among them; fewer where a domain has fewer."""

    seed: Seed = 0
    """Decides the clips, the texts and the noise."""

    batch_size: Batch = 8
    """Clips that run side by side; no choice depends on it."""

    def __post_init__(self) -> None:
        check_fields(self)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Trial:
    """One clip and the texts that are tried on it."""

    episode: int
    """Which of the domain's episodes it is of."""

    clip: Clip
    seen: Frames
    """All frames of the episode before the clip's new ones."""

    texts: tuple[str, ...]
    """The true one first."""

    seed: int
    """Decides the noise, the same under every text."""


def measure_adherence(model: WorldModel, data: StrPath, config: AdherenceConfig) -> dict[str, Any]:
    """Return the report as JSON values: for every domain accuracy, interval and chance.

    For a domain that is one of our worlds also how far its held-out sayings are understood.

    Episodes for testing are taken, or all of them where a domain has none. Progress is shown on
    standard error.

    Args:
        model: the slow weights, without memory.
        data: a folder with shards below it, of frames of the model's size.
        config: how much.

    Raises:
        DataError: when nothing can be read there, or chunks or frames are not the model's.
    """
    check_kind(model, WorldModel, "model")
    data = as_path(data, "data")
    found = survey(data, with_looks=False)
    worlds = sorted({sample.world for sample in found.samples})
    domains = {
        world: _domain(model, world, [it for it in found.samples if it.world == world], config)
        for world in worlds
    }
    return {
        "domains": domains,
        "provenance": provenance_of(model) | {"config": to_json(config), "data": data.name},
        "notes": "the true text's chunk is the nearest of all to the true new frames, mean squared"
        " error over the chunk; percentile bootstrap over episodes, 95 %, 2000 draws; episodes"
        " 'all' were not kept for testing",
    }


def _domain(
    model: WorldModel, world: str, samples: Sequence[Sample], config: AdherenceConfig
) -> dict[str, Any]:
    testing = [sample for sample in samples if sample.is_for_testing]
    episodes = chosen_episodes(testing or samples, most=config.episodes)
    if not episodes:
        raise DataError(f"no episode of {world} can be read")
    _check(model, episodes)
    _warn_of_rate(model, world, episodes)
    trials = draw_trials(episodes, config)
    outcomes = outcomes_of(model, world, trials, config)
    sayings = understanding_of(model, WORLDS[world].actions) if world in WORLDS else None
    of = "testing" if testing else "all"
    return _summary(trials, outcomes, config) | {"of": of, "held_out_sayings": sayings}


def _check(model: WorldModel, episodes: Sequence[Episode]) -> None:
    length = model.settings.chunk_frames
    for episode in episodes:
        if episode.chunk_frames != length:
            raise DataError(
                f"episode {episode.seed} of {episode.world} has chunks of {episode.chunk_frames}"
                f" frames, this model generates {length}"
            )


def _warn_of_rate(model: WorldModel, world: str, episodes: Sequence[Episode]) -> None:
    here, there = model.settings.frames_per_second, episodes[0].frames_per_second
    if not is_same_rate(here, there):
        _log.warning(
            "%s has %g frames a second, this model %g; none is left out", world, there, here
        )


def draw_trials(episodes: Sequence[Episode], config: AdherenceConfig) -> list[Trial]:
    """Choose clips whose texts are spread as evenly as can be, and the other texts to try.

    Every episode gives as many clips as it can, up to `config.clips`; never its first chunk, whose
    past is a single frame.

    Raises:
        DataError: when the episodes have no two texts, or no second chunk.
    """
    world = episodes[0].world
    texts = sorted({text for episode in episodes for text in episode.actions[1:]})
    if len(texts) < 2:
        raise DataError(f"adherence needs episodes of two actions or more, {world} has {texts}")
    generator = np.random.default_rng(seed_of(config.seed, "adherence", world))
    num_others = min(config.candidates, len(texts)) - 1
    trials = []
    for number, index in _places(episodes, config.clips, generator):
        episode = episodes[number]
        clip = clip_of(episode, index, num_past=episode.chunk_frames)
        seen = episode.frames[: episode.chunk_of(index).start]
        others = generator.choice([it for it in texts if it != clip.action], num_others, False)
        seed = seed_of(config.seed, world, episode.seed, index)
        tried = (clip.action, *map(str, others))
        trials.append(Trial(episode=number, clip=clip, seen=seen, texts=tried, seed=seed))
    return trials


def _places(
    episodes: Sequence[Episode], clips: int, generator: np.random.Generator
) -> Iterator[tuple[int, int]]:
    """Yield episode and chunk, the text that was tried least first."""
    tried: Counter[str] = Counter()
    left = [generator.permutation(range(1, len(it.actions))).tolist() for it in episodes]
    for _ in range(clips):
        for number, chunks in enumerate(left):
            if chunks:
                actions = episodes[number].actions
                index = min(chunks, key=lambda chunk: tried[actions[chunk]])
                chunks.remove(index)
                tried[actions[index]] += 1
                yield number, index


def outcomes_of(
    model: WorldModel, world: str, trials: Sequence[Trial], config: AdherenceConfig
) -> list[float]:
    """Return for every clip of a world whether it was obeyed, 0 to 1 (`obeyed`)."""
    outcomes: list[float] = []
    with progress(f"adherence, {world}", total=len(trials), unit="clips") as advance:
        for batch in in_batches(trials, config.batch_size):
            outcomes += [obeyed(errors) for errors in _errors(model, batch)]
            advance(len(batch))
    return outcomes


def _errors(model: WorldModel, trials: Sequence[Trial]) -> list[NDArray[np.float64]]:
    """Return for every trial how far the chunk of each text is from the true one."""
    seen = [encode_before(model, one.seen, len(one.seen)) for one in trials]
    rows = [
        (before, text, one) for before, one in zip(seen, trials, strict=True) for text in one.texts
    ]
    made = generate_after(
        model,
        [past_of(model, before) for before, _, _ in rows],
        [text for _, text, _ in rows],
        [("adherence", one.seed) for _, _, one in rows],
    )
    frames = iter(
        decode_after(model, before, latents)
        for (before, _, _), latents in zip(rows, made, strict=True)
    )
    chunks = [np.stack([next(frames) for _ in one.texts]) for one in trials]
    return [video_errors(it, one.clip.new) for it, one in zip(chunks, trials, strict=True)]


def obeyed(errors: NDArray[np.float64]) -> float:
    """Return 1 when the first error is the smallest, its share when others are equal, else 0."""
    least = errors <= errors.min() * (1 + CLOSENESS)
    return float(least[0] / least.sum())


def _summary(
    trials: Sequence[Trial], outcomes: Sequence[float], config: AdherenceConfig
) -> dict[str, Any]:
    by_episode: dict[int, list[float]] = {}
    by_action: dict[str, list[float]] = {}
    for one, outcome in zip(trials, outcomes, strict=True):
        by_episode.setdefault(one.episode, []).append(outcome)
        by_action.setdefault(one.clip.action, []).append(outcome)
    accuracy = bootstrap_mean([float(np.mean(it)) for it in by_episode.values()], seed=config.seed)
    candidates = len(trials[0].texts)
    return {
        "accuracy": accuracy.to_json(),
        "mean_over_actions": plain(float(np.mean([np.mean(it) for it in by_action.values()]))),
        "chance": plain(1 / candidates),
        "candidates": candidates,
        "clips": len(trials),
        "by_action": {
            text: {"accuracy": plain(float(np.mean(it))), "clips": len(it)}
            for text, it in sorted(by_action.items())
        },
    }
