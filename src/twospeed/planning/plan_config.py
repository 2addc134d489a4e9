"""`PlanConfig`: what a plan measures."""

from dataclasses import dataclass
from typing import Annotated

from twospeed.core.errors import ConfigError, lookup
from twospeed.core.fields import check_fields
from twospeed.core.ranges import EpisodeSeed, Seed, Within
from twospeed.data.recorder import TEST_SEEDS_FROM
from twospeed.planning.arms import ARMS
from twospeed.planning.search.table import SEARCHES
from twospeed.planning.tasks.table import is_named, task_for


@dataclass(frozen=True, kw_only=True, slots=True)
class PlanConfig:
    """What is measured."""

    task: str
    """A name in `TASKS`, or a task in one's own words (`task_and_goals`)."""

    world: str
    """Where."""

    arms: tuple[str, ...] = tuple(name for name in ARMS if name != "loop")
    """Names in `ARMS`."""

    episodes: Annotated[int, Within(1, 100_000)] = 16
    """That are not solved at their start."""

    first_seed: EpisodeSeed = TEST_SEEDS_FROM
    """Of the episodes."""

    off_path: bool = False
    """Whether a few steps off the path are taken before the task is set."""

    splitter: str = "grammar"
    """See `splitter_of`."""

    search: str = "beam"
    """How commands are searched for: a name in `SEARCHES`."""

    preset: str = "default"
    """How memories are written: a name in `memory.presets.PRESETS`; views know ways alone."""

    replay: bool = True
    """Whether memories of chunks are told the walk backwards under the words of what is asked;
    without it, the slow weights themselves have to know what the words mean."""

    seed: Seed = 0
    """Mixed into all noise, beside the episode's own."""

    def __post_init__(self) -> None:
        check_fields(self)
        for arm in self.arms:
            lookup(ARMS, arm, "arm")
        lookup(SEARCHES, self.search, "search")
        if is_named(self.task):
            task_for(self.task, self.world)
        if not self.arms:
            raise ConfigError(f"arms names none of {', '.join(ARMS)}")
