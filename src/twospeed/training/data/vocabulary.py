"""What may be said: the actions that data hold, in whatever words, and the anchor of each.

Commands of first-person worlds keep the same anchors in every vocabulary, so that an encoder can
be retrained on more words without touching a denoiser. Any other text has an anchor made of its
words and of its pairs of neighbouring words, so that texts that share words are near each other,
and not the same in another order: recordings of one's own need no table.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import pairwise

import torch
from torch import Tensor

from twospeed.core.errors import lookup
from twospeed.core.random import generator_of
from twospeed.worldmodel.model import WorldModel
from twospeed.worldmodel.vocabulary import KnownAction, Vocabulary
from twospeed.worlds.base import Action
from twospeed.worlds.language import MOVES
from twospeed.worlds.registry import WORLDS

Actions = Mapping[str, Action]
"""Canonical text -> action; the moves come first."""


def actions_of(texts: Iterable[str], before: Vocabulary | None = None) -> Actions:
    """Return the moves, the actions of these texts, and those that a model was trained on before.

    An action is a world's own, else the one from before, else the text alone.
    """
    earlier = before.actions if before else {}
    known = {text: _action_of(text, it) for text, it in earlier.items()}
    for kind in WORLDS.values():
        known |= kind.actions
    others = sorted({*texts, *earlier} - MOVES.keys())
    return MOVES | {text: known.get(text) or _action_of(text, KnownAction()) for text in others}


def _action_of(text: str, known: KnownAction) -> Action:
    return Action(text=text, paraphrases=known.paraphrases, held_out=())


def sayings_of(actions: Actions) -> dict[str, tuple[str, ...]]:
    """Return canonical text -> all that may be said for it in training."""
    return {text: (text, *action.paraphrases) for text, action in actions.items()}


def vocabulary_of(said_in: Mapping[str, Collection[str]], actions: Actions) -> Vocabulary:
    """Return what a model is told that was trained on recordings.

    Args:
        said_in: every text of the recordings -> the worlds that it is said in.
        actions: of these texts.
    """
    return Vocabulary(
        {
            text: KnownAction(
                paraphrases=actions[text].paraphrases, worlds=tuple(sorted(said_in[text]))
            )
            for text in sorted(said_in)
        }
    )


def anchors_of(texts: Sequence[str], width: int) -> Tensor:
    """Return the anchors of "" (no action) and of these texts, (1 + texts, width).

    They are fixed and have unit variance.
    """
    fixed = torch.randn(1 + len(MOVES), 1, width, generator=generator_of("anchors"))[:, 0]
    moves = dict(zip(MOVES, fixed[1:], strict=True))
    rows = [moves[text] if text in moves else _of_words(text, width) for text in texts]
    return torch.stack([fixed[0], *rows])


def _of_words(text: str, width: int) -> Tensor:
    words = re.findall(r"\w+", text.casefold()) or [text]
    parts = [(word,) for word in words] + list(pairwise(words))
    drawn = [torch.randn(width, generator=generator_of("anchor", *part)) for part in parts]
    anchor: Tensor = torch.stack(drawn).sum(0) / len(parts) ** 0.5
    return anchor


def takes_any_text(model: WorldModel) -> bool:
    """Say whether nobody told what a model's actions are: one of another maker, as it came."""
    return model.vocabulary is None and not model.settings.world


def known_to(model: WorldModel) -> Vocabulary:
    """Return a model's own vocabulary, or its world's where it does not tell one.

    That of a model that takes any text are the moves of first-person worlds.

    Raises:
        UnknownNameError: when nobody knows its world.
    """
    if model.vocabulary:
        return model.vocabulary
    world = model.settings.world
    actions = lookup(WORLDS, world, "world").actions if world else MOVES
    return vocabulary_of({text: {world} - {""} for text in actions}, actions)
