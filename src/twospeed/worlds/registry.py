"""The table of worlds, the one function that makes a world by its name, what is installed."""

import importlib.util
import inspect
import re
import subprocess
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, Any

from twospeed.core.errors import ConfigError, lookup
from twospeed.core.fields import checked, shown
from twospeed.core.ranges import Within
from twospeed.worlds.base import About, Action, ScriptedWorld, World, find_program
from twospeed.worlds.rooms.world import Rooms
from twospeed.worlds.simulators.carracing import CarRacing
from twospeed.worlds.simulators.child import find_python, version_under
from twospeed.worlds.simulators.crafter import Crafter
from twospeed.worlds.simulators.doom import Doom
from twospeed.worlds.simulators.duckietown import Duckietown
from twospeed.worlds.simulators.fetch import Fetch
from twospeed.worlds.simulators.humanoid import Humanoid
from twospeed.worlds.simulators.memory_maze import MemoryMaze
from twospeed.worlds.simulators.minetest import Minetest


@dataclass(frozen=True, kw_only=True, slots=True)
class WorldKind:
    """What can be known of a world before one is made, and how to make one."""

    make: Callable[..., World]
    """Takes `frame_size` in pixels."""

    about: About
    """Engine, install line, truth."""

    actions: Mapping[str, Action]
    """Canonical text -> action."""

    frames_per_second: float
    """Frames of a second of the world's own time."""

    has_script: bool
    """Whether it is a `ScriptedWorld`."""


def _kind_of(world: Any) -> WorldKind:
    """Read the facts from a class of worlds."""
    return WorldKind(
        make=world,
        about=world.about,
        actions=world.actions,
        frames_per_second=world.frames_per_second,
        has_script=isinstance(world, ScriptedWorld),
    )


WORLDS: dict[str, WorldKind] = {
    "rooms": _kind_of(Rooms),
    "doom": _kind_of(Doom),
    "crafter": _kind_of(Crafter),
    "fetch": _kind_of(Fetch),
    "carracing": _kind_of(CarRacing),
    "duckietown": _kind_of(Duckietown),
    "humanoid": _kind_of(Humanoid),
    "minetest": _kind_of(Minetest),
    "memory_maze": _kind_of(MemoryMaze),
}
"""Name -> kind."""


def make_world(name: str, *, frame_size: int = 64, **options: Any) -> World:
    """Build the world called `name`; its frames are squares of `frame_size` pixels.

    Args:
        name: one of `WORLDS`.
        frame_size: height and width of the frames.
        options: that this world's class takes, such as `blocks` of fetch.

    Raises:
        UnknownNameError: when no world is called so.
        MissingExtraError: when its engine is not installed.
        ConfigError: when it cannot make frames of that size, or takes no such option.
        KindError: when the name is no text.
    """
    size = checked(frame_size, Annotated[int, Within(1, 4096)], "frame_size")
    check_options(name, options)
    return WORLDS[name].make(frame_size=size, **options)


def check_options(name: str, options: Iterable[str]) -> None:
    """Refuse options that a world does not take, before its engine is started.

    Args:
        name: one of `WORLDS`.
        options: their names.

    Raises:
        UnknownNameError: when no world is called so.
        ConfigError: naming what the world takes.
    """
    known = inspect.signature(lookup(WORLDS, name, "world").make).parameters.keys()
    taken = sorted(known - {"frame_size"})
    if strange := sorted(set(options) - set(taken)):
        others = f"it takes {', '.join(taken)}" if taken else "it takes no options"
        said = shown(strange[0]).strip("'")
        raise ConfigError(f"the world {name} takes no {said}: {others}")


def is_installed(about: About) -> bool:
    """Say whether all modules and programs of a world are there; no engine is started."""
    if about.interpreter:
        return engine_version(about) is not None
    return all(importlib.util.find_spec(module) for module in about.modules) and all(
        find_program(program) for program in about.programs
    )


def engine_version(about: About) -> str | None:
    """Return the version of a world's engine, or None when it is not installed."""
    if about.interpreter:
        python = find_python(about)
        return version_under(python, about.package) if python else None
    if about.programs:
        return _program_version(about.programs[0])
    try:
        return version(about.package)
    except PackageNotFoundError:
        return None


def _program_version(name: str) -> str | None:
    """Return the first number with points that a program says when asked for its version."""
    program = find_program(name)
    if program is None:
        return None
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    found = re.search(r"\d+(?:\.\d+)+", said.stdout)
    return found.group() if found else None
