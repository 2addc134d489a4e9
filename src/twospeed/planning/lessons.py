"""What an episode of a task leaves for consolidation: its memory, and the true way back.

The lesson is the walk as it was, then its chunks time-reversed under the words of what is asked,
and a still view where the way ends; the memory has learned the walk under its commands. What a hand
is led by holds numbered chunks instead, which no words of a task ask for: it is not kept.
"""

from pathlib import Path

import torch

from twospeed.planning.arms import Setting
from twospeed.planning.imagining.replay import backwards
from twospeed.training.consolidation.lessons import Notes, keep_lesson


def keep_episode(folder: Path, setting: Setting) -> None:
    """Keep the memory and the lesson of an episode; those that were there are replaced.

    Args:
        folder: of all memories; each is called by the seed of its episode.
        setting: the episode.

    Raises:
        ConfigError: when the memory holds views.
        DataError: when something else stands there, or the disk is full.
    """
    model, seen = setting.model, setting.seen(setting.own, setting.model)
    back = [new for _, new in backwards(seen)]
    texts = setting.texts[:1] * len(back)
    notes = Notes(
        seed=setting.own.seed,
        actions=(*seen.actions, *texts),
        written=len(seen.actions),
        world=model.settings.world or "",
        frames_per_second=model.settings.frames_per_second,
    )
    keep_lesson(
        folder / str(setting.own.seed),
        setting.walked(model, seen),
        torch.cat([seen.latents_1CTHW, *back], 2),
        notes,
    )
