from fractions import Fraction

import av
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


LEVEL_PER_SECOND = 20
"""How fast the clips of these tests get brighter: a frame tells its time."""


def brightening(seconds, *, rate=20, width=48, height=32):
    """Return frames that are 20 grey levels brighter every second; the right edge is white."""
    levels = (np.arange(round(seconds * rate)) / rate * LEVEL_PER_SECOND).astype(np.uint8)
    frames = np.broadcast_to(levels[:, None, None, None], (len(levels), height, width, 3)).copy()
    frames[:, :, -6:] = 255
    return frames


def write_clip(path, frames, *, rate=20, times=None, rotation=None, sound=False):
    """Write a video as people have them: H.264, any times of frames, maybe turned or with sound."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=8000, layout="mono") if sound else None
        if frames is not None:
            _write_frames(container, frames, rate, times, rotation)
        if stream is not None:
            tone = av.AudioFrame.from_ndarray(
                np.zeros((1, 8000), np.float32), format="fltp", layout="mono"
            )
            tone.sample_rate, tone.pts, tone.time_base = 8000, 0, Fraction(1, 8000)
            container.mux(stream.encode(tone))
            container.mux(stream.encode())
    return path


def _write_frames(container, frames, rate, times, rotation):
    stream = container.add_stream("libx264", rate=rate, options={"crf": "8", "preset": "veryfast"})
    stream.height, stream.width = frames.shape[1:3]
    stream.pix_fmt = "yuv420p"
    stream.codec_context.time_base = Fraction(1, 1000)
    if rotation:
        stream.set_display_rotation(rotation)
    moments = times if times is not None else [index / rate for index in range(len(frames))]
    for pixels, moment in zip(frames, moments, strict=True):
        frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
        frame.pts, frame.time_base = round(moment * 1000), Fraction(1, 1000)
        container.mux(stream.encode(frame))
    container.mux(stream.encode())


def seen_at(frames):
    """Return the second that each frame of such a clip tells."""
    return frames[:, 2:-2, 1, 0].mean(axis=1) / LEVEL_PER_SECOND


@pytest.fixture
def clip():
    """Return `write_clip`, which writes a video file."""
    return write_clip


@pytest.fixture
def bright():
    return brightening


@pytest.fixture
def seconds_of():
    return seen_at
