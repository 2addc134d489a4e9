import numpy as np
import pytest

from twospeed.data.episode import Episode


def random_episode(seed, *, num_chunks=3, chunk_frames=4, size=8, with_poses=True):
    generator = np.random.default_rng(seed)
    num_frames = 1 + num_chunks * chunk_frames
    poses = generator.standard_normal((num_frames, 3)).astype(np.float32)
    return Episode(
        frames=generator.integers(0, 256, (num_frames, size, size, 3), dtype=np.uint8),
        actions=tuple(generator.choice(["go forward", "turn left"], num_chunks).tolist()),
        poses=poses if with_poses else None,
        world="noise",
        seed=seed,
        frames_per_second=4.0,
        chunk_frames=chunk_frames,
    )


def equal_episodes(one, other):
    same_poses = (
        one.poses is other.poses if one.poses is None else np.array_equal(one.poses, other.poses)
    )
    return (
        np.array_equal(one.frames, other.frames)
        and same_poses
        and (one.actions, one.world, one.seed) == (other.actions, other.world, other.seed)
        and one.frames_per_second == other.frames_per_second
        and one.chunk_frames == other.chunk_frames
    )


@pytest.fixture
def make_episode():
    return random_episode


@pytest.fixture
def same():
    return equal_episodes
