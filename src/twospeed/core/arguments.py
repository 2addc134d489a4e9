"""What callers hand in, as the library wants it: texts and frames; the rest is one clear error.

Pictures of Pillow, lists and tensors stand in for arrays. Torch is not imported: worlds are
recorded without it. Holds not: places on disk (files.py).
"""

import logging
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from twospeed.core.errors import ConfigError, KindError, ShapeError, kind_of
from twospeed.core.fields import shown
from twospeed.core.pictures import Size, fit_frame, show_upright

if TYPE_CHECKING:
    from torch import Tensor

_log = logging.getLogger(__name__)

MOST_LETTERS = 10_000
"""Of a text; what a model reads of an action is far shorter."""

FramesLike: TypeAlias = "NDArray[np.uint8] | Tensor | Image.Image | Sequence[Any]"
"""Frames as arrays, tensors, pictures of Pillow, or lists of any of these."""


def as_texts(values: Sequence[str], name: str = "actions") -> list[str]:
    """Return texts as a list.

    Raises:
        KindError: when they are one text alone, no list, or one of them is no text.
        ShapeError: when there is none.
        ConfigError: when one has more than `MOST_LETTERS`.
    """
    if isinstance(values, str) or not isinstance(values, Sequence | np.ndarray):
        raise KindError(f"{name} is a list of texts, such as ['turn left'], got {shown(values)}")
    for value in values:
        as_text(value, f"one of {name}")
    if not len(values):
        raise ShapeError(f"{name} is empty: give one text a clip")
    return [str(value) for value in values]


def as_text(value: str, name: str = "action") -> str:
    """Return a text as it is.

    Raises:
        KindError: when it is none.
        ConfigError: when it has more than `MOST_LETTERS`, or half a letter.
    """
    if not isinstance(value, str):
        raise KindError(f"{name} is a text, such as 'turn left', got {shown(value)}")
    if len(value) > MOST_LETTERS:
        raise ConfigError(
            f"{name} is a text of up to {MOST_LETTERS:,} letters, got {len(value):,}: shorten it"
        )
    if any("\ud800" <= letter <= "\udfff" for letter in value):
        raise ConfigError(f"{name} is a text, got half a letter (a lone surrogate)")
    return value


def as_frames(value: FramesLike, axes: str, name: str = "frames") -> NDArray[np.uint8]:
    """Return frames as a uint8 array.

    Args:
        value: whole numbers from 0 to 255 in any of the forms of `FramesLike`.
        axes: letters of the axes, such as "THWC" (core/shapes.py).
        name: of the frames, for the message.

    Raises:
        KindError: when there are other things in them, or numbers that are not whole.
        ShapeError: when the axes are others, or a list holds frames of several sizes or none.
        ConfigError: when a number is not from 0 to 255.
    """
    array = _as_array(value, name)
    if array.ndim != len(axes) or array.shape[-1] != 3 or 0 in array.shape:
        form = ", ".join((*axes[:-1], "3"))
        raise ShapeError(f"{name} should be ({form}), got {array.shape}")
    if array.dtype == np.uint8:
        return np.ascontiguousarray(array)
    if not np.issubdtype(array.dtype, np.integer):
        raise KindError(
            f"{name} are whole numbers from 0 to 255 (uint8), got {array.dtype}: scale, round and"
            " convert them"
        )
    if array.min() < 0 or array.max() > 255:
        raise ConfigError(f"{name} are from 0 to 255, got {array.min()} to {array.max()}")
    return array.astype(np.uint8)


def as_first_frame(value: FramesLike, size: Size) -> NDArray[np.uint8]:
    """Return one frame of this size: the middle of a larger one, with a warning.

    A picture of Pillow may be smaller, too.

    Raises:
        KindError, ShapeError, ConfigError: as `as_frames`.
    """
    frame = as_frames(value, "HWC", "first_frame")
    found = Size(*frame.shape[:2])
    is_smaller = found.height < size.height or found.width < size.width
    if not isinstance(value, Image.Image) and is_smaller:
        check_size(found, size)
    if found != size:
        _log.warning("first_frame: the middle of %s pixels is resized to %s", found, size)
    return fit_frame(frame, size)


def check_size(found: tuple[int, ...], size: Size) -> None:
    """Refuse frames (height, width) of another size.

    Raises:
        ShapeError: with both sizes.
    """
    if found != size:
        raise ShapeError(
            f"this model takes frames of {size} pixels, got {Size(*found)}: resize them first"
        )


def check_kind(value: object, kind: type, name: str) -> None:
    """Refuse what is not of a class.

    Raises:
        KindError: naming both.
    """
    if not isinstance(value, kind):
        raise KindError(f"{name} is a {kind.__name__}, got {kind_of(value)}")


def _as_array(value: Any, name: str) -> NDArray[Any]:
    if _is_tensor(value):
        return np.asarray(value.detach().cpu().numpy())
    if not isinstance(value, np.ndarray | list | tuple | Image.Image):
        raise KindError(f"{name} are an array, a tensor or pictures, got {kind_of(value)}")
    try:
        array = np.asarray(_without_pictures(value))
    except ValueError as error:
        raise ShapeError(f"{name} are of different sizes: resize them first") from error
    if array.dtype.kind not in "iufb":
        raise KindError(f"{name} are numbers or pictures, got {shown(value)}")
    return array


def _without_pictures(value: Any) -> Any:
    """Return the value with arrays in the places of pictures and tensors."""
    if isinstance(value, Image.Image):
        return show_upright(value).pixels
    if _is_tensor(value):
        return value.detach().cpu().numpy()
    if isinstance(value, list | tuple) and value and not isinstance(value[0], int | float):
        return [_without_pictures(one) for one in value]
    return value


def _is_tensor(value: Any) -> bool:
    torch = sys.modules.get("torch")  # where nobody has imported it, there is no tensor
    return torch is not None and isinstance(value, torch.Tensor)
