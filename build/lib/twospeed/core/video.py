"""Pictures and videos on disk: frames are uint8 (T, H, W, 3), sRGB, 0 to 255.

PyAV is imported when a video is read or written, so that training runs on machines without it.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from twospeed.core.errors import DataError, require
from twospeed.core.files import written_aside

Frames = NDArray[np.uint8]
"""(T, H, W, 3), sRGB, 0 to 255."""

_CODECS = {".mp4": ("libx264", "yuv420p", {"crf": "12", "preset": "veryfast"}),
           ".mkv": ("ffv1", "bgr0", {})}  # fmt: skip


def write_video(path: Path, frames_THWC: Frames, *, frames_per_second: float) -> None:
    """Write frames as H.264 (.mp4, for people) or lossless FFV1 (.mkv, for training).

    Raises:
        DataError: for another ending, no frames, or a disk that does not take it.
    """
    check_ending(path)
    if frames_THWC.ndim != 4 or len(frames_THWC) == 0 or frames_THWC.dtype != np.uint8:
        raise DataError(
            f"a video takes uint8 frames (T, H, W, 3), got {frames_THWC.dtype} {frames_THWC.shape}"
        )
    with written_aside(path) as aside:
        _encode(aside, frames_THWC, frames_per_second)


def check_ending(path: Path) -> None:
    """Refuse a name that no video can have, before any work is done for it.

    Raises:
        DataError: when it ends in neither .mp4 nor .mkv.
    """
    if path.suffix not in _CODECS:
        raise DataError(f"{path.name}: a video ends in .mp4 or .mkv")


def _encode(path: Path, frames_THWC: Frames, frames_per_second: float) -> None:
    av = require("av", extra="all")
    codec, pixel_format, options = _CODECS[path.suffix]
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=round(frames_per_second), options=options)
        stream.height, stream.width = frames_THWC.shape[1:3]
        stream.pix_fmt = pixel_format
        for frame in frames_THWC:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())


def read_video(path: Path) -> Frames:
    """Read every frame of a video.

    Raises:
        DataError: when the file is missing, is no video, or holds no frame.
    """
    av = require("av", extra="all")
    try:
        with av.open(str(path)) as container:
            frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    except (OSError, IndexError, ValueError) as error:
        raise DataError(f"cannot read {path} as a video: {error}") from error
    if not frames:
        raise DataError(f"{path} holds no frame")
    return np.stack(frames)


def read_frame(path: Path) -> NDArray[np.uint8]:
    """Read one frame, (H, W, 3): a picture, or the last frame of a video.

    Raises:
        DataError: when the file is neither.
    """
    if path.suffix.lower() in {".mp4", ".mkv", ".webm", ".avi", ".mov"}:
        return np.asarray(read_video(path)[-1])
    try:
        with Image.open(path) as picture:
            return np.asarray(picture.convert("RGB"))
    except OSError as error:
        raise DataError(f"cannot read {path} as a picture: {error}") from error


def fit_frame(frame_HWC: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Cut the middle square out of a frame and resize it (Lanczos): uint8 (size, size, 3).

    A frame that has this size already is returned as it is.
    """
    height, width = frame_HWC.shape[:2]
    if (height, width) == (size, size):
        return frame_HWC
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = Image.fromarray(frame_HWC[top : top + side, left : left + side])
    return np.asarray(square.resize((size, size), Image.Resampling.LANCZOS))


def write_picture(path: Path, frame_HWC: NDArray[np.uint8]) -> None:
    """Write one frame as PNG."""
    with written_aside(path) as aside:
        Image.fromarray(frame_HWC).save(aside, format="PNG")
