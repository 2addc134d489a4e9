"""Texts of the data as labels of a plot: short, as they are, never taken for mathematics."""

import functools

from matplotlib.font_manager import findfont
from matplotlib.ft2font import FT2Font

_ABSENT = "\N{WHITE SQUARE}"


def label_of(text: str, *, longest: int = 48) -> str:
    """Return a text for matplotlib; letters that its font has not become squares."""
    short = text if len(text) <= longest else f"{text[: longest - 3]}..."
    letters = _letters()
    shown = "".join(letter if ord(letter) in letters else _ABSENT for letter in short)
    return shown.replace("$", r"\$")


@functools.cache
def _letters() -> frozenset[int]:
    """Return the letters that the font of all plots has."""
    return frozenset(FT2Font(findfont("DejaVu Sans")).get_charmap())
