"""Pictures and videos on disk: frames are uint8 (T, H, W, 3), sRGB, 0 to 255."""

from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from twospeed.core.errors import DataError
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
    if path.suffix not in _CODECS:
        raise DataError(f"{path.name}: a video ends in .mp4 or .mkv")
    if frames_THWC.ndim != 4 or len(frames_THWC) == 0 or frames_THWC.dtype != np.uint8:
        raise DataError(
            f"a video takes uint8 frames (T, H, W, 3), got {frames_THWC.dtype} {frames_THWC.shape}"
        )
    with written_aside(path) as aside:
        _encode(aside, frames_THWC, frames_per_second)


def _encode(path: Path, frames_THWC: Frames, frames_per_second: float) -> None:
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


def write_picture(path: Path, frame_HWC: NDArray[np.uint8]) -> None:
    """Write one frame as PNG."""
    with written_aside(path) as aside:
        Image.fromarray(frame_HWC).save(aside, format="PNG")
