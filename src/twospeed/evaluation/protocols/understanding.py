"""Does a model understand ways of saying things that it was never trained on?

Every held-out saying of a world's actions should lie nearest to its own action's canonical text
among those of all actions of that world, in the features that the denoiser gets.
"""

from collections.abc import Mapping
from typing import Any

import torch

from twospeed.evaluation.metrics.bootstrap import plain
from twospeed.worldmodel.model import WorldModel
from twospeed.worlds.base import Action


def understanding_of(model: WorldModel, actions: Mapping[str, Action]) -> dict[str, Any]:
    """Return as JSON values the share that is understood, what chance gives, and the mistakes.

    Args:
        model: its text encoder is asked.
        actions: canonical text -> action, those of one world.
    """
    texts = list(actions)
    sayings = [(said, text) for text, it in actions.items() for said in it.held_out]
    known, heard = (_features(model, it) for it in (texts, [said for said, _ in sayings]))
    nearest = torch.cdist(heard, known).argmin(1).tolist()
    wrong = {
        said: texts[found]
        for (said, text), found in zip(sayings, nearest, strict=True)
        if texts[found] != text
    }
    return {
        "understood": plain(1 - len(wrong) / len(sayings)),
        "sayings": len(sayings),
        "chance": plain(1 / len(texts)),
        "taken_for": wrong,
    }


def _features(model: WorldModel, texts: list[str]) -> torch.Tensor:
    """Return (texts, values): all features of each text."""
    return model.text_encoder.encode(texts).flatten(1).float()
