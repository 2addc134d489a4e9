"""What no memory should lose to: the last true frame held, the last true chunk again.

They are made of true frames through the autoencoder. Axes: T frames of an episode.
"""

import numpy as np

from twospeed.core.video import Frames
from twospeed.evaluation.matrix.task import Task


def held(coded_THW3: Frames, task: Task, count: int, *, is_each: bool) -> Frames:
    """Repeat the last frames that were shown, over all that a memory generates.

    Args:
        coded_THW3: all true frames, as the autoencoder shows them.
        task: the episode.
        count: how many frames are repeated, or as many as were shown.
        is_each: every chunk is shown before the next one is generated.
    """
    length, chunks = task.chunk_frames, range(task.observed, len(task.actions))
    parts = []
    for chunk in chunks:
        end = 1 + length * (chunk if is_each else task.observed)
        last = coded_THW3[max(0, end - count) : end]
        parts.append(np.concatenate([last] * -(-length // len(last)))[:length])
    return np.concatenate(parts)
