"""Animated pictures (GIF, WebP, APNG) as whole arrays of frames.

Holds not: pictures of one frame and videos (core/).
"""

from pathlib import Path

import numpy as np
from PIL import Image, ImageSequence

from twospeed.core.errors import DataError
from twospeed.core.pictures import Frame, check_pixels, show_upright
from twospeed.core.video import MOST_BYTES, Frames

ENDINGS = (".gif", ".webp", ".apng")
"""Names that animated pictures have, in small letters."""

_FORMATS = ("GIF", "WEBP", "PNG")


def read_animation(path: Path) -> tuple[Frames, float | None]:
    """Read every frame of an animated picture, and its frames per second where it tells them.

    Raises:
        DataError: when it is missing, no animated picture, damaged, or fills over `MOST_BYTES`.
    """
    try:
        with Image.open(path, formats=_FORMATS) as picture:
            check_pixels(*picture.size)
            frames, milliseconds = _frames(picture)
    except DataError as error:
        raise DataError(f"cannot read {path} as an animation: {error}") from error
    except Exception as error:  # Pillow raises nearly any kind for the bytes of strangers
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"cannot read {path} as an animation: {reason}") from error
    return np.stack(frames), 1000 * len(frames) / milliseconds if milliseconds else None


def _frames(picture: Image.Image) -> tuple[list[Frame], float]:
    """Return all frames, and how many milliseconds they last together; 0 where none tells."""
    frames: list[Frame] = []
    room, milliseconds = MOST_BYTES, 0.0
    for frame in ImageSequence.Iterator(picture):
        frames.append(show_upright(frame.copy()).pixels)
        milliseconds += frame.info.get("duration", 0)  # some formats tell it when they are loaded
        room -= frames[-1].nbytes
        if room < 0:
            raise DataError(f"its frames fill over {MOST_BYTES / 2**30:.0f} GiB")
    return frames, milliseconds
