"""Recorded arms for hand readers: an episode without a simulator, and shards of the real one."""

import numpy as np
import pytest

from twospeed.data.episode import Episode


def arm_episode(actions, *, seed=0, still=(), size=64, world="fetch", gripper=None):
    """Return an episode of flat frames; those of chunks that are still do not change."""
    levels = [0]
    for index in range(len(actions)):
        levels += [levels[-1] + (0 if index in still else 9)] * 4
    frames = np.zeros((len(levels), size, size, 3), np.uint8)
    frames += np.array(levels, np.uint8)[:, None, None, None]
    return Episode(
        frames=frames,
        actions=actions,
        world=world,
        seed=seed,
        frames_per_second=12.5,
        objects=None if gripper is None else tuple({"gripper": tuple(it)} for it in gripper),
    )


@pytest.fixture
def arm():
    return arm_episode


@pytest.fixture(scope="session")
def recorded_arm(tmp_path_factory):
    """Return two folders of fetch, with one block and with two; skips without its engine."""
    from twospeed.core.errors import MissingExtraError
    from twospeed.data.recorder import record
    from twospeed.data.recording import RecordingConfig

    folders = []
    for blocks in (1, 2):
        folders.append(tmp_path_factory.mktemp("shards") / f"fetch{blocks}")
        config = RecordingConfig(
            world="fetch",
            episodes=16,
            chunks=3,
            policy="random",
            world_options={"blocks": blocks},
        )
        try:
            record(config, folders[-1])
        except MissingExtraError as error:
            pytest.skip(str(error))
    return folders
