"""How a picture, a file or its bytes, becomes an upright RGB array; the one place that knows.

Holds not: the frames of videos (core/video_reading.py).
"""

import io
import warnings
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from twospeed.core.errors import ConfigError, DataError
from twospeed.core.files import StrPath, as_path, written_aside

Frame = NDArray[np.uint8]
"""(H, W, 3), sRGB, 0 to 255."""

ENDINGS = (".png", ".jpg", ".jpeg", ".jfif", ".bmp", ".webp", ".tif", ".tiff", ".gif", ".avif",
           ".jp2", ".ppm", ".pgm")  # fmt: skip
"""Names that pictures have, in small letters."""

MOST_PIXELS = 2**27
"""Width times height of the largest picture or video frame that is read: 134 million."""

TOO_MANY = f"more than {MOST_PIXELS / 1e6:.0f} million pixels: make it smaller"
"""What a message says of more."""

_MOST_BYTES = 2**30
_FORMATS = ("PNG", "JPEG", "BMP", "WEBP", "TIFF", "GIF", "AVIF", "JPEG2000", "PPM")
_GREY = {"1", "L", "LA", "La", "I;16", "I;16B", "I;16L"}
_PNG, _TEXT = b"\x89PNG\r\n\x1a\n", {b"tEXt", b"zTXt", b"iTXt"}


class Size(NamedTuple):
    """Height and width in pixels; written as width x height."""

    height: int
    width: int

    def __str__(self) -> str:
        """Return such as 832x480."""
        return f"{self.width}x{self.height}"

    @classmethod
    def of(cls, frame_size: int, frame_width: int | None) -> "Size":
        """Return the size that a configuration holds; None is square."""
        return cls(frame_size, frame_width or frame_size)

    @property
    def fields(self) -> dict[str, Any]:
        """What a configuration holds of it."""
        is_square = self.width == self.height
        return {"frame_size": self.height, "frame_width": None if is_square else self.width}

    def square_side(self, who: str) -> int:
        """Return the side of a square.

        Args:
            who: such as "worlds draw", for the message.

        Raises:
            ConfigError: when it is none.
        """
        if self.height != self.width:
            raise ConfigError(f"{who} square frames alone, asked for {self}")
        return self.height


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """A picture as it is shown."""

    pixels: Frame
    """Upright."""

    is_grey: bool
    """Whether it is stored without colour."""

    notes: tuple[str, ...] = ()
    """What is not as usual, a few words each."""


def read_picture(path: StrPath) -> Picture:
    """Read a picture.

    Raises:
        DataError: when it is missing, is no picture, is damaged, or is too large.
    """
    path = as_path(path)
    try:
        if not path.is_file():
            raise DataError("it is no file" if path.exists() else "it is missing")
        if path.stat().st_size > _MOST_BYTES:
            raise DataError("it has more than a gigabyte")
        return decode_picture(path.read_bytes())
    except (OSError, DataError) as error:
        raise DataError(f"cannot read {path} as a picture: {error}") from error


def decode_picture(content: bytes) -> Picture:
    """Decode the bytes of a picture file.

    Raises:
        DataError: when they are no picture, are damaged, or make one of over `MOST_PIXELS` pixels.
    """
    if not content:
        raise DataError("it is empty")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what matters is in the notes or refused
            with Image.open(io.BytesIO(_without_text(content)), formats=_FORMATS) as picture:
                check_pixels(*picture.size)
                return show_upright(picture)
    except DataError:
        raise
    except Image.DecompressionBombError as error:
        raise DataError(f"it has {TOO_MANY}") from error
    except UnidentifiedImageError as error:
        raise DataError("it is none that we know: save it as PNG or JPEG") from error
    except Exception as error:  # Pillow raises nearly any kind for the bytes of strangers
        raise DataError(" ".join(str(error).split()) or type(error).__name__) from error


def check_pixels(width: int, height: int) -> None:
    """Refuse a size before anything of that size is made.

    Raises:
        DataError: when it has more than `MOST_PIXELS` pixels.
    """
    if width * height > MOST_PIXELS:
        raise DataError(f"{width}x{height} are {TOO_MANY}")


def show_upright(picture: Image.Image) -> Picture:
    """Return an opened picture as it is shown: turned by its header, in RGB of 8 bits.

    Raises:
        DataError: when its numbers have no known range.
    """
    is_grey, notes = picture.mode in _GREY, []
    picture = ImageOps.exif_transpose(picture)
    if picture.mode.startswith("I;16"):
        notes.append("16 bits a channel, brought to 8")
        picture = Image.fromarray(_of_8_bits(np.asarray(picture)))
    if picture.mode in {"I", "F"}:
        raise DataError("its numbers have 32 bits, and no known range: save it with 8 or 16")
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        if picture.getchannel("A").getextrema() != (255, 255):
            notes.append("partly transparent, the colours beneath are taken")
    return Picture(pixels=np.asarray(picture.convert("RGB")), is_grey=is_grey, notes=tuple(notes))


def _of_8_bits(values_HW: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """Bring 0..65535 to 0..255."""
    return ((values_HW.astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8)


def _without_text(content: bytes) -> bytes:
    """Return a PNG without its texts, which unpack to any size; others as they are."""
    if not content.startswith(_PNG):
        return content
    kept, place = [_PNG], len(_PNG)
    while place < len(content):
        end = place + 12 + int.from_bytes(content[place : place + 4])
        if content[place + 4 : place + 8] not in _TEXT:
            kept.append(content[place:end])
        place = end
    return b"".join(kept)


def fit_frame(frame_HWC: Frame, size: tuple[int, int]) -> Frame:
    """Cut the middle out of a frame and resize it (Lanczos): uint8 (height, width, 3).

    Args:
        frame_HWC: any frame.
        size: height and width; as much is kept as fits their ratio. A frame that has this size
            already is returned as it is.
    """
    if frame_HWC.shape[:2] == size:
        return frame_HWC
    height, width = size
    all_of_it = Size(*frame_HWC.shape[:2])
    high = min(all_of_it.height, max(all_of_it.width * height // width, 1))
    wide = min(all_of_it.width, max(all_of_it.height * width // height, 1))
    top, left = (all_of_it.height - high) // 2, (all_of_it.width - wide) // 2
    middle = Image.fromarray(frame_HWC[top : top + high, left : left + wide])
    return np.asarray(middle.resize((width, height), Image.Resampling.LANCZOS))


def write_picture(path: StrPath, frame_HWC: Frame) -> None:
    """Write one frame as PNG."""
    with written_aside(as_path(path)) as aside:
        Image.fromarray(frame_HWC).save(aside, format="PNG")
