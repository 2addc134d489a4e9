"""A task over many episodes, with all arms side by side: what ``twospeed plan`` measures."""

from collections.abc import Iterator, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from twospeed.core.arguments import check_kind
from twospeed.core.config import to_json
from twospeed.core.errors import ConfigError
from twospeed.core.files import write_json
from twospeed.core.progress import progress
from twospeed.core.runs.locks import held
from twospeed.memory.config import ViewConfig
from twospeed.memory.presets import preset_of
from twospeed.planning.acting.base import Acted
from twospeed.planning.arms import ARMS, Setting
from twospeed.planning.checks import check_models, hand_of
from twospeed.planning.episodes import (
    Result,
    ResultFiles,
    Skipped,
    begin_episodes,
    failed_result,
    result_of,
)
from twospeed.planning.hand.reader import HandReader
from twospeed.planning.inverse.base import InverseDynamics
from twospeed.planning.lasting import LastingWorld, is_mistake
from twospeed.planning.lessons import keep_episode
from twospeed.planning.ownership import own_plan
from twospeed.planning.page import write_page
from twospeed.planning.pictures import write_pictures
from twospeed.planning.plan_config import PlanConfig
from twospeed.planning.report import report_of
from twospeed.planning.splitting.base import COMMAND, SubGoal, SubgoalSplitter, handles
from twospeed.planning.splitting.table import splitter_of
from twospeed.planning.tasks.base import Begun, Task
from twospeed.planning.tasks.table import goals_of, task_and_goals
from twospeed.training.consolidation.lessons import check_acts
from twospeed.worldmodel.model import WorldModel
from twospeed.worlds.base import World
from twospeed.worlds.registry import make_world


@dataclass(kw_only=True, eq=False, slots=True)
class _Run:
    config: PlanConfig
    model: WorldModel
    consolidated: WorldModel | None
    inverse: InverseDynamics
    splitter: SubgoalSplitter
    task: Task
    world: LastingWorld
    goals: list[SubGoal]
    out: Path | None
    kept: Path | None
    files: ResultFiles
    hand: HandReader | None
    skipped: Skipped = field(default_factory=Skipped)
    able: set[str] = field(default_factory=set)  # arms that managed an episode


def measure_plans(
    model: WorldModel,
    inverse: InverseDynamics,
    config: PlanConfig,
    *,
    consolidated: WorldModel | None = None,
    hand: HandReader | None = None,
    out: Path | None = None,
    keep_memories: Path | None = None,
) -> dict[str, Any]:
    """Run every arm in every episode and return the report as JSON values.

    Args:
        model: the slow weights.
        inverse: reads commands.
        config: what is measured.
        consolidated: slow weights of the arm "loop", which is left out without them.
        hand: reads where a hand is, where things are handled; by default what is packaged.
        out: a folder of this run alone: results, videos, sheet and page; a run that was killed
            goes on there. None keeps nothing.
        keep_memories: a folder for the memory of every episode, as it is before anything is done,
            and the true way back (`keep_lesson`): what `consolidate` learns from.

    Raises:
        ConfigError: when the world has no truth for the task, a model or a hand is of another
            world, nothing is handled by the hand, or memories of views are to be kept.
        DataError: when `out` holds another run, or too few episodes are there.
        UnknownNameError: when no splitter understands the task.
    """
    check_kind(config, PlanConfig, "config")
    splitter = splitter_of(config.splitter)
    task, goals = task_and_goals(config.task, config.world, splitter)
    check_models(model, consolidated, inverse, config)
    is_by_views = isinstance(preset_of(model, config.preset), ViewConfig)
    if is_by_views and handles(goals):
        raise ConfigError("views know ways, and no things: take --preset associative or gradient")
    hand = hand_of(hand, config.world, goals)
    if keep_memories is not None:
        check_acts(model, preset_of(model, config.preset))
    size, options = model.settings.frame_size, task.world_options
    with (
        own_plan(out, to_json(config), model, inverse, consolidated, hand),
        nullcontext() if keep_memories is None else held(keep_memories),
        closing(
            LastingWorld(lambda: make_world(config.world, frame_size=size, **options))
        ) as world,
    ):
        run = _Run(
            config=config,
            model=model,
            consolidated=consolidated,
            inverse=inverse,
            splitter=splitter,
            task=task,
            world=world,
            goals=goals,
            out=out,
            kept=keep_memories,
            files=ResultFiles(out),
            hand=hand,
        )
        return _measure(run)


def _measure(run: _Run) -> dict[str, Any]:
    results = list(_results(run))
    report = report_of(run.config, run.model, results, run.skipped)
    if run.out is not None:
        write_json(run.out / "report.json", report)
        write_page(run.out, report, results)
    return report


def _results(run: _Run) -> Iterator[Result]:
    """Run all arms, episode by episode; what an earlier run found is taken from its files."""
    config = run.config
    episodes = begin_episodes(
        run.task,
        run.world,
        config.first_seed,
        config.episodes + 1,
        off_path=config.off_path,
        skipped=run.skipped,
    )
    total = config.episodes * len(config.arms)
    own = next(episodes)
    with progress(f"{config.task} in {config.world}", total=total, unit="episodes") as advance:
        for _ in range(config.episodes):
            other = next(episodes)
            for result in _of_episode(run, own, other):
                if not result.failure:
                    run.able.add(result.arm)
                yield result
                advance(note=f"{result.arm} {result.failure or f'{result.distance_m:.2f} m'}")
            own = other


def _of_episode(run: _Run, own: Begun, other: Begun) -> Iterator[Result]:
    goals = goals_of(own, run.goals, run.splitter, run.config.world)
    setting = Setting(
        model=run.model,
        memory=preset_of(run.model, run.config.preset),
        inverse=run.inverse,
        own=own,
        other=other,
        texts=tuple(goal.text for goal in goals if goal.kind != COMMAND),
        seed=own.seed,
        consolidated=run.consolidated,
        search=run.config.search,
        hand=run.hand,
        replay=run.config.replay,
    )
    if run.kept is not None:
        keep_episode(run.kept, setting)
    for arm in run.config.arms:
        yield run.files.known(own.seed, arm) or _act(run, setting, goals, arm)


def _act(run: _Run, setting: Setting, goals: Sequence[SubGoal], arm: str) -> Result:
    own = setting.own
    try:
        acted, result = run.world.attempt(lambda world: _acted(run, setting, goals, arm, world))
    except Exception as error:
        if is_mistake(error) or arm not in run.able:
            raise
        return failed_result(run.task, own, error, arm=arm)
    if run.out is not None:
        write_pictures(run.out, own, acted, result)
    run.files.keep(result, to_json(result))
    return result


def _acted(
    run: _Run, setting: Setting, goals: Sequence[SubGoal], arm: str, world: World
) -> tuple[Acted, Result]:
    own = setting.own
    run.task.restore(world, own)
    acted = ARMS[arm](setting).act(world, own, goals, own.seed + run.config.seed)
    return acted, result_of(run.task, own, acted, arm=arm)
