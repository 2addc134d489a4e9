"""What may be said: the actions that data hold, in whatever words, and the anchor of each.

Commands of first-person worlds keep the same anchors in every vocabulary, so that an encoder can
be retrained on more words without touching a denoiser. Any other text has an anchor made of its
words, so that texts that share words are near each other: recordings of one's own need no table.
"""

import re
from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor

from twospeed.core.random import generator_of
from twospeed.worlds.base import Action
from twospeed.worlds.language import MOVES
from twospeed.worlds.registry import WORLDS

Vocabulary = Mapping[str, Action]
"""Canonical text -> action; the moves come first."""


def vocabulary_of(texts: Iterable[str]) -> Vocabulary:
    """Return the moves and the actions of these texts: a world's own, or the text alone."""
    known = {text: action for kind in WORLDS.values() for text, action in kind.actions.items()}
    others = sorted(set(texts) - MOVES.keys())
    alone = (known.get(text) or Action(text=text, paraphrases=(), held_out=()) for text in others)
    return {**MOVES, **dict(zip(others, alone, strict=True))}


def sayings_of(vocabulary: Vocabulary) -> dict[str, tuple[str, ...]]:
    """Return canonical text -> all that may be said for it in training."""
    return {text: (text, *action.paraphrases) for text, action in vocabulary.items()}


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
    drawn = [torch.randn(width, generator=generator_of("anchor", word)) for word in words]
    anchor: Tensor = torch.stack(drawn).sum(0) / len(words) ** 0.5
    return anchor
