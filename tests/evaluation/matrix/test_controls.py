import numpy as np
import pytest

from twospeed.evaluation.matrix.controls import held
from twospeed.evaluation.matrix.task import Task


def an_episode(*, observed):
    frames = np.arange(13, dtype=np.uint8).reshape(13, 1, 1, 1).repeat(3, -1)
    return Task(
        world="rooms",
        seed=0,
        frames=frames,
        actions=("go forward",) * 3,
        observed=observed,
        first_visit_T=np.full(13, -1),
    )


@pytest.mark.parametrize(
    ("observed", "count", "is_each", "expected"),
    [
        (1, 1, False, [4] * 8),
        (1, 4, False, [1, 2, 3, 4] * 2),
        (0, 4, False, [0] * 12),
        (0, 1, True, [0] * 4 + [4] * 4 + [8] * 4),
        (0, 4, True, [0] * 4 + [1, 2, 3, 4, 5, 6, 7, 8]),
    ],
)
def test_the_last_true_frames_are_repeated(observed, count, is_each, expected):
    task = an_episode(observed=observed)
    found = held(task.frames, task, count, is_each=is_each)
    assert found[:, 0, 0, 0].tolist() == expected
