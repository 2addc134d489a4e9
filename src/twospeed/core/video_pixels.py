"""One decoded frame of a video as it is shown: square pixels, upright, RGB."""

import struct
from fractions import Fraction
from typing import Any

import numpy as np

from twospeed.core.errors import require
from twospeed.core.pictures import Frame


def shown_pixels(frame: Any, pixel_aspect: Fraction) -> Frame:
    """Return what a player shows of a decoded frame.

    Args:
        frame: of PyAV.
        pixel_aspect: width of its pixels when their height is 1.
    """
    width, height = square_size(frame.width, frame.height, pixel_aspect)
    if (width, height) == (frame.width, frame.height):
        pixels = frame.to_ndarray(format="rgb24")
    else:
        pixels = frame.to_ndarray(
            format="rgb24", width=width, height=height, interpolation="LANCZOS"
        )
    return np.ascontiguousarray(turned(pixels, _display_matrix(frame)))


def square_size(width: int, height: int, pixel_aspect: Fraction) -> tuple[int, int]:
    """Return the size in square pixels; what is stored is stretched, never shrunk."""
    square = Fraction(1)
    return round(width * max(pixel_aspect, square)), round(height / min(pixel_aspect, square))


def turned(pixels_HWC: Frame, matrix: tuple[int, int, int, int]) -> Frame:
    """Turn and mirror stored pixels by the display matrix (a, b, c, d).

    A stored point (x, y), y down, is shown at (a x + c y, b x + d y); the nearest of the eight
    ways to lay a rectangle is taken.
    """
    a, b, c, d = matrix
    right, down = a, d
    if abs(b) + abs(c) > abs(a) + abs(d):
        pixels_HWC, right, down = pixels_HWC.transpose(1, 0, 2), c, b
    return pixels_HWC[:: -1 if down < 0 else 1, :: -1 if right < 0 else 1]


def _display_matrix(frame: Any) -> tuple[int, int, int, int]:
    kinds = require("av.sidedata.sidedata", extra="all").Type
    data = frame.side_data.get(kinds.DISPLAYMATRIX)
    if data is None:
        return 1, 0, 0, 1
    a, b, _, c, d = struct.unpack_from("=5i", bytes(data))
    return a, b, c, d
