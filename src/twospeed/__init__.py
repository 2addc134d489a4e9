"""Video world models that remember: slow weights hold a world, fast weights hold this episode.

What most programs need can be imported from here, ``from twospeed import Dream, WorldModel``; it is
loaded when it is first asked for, so that ``import twospeed`` is quick. Everything else is imported
from the rooms (core, worlds, data, worldmodel, memory, generation, training, evaluation,
terminator, cli); who may import whom stands in DESIGN.md.
"""

import importlib

TYPE_CHECKING = False  # as `typing.TYPE_CHECKING`, which takes longer to import than all else here
if TYPE_CHECKING:
    from twospeed.generation.dream import Dream
    from twospeed.memory.fast_weights import FastWeights
    from twospeed.memory.files import load_memory, save_memory
    from twospeed.memory.memory_file import open_memories
    from twospeed.terminator.layers.hyperzzw import HyperZZW
    from twospeed.terminator.network import Terminator, TerminatorConfig
    from twospeed.training.pipeline import train_world_model
    from twospeed.worldmodel.model import WorldModel
    from twospeed.worlds.registry import make_world

    __version__: str

__all__ = [
    "Dream",
    "FastWeights",
    "HyperZZW",
    "Terminator",
    "TerminatorConfig",
    "WorldModel",
    "load_memory",
    "make_world",
    "open_memories",
    "save_memory",
    "train_world_model",
]

_HOMES = {
    "Dream": "twospeed.generation.dream",
    "FastWeights": "twospeed.memory.fast_weights",
    "HyperZZW": "twospeed.terminator.layers.hyperzzw",
    "Terminator": "twospeed.terminator.network",
    "TerminatorConfig": "twospeed.terminator.network",
    "WorldModel": "twospeed.worldmodel.model",
    "load_memory": "twospeed.memory.files",
    "make_world": "twospeed.worlds.registry",
    "open_memories": "twospeed.memory.memory_file",
    "save_memory": "twospeed.memory.files",
    "train_world_model": "twospeed.training.pipeline",
}
"""Name -> module that holds it."""


if not TYPE_CHECKING:  # for a type checker, a name that is not above is not there

    def __getattr__(name: str) -> object:
        """Import a public name when it is first asked for (PEP 562)."""
        if name == "__version__":
            value = importlib.import_module("importlib.metadata").version("twospeed")
        elif name in _HOMES:
            value = getattr(importlib.import_module(_HOMES[name]), name)
        else:
            raise AttributeError(f"module 'twospeed' has no attribute {name!r}")
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    """Return all names, those that are not loaded yet included."""
    return sorted({*globals(), *__all__, "__version__"})
