"""Frames as the bytes of a lossless video (FFV1 in Matroska), the same bytes for the same frames.

Holds not: videos for people (core/video.py); those carry a random identity, these must not.
"""

import io
from fractions import Fraction
from itertools import islice

import numpy as np

from twospeed.core.errors import DataError, require
from twospeed.core.video import Frames

MOST_PIXELS = 4096
"""Along a side of a frame."""


def pack_frames(frames_THWC: Frames, *, frames_per_second: float) -> bytes:
    """Return the .mkv file of at least one uint8 frame (T, H, W, 3)."""
    av = require("av", extra="all")
    target = io.BytesIO()
    options = {"fflags": "+bitexact"}  # or the file gets a random identity and a date
    with av.open(target, "w", format="matroska", options=options) as container:
        rate = Fraction(frames_per_second).limit_denominator(1000)
        stream = container.add_stream("ffv1", rate=rate)
        stream.height, stream.width = frames_THWC.shape[1:3]
        stream.pix_fmt = "bgr0"
        stream.codec_context.thread_count = 1  # recording is parallel over processes already
        stream.codec_context.flags |= av.codec.context.Flags.bitexact
        for frame in frames_THWC:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    return target.getvalue()


def unpack_frames(content: bytes, *, most: int | None = None) -> Frames:
    """Return the frames (T, H, W, 3) of such a file, bit for bit; the first `most` of them.

    Raises:
        DataError: when it is damaged.
    """
    av = require("av", extra="all")
    try:
        with av.open(io.BytesIO(content), format="matroska") as container:
            codec = container.streams.video[0].codec_context
            if max(codec.width, codec.height) > MOST_PIXELS:
                raise DataError(f"its frames are of {codec.width} x {codec.height} pixels")
            codec.thread_count = 1
            decoded = islice(container.decode(video=0), most)
            return np.stack([frame.to_ndarray(format="rgb24") for frame in decoded])
    except Exception as error:  # what the library raises depends on the damage
        raise DataError(f"a video that cannot be read: {error}") from error
