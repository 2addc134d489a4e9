"""All tasks, and in which worlds they can be set."""

from collections.abc import Callable, Mapping

from twospeed.core.errors import ConfigError, lookup
from twospeed.planning.tasks.base import Task
from twospeed.planning.tasks.walks import Retrace, ReturnHome
from twospeed.worlds.registry import WORLDS, WorldKind
from twospeed.worlds.routes.stepped import can_be_walked

TASKS: Mapping[str, tuple[Callable[[], Task], Callable[[WorldKind], bool]]] = {
    "retrace": (Retrace, can_be_walked),
    "return_home": (ReturnHome, can_be_walked),
}
"""Name -> task, and whether a world gives its truth."""


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
