"""How well commands are read: from true clips, from generated ones, and where there is none."""

import itertools
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from twospeed.core.video import Frames
from twospeed.planning.inverse.calibration import calibration_error
from twospeed.planning.inverse.clips import ClipSet
from twospeed.planning.inverse.learned import LearnedInverseDynamics
from twospeed.worldmodel.model import WorldModel

_BATCH = 8


def measure_reading(
    inverse: LearnedInverseDynamics, testing: ClipSet, *, generated: Frames | None = None
) -> dict[str, Any]:
    """Return accuracy and calibration as JSON values.

    Args:
        inverse: what reads.
        testing: held-out clips; those that show nothing count as "none of these" alone.
        generated: the same clips with their chunks generated under their commands,
            uint8 (N, 1 + T, H, W, 3).
    """
    labels, count = testing.labels_N, len(testing.commands)
    is_shown = labels < count
    clips = list(testing.clips(np.arange(len(testing))))
    began = time.monotonic()
    scores = inverse.scores(clips)
    seconds = (time.monotonic() - began) / max(1, len(clips))
    shares = (scores / inverse.settings.temperature).softmax(1)
    elsewhere = [np.concatenate([a[:1], b[1:]]) for a, b in itertools.pairwise(clips)]
    report = {
        "clips": int(is_shown.sum()),
        "still_clips": int((~is_shown).sum()),
        "accuracy": _accuracy(inverse, clips, testing, is_shown),
        "by_command": {
            text: _accuracy(inverse, clips, testing, labels == place)
            for place, text in enumerate(testing.commands)
            if (labels == place).any()
        },
        "none_on_still_clips": _none_share(inverse, [clips[i] for i in np.flatnonzero(~is_shown)]),
        "none_on_other_chunks": _none_share(inverse, elsewhere),
        "calibration_error": round(calibration_error(shares, torch.from_numpy(labels)), 4),
        "parameters": sum(part.numel() for part in inverse.network.parameters()),
        "milliseconds_a_clip": round(1000 * seconds, 3),
    }
    if generated is not None:
        made = list(generated)
        report["accuracy_on_generated"] = _accuracy(inverse, made, testing, is_shown)
    return report


def generated_clips(model: WorldModel, testing: ClipSet, *, seed: int = 0) -> Frames:
    """Generate the chunk of every clip under its command, from the frame before it alone.

    Clips that show nothing are generated under the first command.
    """
    parts = list(_generated(model, testing, seed))
    return np.concatenate(parts)


def _generated(model: WorldModel, testing: ClipSet, seed: int) -> Iterator[Frames]:
    names = (*testing.commands, testing.commands[0])
    for start in range(0, len(testing), _BATCH):
        places = np.arange(start, min(start + _BATCH, len(testing)))
        clips = testing.clips(places)
        made = model.generate(
            model.encode(clips[:, :1]).to(model.device),
            [names[label] for label in testing.labels_N[places]],
            [(seed, "reading", int(place)) for place in places],
        )
        yield np.concatenate([clips[:, :1], model.decode(made)], axis=1)


def _accuracy(
    inverse: LearnedInverseDynamics, clips: list[Frames], testing: ClipSet, chosen: Any
) -> float | None:
    places = np.flatnonzero(chosen)
    found = inverse.read([clips[place] for place in places])
    right = [
        one.command == testing.commands[testing.labels_N[place]]
        for one, place in zip(found, places, strict=True)
    ]
    return round(float(np.mean(right)), 4) if right else None


def _none_share(inverse: LearnedInverseDynamics, clips: list[Frames]) -> float | None:
    found = [one.command is None for one in inverse.read(clips)]
    return round(float(np.mean(found)), 4) if found else None
