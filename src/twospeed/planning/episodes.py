"""Episodes of a task: those that can be set, those that are already solved, and what each arm did.

What an arm did in an episode is one file, so that a run that was killed goes on at the next one.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from twospeed.core.errors import DataError
from twospeed.core.files import read_json, write_json
from twospeed.core.untrusted import typed
from twospeed.planning.acting.base import Acted
from twospeed.planning.lasting import LastingWorld, is_mistake, reason_of
from twospeed.planning.tasks.base import Begun, Task

MOST_TRIED = 8
"""Seeds that are tried for each episode that is wanted."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """What one arm did in one episode."""

    seed: int
    arm: str
    distance_m: float
    start_m: float
    """Distance before anything was done."""

    success: bool
    commands: tuple[str, ...]
    confidence: float
    """Mean over the commands, 0 to 1; 0 without commands."""

    replans: int
    num_imagined: int
    seconds: float
    """Spent on deciding, all in all."""

    stopped: bool
    chunks_seen: int

    failure: str = ""
    """Why nothing could be done, such as an engine that died twice; "" where something was."""


@dataclass(kw_only=True, slots=True)
class Skipped:
    """Seeds that were left out."""

    solved: int = 0
    """The task was already done at its start."""

    impossible: int = 0
    """No such episode was found from where the seed starts."""

    failed: int = 0
    """The engine died twice while the episode was shown."""


def begin_episodes(
    task: Task,
    world: LastingWorld,
    first_seed: int,
    count: int,
    *,
    off_path: bool,
    skipped: Skipped,
) -> Iterator[Begun]:
    """Yield so many episodes that are not solved at their start; `skipped` counts the others.

    Raises:
        DataError: when too few seeds have such an episode.
        Exception: whatever fails before the first one is found.
    """
    found = 0
    for seed in range(first_seed, first_seed + MOST_TRIED * count):
        if found == count:
            return
        try:
            begun = world.attempt(partial(task.begin, seed=seed, off_path=off_path))
        except Exception as error:
            if is_mistake(error) or not found:
                raise
            skipped.failed += 1
            continue
        if begun is None:
            skipped.impossible += 1
        elif task.distance(begun, begun.shots[-1:]) < task.success_metres:
            skipped.solved += 1
        else:
            found += 1
            yield begun
    if found < count:
        raise DataError(
            f"only {found} of the {MOST_TRIED * count} seeds from {first_seed} on have an episode"
            f" of this task that is not solved at its start, {count} were asked for"
        )


def result_of(task: Task, begun: Begun, acted: Acted, *, arm: str) -> Result:
    """Measure what an arm did; here alone the simulator is asked for the truth."""
    distance = task.distance(begun, acted.shots)
    sure = [decision.confidence for decision in acted.decisions]
    return Result(
        seed=begun.seed,
        arm=arm,
        distance_m=round(distance, 5),
        start_m=round(task.distance(begun, begun.shots[-1:]), 5),
        success=distance < task.success_metres,
        commands=acted.commands,
        confidence=round(float(np.mean(sure)), 4) if sure else 0.0,
        replans=acted.replans,
        num_imagined=acted.num_imagined,
        seconds=round(acted.seconds, 4),
        stopped=acted.is_stopped,
        chunks_seen=len(begun.actions),
    )


def failed_result(task: Task, begun: Begun, error: Exception, *, arm: str) -> Result:
    """Return what counts where an arm could do nothing: all is as it was."""
    nothing = Acted(shots=[begun.shots[-1]])
    return replace(
        result_of(task, begun, nothing, arm=arm), success=False, failure=reason_of(error)
    )


class ResultFiles:
    """Results of a run in a folder, one file an episode and arm; failures are not kept.

    Args:
        folder: where; None keeps nothing.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = None if folder is None else folder / "episodes"

    def known(self, seed: int, arm: str) -> Result | None:
        """Return what an earlier run found, or None.

        Raises:
            DataError: when the file is damaged.
        """
        path = self._path(seed, arm)
        if path is None or not path.exists():
            return None
        return typed(Result, read_json(path), str(path))

    def keep(self, result: Result, values: dict[str, Any]) -> None:
        """Write a result that is no failure."""
        path = self._path(result.seed, result.arm)
        if path is not None and not result.failure:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_json(path, values)

    def _path(self, seed: int, arm: str) -> Path | None:
        return None if self._folder is None else self._folder / f"{seed}-{arm}.json"
