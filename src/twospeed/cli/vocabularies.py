"""What may be said to a model, for commands that take actions."""

from twospeed.core.errors import lookup
from twospeed.training.data.vocabulary import vocabulary_of
from twospeed.worldmodel.model import WorldModel
from twospeed.worldmodel.vocabulary import Vocabulary
from twospeed.worlds.registry import WORLDS


def known_to(model: WorldModel) -> Vocabulary:
    """Return a model's vocabulary, or its world's where it does not tell its own.

    Raises:
        UnknownNameError: when nobody knows its world.
    """
    if model.vocabulary:
        return model.vocabulary
    world = model.settings.world
    kind = lookup(WORLDS, world, "world")
    return vocabulary_of({text: {world} for text in kind.actions}, kind.actions)
