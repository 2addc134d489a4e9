"""Places never seen: do generated pictures look like places at all, chunk after chunk?

An episode's first frame and first chunk are true; then the slow weights alone generate eight chunks
under its actions. Nothing is compared frame by frame: what was never seen cannot be known. Features
of the clips of one chunk, of all episodes together, are held against those of the same chunk of
true clips of other episodes (metrics/frechet.py, yardstick/network.py). Arms:

    model    generated
    truth    the true clips of these episodes: the floor, since two sets of true clips differ too
    coded    the same through the autoencoder
    frozen   the last true frame through the autoencoder, repeated
    copy     the last true chunk through the autoencoder, repeated

A clip is the frames of a chunk and the one before them. Axes: E episodes, J judged chunks, T frames
of a clip, S steps from frame to frame, K features.
"""

import logging
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from twospeed.core.fields import check_fields
from twospeed.core.progress import progress
from twospeed.core.random import seed_of
from twospeed.core.ranges import Batch, Seed, Within
from twospeed.core.video import Frames
from twospeed.data.episode import Episode
from twospeed.data.recorder import explore_episode
from twospeed.data.recording import RecordingConfig
from twospeed.evaluation.metrics.bootstrap import Interval, plain
from twospeed.evaluation.metrics.frechet import Cloud
from twospeed.evaluation.protocols.base import in_batches, world_for
from twospeed.evaluation.protocols.coding import (
    coded,
    decode_after,
    encode_before,
    last_chunk,
    past_of,
)
from twospeed.evaluation.protocols.rollout import Advance, Job, generate
from twospeed.evaluation.yardstick.features import (
    NETWORKS,
    features_of,
    load_clip_network,
    network_folder,
)
from twospeed.evaluation.yardstick.network import ClipNetwork
from twospeed.worldmodel.model import WorldModel

CHUNKS = (1, 2, 4, 8)
"""Chunks that are judged, counted from the last true frame."""

ARMS = ("model", "truth", "coded", "frozen", "copy")
ENOUGH = 256
"""Episodes below which a distance says more of the draw than of the model."""

OTHERS = 4
"""Times as many other episodes as are generated: their draw alone moves a distance by 1 where they
are as many."""

RESAMPLES = 100
"""Bootstrap draws of an interval."""

_log = logging.getLogger(__name__)

Numbers = NDArray[np.float64]
Json = dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class UnseenConfig:
    """What is measured."""

    episodes: Annotated[int, Within(2, 1_000_000)] = ENOUGH
    """Episodes; `OTHERS` times as many, of the seeds after them, are what they are held against."""

    first_seed: Seed
    """Seed of the first episode; the others follow."""

    world: str | None = None
    """Where; None for the world that the model is of."""

    seed: Seed = 0
    """Mixed into all noise."""

    batch_size: Batch = 32
    """Episodes that run side by side; no result depends on it."""

    def __post_init__(self) -> None:
        check_fields(self)


def measure_unseen(model: WorldModel, config: UnseenConfig) -> Json:
    """Return, for every judged chunk, the distance of every arm, as JSON values.

    "over_truth" is the model's distance over that of the truth, with a percentile bootstrap
    interval over episodes. Progress is shown on standard error.

    Raises:
        UnknownNameError: when there is no such world.
        MissingExtraError: when its engine is not installed.
    """
    world = world_for(model, config.world)
    _warn(config.episodes, world)
    network = load_clip_network(network_folder(world))
    with closing(_walked(model, config)) as walked:
        episodes = list(islice(walked, config.episodes))
        true_EJSK = _features(network, map(_true_clips, walked))
    with progress("unseen", total=len(episodes) * max(CHUNKS), unit="chunks") as advance:
        clips = list(_clips(model, episodes, config, advance))
    found = {arm: _features(network, [one[arm] for one in clips]) for arm in ARMS}
    return {
        str(chunk): _judged({arm: it[:, j] for arm, it in found.items()}, true_EJSK[:, j], config)
        for j, chunk in enumerate(CHUNKS)
    }


def _warn(episodes: int, world: str) -> None:
    if episodes < ENOUGH:
        _log.warning(
            "%d episodes are few for a Fréchet distance: below %d it says more of the draw",
            *(episodes, ENOUGH),
        )
    if world not in NETWORKS:
        _log.warning(
            "in %s distances say little: the networks behind them know %s alone",
            *(world, " and ".join(NETWORKS)),
        )


def _judged(found_ESK: dict[str, Numbers], true_ESK: Numbers, config: UnseenConfig) -> Json:
    true = _cloud(true_ESK)
    distances = {arm: plain(true.distance(_cloud(it))) for arm, it in found_ESK.items()}
    over = over_truth(found_ESK["model"], found_ESK["truth"], true, seed=config.seed)
    return {**distances, "over_truth": over.to_json()}


def over_truth(model_ESK: Numbers, truth_ESK: Numbers, others: Cloud, *, seed: int) -> Interval:
    """Return how much farther a model is from other true clips than the truth, over episodes.

    Args:
        model_ESK: features of what was generated.
        truth_ESK: of the true clips of the same episodes.
        others: the features of true clips of other episodes.
        seed: decides which episodes the bootstrap draws.
    """
    generator = np.random.default_rng(seed)
    count = len(model_ESK)

    def difference(picks_E: NDArray[np.int64]) -> float:
        far, near = (others.distance(_cloud(it[picks_E])) for it in (model_ESK, truth_ESK))
        return far - near

    drawn = [difference(generator.integers(count, size=count)) for _ in range(RESAMPLES)]
    low, high = np.percentile(drawn, (2.5, 97.5)).tolist()
    return Interval(mean=difference(np.arange(count)), low=low, high=high, n=count)


def _cloud(features_ESK: Numbers) -> Cloud:
    return Cloud.of(features_ESK.reshape(-1, features_ESK.shape[-1]))


def _walked(model: WorldModel, config: UnseenConfig) -> Generator[Episode, None, None]:
    """Walk the episodes, then those that they are held against."""
    settings = model.settings
    recording = RecordingConfig(
        world=world_for(model, config.world),
        episodes=(1 + OTHERS) * config.episodes,
        first_seed=config.first_seed,
        chunks=1 + max(CHUNKS),
        chunk_frames=settings.chunk_frames,
        frame_size=settings.frame_size,
    )
    with closing(recording.make_world()) as world:
        for seed in range(recording.first_seed, recording.last_seed + 1):
            yield explore_episode(recording, world, seed)


def _clips(
    model: WorldModel, episodes: Sequence[Episode], config: UnseenConfig, advance: Advance
) -> Iterator[dict[str, Frames]]:
    """Generate, and return the clips of every arm, each (J, T, H, W, 3), for every episode."""
    for batch in in_batches(episodes, config.batch_size):
        seen = [encode_before(model, it.frames, it.chunk_of(0).stop) for it in batch]
        jobs = [
            Job(
                seed=seed_of(config.seed, "unseen", episode.seed),
                past=past_of(model, before),
                actions=episode.actions[1:],
                first_chunk=1,
            )
            for episode, before in zip(batch, seen, strict=True)
        ]
        made, _ = generate(model, jobs, None, writes=False, advance=advance)
        for episode, before, latents in zip(batch, seen, made, strict=True):
            yield _arms(model, episode, before, latents)


def _arms(
    model: WorldModel, episode: Episode, before_CTHW: Tensor, made_CTHW: Tensor
) -> dict[str, Frames]:
    true = _true_clips(episode)
    past = last_chunk(model, before_CTHW)
    context = decode_after(model, before_CTHW[:, : -past.shape[1]], past)
    places = _places(episode.chunk_frames).flatten()
    made = np.concatenate([context[-1:], decode_after(model, before_CTHW, made_CTHW)])[places]
    return {
        "model": made.reshape(true.shape),
        "truth": true,
        "coded": coded(model, episode.frames, episode.chunk_frames + places).reshape(true.shape),
        "frozen": np.broadcast_to(context[-1], true.shape),
        "copy": np.broadcast_to(np.concatenate([context[-1:], context]), true.shape),
    }


def _true_clips(episode: Episode) -> Frames:
    """Return the true clips of the judged chunks, (J, T, H, W, 3)."""
    return episode.frames[episode.chunk_frames :][_places(episode.chunk_frames)]


def _places(chunk_frames: int) -> NDArray[np.int64]:
    """Return which frames each clip has, (J, T), counted from the last true one."""
    starts_J = chunk_frames * (np.array(CHUNKS) - 1)
    return starts_J[:, None] + np.arange(chunk_frames + 1)


def _features(network: ClipNetwork, clips: Iterable[Frames]) -> Numbers:
    """Return the features of all clips of every episode, (E, J, S, K)."""
    return np.stack([features_of(network, it).double().numpy() for it in clips])
