"""Small things of ours that several kinds of files hold."""

import numpy as np

from fuzzing.cases import FRAMES
from twospeed.data.episode import Episode


def episodes():
    poses = np.arange(27, dtype=np.float32).reshape(9, 3)
    objects = tuple({"door": (1.0, 2.0)} for _ in FRAMES)
    for seed in range(2):
        yield Episode(
            frames=FRAMES, actions=("turn left", "go forward"), poses=poses, world="rooms",
            seed=seed, frames_per_second=4.0, scene=f"scene {seed}", objects=objects,
        )  # fmt: skip
