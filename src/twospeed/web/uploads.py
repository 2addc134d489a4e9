"""What a page hands in, checked before it is used: pictures, videos, memories.

Nothing larger than its limit is read. Files lie in the run folder while they are looked at.
"""

import asyncio
import itertools
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from starlette.requests import Request

from twospeed.core.errors import DataError
from twospeed.core.pictures import decode_picture, fit_frame
from twospeed.core.video import Frames
from twospeed.core.video_reading import open_video
from twospeed.memory.files import WEIGHTS, load_memory
from twospeed.memory.memory_file import MemoryFile, check_belongs
from twospeed.memory.ways import hash_of
from twospeed.worldmodel.model import WorldModel

MOST_BYTES = 32 * 2**20
"""Of one upload."""

MOST_SECONDS = 60.0
"""That an upload may take to arrive."""

MOST_CHUNKS = 30
"""That are taken from a video, its first ones."""


async def read_body(request: Request) -> bytes:
    """Read what is handed in, never more than `MOST_BYTES`.

    Raises:
        DataError: when it is larger, which its header may say before anything is read, or too slow.
    """
    said = request.headers.get("content-length", "0")
    if not said.isdecimal() or int(said) > MOST_BYTES:
        raise DataError(_too_large())
    parts, size = [], 0
    try:
        async with asyncio.timeout(MOST_SECONDS):
            async for part in request.stream():
                size += len(part)
                if size > MOST_BYTES:
                    raise DataError(_too_large())
                parts.append(part)
    except TimeoutError as error:
        raise DataError(f"it did not arrive in {MOST_SECONDS:.0f} seconds") from error
    if not size:
        raise DataError("nothing was handed in")
    return b"".join(parts)


def chunks_in(content: bytes, model: WorldModel, folder: Path) -> tuple[Frames, ...]:
    """Return a picture or a video as chunks of frames of the model's size and rate.

    A picture is one chunk that stands still; of a video the middle is taken, and what does not
    fill a chunk at its end is left away.

    Raises:
        DataError: when it is neither, or damaged.
    """
    settings = model.settings
    try:
        pixels = decode_picture(content).pixels
    except DataError:
        frames = _video_frames(content, model, folder)
    else:
        frames = fit_frame(pixels, settings.size)[None]
    count = settings.chunk_frames
    if len(frames) < count:
        frames = np.concatenate([frames, frames[-1:].repeat(count - len(frames), axis=0)])
    return tuple(frames[i : i + count] for i in range(0, len(frames) - count + 1, count))


def memory_in(content: bytes, model: WorldModel, folder: Path) -> MemoryFile:
    """Read a memory file: safetensors alone, of this model.

    Raises:
        DataError: when it is none, is damaged, or belongs to another model.
    """
    with _laid_down(content, folder, WEIGHTS) as place:
        try:
            file = load_memory(place.parent)
        except DataError as error:
            what = str(error).replace(str(place), "the file").replace(str(place.parent), "the file")
            raise DataError(f"this is no memory of ours: {what}") from error
    check_belongs(file, hash_of(model, file.config))
    return file


def _video_frames(content: bytes, model: WorldModel, folder: Path) -> Frames:
    with _laid_down(content, folder, "video.mp4") as place:
        try:
            return np.stack(list(_sampled(place, model)))
        except (DataError, ValueError) as error:
            what = str(error).replace(str(place), "the file")
            raise DataError(f"this is no picture or video that can be read: {what}") from error


def _sampled(place: Path, model: WorldModel) -> Iterator[Frames]:
    """Yield the frames that are shown at the model's rate."""
    settings = model.settings
    most = MOST_CHUNKS * settings.chunk_frames
    video = open_video(place)
    for moment in itertools.islice(video.moments_at(settings.frames_per_second), most):
        yield fit_frame(video.pixels(moment), settings.size)


@contextmanager
def _laid_down(content: bytes, folder: Path, name: str) -> Iterator[Path]:
    """Lay bytes down as a file in a folder of their own, for as long as the block runs."""
    (folder / "uploads").mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder / "uploads") as own:
        (Path(own) / name).write_bytes(content)
        yield Path(own) / name


def _too_large() -> str:
    return f"it has more than {MOST_BYTES // 2**20} megabytes, which is the most that is taken"
