"""Small videos whose frames say their number: a grid of 4 x 4 cells, black or white, a bit each."""

from fractions import Fraction

import av
import numpy as np
import pytest

SIDE = 32
RATE = 20


def numbered_frame(number, side=SIDE):
    bits = [[255 * (number >> (4 * row + column) & 1) for column in range(4)] for row in range(4)]
    cells = np.kron(np.array(bits, np.uint8), np.ones((side // 4, side // 4), np.uint8))
    return np.repeat(cells[..., None], 3, axis=2)


def number_in(pixels):
    cell = pixels.shape[0] // 4
    cells = pixels[cell // 2 :: cell, cell // 2 :: cell].mean(axis=2) > 128
    return sum(int(bit) << place for place, bit in enumerate(cells.ravel()))


def write_frames(
    path, frames, *, rate=RATE, codec="libx264", pixels="yuv420p", options=None,
    aspect=None, begin=0.0, sound=None, last_seconds=None, **header,
):  # fmt: skip
    """Write a video with everything that headers can say.

    `sound` is when the sound begins, in seconds; `last_seconds` how long the last frame lasts.
    """
    usual = {"crf": "8", "preset": "veryfast", "threads": "1"} if codec == "libx264" else {}
    if usual:  # its assembly gives other bytes from run to run on some processors
        usual["x264-params"] = "asm=0"
    options = usual | (options or {})
    with av.open(str(path), "w") as file:
        stream = file.add_stream(codec, rate=rate, options=options)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = pixels
        ticks = 1000 if begin or last_seconds else rate
        stream.codec_context.time_base = Fraction(1, ticks)
        if aspect:
            stream.codec_context.sample_aspect_ratio = aspect
        for name, value in header.items():
            setattr(stream.codec_context, name, value)
        tone = file.add_stream("aac", rate=8000, layout="mono") if sound is not None else None
        packets = []
        for number, frame in enumerate(frames):
            picture = av.VideoFrame.from_ndarray(frame, format="rgb24")
            picture.pts = round((begin + number / rate) * ticks)
            picture.time_base = Fraction(1, ticks)
            packets += stream.encode(picture)
        packets += stream.encode()
        if last_seconds:
            max(packets, key=lambda it: it.pts).duration = round(last_seconds * 1000)
        if tone is not None:
            packets += _silence(tone, sound)
        file.mux(packets)
    return path


def _silence(stream, begin):
    packets = []
    for block in range(20):
        frame = av.AudioFrame.from_ndarray(
            np.zeros((1, 1024), np.float32), format="fltp", layout="mono"
        )
        frame.sample_rate, frame.time_base = 8000, Fraction(1, 8000)
        frame.pts = round(begin * 8000) + block * 1024
        packets += stream.encode(frame)
    return [*packets, *stream.encode()]


@pytest.fixture
def numbered():
    """Return `numbered_frame`."""
    return numbered_frame


@pytest.fixture
def number_of():
    """Return `number_in`."""
    return number_in


@pytest.fixture
def film():
    """Return `write_frames`."""
    return write_frames
