"""What both protocols share: their settings, batches, seeds, and the jobs of a way back."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TypeVar

from torch import Tensor

from twospeed.core.errors import ConfigError, DataError, lookup
from twospeed.core.fields import check_fields
from twospeed.core.random import seed_of
from twospeed.core.ranges import Batch, Seed, is_same_rate
from twospeed.evaluation.protocols.rollout import Job
from twospeed.evaluation.protocols.walks import Walk
from twospeed.memory.config import FastLearningConfig
from twospeed.worldmodel.model import WorldModel
from twospeed.worlds.language import MOVES
from twospeed.worlds.registry import WORLDS
from twospeed.worlds.routes.base import CHUNK_FRAMES

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, slots=True)
class ProtocolConfig:
    """How a protocol is run."""

    memory: FastLearningConfig
    """How the memory learns."""

    seed: Seed = 0
    """Mixed into all noise, beside the episode's own seed."""

    batch_size: Batch = 8
    """Episodes that run side by side; no result depends on it."""

    write_on_return: bool = False
    """Whether memories go on learning generated chunks on the way back of an observed return."""

    def __post_init__(self) -> None:
        check_fields(self)


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


def check_moves(model: WorldModel) -> None:
    """Refuse a model that was trained on none of the moves that routes are walked by.

    Raises:
        DataError: saying what it was trained on.
    """
    known = model.vocabulary
    if known and not MOVES.keys() & known.actions.keys():
        raise DataError(
            f"routes are walked by {', '.join(MOVES)}; this model was trained on"
            f" {', '.join(known.worlds) or 'other actions'}, which has none of them: see how it"
            " obeys by twospeed adherence"
        )


def world_for(model: WorldModel, *named: str | None) -> str:
    """Return the first world that is named, or else the model's own.

    Raises:
        ConfigError: when none is named and the model has none.
    """
    for world in (*named, model.settings.world):
        if world:
            return world
    raise ConfigError(
        "this model was trained on no world of ours: name one where there is --world, such as"
        " --world rooms, or take a model that was"
    )


def check_world(model: WorldModel, world: str) -> None:
    """Refuse a world whose frames are not as those that a model generates: square, as far apart.

    The rate of weights that were trained on no world of ours is a habit alone: any will do.

    Raises:
        UnknownNameError: when there is no such world.
        ConfigError: when the model's frames are not square, or saying both rates.
    """
    model.settings.size.square_side("worlds draw")
    there, here = lookup(WORLDS, world, "world").frames_per_second, model.settings
    if here.world and not is_same_rate(there, here.frames_per_second):
        raise ConfigError(
            f"{world} has {there:g} frames a second, this model of {here.world}"
            f" {here.frames_per_second:g}: take a model that was trained on that rate"
        )


def in_batches(items: Sequence[T], size: int) -> Iterator[list[T]]:
    """Cut a sequence into lists of at most `size`."""
    for start in range(0, len(items), size):
        yield list(items[start : start + size])


def in_batches_alike(items: Sequence[T], size: int, of: Callable[[T], int]) -> Iterator[list[T]]:
    """Cut a sequence as `in_batches` does, and wherever `of` gives another number."""
    for _, alike in groupby(items, of):
        yield from in_batches(list(alike), size)


def episode_seed(walk: Walk, config: ProtocolConfig) -> int:
    """Return the seed of all noise of one episode."""
    return seed_of(config.seed, walk.route.kind, walk.route.seed)


def return_job(walk: Walk, past_CTHW: Tensor, config: ProtocolConfig) -> Job:
    """Return the way back from the last chunk's latents on."""
    return Job(
        seed=episode_seed(walk, config),
        past=past_CTHW,
        actions=walk.route.actions[walk.route.seen :],
        first_chunk=walk.route.seen,
    )
