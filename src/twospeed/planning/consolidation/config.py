"""What is measured before and after a consolidation, and how much may be lost."""

from dataclasses import dataclass, field
from typing import Annotated

from twospeed.core.errors import ConfigError, lookup
from twospeed.core.fields import check_fields
from twospeed.core.ranges import Batch, Count, EpisodeSeed, Seed, Within
from twospeed.data.recorder import TEST_SEEDS_FROM
from twospeed.training.consolidation.config import ConsolidationConfig
from twospeed.worlds.registry import WORLDS
from twospeed.worlds.routes.base import EXACT

Loss = Annotated[float, Within(0, 1e6)]

SKILLS = ("loss", "obeyed", "recall", "retrace", "put_back")
"""Kinds of skills, the cheap ones first (skills.py)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Bounds:
    """Most that a skill may lose; 0 lets it lose nothing."""

    loss: Loss = 0.02
    """Share by which the diffusion loss on episodes of a world may grow."""

    obeyed: Loss = 0.05
    """Share of commands, 0 to 1, that may be obeyed no more."""

    recall: Loss = 0.5
    """Decibels of what memory adds at revisits."""

    retrace: Loss = 0.25
    """Metres by which an agent with memory may come less near to its way."""

    put_back: Loss = 0.03
    """Metres by which a block may be put farther from where it was."""

    def __post_init__(self) -> None:
        check_fields(self)


@dataclass(frozen=True, kw_only=True, slots=True)
class MatrixConfig:
    """How skills are measured: on episodes that nothing is learned from."""

    skills: tuple[str, ...] = SKILLS
    """Which; those that a world does not give are named as not measured."""

    worlds: tuple[str, ...] = ()
    """In which; none names all that the model was trained on, those that it has forgotten too."""

    bounds: Bounds = field(default_factory=Bounds)

    first_seed: EpisodeSeed = 780_000
    """Of the episodes, below those for testing: a roll-back is a choice."""

    episodes: Annotated[int, Within(1, 10_000)] = 8
    """Of the losses and of obedience, in every world."""

    chunks: Annotated[int, Within(2, 1000)] = 8
    """Of such an episode."""

    recall_episodes: Annotated[int, Within(1, 10_000)] = 4
    """Of recall."""

    route: str = "loop_return"
    """Kind of the routes of recall."""

    planned_episodes: Annotated[int, Within(1, 10_000)] = 4
    """Of planning."""

    batch_size: Batch = 8
    """Clips that run side by side."""

    seed: Seed = 0
    """Mixed into all noise."""

    def __post_init__(self) -> None:
        check_fields(self)
        for skill in self.skills:
            lookup(dict.fromkeys(SKILLS), skill, "skill")
        for world in self.worlds:
            lookup(WORLDS, world, "world")
        lookup(dict.fromkeys(EXACT), self.route, "route")
        if not self.skills:
            raise ConfigError(f"a forgetting matrix has one skill or more of {', '.join(SKILLS)}")
        most = max(self.episodes, self.recall_episodes, 8 * (self.planned_episodes + 1))
        if self.first_seed + most > TEST_SEEDS_FROM:
            raise ConfigError(
                f"skills are measured below seed {TEST_SEEDS_FROM}, from which on episodes are for"
                f" testing: start {most} before it, got {self.first_seed}"
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class SlowFastRun:
    """All settings of ``twospeed consolidate``."""

    learning: ConsolidationConfig = field(default_factory=ConsolidationConfig)
    """How the slow weights learn."""

    matrix: MatrixConfig = field(default_factory=MatrixConfig)
    """What must not be forgotten."""

    halvings: Count = 3
    """How often the way from the old weights to the new ones is halved where a bound is broken."""

    def __post_init__(self) -> None:
        check_fields(self)
