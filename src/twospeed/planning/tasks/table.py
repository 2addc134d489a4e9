"""All tasks, in which worlds they can be set, and tasks in one's own words."""

from collections.abc import Callable, Mapping

from twospeed.core.errors import ConfigError, lookup
from twospeed.planning.splitting.base import SubGoal, SubgoalSplitter
from twospeed.planning.tasks.base import Begun, Task
from twospeed.planning.tasks.handling import PutBack, PutBackTwo
from twospeed.planning.tasks.told import MEASURES, Told, parted
from twospeed.planning.tasks.walks import Retrace, ReturnHome
from twospeed.worlds.registry import WORLDS, WorldKind
from twospeed.worlds.routes.stepped import can_be_gone_back

_ONE_THING = ("block", "cube")


def _can_be_handled(kind: WorldKind) -> bool:
    """Say whether somebody plays a gripper there, and the block's place is known."""
    return kind.has_script and "close the gripper" in kind.actions and "objects" in kind.about.truth


TASKS: Mapping[str, tuple[Callable[[], Task], Callable[[WorldKind], bool]]] = {
    "retrace": (Retrace, can_be_gone_back),
    "return_home": (ReturnHome, can_be_gone_back),
    "put_back": (PutBack, _can_be_handled),
    "put_back_two": (PutBackTwo, _can_be_handled),
}
"""Name -> task, and whether a world gives its truth."""


def is_named(text: str) -> bool:
    """Say whether a text can only be the name of a task, right or wrong: it is one word."""
    return " " not in text.strip()


def task_for(name: str, world: str) -> Task:
    """Return a task that can be set in a world.

    Raises:
        UnknownNameError: when there is no such task or world.
        ConfigError: when the world does not give the truth of this task; naming those that do.
    """
    make, fits = lookup(TASKS, name, "task")
    if not fits(lookup(WORLDS, world, "world")):
        able = ", ".join(name for name, kind in WORLDS.items() if fits(kind))
        raise ConfigError(f"{world} has no truth for {name}: try one of {able}")
    return make()


def task_and_goals(text: str, world: str, splitter: SubgoalSplitter) -> tuple[Task, list[SubGoal]]:
    """Return a task by its name or in one's own words, and the sub-goals that are asked for.

    Args:
        text: a name in `TASKS`, or a sentence such as "go forward twice, then go home".
        world: where.
        splitter: splits what is asked.

    Raises:
        UnknownNameError: when there is no such task or world, or nobody understands the sentence.
        ConfigError: when the world lacks the truth for it, the sentence has nothing to remember, or
            it names a thing that is not there.
    """
    actions = lookup(WORLDS, world, "world").actions
    if is_named(text):
        task = task_for(text, world)
        return task, splitter.split(task.sentence, actions)
    commands, goals = parted(splitter.split(text, actions))
    _check_thing(goals[0])
    return Told(text, commands, task_for(MEASURES[goals[0].kind], world)), goals


def _check_thing(goal: SubGoal) -> None:
    if goal.thing is not None and goal.thing not in _ONE_THING:
        raise ConfigError(f"there is one block to put back, and no {goal.thing}: say 'the block'")


def goals_of(
    begun: Begun, goals: list[SubGoal], splitter: SubgoalSplitter, world: str
) -> list[SubGoal]:
    """Return what is asked in an episode: what its own sentence says, or these sub-goals.

    Args:
        begun: the episode.
        goals: of the task.
        splitter: splits what an episode asks.
        world: where.
    """
    if not begun.sentence:
        return goals
    return splitter.split(begun.sentence, WORLDS[world].actions)
